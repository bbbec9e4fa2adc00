/** Convolution and its transpose. */
import { addPerChannel } from "../../../nn/functional.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { convTranspose } from "../../../nn/conv-transpose.ts";
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

export const convolutions: OperatorFamily = { Conv: conv, ConvTranspose: transposed };
