/** Convolution and its transpose. */
import { checkIs, checkList, checkNumber, natural, positive } from "./constraints.ts";
import { elementCount, sameShape } from "../../../ir/shape.ts";
import { addPerChannel } from "../../../nn/functional.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { deformConv } from "../../../nn/deform-conv.ts";
import { convTranspose } from "../../../nn/conv-transpose.ts";
import { checkedLength } from "./checked-length.ts";
import { autoPads, checkOnePadding, padsOf, windowOf } from "./windows.ts";

function conv(node: OperatorNode): Tensor {
  const [x, weight] = [node.input(0), node.input(1)];
  const window = windowOf(node, x.shape.slice(2), weight.shape.slice(2));
  const attributes = { ...window, groups: node.int("group", 1, positive), packing: null };
  const y = new Tensor(x.trace, x.trace.add("conv", [x.id, weight.id], attributes));
  const bias = node.optional(2);
  if (bias === undefined) return y;
  checkIs(node, "the bias", bias, [weight.shape[0]!]);
  return addPerChannel(y, bias);
}

/**
 * Padding may be given, or follow from the output's shape. auto_pad asks for `stride` results an element, also where the kernel is
 * shorter and windows leave gaps. Then the total is negative: what is padded is the output, with what no window reaches,
 * which is the bias alone. The specification splits it by `pads[start] = total / 2` (SAME_UPPER, else the rest), which
 * its reference implementation rounds down, so that the end is still padded by one more than the start where the total
 * is odd; ONNX Runtime takes 0 for such totals, and gives fewer results than the specification has.
 */
function transposed(node: OperatorNode): Tensor {
  const [x, weight] = [node.input(0), node.input(1)];
  const spatial = x.shape.slice(2);
  const kernel = weight.shape.slice(2);
  const asked = node.ints("kernel_shape") ?? kernel;
  if (!sameShape(kernel, asked))
    return node.fail(
      "shape",
      `kernel_shape is [${asked.join(", ")}], but the weight's is [${kernel.join(", ")}].`,
    );
  if (x.rank < 3 || x.rank !== weight.rank)
    return node.fail(
      "shape",
      `${x.rank} dimensions of input and ${weight.rank} of weight; expected as many, at least 3.`,
    );
  const stride = node.ints("strides") ?? kernel.map(() => 1);
  const dilation = node.ints("dilations") ?? kernel.map(() => 1);
  const extra = node.ints("output_padding") ?? kernel.map(() => 0);
  checkList(node, "strides", stride, kernel.length, positive);
  checkList(node, "dilations", dilation, kernel.length, positive);
  checkList(node, "output_padding", extra, kernel.length, natural);
  extra.forEach((amount, i) => {
    const most = Math.max(stride[i]!, dilation[i]!) - 1;
    checkNumber(node, `output_padding[${i}], which is less than stride or dilation,`, amount, [0, most]);
  });
  const autoPad = node.choice("auto_pad", autoPads, "NOTSET");
  const pads = padsOf(node, kernel.length);
  const isSame = autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER";
  const outputShape = node.ints("output_shape");
  if (outputShape !== undefined) checkList(node, "output_shape", outputShape, kernel.length, positive);
  const padding = kernel.map((size, i): readonly [number, number] => {
    const full = stride[i]! * (spatial[i]! - 1) + extra[i]! + dilation[i]! * (size - 1) + 1;
    const wanted = outputShape?.[i] ?? (isSame ? spatial[i]! * stride[i]! : undefined);
    if (wanted === undefined)
      return autoPad === "VALID" ? [0, 0] : [pads[i] ?? 0, pads[i + kernel.length] ?? 0];
    const total = full - wanted;
    // Without auto_pad, what is missing comes at the end, as PyTorch's output_padding does.
    if (!isSame && total < 0) return [0, total];
    const small = Math.floor(total / 2);
    return autoPad === "SAME_UPPER" ? [small, total - small] : [total - small, small];
  });
  if (outputShape === undefined) checkOnePadding(node, autoPad, padding);
  const bias = node.optional(2);
  const groups = node.int("group", 1, positive);
  if (bias !== undefined) checkIs(node, "the bias", bias, [weight.shape[1]! * groups]);
  return convTranspose(x, weight, bias ?? null, {
    stride,
    dilation,
    padding,
    outputPadding: extra,
    groups,
  });
}

/** Offsets and masks come as inputs; groups follow from the shapes, and must be those that the node says. */
function deformed(node: OperatorNode): Tensor {
  const [x, weight, offset] = [node.input(0), node.input(1), node.input(2)];
  const { kernel, stride, dilation, padding } = windowOf(node, x.shape.slice(2), weight.shape.slice(2));
  const [groups, offsetGroups] = [node.int("group", 1, positive), node.int("offset_group", 1, positive)];
  const coordinates = offsetGroups * elementCount(kernel) * kernel.length;
  if (x.shape[1] !== weight.shape[1]! * groups || offset.shape[1] !== coordinates)
    return node.fail("shape", `${groups} groups and ${offsetGroups} of offsets do not fit the inputs.`);
  checkedLength(node, elementCount(offset.shape.slice(2)) * elementCount(kernel), "the offsets");
  return deformConv(x, offset, weight, node.optional(3) ?? null, {
    stride,
    dilation,
    padding,
    mask: node.optional(4) ?? null,
  });
}

export const convolutions: OperatorFamily = { Conv: conv, ConvTranspose: transposed, DeformConv: deformed };
