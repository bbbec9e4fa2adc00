/** Sampling rectangles of images: RoiAlign (He et al., "Mask R-CNN", 2017). */
import { checkElements, checkIs, checkRank, natural, positive } from "./constraints.ts";
import { arange, gatherAt } from "../../../nn/positions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { checkedLength } from "./checked-length.ts";

/** Samples along one dimension: two neighbours each, with weights; `[R, samples]`. */
interface Taps {
  readonly low: Tensor;
  readonly high: Tensor;
  readonly lowWeight: Tensor;
  readonly highWeight: Tensor;
}

/** `bins · ratio` samples from `start` to `end` of each region, the centres of equal parts. */
function tapsBetween(start: Tensor, end: Tensor, samples: number, size: number, least: number | null): Taps {
  const extent = end.sub(start);
  const length = least === null ? extent : extent.clamp(least, null);
  const part = arange(start, samples, 1, 2).to("f32").add(0.5).div(samples);
  const position = start.add(length.mul(part));
  const isNear = position.ge(-1).logicalAnd(position.le(size));
  const inside = position.clamp(0, size - 1);
  const low = inside.floor();
  const fraction = inside.sub(low);
  const one = isNear.to("f32");
  return {
    low: low.to("i32"),
    high: low
      .add(1)
      .clamp(0, size - 1)
      .to("i32"),
    lowWeight: fraction.neg().add(1).mul(one),
    highWeight: fraction.mul(one),
  };
}

function roiAlign(node: OperatorNode): Tensor {
  const [x, regions, images] = [node.input(0), node.input(1), node.input(2).to("i32")];
  if (node.choice("mode", ["avg", "max"], "avg") !== "avg")
    return node.fail("unsupported", "mode max, which implementations compute differently.");
  const ratio = node.int("sampling_ratio", 0, natural);
  if (ratio < 1)
    return node.fail("unsupported", "sampling_ratio 0: how many samples are taken depends on data.");
  const isOld = node.opset < 16;
  const modes = ["half_pixel", "output_half_pixel"] as const;
  const mode = node.choice("coordinate_transformation_mode", modes, modes[isOld ? 1 : 0]);
  const [rows, columns] = [node.int("output_height", 1, positive), node.int("output_width", 1, positive)];
  const [channels, height, width] = x.shape.slice(1) as [number, number, number];
  const count = regions.shape[0]!;
  checkRank(node, "the input", x, 4);
  checkIs(node, "rois", regions, [count, 4]);
  checkIs(node, "batch_indices", images, [count]);
  checkElements(node, 2, "batch_indices", [0, x.shape[0]! - 1]);
  checkedLength(node, count * rows * columns * ratio ** 2, "the samples");
  // Half-pixel regions may be empty; the older ones are at least one pixel.
  const isHalf = mode === "half_pixel";
  const edges = regions.mul(node.float("spatial_scale", 1)).sub(isHalf ? 0.5 : 0);
  const edge = (at: number) => edges.slice(1, at, at + 1);
  const least = isHalf ? null : 1;
  const across = tapsBetween(edge(0), edge(2), columns * ratio, width, least);
  const down = tapsBetween(edge(1), edge(3), rows * ratio, height, least);

  // [R, C, samples down, samples across]
  const flat = x.reshape([-1]);
  const maps = images
    .reshape([count, 1])
    .mul(channels)
    .add(arange(x, channels, 1, 2))
    .mul(height * width)
    .reshape([count, channels, 1, 1]);
  const onRows = (taps: Tensor) => taps.unsqueeze(1).unsqueeze(3);
  const onColumns = (taps: Tensor) => taps.unsqueeze(1).unsqueeze(2);
  const sample = (row: Tensor, column: Tensor) =>
    gatherAt(flat, 0, maps.add(onRows(row.mul(width))).add(onColumns(column)));
  const along = (row: Tensor) =>
    sample(row, across.low)
      .mul(onColumns(across.lowWeight))
      .add(sample(row, across.high).mul(onColumns(across.highWeight)));
  const values = along(down.low)
    .mul(onRows(down.lowWeight))
    .add(along(down.high).mul(onRows(down.highWeight)));
  return values.reshape([count, channels, rows, ratio, columns, ratio]).mean([3, 5]);
}

export const regions: OperatorFamily = { RoiAlign: roiAlign };
