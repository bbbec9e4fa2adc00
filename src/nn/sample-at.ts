/** Sampling images at computed positions: what grid sampling and deformable convolution have in common. */
import { elementCount, rowMajorStrides } from "../ir/shape.ts";
import { arange, gatherAt } from "./positions.ts";
import type { Tensor } from "./tensor.ts";

/** A position (whole, f32) along one dimension with its weight; both are tensors `[N, …result]`. */
export interface Tap {
  readonly position: Tensor;
  readonly weight: Tensor | undefined;
}

/** The two neighbours of a position with their weights. */
export function linearTaps(position: Tensor): readonly Tap[] {
  const base = position.floor();
  const fraction = position.sub(base);
  return [
    { position: base, weight: fraction.neg().add(1) },
    { position: base.add(1), weight: fraction },
  ];
}

/**
 * `x [N, C, …]` at taps for each of its spatial dimensions: the sums over all their combinations, `[N, C, …result]`.
 * @param zerosOutside positions outside count as zero; otherwise there are none
 */
export function sampleAt(x: Tensor, axes: readonly (readonly Tap[])[], zerosOutside: boolean): Tensor {
  const spatial = x.shape.slice(2);
  const rank = axes[0]![0]!.position.rank;
  const channelsLast = x.permute([0, ...spatial.map((_, i) => i + 2), 1]);
  const rows = channelsLast.reshape([x.shape[0]! * elementCount(spatial), x.shape[1]!]);
  const strides = rowMajorStrides(spatial);
  const batch = arange(x, x.shape[0]!, 0, rank).mul(elementCount(spatial));
  const terms = combinations(axes).map((taps) => {
    const row = taps.reduce<Tensor>(
      (sum, { position }, i) =>
        sum.add(
          position
            .clamp(0, spatial[i]! - 1)
            .to("i32")
            .mul(strides[i]!),
        ),
      batch,
    );
    const value = gatherAt(rows, 0, row);
    const insides = taps.map(({ position }, i) => position.ge(0).logicalAnd(position.le(spatial[i]! - 1)));
    const inside = insides.reduce((a, b) => a.logicalAnd(b));
    const kept = zerosOutside ? value.where(inside.unsqueeze(-1), 0) : value;
    const weights = taps.flatMap(({ weight }) => (weight === undefined ? [] : [weight]));
    return weights.length === 0 ? kept : kept.mul(weights.reduce((a, b) => a.mul(b)).unsqueeze(-1));
  });
  const sampled = terms.reduce((sum, term) => sum.add(term));
  return sampled.permute([0, rank, ...Array.from({ length: rank - 1 }, (_, i) => i + 1)]);
}

/** One tap of each dimension, in every combination. */
function combinations(axes: readonly (readonly Tap[])[]): Tap[][] {
  return axes.reduce<Tap[][]>(
    (all, taps) => all.flatMap((start) => taps.map((tap) => [...start, tap])),
    [[]],
  );
}
