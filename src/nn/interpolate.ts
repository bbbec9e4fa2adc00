/**
 * Resizing by nearest, linear and cubic interpolation, one dimension at a time: each result position is a sum
 * of a few source positions, with positions and weights known while tracing.
 */
import { takeAlong } from "./positions.ts";
import type { Tensor } from "./tensor.ts";

/** Where a result position lies between those of the source. */
export type PositionOf = (position: number) => number;

/** How positions between elements are filled in. */
export type Interpolation =
  | { readonly mode: "nearest"; readonly round: (position: number) => number }
  | { readonly mode: "linear"; readonly excludeOutside?: boolean }
  | { readonly mode: "cubic"; readonly cubic: number; readonly excludeOutside?: boolean };

/** Source offsets from ⌊position⌋ and their weights at a fraction between two positions. */
function taps(
  interpolation: Exclude<Interpolation, { mode: "nearest" }>,
  fraction: number,
): readonly (readonly [number, number])[] {
  if (interpolation.mode === "linear")
    return [
      [0, 1 - fraction],
      [1, fraction],
    ];
  const { cubic } = interpolation;
  // Keys (1981), with parameter `cubic`.
  const near = (t: number) => ((cubic + 2) * t - (cubic + 3)) * t * t + 1;
  const far = (t: number) => ((cubic * t - 5 * cubic) * t + 8 * cubic) * t - 4 * cubic;
  return [
    [-1, far(fraction + 1)],
    [0, near(fraction)],
    [1, near(1 - fraction)],
    [2, far(2 - fraction)],
  ];
}

/** `x` with `target` elements along `axis`; positions outside take the nearest element inside. */
export function resizeAxis(
  x: Tensor,
  axis: number,
  target: number,
  positionOf: PositionOf,
  interpolation: Interpolation,
): Tensor {
  const size = x.shape[axis]!;
  const clamp = (at: number) => Math.min(Math.max(at, 0), size - 1);
  const positions = Array.from({ length: target }, (_, i) => positionOf(i));
  if (interpolation.mode === "nearest")
    return takeAlong(
      x,
      axis,
      positions.map((at) => clamp(interpolation.round(at))),
    );
  const excludeOutside = interpolation.excludeOutside ?? false;
  const weighted = positions.map((at) => {
    const base = Math.floor(at);
    const list = taps(interpolation, at - base).map(([offset, weight]) => {
      const source = base + offset;
      const outside = excludeOutside && (source < 0 || source >= size);
      return { source: clamp(source), weight: outside ? 0 : weight };
    });
    const total = excludeOutside ? list.reduce((sum, tap) => sum + tap.weight, 0) : 1;
    return list.map((tap) => ({ ...tap, weight: tap.weight / total }));
  });
  const shape = x.shape.map((_, i) => (i === axis ? target : 1));
  const tapCount = interpolation.mode === "linear" ? 2 : 4;
  const terms = Array.from({ length: tapCount }, (_, tap) => {
    const weights = {
      dtype: "f32",
      shape,
      data: Float32Array.from(weighted, (list) => list[tap]!.weight),
    } as const;
    return takeAlong(
      x,
      axis,
      weighted.map((list) => list[tap]!.source),
    ).mul(weights);
  });
  return terms.reduce((sum, term) => sum.add(term));
}
