/** Quantised tensors: small integers, kept as i32, with a scale and a zero point. */
import { checkIs, checkSpreads, natural } from "./constraints.ts";
import { elementCount, normalizeAxis } from "../../../ir/shape.ts";
import { gatherAt, gatherWindows, integerTable } from "../../../nn/positions.ts";
import { toTensor, type Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { elementTypeName, integerLimits } from "../tensors.ts";
import { matrixProduct } from "./matrices.ts";
import { checkedLength } from "./checked-length.ts";
import { exactSums, isByte, type KnownWeight } from "./exact-sums.ts";
import { windowOf, type OnnxWindow } from "./windows.ts";

/** A scale or zero point against `x`: one for all, one an index of `axis`, or one a block along it. */
function spread(node: OperatorNode, x: Tensor, parameter: Tensor): Tensor {
  const axis = normalizeAxis(node.int("axis", 1), Math.max(x.rank, 2), "axis");
  const block = node.int("block_size", 0, natural);
  if (parameter.rank === 0 || (parameter.rank === 1 && parameter.shape[0] === 1 && block === 0))
    return parameter.reshape([]);
  if (block > 0) {
    const counts = x.shape.map((size, i) => (i === axis ? Math.ceil(size / block) : size));
    checkIs(node, `a scale or zero point of blocks of ${block}`, parameter, counts);
    const size = checkedLength(node, x.shape[axis]!, "the axis");
    const blocks = integerTable(
      x,
      Array.from({ length: size }, (_, i) => Math.floor(i / block)),
      [size],
    );
    return gatherAt(parameter, axis, blocks);
  }
  checkIs(node, "a scale or zero point", parameter, [x.shape[axis]!]);
  return parameter.reshape(x.shape.map((size, i) => (i === axis ? size : 1)));
}

/** saturate(round(x / scale) + zero point), halves to even. */
function quantized(x: Tensor, scale: Tensor, zero: Tensor | undefined, type: number, node: OperatorNode) {
  const limits = integerLimits(type);
  if (limits === undefined)
    return node.fail("unsupported", `quantising to ${elementTypeName(type)} is not supported.`);
  const rounded = x.div(scale).round();
  const shifted = zero === undefined ? rounded : rounded.add(zero.to("f32"));
  return shifted.clamp(...limits).to("i32");
}

/** A scale and its zero point have one shape; of one element each they may have dimensions or none. */
function checkZero(node: OperatorNode, scale: Tensor, zero: Tensor | undefined): void {
  if (zero === undefined || (elementCount(scale.shape) === 1 && elementCount(zero.shape) === 1)) return;
  checkIs(node, "the zero point", zero, scale.shape);
}

function quantizeLinear(node: OperatorNode): Tensor {
  const [x, scale] = [node.input(0).to("f32"), node.input(1)];
  const zero = node.optional(2);
  node.ignore("saturate", "precision");
  const asked = node.int("output_dtype", 0);
  const type = node.elementType(2) ?? (asked || DataType.UINT8);
  if (asked !== 0 && asked !== type)
    return node.fail(
      "argument",
      `output_dtype is ${elementTypeName(asked)}, but the zero point is ${elementTypeName(type)}.`,
    );
  node.declareResult(type);
  checkZero(node, scale, zero);
  return quantized(x, spread(node, x, scale), zero && spread(node, x, zero), type, node);
}

function dequantizeLinear(node: OperatorNode): Tensor {
  const x = node.input(0);
  const zero = node.optional(2);
  node.ignore("output_dtype");
  checkZero(node, node.input(1), zero);
  const shifted = zero === undefined ? x : x.sub(spread(node, x, zero));
  return shifted.to("f32").mul(spread(node, x, node.input(1)));
}

/** Scale and zero point from the range of the values, which is made to include 0. */
function dynamicQuantizeLinear(node: OperatorNode): readonly Tensor[] {
  const x = node.input(0);
  const [high, low] = [x.max().maximum(0), x.min().minimum(0)];
  const range = high.sub(low);
  // Where every value is 0, any scale represents them; 0 would make NaN of the zero point (ONNX Runtime takes 1, too).
  const one = range.symbol(range.trace.scalar(1, "f32"));
  const scale = one.where(range.eq(0), range.div(255));
  const zero = low.neg().div(scale).round().clamp(0, 255).to("i32");
  node.declareResult(DataType.UINT8);
  node.declareResult(DataType.UINT8, 2);
  return [quantized(x, scale, zero, DataType.UINT8, node), scale, zero];
}

/** A zero point for each row of the left factor, or column of the right one. */
function centred(node: OperatorNode, x: Tensor, zero: Tensor | undefined, axis: -1 | -2): Tensor {
  if (zero === undefined) return x;
  if (zero.rank !== 1 || zero.shape[0] === 1) {
    const given = zero.rank === 1 ? zero.reshape([]) : zero;
    checkSpreads(node, given, x, "a zero point");
    return x.sub(given);
  }
  checkIs(node, "a zero point", zero, [x.shape.at(axis)!]);
  return x.sub(zero.unsqueeze(axis === -2 ? 1 : 0));
}

/** The product of matrices of bytes at inputs `a` and `b`, each less the zero point at an input of its own. */
function byteProduct(node: OperatorNode, a: number, aZero: number, b: number, bZero: number): Tensor {
  const left = centred(node, node.input(a), node.optional(aZero), -2);
  const right = centred(node, node.input(b), node.optional(bZero), -1);
  const columns = right.rank === 1 ? 1 : right.shape.at(-1)!;
  const known = knownWeight(node, b, bZero, { sums: columns, inner: 1 });
  const exact =
    isByte(node.elementType(a)) && isByte(node.elementType(b)) && left.shape.at(-1) === right.shape.at(-2)
      ? exactSums(left, right, left.shape.at(-1)!, known, (x, w) => x.matmul(w))
      : undefined;
  return exact ?? matrixProduct(left, right);
}

/** A weight of bytes whose elements and zero points are known, and which sums they go to. */
function knownWeight(
  node: OperatorNode,
  weight: number,
  zero: number,
  places: Pick<KnownWeight, "sums" | "inner">,
): KnownWeight | undefined {
  const values = node.known(weight)?.data;
  const zeros = node.has(zero) ? node.known(zero)?.data : [0];
  if (values === undefined || zeros === undefined) return undefined;
  return { values: values as ArrayLike<number>, zeros: zeros as ArrayLike<number>, ...places };
}

function matMulInteger(node: OperatorNode): Tensor {
  node.declareResult(DataType.INT32);
  return byteProduct(node, 0, 2, 1, 3);
}

function qLinearMatMul(node: OperatorNode): Tensor {
  const [, aScale, , , bScale, , yScale, yZero] = node.inputs() as Tensor[];
  const product = byteProduct(node, 0, 2, 3, 5);
  const row = (scale: Tensor) => (scale.rank === 1 && scale.shape[0] !== 1 ? scale.unsqueeze(1) : scale);
  const real = product.to("f32").mul(row(aScale!)).mul(bScale!);
  const type = node.elementType(7) ?? DataType.UINT8;
  node.declareResult(type);
  return quantized(real, yScale!, yZero!, type, node).reshape(product.shape);
}

/** Convolution in integers: by f32 where that is exact, else windows are gathered, multiplied and summed. */
function integerConv(
  node: OperatorNode,
  x: Tensor,
  weight: Tensor,
  weightAt: number,
  zeroAt: number,
): Tensor {
  const window = windowOf(node, x.shape.slice(2), weight.shape.slice(2));
  const groups = node.int("group", 1);
  const channels = x.shape[1]!;
  const outputs = weight.shape[0]!;
  if (channels % groups !== 0 || outputs % groups !== 0 || weight.shape[1] !== channels / groups)
    return node.fail("shape", `${channels} channels and ${outputs} outputs do not fit ${groups} groups.`);
  const terms = elementCount(weight.shape.slice(1));
  const exact =
    isByte(node.elementType(0)) && isByte(node.elementType(weightAt)) && window.kernel.length <= 3
      ? exactSums(
          x,
          weight,
          terms,
          knownWeight(node, weightAt, zeroAt, { sums: outputs, inner: terms }),
          (input, kernel) =>
            input.symbol(
              input.trace.add("conv", [input.id, kernel.id], {
                ...window,
                groups,
                packing: null,
                exact: true,
              }),
            ),
        )
      : undefined;
  return exact ?? gatheredConv(x, weight, window, groups);
}

function gatheredConv(
  x: Tensor,
  weight: Tensor,
  { kernel, stride, dilation, padding }: OnnxWindow,
  groups: number,
): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const outputs = weight.shape[0]!;
  const padded = x.pad([...padding].reverse().flatMap(([before, after]) => [before, after]));
  const counts = kernel.map((size, i) => {
    const room = padded.shape[i + 2]! - (dilation[i]! * (size - 1) + 1);
    return room < 0 ? 0 : Math.floor(room / stride[i]!) + 1;
  });
  const ordered = gatherWindows(padded, { kernel, stride, dilation }, counts);
  const pairs = kernel.map((_, i) => i);
  // [N, G, 1, C/G, o…, k…] · [G, O/G, C/G, 1…, k…]
  const left = ordered.reshape([batch, groups, 1, channels / groups, ...counts, ...kernel]);
  const right = weight.reshape([
    groups,
    outputs / groups,
    channels / groups,
    ...kernel.map(() => 1),
    ...kernel,
  ]);
  const summed = left.mul(right).sum([3, ...pairs.map((i) => 4 + kernel.length + i)]);
  return summed.reshape([batch, outputs, ...counts]);
}

/** One zero point, or one for each output channel of the weight. */
function centredWeight(node: OperatorNode, weight: Tensor, zero: Tensor | undefined): Tensor {
  if (zero === undefined) return weight;
  const isVector = zero.rank === 1 && zero.shape[0] !== 1;
  if (isVector) checkIs(node, "the weight's zero point", zero, [weight.shape[0]!]);
  return weight.sub(
    isVector ? zero.reshape([zero.shape[0]!, ...weight.shape.slice(1).map(() => 1)]) : zero.reshape([]),
  );
}

function convInteger(node: OperatorNode): Tensor {
  const [x, xZero] = [node.input(0), node.optional(2)];
  node.declareResult(DataType.INT32);
  return integerConv(
    node,
    xZero === undefined ? x : x.sub(xZero.reshape([])),
    centredWeight(node, node.input(1), node.optional(3)),
    1,
    3,
  );
}

function qLinearConv(node: OperatorNode): Tensor {
  const [x, xScale, xZero, weight, wScale, wZero, yScale, yZero] = [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
    node.input(i),
  ) as Tensor[];
  const product = integerConv(node, x!.sub(xZero!.reshape([])), centredWeight(node, weight!, wZero), 3, 5);
  const perOutput = (v: Tensor) =>
    v.rank === 1 && v.shape[0] !== 1
      ? v.reshape([v.shape[0]!, ...product.shape.slice(2).map(() => 1)])
      : v.reshape([]);
  const bias = node.optional(8);
  if (bias !== undefined) checkIs(node, "the bias", bias, [weight!.shape[0]!]);
  if (wScale!.rank === 1 && wScale!.shape[0] !== 1)
    checkIs(node, "the weight's scale", wScale!, [weight!.shape[0]!]);
  const sum = bias === undefined ? product : product.add(perOutput(bias));
  const real = sum.to("f32").mul(toTensor(sum.trace, xScale!).reshape([])).mul(perOutput(wScale!));
  const type = node.elementType(7) ?? DataType.UINT8;
  node.declareResult(type);
  return quantized(real, yScale!.reshape([]), yZero!.reshape([]), type, node);
}

export const quantization: OperatorFamily = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
  ConvInteger: convInteger,
  QLinearConv: qLinearConv,
};
