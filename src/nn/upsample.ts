/** Resizing of images as `torch.nn.functional.interpolate` does it, and the layer. */
import { checkOptions } from "../ir/check-options.ts";
import { formatShape } from "../ir/shape.ts";
import { resizeAxis, type Interpolation, type PositionOf } from "./interpolate.ts";
import { Module } from "./module.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import { floatText, pythonText } from "./python-text.ts";
import type { Tensor } from "./tensor.ts";

/** How values between pixels come about. */
export type InterpolationMode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "trilinear" | "bicubic";

/** To what size, and how. */
export interface InterpolateOptions {
  /** Sizes of the result; or give `scaleFactor`. */
  readonly size?: PerDimension;
  /** How many times larger, for all dimensions or for each. */
  readonly scaleFactor?: PerDimension;
  /** `nearest` unless given. */
  readonly mode?: InterpolationMode;
  /** First and last elements stay where they are; for linear and cubic modes. */
  readonly alignCorners?: boolean;
}

const interpolateArguments = {
  known: {
    size: "sizes",
    scaleFactor: "sizes",
    mode: ["nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic"],
    alignCorners: "boolean",
  },
  order: ["size", "scaleFactor", "mode", "alignCorners"],
} as const satisfies ArgumentNames<InterpolateOptions>;

/** Spatial dimensions that a mode is for; the nearest ones take any. */
const rankOfMode: Readonly<Partial<Record<InterpolationMode, number>>> = {
  linear: 1,
  bilinear: 2,
  trilinear: 3,
  bicubic: 2,
};

/** Resizes the spatial dimensions of `x [N, C, …]`. */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  checkOptions<InterpolateOptions>("interpolate", options, interpolateArguments.known);
  const { size, scaleFactor, mode = "nearest" } = options;
  const rank = x.rank - 2;
  if ((size === undefined) === (scaleFactor === undefined))
    x.trace.fail("argument", "interpolate: give either size or scaleFactor.");
  if (rank < 1 || (rankOfMode[mode] ?? rank) !== rank) {
    x.trace.fail(
      "shape",
      `interpolate: mode ${mode} takes batch, channels and ${rankOfMode[mode] ?? "1 to 3"} more dimension(s), got ${formatShape(x.shape)}.`,
    );
  }
  const spatial = x.shape.slice(2);
  const scales =
    scaleFactor === undefined ? undefined : perDimension(scaleFactor, rank, "interpolate: scaleFactor");
  const targets =
    scales === undefined
      ? perDimension(size!, rank, "interpolate: size")
      : spatial.map((extent, i) => Math.floor(extent * scales[i]!));
  if (targets.some((target) => !Number.isInteger(target) || target < 1)) {
    x.trace.fail("argument", `interpolate: the result would have sizes ${formatShape(targets)}.`);
  }
  return targets.reduce((y, target, i) => {
    const extent = spatial[i]!;
    if (target === extent && (scales?.[i] ?? 1) === 1) return y;
    // The step between neighbours, in source elements; PyTorch has it in single precision.
    const step = Math.fround(scales === undefined ? extent / target : 1 / scales[i]!);
    return resizeAxis(y, i + 2, target, positionOf(options, extent, target, step), interpolationOf(mode));
  }, x);
}

function positionOf(
  { mode = "nearest", alignCorners = false }: InterpolateOptions,
  extent: number,
  target: number,
  step: number,
): PositionOf {
  if (mode === "nearest") return (position) => Math.fround(position * step);
  if (mode === "nearest-exact") return (position) => Math.fround((position + 0.5) * step);
  if (alignCorners) return (position) => (target === 1 ? 0 : (position * (extent - 1)) / (target - 1));
  return (position) => (position + 0.5) * step - 0.5;
}

function interpolationOf(mode: InterpolationMode): Interpolation {
  if (mode === "nearest" || mode === "nearest-exact") return { mode: "nearest", round: Math.floor };
  return mode === "bicubic" ? { mode: "cubic", cubic: -0.75 } : { mode: "linear" };
}

/** Resizes by a factor or to a size. @example new nn.Upsample({ scaleFactor: 2, mode: "bilinear" }) */
export class Upsample extends Module {
  /** As given. */
  readonly options: InterpolateOptions;
  constructor(...rest: OptionArguments<InterpolateOptions, typeof interpolateArguments.order>) {
    super();
    this.options = readOptions<InterpolateOptions>(this.constructor.name, [], interpolateArguments, rest);
  }
  protected override settings(): string {
    const { size, scaleFactor, mode = "nearest" } = this.options;
    const scale =
      typeof scaleFactor === "number"
        ? floatText(scaleFactor)
        : `(${scaleFactor?.map(floatText).join(", ")})`;
    return `${scaleFactor === undefined ? `size=${pythonText(size)}` : `scale_factor=${scale}`}, mode=${mode}`;
  }
  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }
}

/** To what size, or how many times larger. */
export type SizeOrScale = Pick<InterpolateOptions, "size" | "scaleFactor">;

const sizeOrScaleArguments = {
  known: { size: "sizes", scaleFactor: "sizes" },
  order: ["size", "scaleFactor"],
} as const satisfies ArgumentNames<SizeOrScale>;
type SizeOrScaleArguments = OptionArguments<SizeOrScale, typeof sizeOrScaleArguments.order>;

/** Resizes images by repeating elements. */
export class UpsamplingNearest2d extends Upsample {
  constructor(...rest: SizeOrScaleArguments) {
    const options = readOptions<SizeOrScale>("UpsamplingNearest2d", [], sizeOrScaleArguments, rest);
    super({ ...options, mode: "nearest" });
  }
}

/** Resizes images by bilinear interpolation with corners aligned. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(...rest: SizeOrScaleArguments) {
    const options = readOptions<SizeOrScale>("UpsamplingBilinear2d", [], sizeOrScaleArguments, rest);
    super({ ...options, mode: "bilinear", alignCorners: true });
  }
}
