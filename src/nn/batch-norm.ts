/** Batch normalisation layers, with PyTorch's defaults and state-dict names. */
import { zeros } from "../ir/host-tensor.ts";
import { formatShape } from "../ir/shape.ts";
import { Parameter, StateBuffer } from "../ir/stored-tensor.ts";
import { batchNorm } from "./functional.ts";
import { filled } from "./init.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { floatText, pythonText } from "./python-text.ts";
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

/** Names and order of what batch norms take after their number of features. */
const batchNormArguments = {
  known: {
    eps: "number",
    momentum: "number or null",
    affine: "boolean",
    trackRunningStats: "boolean",
    singleValue: ["error", "zero-variance"],
  },
  order: ["eps", "momentum", "affine", "trackRunningStats"],
} as const satisfies ArgumentNames<BatchNormLayerOptions>;

type BatchNormArguments = OptionArguments<BatchNormLayerOptions, typeof batchNormArguments.order>;

/** What PyTorch prints of norms that keep running statistics. */
export function runningNormSettings(norm: {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
}): string {
  const { numFeatures, eps, momentum, affine, trackRunningStats } = norm;
  const weight = momentum === null ? "None" : floatText(momentum);
  return `${numFeatures}, eps=${floatText(eps)}, momentum=${weight}, affine=${pythonText(affine)}, track_running_stats=${pythonText(trackRunningStats)}`;
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
  /** Whether there are a learnable scale and shift. */
  readonly affine: boolean;
  /** Whether running statistics are kept, and used in eval mode. */
  readonly trackRunningStats: boolean;
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
    rest: BatchNormArguments,
  ) {
    super();
    const name = this.constructor.name;
    const options = readOptions<BatchNormLayerOptions>(name, ["numFeatures"], batchNormArguments, rest);
    checkCounts(name, { numFeatures }, 0);
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum === undefined ? 0.1 : options.momentum;
    const affine = options.affine ?? true;
    const tracked = options.trackRunningStats ?? true;
    this.affine = affine;
    this.trackRunningStats = tracked;
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

  protected override settings(): string {
    return runningNormSettings(this);
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

  override forward(input: Tensor): Tensor {
    // One image. The others have PyTorch's meaning alone: (N, C) and (N, C, L); (N, C, D, H, W).
    const takesImage = this.#ranks.includes(4);
    const unbatched = takesImage && input.rank === 3;
    const x = unbatched ? input.unsqueeze(0) : input;
    if (!this.#ranks.includes(x.rank)) {
      x.trace.fail(
        "shape",
        `${this.constructor.name}: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected ${this.#ranks.join(" or ")}${takesImage ? " (or 3 without a batch)" : ""}.`,
      );
    }
    if (x.shape[1] !== this.numFeatures) {
      x.trace.fail(
        "shape",
        `${this.constructor.name}: input ${formatShape(x.shape)} has ${x.shape[1]} channels in dimension 1, expected ${this.numFeatures} features.`,
      );
    }
    const y = batchNorm(x, this.runningMean, this.runningVar, this.weight, this.bias, {
      training: this.training || this.runningMean === null,
      momentum: this.momentum,
      eps: this.eps,
      numBatchesTracked: this.numBatchesTracked,
      ...(this.#options.singleValue !== undefined && { singleValue: this.#options.singleValue }),
    });
    return unbatched ? y.squeeze(0) : y;
  }
}

/** Over `(N, C)` and `(N, C, L)`. */
export class BatchNorm1d extends BatchNormNd {
  constructor(numFeatures: number, ...rest: BatchNormArguments) {
    super([2, 3], numFeatures, rest);
  }
}

/**
 * Over `(N, C, H, W)`, or over one image `(C, H, W)` as over a batch of one.
 * @example new nn.BatchNorm2d(16, { eps: 1e-3 }) // or new nn.BatchNorm2d(16, 1e-3)
 */
export class BatchNorm2d extends BatchNormNd {
  constructor(numFeatures: number, ...rest: BatchNormArguments) {
    super([4], numFeatures, rest);
  }
}

/** Over `(N, C, D, H, W)`. */
export class BatchNorm3d extends BatchNormNd {
  constructor(numFeatures: number, ...rest: BatchNormArguments) {
    super([5], numFeatures, rest);
  }
}
