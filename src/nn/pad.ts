/** Padding. Amounts are in PyTorch's order: last dimension first, `[before, after, …]`; negative ones cut. */
import { checkOptions } from "../ir/check-options.ts";
import { formatShape } from "../ir/shape.ts";
import { takeAlong } from "./positions.ts";
import type { Tensor } from "./tensor.ts";

/** What lies inside: mirrored without the edge, the edge repeated, or the whole again. */
export type PaddingMode = "reflect" | "replicate" | "circular";

/** Where position `at` of a dimension comes from; `at` may be negative or beyond the end. */
function sourceOf(at: number, size: number, mode: PaddingMode): number {
  if (mode === "circular") return (at + size) % size;
  if (mode === "replicate") return Math.min(Math.max(at, 0), size - 1);
  return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
}

/** Pads by elements of `x` itself. Negative amounts cut. */
export function padByEdge(x: Tensor, padding: readonly number[], mode: PaddingMode): Tensor {
  let result = x;
  for (let pair = 0; pair < padding.length / 2; pair++) {
    const axis = x.rank - 1 - pair;
    const [before, after] = [padding[2 * pair]!, padding[2 * pair + 1]!];
    if (before === 0 && after === 0) continue;
    const size = x.shape[axis]!;
    const most = { reflect: size - 1, replicate: size === 0 ? -1 : Infinity, circular: size }[mode];
    if (Math.max(before, after) > most) {
      x.trace.fail(
        "shape",
        `pad: ${mode} padding of ${before} and ${after} does not fit dimension ${axis} of ${formatShape(x.shape)}.`,
      );
    }
    const positions = Array.from({ length: Math.max(0, size + before + after) }, (_, i) =>
      sourceOf(i - before, size, mode),
    );
    result = takeAlong(result, axis, positions);
  }
  return result;
}

/** With what `pad` fills. */
export interface PadOptions {
  /** constant. */
  readonly mode?: "constant" | PaddingMode;
  /** What constant padding holds; 0. */
  readonly value?: number;
}

/**
 * Adds elements around the last dimensions: `[left, right, top, bottom, …]`, the last dimension first. Negative
 * amounts cut off.
 * @param options the value of constant padding, or how to pad
 */
export function pad(x: Tensor, padding: readonly number[], options: number | PadOptions = 0): Tensor {
  const given = typeof options === "number" ? { value: options } : options;
  checkOptions<PadOptions>("pad", given, {
    mode: ["constant", "reflect", "replicate", "circular"],
    value: "number",
  });
  const { mode = "constant", value = 0 } = given;
  return mode === "constant" ? x.pad(padding, value) : padByEdge(x, padding, mode);
}
