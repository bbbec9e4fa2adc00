/** Convolution and its transpose. */
import { elementCount } from "../../../ir/shape.ts";
import { addPerChannel } from "../../../nn/functional.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { deformConv } from "../../../nn/deform-conv.ts";
import { convTranspose } from "../../../nn/conv-transpose.ts";
import { checkedLength } from "./checked-length.ts";
import { windowOf } from "./windows.ts";

function conv(node: OperatorNode): Tensor {
  const [x, weight] = [node.input(0), node.input(1)];
  const window = windowOf(node, x.shape.slice(2), weight.shape.slice(2));
  const attributes = { ...window, groups: node.int("group", 1), packing: null };
  const y = new Tensor(x.trace, x.trace.add("conv", [x.id, weight.id], attributes));
  const bias = node.optional(2);
  return bias === undefined ? y : addPerChannel(y, bias);
}

/** Padding may be given, or follow from the output's shape. */
function transposed(node: OperatorNode): Tensor {
  const [x, weight] = [node.input(0), node.input(1)];
  const spatial = x.shape.slice(2);
  const kernel = node.ints("kernel_shape") ?? weight.shape.slice(2);
  const stride = node.ints("strides") ?? kernel.map(() => 1);
  const dilation = node.ints("dilations") ?? kernel.map(() => 1);
  const extra = node.ints("output_padding") ?? kernel.map(() => 0);
  const autoPad = node.string("auto_pad", "NOTSET");
  const pads = node.ints("pads") ?? kernel.flatMap(() => [0, 0]);
  const outputShape = node.ints("output_shape");
  const padding = kernel.map((size, i): readonly [number, number] => {
    const full = stride[i]! * (spatial[i]! - 1) + extra[i]! + dilation[i]! * (size - 1) + 1;
    const wanted = outputShape?.[i] ?? (autoPad.startsWith("SAME") ? spatial[i]! * stride[i]! : undefined);
    if (wanted === undefined)
      return autoPad === "VALID" ? [0, 0] : [pads[i] ?? 0, pads[i + kernel.length] ?? 0];
    const total = full - wanted;
    // What is missing comes at the end, as PyTorch's output_padding does.
    if (outputShape !== undefined && total < 0) return [0, total];
    const small = Math.floor(total / 2);
    return autoPad === "SAME_UPPER" ? [small, total - small] : [total - small, small];
  });
  return convTranspose(x, weight, node.optional(2) ?? null, {
    stride,
    dilation,
    padding,
    outputPadding: extra,
    groups: node.int("group", 1),
  });
}

/** Offsets and masks come as inputs; groups follow from the shapes, and must be those that the node says. */
function deformed(node: OperatorNode): Tensor {
  const [x, weight, offset] = [node.input(0), node.input(1), node.input(2)];
  const { kernel, stride, dilation, padding } = windowOf(node, x.shape.slice(2), weight.shape.slice(2));
  const [groups, offsetGroups] = [node.int("group", 1), node.int("offset_group", 1)];
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
