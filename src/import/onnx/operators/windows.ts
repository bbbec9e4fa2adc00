/** Padding and sizes of sliding windows, as ONNX states them. */
import { elementCount } from "../../../ir/shape.ts";
import type { OperatorNode } from "../operator.ts";

export interface OnnxWindow {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

const largestExtent = 2 ** 24;

/** Reads kernel_shape, strides, dilations, pads and auto_pad for an input of the given spatial sizes. */
export function windowOf(
  node: OperatorNode,
  spatial: readonly number[],
  kernelFallback?: readonly number[],
): OnnxWindow {
  const kernel =
    node.ints("kernel_shape") ?? kernelFallback ?? node.fail("file-format", "kernel_shape is missing.");
  const stride = node.ints("strides") ?? kernel.map(() => 1);
  const dilation = node.ints("dilations") ?? kernel.map(() => 1);
  const autoPad = node.string("auto_pad", "NOTSET");
  const pads = node.ints("pads") ?? kernel.flatMap(() => [0, 0]);
  for (const [name, list] of Object.entries({ kernel, stride, dilation })) {
    const fits = list.length === kernel.length && list.every((size) => size >= 1 && size < largestExtent);
    if (!fits || kernel.length !== spatial.length)
      return node.fail(
        "shape",
        `${name} [${list.join(", ")}] does not fit ${spatial.length} spatial dimensions.`,
      );
  }
  if (elementCount(kernel) >= largestExtent)
    return node.fail("unsupported", `a kernel of ${kernel.join("×")}.`);
  const padding = kernel.map((size, i): readonly [number, number] => {
    if (autoPad === "NOTSET") return [pads[i] ?? 0, pads[i + kernel.length] ?? 0];
    if (autoPad === "VALID") return [0, 0];
    if (autoPad !== "SAME_UPPER" && autoPad !== "SAME_LOWER")
      return node.fail("unsupported", `auto_pad ${autoPad} is not known.`);
    // As many windows as ⌈size / stride⌉; the odd element goes after (UPPER) or before (LOWER).
    const extent = dilation[i]! * (size - 1) + 1;
    const total = Math.max(0, (Math.ceil(spatial[i]! / stride[i]!) - 1) * stride[i]! + extent - spatial[i]!);
    const small = Math.floor(total / 2);
    return autoPad === "SAME_UPPER" ? [small, total - small] : [total - small, small];
  });
  return { kernel, stride, dilation, padding };
}
