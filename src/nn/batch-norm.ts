/** Batch normalisation layers, with PyTorch's defaults and state-dict names. */
import { zeros } from "../ir/host-tensor.ts";
import { formatShape } from "../ir/shape.ts";
import { Parameter, StateBuffer } from "../ir/stored-tensor.ts";
import { batchNorm } from "./functional.ts";
import { filled } from "./init.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** What BatchNorm layers may be told. */
export interface BatchNormLayerOptions {
  /** Added to the variance; 1e-5. */
  readonly eps?: number;
  /** Weight of the newest batch in the running statistics, 0.1; null for a cumulative average. */
  readonly momentum?: number | null;
  /** Learnable scale and shift; true. */
  readonly affine?: boolean;
  /** Keep running statistics and use them in eval mode; true. Without, batch statistics serve both modes. */
  readonly trackRunningStats?: boolean;
  /** One value per channel in training: `"error"`, as in PyTorch, or `"zero-variance"` to scale by eps alone. */
  readonly singleValue?: "error" | "zero-variance";
}

const stateNames: Readonly<Record<string, string>> = {
  runningMean: "running_mean",
  runningVar: "running_var",
  numBatchesTracked: "num_batches_tracked",
};

class BatchNormNd extends Module {
  /** Added to the variance. */
  readonly eps: number;
  /** How much of a batch goes into the running statistics; null: a cumulative average. */
  readonly momentum: number | null;
  /** The scale of each channel; null without `affine`. */
  readonly weight: Parameter | null;
  /** The shift of each channel; null without `affine`. */
  readonly bias: Parameter | null;
  /** Mean of each channel over batches seen; null without running statistics. */
  readonly runningMean: StateBuffer | null;
  /** Unbiased variance of each channel over batches seen; null without running statistics. */
  readonly runningVar: StateBuffer | null;
  /** Batches seen in training mode; null without running statistics. */
  readonly numBatchesTracked: StateBuffer | null;
  readonly #options: BatchNormLayerOptions;
  readonly #ranks: readonly number[];

  constructor(
    ranks: readonly number[],
    /** Channels. */
    readonly numFeatures: number,
    options: BatchNormLayerOptions,
  ) {
    super();
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum === undefined ? 0.1 : options.momentum;
    const affine = options.affine ?? true;
    const tracked = options.trackRunningStats ?? true;
    this.weight = affine ? new Parameter(filled([numFeatures], 1)) : null;
    this.bias = affine ? new Parameter(filled([numFeatures], 0)) : null;
    this.runningMean = tracked ? new StateBuffer(filled([numFeatures], 0)) : null;
    this.runningVar = tracked ? new StateBuffer(filled([numFeatures], 1)) : null;
    this.numBatchesTracked = tracked ? new StateBuffer(zeros([], "i64"), { optional: true }) : null;
    this.#options = options;
    this.#ranks = ranks;
  }

  protected override stateName(property: string): string {
    return stateNames[property] ?? property;
  }

  /** Running statistics back to mean 0, variance 1, no batches. */
  resetRunningStats(): void {
    this.runningMean?.assign(filled([this.numFeatures], 0));
    this.runningVar?.assign(filled([this.numFeatures], 1));
    this.numBatchesTracked?.assign(zeros([], "i64"));
  }

  /** Running statistics, and scale 1 and shift 0. */
  resetParameters(): void {
    this.resetRunningStats();
    this.weight?.assign(filled([this.numFeatures], 1));
    this.bias?.assign(filled([this.numFeatures], 0));
  }

  override forward(x: Tensor): Tensor {
    if (!this.#ranks.includes(x.rank)) {
      x.trace.fail(
        "shape",
        `${this.constructor.name}: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected ${this.#ranks.join(" or ")}.`,
      );
    }
    if (x.shape[1] !== this.numFeatures) {
      x.trace.fail(
        "shape",
        `${this.constructor.name}: input ${formatShape(x.shape)} has ${x.shape[1]} channels in dimension 1, expected ${this.numFeatures} features.`,
      );
    }
    return batchNorm(x, this.runningMean, this.runningVar, this.weight, this.bias, {
      training: this.training || this.runningMean === null,
      momentum: this.momentum,
      eps: this.eps,
      numBatchesTracked: this.numBatchesTracked,
      ...(this.#options.singleValue !== undefined && { singleValue: this.#options.singleValue }),
    });
  }
}

/** Over `(N, C)` and `(N, C, L)`. */
export class BatchNorm1d extends BatchNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([2, 3], numFeatures, options);
  }
}

/** Over `(N, C, H, W)`. */
export class BatchNorm2d extends BatchNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([4], numFeatures, options);
  }
}

/** Over `(N, C, D, H, W)`. */
export class BatchNorm3d extends BatchNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([5], numFeatures, options);
  }
}
