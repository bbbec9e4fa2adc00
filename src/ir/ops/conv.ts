/**
 * Convolution (cross-correlation, as every framework has it) in one to three spatial dimensions:
 * `x [N, C, …]`, `weight [O, C / groups, …kernel]` → `[N, O, …]`.
 */
import { UserError } from "../../errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { elementCount, formatShape, rowMajorStrides, sameShape } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { inputSide } from "../winograd.ts";
import { expectDType, expectInteger, expectOperands } from "./check.ts";
import type { Op, OpFamily } from "./op.ts";
import { packedShape, unpack, type Packing } from "./packing.ts";
import { matmulOps } from "./matmul.ts";
import { forEachIndex, offsetOf } from "./walk.ts";
import { checkWindow, windowCount, type WindowAttributes } from "./window.ts";
import { winogradOps, winogradSize } from "./winograd.ts";
import { convolveRows } from "./winograd-rows.ts";

export interface ConvAttributes extends WindowAttributes {
  readonly kernel: readonly number[];
  readonly groups: number;
  /** The weight is packed, `[⌈O / block⌉, …kernel, C / groups, block]`. */
  readonly packing: Packing | null;
  /** Operands are whole numbers whose sums f32 holds exactly: methods that round on their way are not for it. */
  readonly exact?: true;
}

export interface ConvOps {
  conv: ConvAttributes;
}

export const convOps: OpFamily<ConvOps> = {
  conv: {
    kind: "contraction",
    vjp: "none",
    infer(operands, attributes) {
      expectOperands("conv", operands, 2);
      const [x, weight] = operands as [TensorType, TensorType];
      const spatialRank = attributes.kernel.length;
      const name = `conv${spatialRank}d`;
      expectDType(name, x, ["f32"], "input");
      expectDType(name, weight, ["f32"], "weight");
      expectInteger(name, "groups", attributes.groups, 1);
      if (x.shape.length !== spatialRank + 2) {
        throw new UserError(
          "shape",
          `${name}: input is ${formatType(x)}; expected ${spatialRank + 2} dimensions, batch and channels first.`,
        );
      }
      checkWindow(name, spatialRank, attributes.kernel, attributes);
      const channels = x.shape[1]!;
      const outputs = attributes.packing?.columns ?? weight.shape[0] ?? 0;
      checkChannels(name, x, weight, attributes, outputs);
      const spatial = attributes.kernel.map((kernel, i) => {
        const { stride, padding, dilation } = attributes;
        return windowCount(x.shape[i + 2]!, kernel, stride[i]!, padding[i]!, dilation[i]!);
      });
      if (spatial.some((size) => size < 1)) {
        throw new UserError(
          "shape",
          `${name}: kernel ${formatShape(attributes.kernel)} with dilation ${formatShape(attributes.dilation)} is larger than the padded input ${formatType(x)}.`,
        );
      }
      const expected = attributes.packing
        ? packedShape(packedRows(attributes, channels / attributes.groups), attributes.packing)
        : [outputs, channels / attributes.groups, ...attributes.kernel];
      if (!sameShape(weight.shape, expected)) {
        throw new UserError(
          "shape",
          `${name}: weight is ${formatType(weight)}, expected ${formatShape(expected)}.`,
        );
      }
      return [tensorType("f32", [x.shape[0]!, outputs, ...spatial])];
    },
    evaluate: ([x, weight], attributes, [type]) => {
      const { packing } = attributes;
      if (packing?.untransformed) return [convolve(x!, unpack(weight!, packing), attributes, type!)];
      if (packing?.winograd !== undefined) return [convolveTransformed(x!, weight!, attributes, packing)];
      if (packing?.winogradRows !== undefined) return [convolveRows(x!, weight!, attributes, packing)];
      const plain = attributes.packing === null ? weight! : fromPacked(weight!, attributes.packing);
      return [convolve(x!, plain, attributes, type!)];
    },
  },
};

/** Dimensions of a packed weight between its blocks and the place in one. */
function packedRows(
  { kernel, packing, stride, dilation, groups }: ConvAttributes,
  channels: number,
): readonly number[] {
  const tile = packing?.winograd ?? packing?.winogradRows;
  if (tile === undefined) return [...kernel, channels];
  const fits = kernel.join() === "3,3" && [...stride, ...dilation, groups].every((one) => one === 1);
  if (fits && packing?.untransformed) return [channels, ...kernel];
  if (fits)
    return packing?.winograd === undefined
      ? [inputSide(tile), 3, channels]
      : [inputSide(tile) ** 2, channels];
  throw new UserError(
    "argument",
    `conv2d: a weight transformed for Winograd's method needs a 3×3 kernel with stride, dilation and groups 1, got kernel ${formatShape(kernel)}.`,
  );
}

/** Winograd's method, step by step: transform, multiply, transform back. */
function convolveTransformed(
  x: HostTensor,
  weight: HostTensor,
  { padding }: ConvAttributes,
  { winograd: tile, columns, block }: Packing,
): HostTensor {
  const run = <A>(op: Op<A>, operands: readonly HostTensor[], attributes: A): HostTensor => {
    const types = operands.map(({ dtype, shape }) => tensorType(dtype as "f32", shape));
    return op.evaluate(operands, attributes, op.infer(types, attributes))[0]!;
  };
  const size = winogradSize(x.shape, padding);
  const input = run(winogradOps.winograd_input, [x], { tile: tile!, padding, rows: 1 });
  // [blocks, squares, C, block] → [squares, 1, blocks, C, block], which one packed product a square reads.
  const [blocks, squares, ...panel] = weight.shape as [number, number, number, number];
  const length = elementCount(panel);
  const data = new Float32Array(weight.data.length);
  for (let b = 0; b < blocks; b++)
    for (let s = 0; s < squares; s++) {
      const from = (b * squares + s) * length;
      data.set((weight.data as Float32Array).subarray(from, from + length), (s * blocks + b) * length);
    }
  const transformed: HostTensor = { dtype: "f32", shape: [squares, 1, blocks, ...panel], data };
  const products = run(matmulOps.matmul, [input, transformed], { packing: { block, columns } });
  return run(winogradOps.winograd_output, [products], { tile: tile!, batch: x.shape[0]!, size });
}

function checkChannels(
  name: string,
  x: TensorType,
  weight: TensorType,
  { groups, packing, kernel }: ConvAttributes,
  outputs: number,
): void {
  const channels = x.shape[1]!;
  const perGroup = (packing && !packing.untransformed ? weight.shape.at(-2) : weight.shape[1]) ?? 0;
  if (channels !== perGroup * groups) {
    const looksChannelsLast = x.shape.at(-1) === perGroup * groups;
    throw new UserError(
      "shape",
      `${name}: input ${formatShape(x.shape)} has ${channels} channels, weight ${formatShape(weight.shape)} expects ${perGroup * groups} (groups=${groups}).` +
        (looksChannelsLast ? " Did you pass channels-last data?" : ""),
    );
  }
  if (groups < 1 || outputs % groups !== 0) {
    throw new UserError(
      "shape",
      `${name}: ${outputs} output channels do not divide into groups=${groups} (kernel ${formatShape(kernel)}).`,
    );
  }
}

/** `[O, …kernel, I]`, as packing leaves it, back to `[O, I, …kernel]`. */
function fromPacked(packed: HostTensor, packing: Packing): HostTensor {
  const unpacked = unpack(packed, packing);
  const [outputs, ...rest] = unpacked.shape as [number, ...number[]];
  const inputs = rest.at(-1)!;
  const kernel = rest.slice(0, -1);
  const taps = elementCount(kernel);
  const data = new Float32Array(unpacked.data.length);
  for (let o = 0; o < outputs; o++) {
    for (let tap = 0; tap < taps; tap++) {
      for (let i = 0; i < inputs; i++) {
        data[(o * inputs + i) * taps + tap] = Number(unpacked.data[(o * taps + tap) * inputs + i]);
      }
    }
  }
  return { dtype: "f32", shape: [outputs, inputs, ...kernel], data };
}

/** Adds one shifted, scaled input plane for each weight: the loop order that JavaScript runs fastest. */
function convolve(
  x: HostTensor,
  weight: HostTensor,
  attributes: ConvAttributes,
  type: TensorType,
): HostTensor {
  const { stride, padding, dilation, kernel, groups } = attributes;
  const [batch, outputs, ...spatial] = type.shape as [number, number, ...number[]];
  const inputSpatial = x.shape.slice(2);
  const channels = x.shape[1]!;
  const perGroup = channels / groups;
  const rowStrides = rowMajorStrides(inputSpatial).slice(0, -1);
  const planeIn = elementCount(inputSpatial);
  const planeOut = elementCount(spatial);
  const taps = elementCount(kernel);
  const source = x.data as Float32Array;
  const data = new Float32Array(elementCount(type.shape));
  const plane = new Float64Array(planeOut);
  const lastStride = stride.at(-1)!;
  const rows = spatial.slice(0, -1);
  const width = spatial.at(-1)!;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      plane.fill(0);
      const group = Math.floor(o / (outputs / groups));
      for (let i = 0; i < perGroup; i++) {
        const base = (n * channels + group * perGroup + i) * planeIn;
        forEachIndex(kernel, (tap, tapPosition) => {
          const scale = Number(weight.data[(o * perGroup + i) * taps + tapPosition]);
          const first = tap.at(-1)! * dilation.at(-1)! - padding.at(-1)![0];
          const from = Math.max(0, Math.ceil(-first / lastStride));
          const to = Math.min(width, Math.floor((inputSpatial.at(-1)! - 1 - first) / lastStride) + 1);
          forEachIndex(rows, (row, rowPosition) => {
            const at = row.map(
              (r, axis) => r * stride[axis]! - padding[axis]![0] + tap[axis]! * dilation[axis]!,
            );
            if (at.some((position, axis) => position < 0 || position >= inputSpatial[axis]!)) return;
            const rowBase = base + offsetOf(at, rowStrides) + first;
            const target = rowPosition * width;
            for (let w = from; w < to; w++) plane[target + w]! += scale * source[rowBase + w * lastStride]!;
          });
        });
      }
      data.set(plane, (n * outputs + o) * planeOut);
    }
  }
  return { dtype: "f32", shape: type.shape, data };
}
