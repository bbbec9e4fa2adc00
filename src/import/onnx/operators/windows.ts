/** Padding and sizes of sliding windows, as ONNX states them. */
import { checkList, natural } from "./constraints.ts";
import { elementCount, sameShape } from "../../../ir/shape.ts";
import type { OperatorNode } from "../operator.ts";

export interface OnnxWindow {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

export const autoPads = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"] as const;

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
  const autoPad = node.choice("auto_pad", autoPads, "NOTSET");
  const pads = padsOf(node, kernel.length);
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
  if (kernelFallback !== undefined && !sameShape(kernel, kernelFallback))
    return node.fail(
      "shape",
      `kernel_shape is [${kernel.join(", ")}], but the weight's is [${kernelFallback.join(", ")}].`,
    );
  const padding = kernel.map((size, i): readonly [number, number] => {
    if (autoPad === "NOTSET") return [pads[i] ?? 0, pads[i + kernel.length] ?? 0];
    if (autoPad === "VALID") return [0, 0];
    // As many windows as ⌈size / stride⌉; the odd element goes after (UPPER) or before (LOWER).
    const extent = dilation[i]! * (size - 1) + 1;
    const total = Math.max(0, (Math.ceil(spatial[i]! / stride[i]!) - 1) * stride[i]! + extent - spatial[i]!);
    const small = Math.floor(total / 2);
    return autoPad === "SAME_UPPER" ? [small, total - small] : [total - small, small];
  });
  checkOnePadding(node, autoPad, padding);
  return { kernel, stride, dilation, padding };
}

/** Amounts before every spatial dimension, then those after. */
export function padsOf(node: OperatorNode, rank: number): readonly number[] {
  const pads = node.ints("pads") ?? new Array<number>(2 * rank).fill(0);
  checkList(node, "pads", pads, 2 * rank, natural);
  return pads;
}

/** Amounts that are given beside auto_pad, which the specification forbids, are let pass where they say the same. */
export function checkOnePadding(
  node: OperatorNode,
  autoPad: (typeof autoPads)[number],
  padding: readonly (readonly [number, number])[],
): void {
  const pads = node.ints("pads") ?? [];
  const chosen = [...padding.map(([before]) => before), ...padding.map(([, after]) => after)];
  if (autoPad === "NOTSET" || pads.every((amount) => amount === 0) || sameShape(pads, chosen)) return;
  node.fail(
    "argument",
    `pads is [${pads.join(", ")}] beside auto_pad ${autoPad}, which asks for [${chosen.join(", ")}]; only one may be given.`,
  );
}
