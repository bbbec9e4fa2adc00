/** The inverse of max pooling: values go back to where they came from, zeros to everywhere else. */
import { checkOptions } from "../ir/check-options.ts";
import { elementCount, formatShape, sameShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import { expectSpatialRank } from "./pool-arguments.ts";
import { settingsText } from "./python-text.ts";
import { scatterAlong } from "./scattering.ts";
import type { Tensor } from "./tensor.ts";

/** Where the windows lay. */
export interface MaxUnpoolOptions {
  /** By default the kernel size. */
  readonly stride?: PerDimension;
  /** What surrounded the input; 0. */
  readonly padding?: PerDimension;
  /** Spatial sizes of the result, of which pooling may leave several possible; or the whole shape. */
  readonly outputSize?: readonly number[];
}

/**
 * `x` and i32 `indices`, both `[N, C, …]` or `[C, …]`, as `maxPoolWithIndices` gives them: each element goes to its
 * index within its map. Along each dimension the result has (in − 1) · stride − 2 · padding + kernel elements
 * unless `outputSize` says otherwise. Indices that no element of the result has are errors
 * where they come from an input, and left out where the network computes them.
 */
export function maxUnpool(
  x: Tensor,
  indices: Tensor,
  rank: number,
  kernelSize: PerDimension,
  options: MaxUnpoolOptions = {},
): Tensor {
  checkOptions<MaxUnpoolOptions>("maxUnpool", options, {
    stride: "sizes",
    padding: "sizes",
    outputSize: "sizes",
  });
  const { trace } = x;
  expectSpatialRank("max_unpool", x, rank);
  if (!sameShape(x.shape, indices.shape) || (indices.dtype !== "i32" && indices.dtype !== "u32"))
    trace.fail(
      "shape",
      `max_unpool: indices are ${indices.dtype}${formatShape(indices.shape)}, expected i32${formatShape(x.shape)} as the values are.`,
    );
  const kernel = perDimension(kernelSize, rank, "max_unpool: kernel size");
  const stride = perDimension(options.stride ?? kernel, rank, "max_unpool: stride");
  const padding = perDimension(options.padding ?? 0, rank, "max_unpool: padding");
  const maps = x.shape.slice(0, -rank);
  const least = kernel.map(
    (size, i) => (x.shape[maps.length + i]! - 1) * stride[i]! - 2 * padding[i]! + size,
  );
  const sizes = options.outputSize?.slice(-rank) ?? least;
  if (
    sizes.length !== rank ||
    sizes.some((size, i) => !(Math.abs(size - least[i]!) < stride[i]! || size === least[i]!))
  )
    trace.fail(
      "argument",
      `max_unpool: output size ${formatShape(sizes)}, expected ${formatShape(least)}, each size less than its stride ${formatShape(stride)} away.`,
    );
  const flat = [elementCount(maps), elementCount(x.shape.slice(-rank))];
  const what = `max_unpool: an index into maps of ${formatShape(sizes)}`;
  trace.noteIndex(indices.id, { least: 0, greatest: elementCount(sizes) - 1 }, what);
  return placed(x.reshape(flat), indices.to("i32").reshape(flat), elementCount(sizes)).reshape([
    ...maps,
    ...sizes,
  ]);
}

/** `y [maps, size]` with `y[m, indices[m, i]] = x[m, i]` and zeros elsewhere. */
export function placed(x: Tensor, indices: Tensor, size: number): Tensor {
  const empty = x.operand(0).to(x.dtype).expand(x.shape[0]!, size);
  return scatterAlong(empty, 1, indices, x);
}

/** What layers that undo max pooling may be told. */
export type MaxUnpoolLayerOptions = Omit<MaxUnpoolOptions, "outputSize">;

const maxUnpoolArguments = {
  known: { stride: "sizes", padding: "sizes" },
  order: ["stride", "padding"],
} as const satisfies ArgumentNames<MaxUnpoolLayerOptions>;
type MaxUnpoolArguments = OptionArguments<MaxUnpoolLayerOptions, typeof maxUnpoolArguments.order>;

class MaxUnpoolNd extends Module {
  /** As given. */
  readonly options: MaxUnpoolLayerOptions;
  /** Distance of the windows. */
  readonly stride: readonly number[];
  /** What surrounded the input. */
  readonly padding: readonly number[];
  readonly #rank: number;
  constructor(
    rank: number,
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    rest: MaxUnpoolArguments,
  ) {
    super();
    const name = this.constructor.name;
    this.options = readOptions<MaxUnpoolLayerOptions>(name, ["kernelSize"], maxUnpoolArguments, rest);
    const list = (value: PerDimension, what: string) => perDimension(value, rank, `${name}: ${what}`);
    const { stride = kernelSize, padding = 0 } = this.options;
    list(kernelSize, "kernel size");
    this.stride = list(stride, "stride");
    this.padding = list(padding, "padding");
    this.#rank = rank;
  }
  protected override settings(): string {
    const { stride, padding } = this;
    const kernelSize = perDimension(this.kernelSize, this.#rank, "kernel size");
    return settingsText({ kernel_size: kernelSize, stride, padding });
  }
  /** @param outputSize spatial sizes of the result, where pooling leaves several possible */
  /** Puts maxima `x` at `indices`, as MaxPool returned them; elsewhere are zeros. */
  override forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool(x, indices, this.#rank, this.kernelSize, {
      ...this.options,
      ...(outputSize === undefined ? {} : { outputSize }),
    });
  }
}
/** Puts maxima back where `MaxPool1d` found them; zeros elsewhere. */
export class MaxUnpool1d extends MaxUnpoolNd {
  constructor(kernelSize: PerDimension, ...rest: MaxUnpoolArguments) {
    super(1, kernelSize, rest);
  }
}
/** Puts `[N, C, H, W]` values back to where pooling took them from; zeros elsewhere. */
export class MaxUnpool2d extends MaxUnpoolNd {
  constructor(kernelSize: PerDimension, ...rest: MaxUnpoolArguments) {
    super(2, kernelSize, rest);
  }
}
/** Puts maxima back where `MaxPool3d` found them; zeros elsewhere. */
export class MaxUnpool3d extends MaxUnpoolNd {
  constructor(kernelSize: PerDimension, ...rest: MaxUnpoolArguments) {
    super(3, kernelSize, rest);
  }
}
