/**
 * Resizing by nearest, linear and cubic interpolation: where each result position lies in the source, in ONNX's
 * coordinate and rounding modes.
 */
import { resizeAxis, type Interpolation } from "../../../nn/interpolate.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

interface Axis {
  readonly size: number;
  readonly target: number;
  readonly scale: number;
}

/** Where a result position lies in the source. */
function sourcePosition(
  mode: string,
  position: number,
  { size, target, scale }: Axis,
  node: OperatorNode,
): number {
  switch (mode) {
    case "half_pixel":
      return (position + 0.5) / scale - 0.5;
    case "half_pixel_symmetric": {
      const adjustment = target / (scale * size);
      const offset = (size / 2) * (1 - adjustment);
      return offset + (position + 0.5) / scale - 0.5;
    }
    case "pytorch_half_pixel":
      return target > 1 ? (position + 0.5) / scale - 0.5 : 0;
    case "align_corners":
      return target === 1 ? 0 : (position * (size - 1)) / (target - 1);
    case "asymmetric":
      return position / scale;
    default:
      return node.fail("unsupported", `coordinate_transformation_mode ${mode} is not supported.`);
  }
}

function roundNearest(mode: string, position: number, node: OperatorNode): number {
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
      return node.fail("unsupported", `nearest_mode ${mode} is not known.`);
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
  const { mode, coordinates, nearest, cubic, excludeOutside } = options;
  const positionOf = (at: number) => sourcePosition(coordinates, at, axis, node);
  const interpolation: Interpolation =
    mode === "nearest"
      ? { mode, round: (at) => roundNearest(nearest, at, node) }
      : mode === "linear"
        ? { mode, excludeOutside }
        : { mode: "cubic", cubic, excludeOutside };
  return resizeAxis(x, position, axis.target, positionOf, interpolation);
}

interface ResizeOptions {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
}

function resize(node: OperatorNode): Tensor {
  const x = node.input(0);
  const isOld = node.opset < 11;
  node.ignore("extrapolation_value");
  if (node.flag("antialias", false)) return node.fail("unsupported", "antialias is not supported.");
  if (node.string("keep_aspect_ratio_policy", "stretch") !== "stretch")
    return node.fail("unsupported", "keep_aspect_ratio_policy must be stretch.");
  const options: ResizeOptions = {
    mode: node.string("mode", "nearest"),
    coordinates: node.string("coordinate_transformation_mode", isOld ? "asymmetric" : "half_pixel"),
    nearest: node.string("nearest_mode", isOld ? "floor" : "round_prefer_floor"),
    cubic: node.float("cubic_coeff_a", -0.75),
    excludeOutside: node.flag("exclude_outside", false),
  };
  if (!["nearest", "linear", "cubic"].includes(options.mode))
    return node.fail("unsupported", `mode ${options.mode} is not known.`);
  const axes =
    node.ints("axes")?.map((axis) => (axis < 0 ? axis + x.rank : axis)) ?? x.shape.map((_, axis) => axis);
  const given = (position: number, what: string) => {
    const list = node.optionalNumbers(position, what);
    return list === undefined || list.length === 0 ? undefined : list;
  };
  const scales = given(isOld ? 1 : 2, "scales");
  const sizes = isOld ? undefined : given(3, "sizes");
  return axes.reduce((y, axis, i) => {
    const size = x.shape[axis]!;
    const target = sizes?.[i] ?? Math.floor(size * (scales?.[i] ?? 1));
    const scale = scales?.[i] ?? target / size;
    return target === size && scale === 1
      ? y
      : resizeDimension(node, y, axis, { size, target, scale }, options);
  }, x);
}

/** The operator that Resize replaced: nearest or linear by scales, asymmetric. */
function upsample(node: OperatorNode): Tensor {
  const x = node.input(0);
  const mode = node.string("mode", "nearest");
  const scales = node.floats("scales") ?? node.constantNumbers(1, "scales");
  const options: ResizeOptions = {
    mode,
    coordinates: "asymmetric",
    nearest: "floor",
    cubic: -0.75,
    excludeOutside: false,
  };
  return scales.reduce((y, scale, axis) => {
    const size = x.shape[axis]!;
    return scale === 1
      ? y
      : resizeDimension(node, y, axis, { size, target: Math.floor(size * scale), scale }, options);
  }, x);
}

export const resizing: OperatorFamily = { Resize: resize, Upsample: upsample };
