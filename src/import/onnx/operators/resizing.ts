/**
 * Resizing by nearest, linear and cubic interpolation: where each result position lies in the source, in ONNX's
 * coordinate and rounding modes.
 */
import { checkDistinct, checkList, natural } from "./constraints.ts";
import { resizeAxis, type Interpolation } from "../../../nn/interpolate.ts";
import { normalizeAxis } from "../../../ir/shape.ts";
import { toTensor, type Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { integerLimits } from "../tensors.ts";
import { checkedLength } from "./checked-length.ts";

/** Positions and weights are tables of this many entries. */
const largestTarget = 2 ** 16;

const coordinateModes = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
] as const;
type CoordinateMode = (typeof coordinateModes)[number];

const nearestModes = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const;
type NearestMode = (typeof nearestModes)[number];

interface Axis {
  readonly size: number;
  readonly target: number;
  readonly scale: number;
  /** What `target` was rounded down from, where the node gives scales. */
  readonly length: number;
  /** First and last source position as parts of the whole, for tf_crop_and_resize. */
  readonly region?: readonly [number, number];
}

/** Where a result position lies in the source. */
function sourcePosition(
  mode: CoordinateMode,
  position: number,
  { size, target, scale, length, region = [0, 1] }: Axis,
  node: OperatorNode,
): number {
  switch (mode) {
    case "half_pixel":
      return middle(position, scale) - 0.5;
    case "half_pixel_symmetric": {
      const adjustment = f32(target / f32(scale * size));
      const offset = f32((size / 2) * f32(1 - adjustment));
      return f32(offset + middle(position, scale)) - 0.5;
    }
    case "pytorch_half_pixel":
      return target > 1 ? middle(position, scale) - 0.5 : 0;
    case "align_corners": {
      // ONNX's own tests go by the length that was not rounded, PyTorch, whose mode it is, by the one that was.
      const last = (node.dialect.producer === "pytorch" ? target : length) - 1;
      return target === 1 ? 0 : (position * (size - 1)) / last;
    }
    case "asymmetric":
      return f32(position / scale);
    case "tf_half_pixel_for_nn":
      return middle(position, scale);
    case "tf_crop_and_resize": {
      const [from, to] = region;
      if (target === 1) return 0.5 * (from + to) * (size - 1);
      return from * (size - 1) + (position * (to - from) * (size - 1)) / (target - 1);
    }
    default:
      return mode satisfies never;
  }
}

/** Where the middle of a result's pixel lies, in source pixels. */
function middle(position: number, scale: number): number {
  return f32((position + 0.5) / scale);
}

/**
 * Positions are rounded as scales are, because these were: 6.5 / 1.3 is 5 then, and half way between two pixels what it
 * is without rounding.
 */
const f32 = Math.fround;

function roundNearest(mode: NearestMode, position: number): number {
  switch (mode) {
    case "round_prefer_floor":
      return Math.ceil(position - 0.5);
    case "round_prefer_ceil":
      return Math.floor(position + 0.5);
    case "floor":
      return Math.floor(position);
    case "ceil":
      return Math.ceil(position);
    default:
      return mode satisfies never;
  }
}

/** One dimension, by the modes that the node names. */
function resizeDimension(
  node: OperatorNode,
  x: Tensor,
  position: number,
  axis: Axis,
  options: ResizeOptions,
): Tensor {
  const { mode, coordinates, nearest, cubic, excludeOutside, extrapolation } = options;
  const positionOf = (at: number) => sourcePosition(coordinates, at, axis, node);
  if (!(axis.target >= 0 && axis.target <= largestTarget))
    return node.fail(
      "unsupported",
      `a dimension of ${axis.target}; at most ${largestTarget} can be resized to.`,
    );
  if (options.antialias && mode !== "nearest" && axis.scale < 1)
    return smoothed(node, x, position, axis, positionOf, options);
  const interpolation: Interpolation =
    mode === "nearest"
      ? { mode, round: (at) => roundNearest(nearest, at) }
      : mode === "linear"
        ? { mode, excludeOutside }
        : { mode: "cubic", cubic, excludeOutside };
  const y = resizeAxis(x, position, axis.target, positionOf, interpolation);
  if (coordinates !== "tf_crop_and_resize") return y;
  const isInside = Uint8Array.from({ length: axis.target }, (_, at) => {
    const source = positionOf(at);
    return source >= 0 && source <= axis.size - 1 ? 1 : 0;
  });
  const shape = x.shape.map((_, i) => (i === position ? axis.target : 1));
  return y.where({ dtype: "bool", shape, data: isInside }, extrapolation);
}

/** Shrinking with a filter as wide as the result's elements are in the source, as a product with a table of weights. */
function smoothed(
  node: OperatorNode,
  x: Tensor,
  position: number,
  { size, target, scale }: Axis,
  positionOf: (at: number) => number,
  { mode, cubic, excludeOutside }: ResizeOptions,
): Tensor {
  const reach = mode === "linear" ? 1 : 2;
  const first = Math.floor(-reach / scale) + 1;
  checkedLength(node, target * Math.max(size, 2 - 2 * first), "the table of weights");
  const table = new Float32Array(target * size);
  for (let at = 0; at < target; at++) {
    const base = Math.floor(positionOf(at));
    const fraction = positionOf(at) - base;
    const taps = Array.from({ length: 2 - 2 * first }, (_, i) => first + i).map((offset) => {
      const distance = Math.abs(offset - fraction) * scale;
      const isOutside = base + offset < 0 || base + offset >= size;
      const weight = mode === "linear" ? Math.max(0, 1 - distance) : cubicWeight(distance, cubic);
      return {
        source: Math.min(Math.max(base + offset, 0), size - 1),
        weight: excludeOutside && isOutside ? 0 : weight,
      };
    });
    const total = taps.reduce((sum, { weight }) => sum + weight, 0);
    for (const { source, weight } of taps) table[at * size + source]! += weight / total;
  }
  const last = x.rank - 1;
  const weights = toTensor(x.trace, { dtype: "f32", shape: [target, size], data: table }).transpose(0, 1);
  return x.transpose(position, last).matmul(weights).transpose(position, last);
}

/** R. Keys, "Cubic convolution interpolation", 1981. */
function cubicWeight(distance: number, a: number): number {
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a : 0;
}

interface ResizeOptions {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: CoordinateMode;
  readonly nearest: NearestMode;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  /** What lies outside the source, for tf_crop_and_resize. */
  readonly extrapolation: number;
}

function resize(node: OperatorNode): Tensor {
  const x = node.input(0);
  const isOld = node.opset < 11;
  const options: ResizeOptions = {
    mode: node.choice("mode", ["nearest", "linear", "cubic"], "nearest"),
    coordinates: node.choice(
      "coordinate_transformation_mode",
      coordinateModes,
      isOld ? "asymmetric" : "half_pixel",
    ),
    nearest: node.choice("nearest_mode", nearestModes, isOld ? "floor" : "round_prefer_floor"),
    cubic: node.float("cubic_coeff_a", -0.75),
    excludeOutside: node.flag("exclude_outside", false),
    antialias: node.flag("antialias", false),
    extrapolation: node.float("extrapolation_value", 0),
  };
  const axes =
    node.ints("axes")?.map((axis) => normalizeAxis(axis, x.rank, "Resize")) ?? x.shape.map((_, axis) => axis);
  const given = (position: number, what: string) => {
    const list = node.optionalNumbers(position, what);
    return list === undefined || list.length === 0 ? undefined : list;
  };
  const scales = given(isOld ? 1 : 2, "scales");
  const sizesGiven = isOld ? undefined : given(3, "sizes");
  if ((scales === undefined) === (sizesGiven === undefined))
    return node.fail(
      "argument",
      `${scales === undefined ? "neither scales nor sizes are" : "both scales and sizes are"} given; expected one of them.`,
    );
  checkDistinct(node, "axes", axes);
  if (scales !== undefined) checkScales(node, scales, axes.length, 0);
  if (sizesGiven !== undefined) checkList(node, "sizes", sizesGiven, axes.length, natural);
  const sizes = isOld
    ? undefined
    : keptRatio(
        node,
        sizesGiven,
        axes.map((axis) => x.shape[axis]!),
      );
  const isCrop = options.coordinates === "tf_crop_and_resize";
  if (!isCrop && !isOld) node.ignoreInputs(1);
  const regions = isCrop ? given(1, "the region") : undefined;
  if (isCrop) checkList(node, "roi", regions ?? [], 2 * axes.length);
  return inFloats(node, options.mode, (whole) =>
    axes.reduce((y, axis, i) => {
      const size = x.shape[axis]!;
      const length = sizes?.[i] ?? scaledLength(size, scales?.[i] ?? 1);
      const target = Math.floor(length);
      const scale = scales?.[i] ?? target / size;
      const region = [regions?.[i] ?? 0, regions?.[i + axes.length] ?? 1] as const;
      return target === size && scale === 1 && region[0] === 0 && region[1] === 1
        ? y
        : resizeDimension(node, y, axis, { size, target, scale, length, region }, options);
    }, whole),
  );
}

/** What lies between integers is computed in f32 and truncated; what a cubic makes of narrow ones stays in range. */
function inFloats(node: OperatorNode, mode: string, apply: (x: Tensor) => Tensor): Tensor {
  const x = node.input(0);
  if (mode === "nearest" || x.dtype === "f32") return apply(x);
  const limits = integerLimits(node.elementType(0));
  const result = apply(x.to("f32"));
  return (limits === undefined ? result : result.clamp(...limits)).to(x.dtype);
}

/** Sizes of one scale for all dimensions, where the policy asks for that. */
function keptRatio(
  node: OperatorNode,
  sizes: readonly number[] | undefined,
  source: readonly number[],
): readonly number[] | undefined {
  const policies = ["stretch", "not_larger", "not_smaller"] as const;
  const policy = node.choice("keep_aspect_ratio_policy", policies, "stretch");
  if (sizes === undefined || policy === "stretch") return sizes;
  const ratios = sizes.map((size, i) => size / source[i]!);
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return source.map((size) => Math.floor(size * scale + 0.5));
}

/** Numbers above 0 and not below `least`. */
function checkScales(node: OperatorNode, scales: readonly number[], count: number, least: number): void {
  checkList(node, "scales", scales, count);
  const odd = scales.find((scale) => !(scale > 0 && scale >= least && scale < Infinity));
  if (odd !== undefined)
    node.fail(
      "argument",
      `scales are [${scales.join(", ")}], expected ${least === 0 ? "numbers above 0" : `${least} or more`}.`,
    );
}

function upsampleScales(node: OperatorNode, x: Tensor): readonly number[] {
  if (node.opset >= 7) return node.floats("scales") ?? node.constantNumbers(1, "scales");
  const [height, width] = [node.float("height_scale", 1), node.float("width_scale", 1)];
  return x.shape.map((_, axis) => (axis === 2 ? height : axis === 3 ? width : 1));
}

/** The operator that Resize replaced: nearest or linear by scales, asymmetric. */
function upsample(node: OperatorNode): Tensor {
  const x = node.input(0);
  const given = node.choice("mode", ["nearest", "linear", "bilinear"], "nearest");
  const mode = given === "bilinear" ? "linear" : given;
  const scales = upsampleScales(node, x);
  checkScales(node, scales, x.rank, 1);
  const options: ResizeOptions = {
    mode,
    coordinates: "asymmetric",
    nearest: "floor",
    cubic: -0.75,
    excludeOutside: false,
    antialias: false,
    extrapolation: 0,
  };
  return inFloats(node, mode, (whole) =>
    scales.reduce((y, scale, axis) => {
      const size = x.shape[axis]!;
      const length = scaledLength(size, scale);
      return scale === 1
        ? y
        : resizeDimension(node, y, axis, { size, target: Math.floor(length), scale, length }, options);
    }, whole),
  );
}

export const resizing: OperatorFamily = { Resize: resize, Upsample: upsample };

/** In f32, as scales are: five times 2.6 is 13, not 12.9999995 and hence 12. */
function scaledLength(size: number, scale: number): number {
  return f32(size * scale);
}
