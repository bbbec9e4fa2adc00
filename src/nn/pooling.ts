/** Pooling layers. */
import { adaptiveAvgPool, avgPool, maxPool, type PerDimension, type PoolOptions } from "./functional.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

export interface MaxPoolOptions extends PoolOptions {
  readonly dilation?: PerDimension;
}
export interface AvgPoolOptions extends PoolOptions {
  /** The divisor counts padding; true. */
  readonly countIncludePad?: boolean;
}

class MaxPoolNd extends Module {
  readonly #rank: number;
  constructor(
    rank: number,
    readonly kernelSize: PerDimension,
    readonly options: MaxPoolOptions,
  ) {
    super();
    this.#rank = rank;
  }
  override forward(x: Tensor): Tensor {
    return maxPool(x, this.#rank, this.kernelSize, this.options);
  }
}
export class MaxPool1d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, options: MaxPoolOptions = {}) {
    super(1, kernelSize, options);
  }
}
export class MaxPool2d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, options: MaxPoolOptions = {}) {
    super(2, kernelSize, options);
  }
}
export class MaxPool3d extends MaxPoolNd {
  constructor(kernelSize: PerDimension, options: MaxPoolOptions = {}) {
    super(3, kernelSize, options);
  }
}

class AvgPoolNd extends Module {
  readonly #rank: number;
  constructor(
    rank: number,
    readonly kernelSize: PerDimension,
    readonly options: AvgPoolOptions,
  ) {
    super();
    this.#rank = rank;
  }
  override forward(x: Tensor): Tensor {
    return avgPool(x, this.#rank, this.kernelSize, this.options);
  }
}
export class AvgPool1d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, options: AvgPoolOptions = {}) {
    super(1, kernelSize, options);
  }
}
export class AvgPool2d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, options: AvgPoolOptions = {}) {
    super(2, kernelSize, options);
  }
}
export class AvgPool3d extends AvgPoolNd {
  constructor(kernelSize: PerDimension, options: AvgPoolOptions = {}) {
    super(3, kernelSize, options);
  }
}

type OutputSize = number | readonly (number | null)[];

class AdaptiveAvgPoolNd extends Module {
  readonly #rank: number;
  constructor(
    rank: number,
    readonly outputSize: OutputSize,
  ) {
    super();
    this.#rank = rank;
  }
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool(x, this.#rank, this.outputSize);
  }
}
export class AdaptiveAvgPool1d extends AdaptiveAvgPoolNd {
  constructor(outputSize: OutputSize) {
    super(1, outputSize);
  }
}
/** Average over windows that divide the input into `outputSize` parts. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPoolNd {
  constructor(outputSize: OutputSize) {
    super(2, outputSize);
  }
}
export class AdaptiveAvgPool3d extends AdaptiveAvgPoolNd {
  constructor(outputSize: OutputSize) {
    super(3, outputSize);
  }
}
