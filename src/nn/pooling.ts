/** Pooling layers. */
import { adaptiveMaxPool } from "./adaptive-max-pool.ts";
import { adaptiveAvgPool, avgPool, maxPool } from "./functional.ts";
import { lpPool, type LpPoolOptions } from "./lp-pool.ts";
import { Module } from "./module.ts";
import type { PerDimension } from "./per-dimension.ts";
import type { AdaptiveSize, PoolOptions } from "./pool-arguments.ts";
import type { Tensor } from "./tensor.ts";

/** What max pooling may be told. */
export interface MaxPoolOptions extends PoolOptions {
  /** Distance of a window's elements; 1. */
  readonly dilation?: PerDimension;
}
/** What average pooling may be told. */
export interface AvgPoolOptions extends PoolOptions {
  /** The divisor counts padding; true. */
  readonly countIncludePad?: boolean;
}

class MaxPoolNd extends Module {
  readonly #rank: number;
  constructor(
    rank: number,
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    /** As given. */
    readonly options: MaxPoolOptions,
  ) {
    super();
    this.#rank = rank;
  }
  override forward(x: Tensor): Tensor {
    return maxPool(x, this.#rank, this.kernelSize, this.options);
  }
}
/** Maxima of windows of `(N, C, L)`. */
export class MaxPool1d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, options: MaxPoolOptions = {}) {
    super(1, kernelSize, options);
  }
}
/** Maxima of windows of `(N, C, H, W)`. */
export class MaxPool2d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, options: MaxPoolOptions = {}) {
    super(2, kernelSize, options);
  }
}
/** Maxima of windows of `(N, C, D, H, W)`. */
export class MaxPool3d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, options: MaxPoolOptions = {}) {
    super(3, kernelSize, options);
  }
}

class AvgPoolNd extends Module {
  readonly #rank: number;
  constructor(
    rank: number,
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    /** As given. */
    readonly options: AvgPoolOptions,
  ) {
    super();
    this.#rank = rank;
  }
  override forward(x: Tensor): Tensor {
    return avgPool(x, this.#rank, this.kernelSize, this.options);
  }
}
/** Means of windows of `(N, C, L)`. */
export class AvgPool1d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, options: AvgPoolOptions = {}) {
    super(1, kernelSize, options);
  }
}
/** Means of windows of `(N, C, H, W)`. */
export class AvgPool2d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, options: AvgPoolOptions = {}) {
    super(2, kernelSize, options);
  }
}
/** Means of windows of `(N, C, D, H, W)`. */
export class AvgPool3d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, options: AvgPoolOptions = {}) {
    super(3, kernelSize, options);
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
  readonly #rank: number;
  constructor(
    rank: number,
    /** The power. */
    readonly normType: number,
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    /** As given. */
    readonly options: LpPoolOptions,
  ) {
    super();
    this.#rank = rank;
  }
  override forward(x: Tensor): Tensor {
    return lpPool(x, this.#rank, this.normType, this.kernelSize, this.options);
  }
}
/** Power means of windows of `(N, C, L)`. */
export class LPPool1d extends LPPoolNd {
  constructor(normType: number, kernelSize: PerDimension, options: LpPoolOptions = {}) {
    super(1, normType, kernelSize, options);
  }
}
/** (Σ xᵖ)^(1/p) over each window, p being `normType`. */
export class LPPool2d extends LPPoolNd {
  constructor(normType: number, kernelSize: PerDimension, options: LpPoolOptions = {}) {
    super(2, normType, kernelSize, options);
  }
}
/** Power means of windows of `(N, C, D, H, W)`. */
export class LPPool3d extends LPPoolNd {
  constructor(normType: number, kernelSize: PerDimension, options: LpPoolOptions = {}) {
    super(3, normType, kernelSize, options);
  }
}
