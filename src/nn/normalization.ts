/** Layers that normalise by a tensor's own statistics, with PyTorch's defaults and state-dict names. */
import { UserError } from "../errors.ts";
import { zeros } from "../ir/host-tensor.ts";
import { checkKind } from "../ir/check-options.ts";
import { elementCount, formatShape } from "../ir/shape.ts";
import { Parameter, StateBuffer } from "../ir/stored-tensor.ts";
import { batchNorm } from "./functional.ts";
import { runningNormSettings } from "./batch-norm.ts";
import { filled } from "./init.ts";
import { Module } from "./module.ts";
import { groupNorm, instanceNorm, layerNorm, rmsNorm } from "./normalization-functions.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { floatText, pythonText } from "./python-text.ts";
import { toTensor, type Tensor } from "./tensor.ts";

/** What LayerNorm may be told. */
export interface LayerNormOptions {
  /** Added to the variance; 1e-5. */
  readonly eps?: number;
  /** Learnable scale and shift; true. */
  readonly elementwiseAffine?: boolean;
  /** A learnable shift beside the scale; true. */
  readonly bias?: boolean;
}

const layerNormArguments = {
  known: { eps: "number", elementwiseAffine: "boolean", bias: "boolean" },
  order: ["eps", "elementwiseAffine", "bias"],
} as const satisfies ArgumentNames<LayerNormOptions>;

/** Over the last dimensions of its input, which are `normalizedShape`. */
export class LayerNorm extends Module {
  /** Sizes of the last dimensions, over which statistics are taken. */
  readonly normalizedShape: readonly number[];
  /** Added to the variance. */
  readonly eps: number;
  /** Whether there are a learnable scale and shift. */
  readonly elementwiseAffine: boolean;
  /** The scale, or null. */
  readonly weight: Parameter | null;
  /** The shift, or null. */
  readonly bias: Parameter | null;

  constructor(
    normalizedShape: number | readonly number[],
    ...rest: OptionArguments<LayerNormOptions, typeof layerNormArguments.order>
  ) {
    super();
    const options = readOptions<LayerNormOptions>("LayerNorm", ["normalizedShape"], layerNormArguments, rest);
    this.normalizedShape = normalizedSizes("LayerNorm", normalizedShape);
    this.eps = options.eps ?? 1e-5;
    const affine = options.elementwiseAffine ?? true;
    this.elementwiseAffine = affine;
    this.weight = affine ? new Parameter(filled(this.normalizedShape, 1)) : null;
    this.bias = affine && (options.bias ?? true) ? new Parameter(filled(this.normalizedShape, 0)) : null;
  }

  protected override settings(): string {
    const { normalizedShape, eps, elementwiseAffine } = this;
    return `${pythonText(normalizedShape)}, eps=${floatText(eps)}, elementwise_affine=${pythonText(elementwiseAffine)}`;
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }
}

function normalizedSizes(layer: string, sizes: number | readonly number[]): readonly number[] {
  checkKind(layer, "normalizedShape", sizes, "sizes");
  const list = typeof sizes === "number" ? [sizes] : sizes;
  list.forEach((size) => checkCounts(layer, { normalizedShape: size }));
  return list;
}

/** What RMSNorm may be told. */
export interface RMSNormOptions {
  /** Added to the mean square; the smallest number that f32 adds to 1. */
  readonly eps?: number;
  /** A learnable scale; true. */
  readonly elementwiseAffine?: boolean;
}

const rmsNormArguments = {
  known: { eps: "number", elementwiseAffine: "boolean" },
  order: ["eps", "elementwiseAffine"],
} as const satisfies ArgumentNames<RMSNormOptions>;

/** By the root of the mean square over the last dimensions, without centring. */
export class RMSNorm extends Module {
  /** Sizes of the last dimensions, over which statistics are taken. */
  readonly normalizedShape: readonly number[];
  /** undefined: the smallest number that f32 adds to 1. */
  readonly eps: number | undefined;
  /** The scale, or null. */
  readonly weight: Parameter | null;

  constructor(
    normalizedShape: number | readonly number[],
    ...rest: OptionArguments<RMSNormOptions, typeof rmsNormArguments.order>
  ) {
    super();
    const options = readOptions<RMSNormOptions>("RMSNorm", ["normalizedShape"], rmsNormArguments, rest);
    this.normalizedShape = normalizedSizes("RMSNorm", normalizedShape);
    this.eps = options.eps;
    const affine = options.elementwiseAffine ?? true;
    this.weight = affine ? new Parameter(filled(this.normalizedShape, 1)) : null;
  }

  protected override settings(): string {
    const { normalizedShape, eps, weight } = this;
    return `${pythonText(normalizedShape)}, eps=${eps === undefined ? "None" : floatText(eps)}, elementwise_affine=${pythonText(weight !== null)}`;
  }

  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight, this.eps);
  }
}

/** What GroupNorm may be told. */
export interface GroupNormOptions {
  /** Added to the variance; 1e-5. */
  readonly eps?: number;
  /** Learnable scale and shift; true. */
  readonly affine?: boolean;
}

const groupNormArguments = {
  known: { eps: "number", affine: "boolean" },
  order: ["eps", "affine"],
} as const satisfies ArgumentNames<GroupNormOptions>;

/** Over groups of channels of `(N, C, …)`. */
export class GroupNorm extends Module {
  /** Added to the variance. */
  readonly eps: number;
  /** Whether there are a learnable scale and shift. */
  readonly affine: boolean;
  /** The scale, or null. */
  readonly weight: Parameter | null;
  /** The shift, or null. */
  readonly bias: Parameter | null;

  constructor(
    /** Groups that channels are divided into. */
    readonly numGroups: number,
    /** Channels. */
    readonly numChannels: number,
    ...rest: OptionArguments<GroupNormOptions, typeof groupNormArguments.order>
  ) {
    super();
    const leading = ["numGroups", "numChannels"];
    const options = readOptions<GroupNormOptions>("GroupNorm", leading, groupNormArguments, rest);
    checkCounts("GroupNorm", { numGroups, numChannels });
    if (!Number.isInteger(numGroups) || numGroups < 1 || numChannels % numGroups !== 0) {
      throw new UserError(
        "argument",
        `GroupNorm: ${numChannels} channels do not divide into ${numGroups} groups.`,
      );
    }
    this.eps = options.eps ?? 1e-5;
    const affine = options.affine ?? true;
    this.affine = affine;
    this.weight = affine ? new Parameter(filled([numChannels], 1)) : null;
    this.bias = affine ? new Parameter(filled([numChannels], 0)) : null;
  }

  protected override settings(): string {
    const { numGroups, numChannels, eps, affine } = this;
    return `${numGroups}, ${numChannels}, eps=${floatText(eps)}, affine=${pythonText(affine)}`;
  }

  override forward(x: Tensor): Tensor {
    expectChannels(this, x, this.numChannels);
    return groupNorm(x, this.numGroups, this.weight, this.bias, this.eps);
  }
}

/** What instance norms may be told. */
export interface InstanceNormOptions {
  /** Added to the variance; 1e-5. */
  readonly eps?: number;
  /** Weight of the newest batch in the running statistics; 0.1. */
  readonly momentum?: number;
  /** Learnable scale and shift; false. */
  readonly affine?: boolean;
  /** Keep running statistics and use them in eval mode; false. */
  readonly trackRunningStats?: boolean;
}

const stateNames: Readonly<Record<string, string>> = {
  runningMean: "running_mean",
  runningVar: "running_var",
  numBatchesTracked: "num_batches_tracked",
};

const instanceNormArguments = {
  known: { eps: "number", momentum: "number", affine: "boolean", trackRunningStats: "boolean" },
  order: ["eps", "momentum", "affine", "trackRunningStats"],
} as const satisfies ArgumentNames<InstanceNormOptions>;

type InstanceNormArguments = OptionArguments<InstanceNormOptions, typeof instanceNormArguments.order>;

class InstanceNormNd extends Module {
  /** Added to the variance. */
  readonly eps: number;
  /** How much of a batch goes into the running statistics. */
  readonly momentum: number;
  /** Whether there are a learnable scale and shift. */
  readonly affine: boolean;
  /** Whether running statistics are kept, and used in eval mode. */
  readonly trackRunningStats: boolean;
  /** The scale, or null. */
  readonly weight: Parameter | null;
  /** The shift, or null. */
  readonly bias: Parameter | null;
  /** Mean of each channel over batches seen; null without running statistics. */
  readonly runningMean: StateBuffer | null;
  /** Variance of each channel over batches seen; null without running statistics. */
  readonly runningVar: StateBuffer | null;
  /** In the state dict, as PyTorch has it, where it stays 0, too. */
  readonly numBatchesTracked: StateBuffer | null;
  readonly #rank: number;

  constructor(
    rank: number,
    /** Channels. */
    readonly numFeatures: number,
    rest: InstanceNormArguments,
  ) {
    super();
    const name = this.constructor.name;
    const options = readOptions<InstanceNormOptions>(name, ["numFeatures"], instanceNormArguments, rest);
    checkCounts(name, { numFeatures });
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum ?? 0.1;
    const affine = options.affine ?? false;
    const tracked = options.trackRunningStats ?? false;
    this.affine = affine;
    this.trackRunningStats = tracked;
    this.weight = affine ? new Parameter(filled([numFeatures], 1)) : null;
    this.bias = affine ? new Parameter(filled([numFeatures], 0)) : null;
    this.runningMean = tracked ? new StateBuffer(filled([numFeatures], 0)) : null;
    this.runningVar = tracked ? new StateBuffer(filled([numFeatures], 1)) : null;
    this.numBatchesTracked = tracked ? new StateBuffer(zeros([], "i64"), { optional: true }) : null;
    this.#rank = rank;
  }

  protected override stateName(property: string): string {
    return stateNames[property] ?? property;
  }

  protected override settings(): string {
    return runningNormSettings(this);
  }

  override forward(input: Tensor): Tensor {
    const unbatched = input.rank === this.#rank - 1;
    const x = unbatched ? input.unsqueeze(0) : input;
    if (x.rank !== this.#rank) {
      x.trace.fail(
        "shape",
        `${this.constructor.name}: input ${formatShape(input.shape)} has ${input.rank} dimensions, expected ${this.#rank} (or ${this.#rank - 1} without a batch).`,
      );
    }
    expectChannels(this, x, this.numFeatures);
    const y = this.#normalize(x);
    return unbatched ? y.squeeze(0) : y;
  }

  #normalize(x: Tensor): Tensor {
    const { runningMean, runningVar, weight, bias, eps } = this;
    if (runningMean === null || runningVar === null) return instanceNorm(x, weight, bias, eps);
    if (!this.training) return batchNorm(x, runningMean, runningVar, weight, bias, { eps });
    this.#updateRunning(x, runningMean, runningVar);
    return instanceNorm(x, weight, bias, eps);
  }

  /** Running statistics take the mean over the batch of what each item has; variances divide by n − 1. */
  #updateRunning(x: Tensor, runningMean: StateBuffer, runningVar: StateBuffer): void {
    const axes = x.shape.slice(2).map((_, i) => i + 2);
    if (elementCount(x.shape.slice(2)) < 2) {
      x.trace.fail(
        "shape",
        `${this.constructor.name}: input ${formatShape(x.shape)} has one position a channel; training with running statistics needs two.`,
      );
    }
    for (const [stored, batch] of [
      [runningMean, x.mean(axes)],
      [runningVar, x.var(axes)],
    ] as const) {
      const old = toTensor(x.trace, stored).mul(1 - this.momentum);
      x.trace.update(stored, old.add(batch.mean(0).mul(this.momentum)).id);
    }
  }
}

/** Over each channel of each item of `(N, C, L)` or `(C, L)`. */
export class InstanceNorm1d extends InstanceNormNd {
  constructor(numFeatures: number, ...rest: InstanceNormArguments) {
    super(3, numFeatures, rest);
  }
}

/** Over each channel of each item of `(N, C, H, W)` or `(C, H, W)`. */
export class InstanceNorm2d extends InstanceNormNd {
  constructor(numFeatures: number, ...rest: InstanceNormArguments) {
    super(4, numFeatures, rest);
  }
}

/** Over each channel of each item of `(N, C, D, H, W)` or `(C, D, H, W)`. */
export class InstanceNorm3d extends InstanceNormNd {
  constructor(numFeatures: number, ...rest: InstanceNormArguments) {
    super(5, numFeatures, rest);
  }
}

function expectChannels(module: Module, x: Tensor, channels: number): void {
  if (x.shape[1] !== channels) {
    x.trace.fail(
      "shape",
      `${module.constructor.name}: input ${formatShape(x.shape)} has ${x.shape[1] ?? 0} channels in dimension 1, expected ${channels}.`,
    );
  }
}
