/** Sampling images at computed coordinates, and the coordinates of an affine map. */
import { UserError } from "../errors.ts";
import { checkOptions } from "../ir/check-options.ts";
import { elementCount, formatShape, rowMajorStrides } from "../ir/shape.ts";
import { linearTaps, sampleAt, type Tap } from "./sample-at.ts";
import type { Tensor } from "./tensor.ts";

/** How `gridSample` reads an image between and outside of its pixels. */
export interface GridSampleOptions {
  /** bilinear (trilinear with three dimensions). */
  readonly mode?: "bilinear" | "nearest" | "bicubic";
  /** What lies outside the image; zeros. */
  readonly paddingMode?: "zeros" | "border" | "reflection";
  /** −1 and 1 are the centres of the outer elements rather than their outer edges; false. */
  readonly alignCorners?: boolean;
}

type Padding = NonNullable<GridSampleOptions["paddingMode"]>;

/** From −1 … 1 to positions: the centres of the outer elements, or their outer edges. */
function denormalized(coordinate: Tensor, size: number, alignCorners: boolean): Tensor {
  const scaled = coordinate.add(1);
  return alignCorners ? scaled.mul((size - 1) / 2) : scaled.mul(size).sub(1).div(2);
}

/** Folds positions back at the first and last element, or at their outer edges. */
function reflected(position: Tensor, size: number, alignCorners: boolean): Tensor {
  const [low, span] = alignCorners ? [0, size - 1] : [-0.5, size];
  if (span === 0) return position.mul(0);
  const distance = position.sub(low).abs();
  const rest = distance.fmod(span);
  const isEven = distance.div(span).floor().fmod(2).eq(0);
  return rest.where(isEven, rest.neg().add(span)).add(low);
}

function padded(position: Tensor, size: number, padding: Padding, alignCorners: boolean): Tensor {
  if (padding === "zeros") return position;
  const inside = padding === "reflection" ? reflected(position, size, alignCorners) : position;
  return inside.clamp(0, size - 1);
}

/** Weights of four neighbours at a fraction t: R. Keys, "Cubic convolution interpolation", 1981, with a = −0.75. */
function cubicWeights(t: Tensor): Tensor[] {
  const a = -0.75;
  const near = (x: Tensor) =>
    x
      .mul(a + 2)
      .sub(a + 3)
      .mul(x)
      .mul(x)
      .add(1);
  const far = (x: Tensor) =>
    x
      .mul(a)
      .sub(5 * a)
      .mul(x)
      .add(8 * a)
      .mul(x)
      .sub(4 * a);
  const rest = t.neg().add(1);
  return [far(t.add(1)), near(t), near(rest), far(rest.add(1))];
}

function tapsOf(
  mode: NonNullable<GridSampleOptions["mode"]>,
  coordinate: Tensor,
  size: number,
  padding: Padding,
  alignCorners: boolean,
): readonly Tap[] {
  const position = denormalized(coordinate, size, alignCorners);
  if (mode === "bicubic") {
    const base = position.floor();
    const weights = cubicWeights(position.sub(base));
    return weights.map((weight, i) => ({
      position: padded(base.add(i - 1), size, padding, alignCorners).round(),
      weight,
    }));
  }
  const inside = padded(position, size, padding, alignCorners);
  return mode === "nearest" ? [{ position: inside.round(), weight: undefined }] : linearTaps(inside);
}

/** `x [N, C, …]` at `grid [N, …result, d]` of coordinates from −1 to 1, the last dimension's first: `[N, C, …result]`. */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  checkOptions<GridSampleOptions>("gridSample", options, {
    mode: ["bilinear", "nearest", "bicubic"],
    paddingMode: ["zeros", "border", "reflection"],
    alignCorners: "boolean",
  });
  const { mode = "bilinear", paddingMode: padding = "zeros", alignCorners = false } = options;
  const spatial = x.shape.slice(2);
  if (grid.rank !== x.rank || grid.shape.at(-1) !== spatial.length || grid.shape[0] !== x.shape[0])
    throw new UserError(
      "shape",
      `gridSample: a grid ${formatShape(grid.shape)} does not fit ${formatShape(x.shape)}; expected [${x.shape[0]}, …, ${spatial.length}] with ${x.rank} dimensions.`,
    );
  // The grid's last dimension is x, y(, z): the reverse of the data's order.
  const axes = spatial.map((size, i) =>
    tapsOf(mode, grid.select(-1, spatial.length - 1 - i), size, padding, alignCorners),
  );
  return sampleAt(x, axes, padding === "zeros");
}

/**
 * `theta [N, d, d + 1]` applied to the positions of every element of `[N, C, …]`: the grid of `gridSample`.
 * @param size of the result of sampling, `[N, C, …]`
 */
export function affineGrid(theta: Tensor, size: readonly number[], alignCorners = false): Tensor {
  const spatial = size.slice(2);
  const count = elementCount(spatial);
  const rank = spatial.length;
  const coordinate = (i: number, size: number) =>
    alignCorners ? (size === 1 ? 0 : (2 * i) / (size - 1) - 1) : (2 * i + 1) / size - 1;
  const strides = rowMajorStrides(spatial);
  const base = Float32Array.from({ length: count * (rank + 1) }, (_, at) => {
    const [position, column] = [Math.floor(at / (rank + 1)), at % (rank + 1)];
    if (column === rank) return 1;
    const axis = rank - 1 - column;
    return coordinate(Math.floor(position / strides[axis]!) % spatial[axis]!, spatial[axis]!);
  });
  const points = { dtype: "f32", shape: [1, count, rank + 1], data: base } as const;
  const product = theta.operand(points).matmul(theta.transpose(1, 2));
  return product.reshape([theta.shape[0]!, ...spatial, rank]);
}
