/** Pooling layers. */
import { UserError } from "../errors.ts";
import { checkKind } from "../ir/check-options.ts";
import { adaptiveMaxPool } from "./adaptive-max-pool.ts";
import { adaptiveAvgPool, avgPool, maxPool } from "./functional.ts";
import { lpPool, type LpPoolOptions } from "./lp-pool.ts";
import { Module } from "./module.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import type { AdaptiveSize, PoolOptions } from "./pool-arguments.ts";
import { settingsText } from "./python-text.ts";
import type { Tensor } from "./tensor.ts";

/** What max pooling may be told. */
export interface MaxPoolOptions extends PoolOptions {
  /** Distance of a window's elements; 1. */
  readonly dilation?: PerDimension;
  /** There is no other: `nn.functional.maxPoolWithIndices` gives the indices, too. */
  readonly returnIndices?: false;
}
/** What average pooling may be told. */
export interface AvgPoolOptions extends PoolOptions {
  /** The divisor counts padding; true. */
  readonly countIncludePad?: boolean;
}

const maxPoolArguments = {
  known: { stride: "sizes", padding: "sizes", dilation: "sizes", returnIndices: "any", ceilMode: "boolean" },
  order: ["stride", "padding", "dilation", "returnIndices", "ceilMode"],
} as const satisfies ArgumentNames<MaxPoolOptions>;
type MaxPoolArguments = OptionArguments<MaxPoolOptions, typeof maxPoolArguments.order>;

const avgPoolArguments = {
  known: { stride: "sizes", padding: "sizes", ceilMode: "boolean", countIncludePad: "boolean" },
  order: ["stride", "padding", "ceilMode", "countIncludePad"],
} as const satisfies ArgumentNames<AvgPoolOptions>;
type AvgPoolArguments = OptionArguments<AvgPoolOptions, typeof avgPoolArguments.order>;

const lpPoolArguments = {
  known: { stride: "sizes", ceilMode: "boolean" },
  order: ["stride", "ceilMode"],
} as const satisfies ArgumentNames<LpPoolOptions>;
type LpPoolArguments = OptionArguments<LpPoolOptions, typeof lpPoolArguments.order>;

function refuseIndices(layer: string, returnIndices: unknown, remedy: string): void {
  if (returnIndices !== undefined && returnIndices !== false)
    throw new UserError("argument", `${layer}: returnIndices is not there. ${remedy}`);
}

class MaxPoolNd extends Module {
  /** As given. */
  readonly options: MaxPoolOptions;
  /** Distance of the windows. */
  readonly stride: PerDimension;
  /** What surrounds the input. */
  readonly padding: PerDimension;
  /** Distance of a window's elements. */
  readonly dilation: PerDimension;
  /** Whether windows that reach over the end count. */
  readonly ceilMode: boolean;
  readonly #rank: number;
  constructor(
    rank: number,
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    rest: MaxPoolArguments,
  ) {
    super();
    const name = this.constructor.name;
    this.options = readOptions<MaxPoolOptions>(name, ["kernelSize"], maxPoolArguments, rest);
    checkKind(name, "kernelSize", kernelSize, "sizes");
    const { stride = kernelSize, padding = 0, dilation = 1, returnIndices, ceilMode = false } = this.options;
    refuseIndices(name, returnIndices, "nn.functional.maxPoolWithIndices gives maxima and indices.");
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.ceilMode = ceilMode;
    this.#rank = rank;
  }

  protected override settings(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return settingsText({ kernel_size: kernelSize, stride, padding, dilation, ceil_mode: ceilMode });
  }
  override forward(x: Tensor): Tensor {
    return maxPool(x, this.#rank, this.kernelSize, this.options);
  }
}
/** Maxima of windows of `(N, C, L)`. */
export class MaxPool1d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, ...rest: MaxPoolArguments) {
    super(1, kernelSize, rest);
  }
}
/** Maxima of windows of `(N, C, H, W)`. */
export class MaxPool2d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, ...rest: MaxPoolArguments) {
    super(2, kernelSize, rest);
  }
}
/** Maxima of windows of `(N, C, D, H, W)`. */
export class MaxPool3d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, ...rest: MaxPoolArguments) {
    super(3, kernelSize, rest);
  }
}

class AvgPoolNd extends Module {
  /** As given. */
  readonly options: AvgPoolOptions;
  /** Distance of the windows. */
  readonly stride: PerDimension;
  /** What surrounds the input. */
  readonly padding: PerDimension;
  /** Whether windows that reach over the end count. */
  readonly ceilMode: boolean;
  /** Whether the divisor counts padding. */
  readonly countIncludePad: boolean;
  readonly #rank: number;
  constructor(
    rank: number,
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    rest: AvgPoolArguments,
  ) {
    super();
    const name = this.constructor.name;
    this.options = readOptions<AvgPoolOptions>(name, ["kernelSize"], avgPoolArguments, rest);
    checkKind(name, "kernelSize", kernelSize, "sizes");
    const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = this.options;
    this.stride = stride;
    this.padding = padding;
    this.ceilMode = ceilMode;
    this.countIncludePad = countIncludePad;
    this.#rank = rank;
  }

  protected override settings(): string {
    // As PyTorch: a list where there is one dimension, else what was given.
    const shown = (value: PerDimension) => (this.#rank === 1 ? perDimension(value, 1, "AvgPool1d") : value);
    const { kernelSize, stride, padding } = this;
    return settingsText({ kernel_size: shown(kernelSize), stride: shown(stride), padding: shown(padding) });
  }
  override forward(x: Tensor): Tensor {
    return avgPool(x, this.#rank, this.kernelSize, this.options);
  }
}
/** Means of windows of `(N, C, L)`. */
export class AvgPool1d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, ...rest: AvgPoolArguments) {
    super(1, kernelSize, rest);
  }
}
/** Means of windows of `(N, C, H, W)`. */
export class AvgPool2d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, ...rest: AvgPoolArguments) {
    super(2, kernelSize, rest);
  }
}
/** Means of windows of `(N, C, D, H, W)`. */
export class AvgPool3d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, ...rest: AvgPoolArguments) {
    super(3, kernelSize, rest);
  }
}

class AdaptiveAvgPoolNd extends Module {
  readonly #rank: number;
  constructor(
    rank: number,
    /** Sizes of the result. */
    readonly outputSize: AdaptiveSize,
  ) {
    super();
    this.#rank = rank;
  }

  protected override settings(): string {
    return settingsText({ output_size: this.outputSize });
  }
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool(x, this.#rank, this.outputSize);
  }
}
/** Means of as many windows of `(N, C, L)` as asked for. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(1, outputSize);
  }
}
/** Average over windows that divide the input into `outputSize` parts. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(2, outputSize);
  }
}
/** Means of as many windows of `(N, C, D, H, W)` as asked for. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(3, outputSize);
  }
}

class AdaptiveMaxPoolNd extends Module {
  readonly #rank: number;
  constructor(
    rank: number,
    /** Sizes of the result. */
    readonly outputSize: AdaptiveSize,
  ) {
    super();
    this.#rank = rank;
  }

  protected override settings(): string {
    return settingsText({ output_size: this.outputSize });
  }
  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool(x, this.#rank, this.outputSize);
  }
}
/** Maxima of as many windows of `(N, C, L)` as asked for. */
export class AdaptiveMaxPool1d extends AdaptiveMaxPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(1, outputSize);
  }
}
/** Maxima of windows that divide the input into `outputSize` parts. */
export class AdaptiveMaxPool2d extends AdaptiveMaxPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(2, outputSize);
  }
}
/** Maxima of as many windows of `(N, C, D, H, W)` as asked for. */
export class AdaptiveMaxPool3d extends AdaptiveMaxPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(3, outputSize);
  }
}

class LPPoolNd extends Module {
  /** As given. */
  readonly options: LpPoolOptions;
  readonly #rank: number;
  constructor(
    rank: number,
    /** The power. */
    readonly normType: number,
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    rest: LpPoolArguments,
  ) {
    super();
    const name = this.constructor.name;
    this.options = readOptions<LpPoolOptions>(name, ["normType", "kernelSize"], lpPoolArguments, rest);
    checkKind(name, "kernelSize", kernelSize, "sizes");
    this.#rank = rank;
  }

  protected override settings(): string {
    const { normType, kernelSize } = this;
    const { stride = null, ceilMode = false } = this.options;
    return settingsText({ norm_type: normType, kernel_size: kernelSize, stride, ceil_mode: ceilMode });
  }
  override forward(x: Tensor): Tensor {
    return lpPool(x, this.#rank, this.normType, this.kernelSize, this.options);
  }
}
/** Power means of windows of `(N, C, L)`. */
export class LPPool1d extends LPPoolNd {
  constructor(normType: number, kernelSize: PerDimension, ...rest: LpPoolArguments) {
    super(1, normType, kernelSize, rest);
  }
}
/** (Σ xᵖ)^(1/p) over each window, p being `normType`. */
export class LPPool2d extends LPPoolNd {
  constructor(normType: number, kernelSize: PerDimension, ...rest: LpPoolArguments) {
    super(2, normType, kernelSize, rest);
  }
}
/** Power means of windows of `(N, C, D, H, W)`. */
export class LPPool3d extends LPPoolNd {
  constructor(normType: number, kernelSize: PerDimension, ...rest: LpPoolArguments) {
    super(3, normType, kernelSize, rest);
  }
}
