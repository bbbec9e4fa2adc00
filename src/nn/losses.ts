/** Losses as modules, whose `forward` takes predictions and targets. */
import type { HostTensor } from "../ir/host-tensor.ts";
import { StateBuffer } from "../ir/stored-tensor.ts";
import { crossEntropy, nllLoss } from "./classification-losses.ts";
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  huberLoss,
  huberOptions,
  klDiv,
  klDivOptions,
  l1Loss,
  lossOptions,
  mseLoss,
  smoothL1Loss,
  smoothL1Options,
  type HuberLossOptions,
  type KLDivOptions,
  type LossOptions,
  type SmoothL1LossOptions,
} from "./loss-functions.ts";
import { Module } from "./module.ts";
import { checkOptions, type KnownOptions } from "../ir/check-options.ts";
import { reductions, type Reduction } from "./reduction.ts";
import type { Tensor } from "./tensor.ts";

/** Squared differences. */
export class MSELoss extends Module {
  /** @param options As given. */
  constructor(readonly options: LossOptions = {}) {
    super();
    checkOptions<LossOptions>("MSELoss", options, lossOptions);
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return mseLoss(x, target, this.options);
  }
}

/** Absolute differences. */
export class L1Loss extends Module {
  /** @param options As given. */
  constructor(readonly options: LossOptions = {}) {
    super();
    checkOptions<LossOptions>("L1Loss", options, lossOptions);
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return l1Loss(x, target, this.options);
  }
}

/** Squares of small differences over 2β, absolute values of large ones. */
export class SmoothL1Loss extends Module {
  /** @param options As given. */
  constructor(readonly options: SmoothL1LossOptions = {}) {
    super();
    checkOptions<SmoothL1LossOptions>("SmoothL1Loss", options, smoothL1Options);
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(x, target, this.options);
  }
}

/** Half the squares of small differences, δ times the absolute values of large ones. */
export class HuberLoss extends Module {
  /** @param options As given. */
  constructor(readonly options: HuberLossOptions = {}) {
    super();
    checkOptions<HuberLossOptions>("HuberLoss", options, huberOptions);
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return huberLoss(x, target, this.options);
  }
}

/** The divergence of Kullback and Leibler (1951) of logarithms of probabilities from probabilities. */
export class KLDivLoss extends Module {
  /** @param options As given. */
  constructor(readonly options: KLDivOptions = {}) {
    super();
    checkOptions<KLDivOptions>("KLDivLoss", options, klDivOptions);
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    return klDiv(x, target, this.options);
  }
}

/** What weighted losses may be told. */
export interface WeightedLossOptions {
  /** Factors that the state dict holds: for each class, or, of binary losses, broadcast to the losses. */
  readonly weight?: HostTensor;
  /** How the elements' losses become one. */
  readonly reduction?: Reduction;
}

const bufferOf = (value: HostTensor | undefined): StateBuffer | null =>
  value === undefined ? null : new StateBuffer(value);

const weightedLossOptions: KnownOptions<WeightedLossOptions> = { weight: "any", reduction: reductions };

abstract class WeightedLoss extends Module {
  /** A weight for each class. */
  readonly weight: StateBuffer | null;
  /** How the elements' losses become one. */
  readonly reduction: Reduction;
  constructor(options: WeightedLossOptions = {}) {
    super();
    checkOptions<WeightedLossOptions>(this.constructor.name, options, this.knownOptions());
    this.weight = bufferOf(options.weight);
    this.reduction = options.reduction ?? "mean";
  }
  /** Names and kinds of what it may be told. */
  protected knownOptions(): KnownOptions<WeightedLossOptions> {
    return weightedLossOptions;
  }
}

/** Negative logarithms of the probabilities of class numbers. */
export class NLLLoss extends WeightedLoss {
  /** Targets of this class have no loss. */
  readonly ignoreIndex: number;
  constructor(
    options: WeightedLossOptions & {
      /** Targets of this class have no loss. */ readonly ignoreIndex?: number;
    } = {},
  ) {
    super(options);
    this.ignoreIndex = options.ignoreIndex ?? -100;
  }
  /** Names and kinds of what it may be told. */
  protected override knownOptions(): KnownOptions<WeightedLossOptions> {
    return { ...weightedLossOptions, ignoreIndex: "number" } as KnownOptions<WeightedLossOptions>;
  }
  override forward(logProbability: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction } = this;
    return nllLoss(logProbability, target, { weight, ignoreIndex, reduction });
  }
}

/** The same for scores, with targets that are class numbers or probabilities. */
export class CrossEntropyLoss extends WeightedLoss {
  /** Targets of this class have no loss. */
  readonly ignoreIndex: number;
  /** How much of each target is spread over all classes. */
  readonly labelSmoothing: number;
  constructor(
    options: WeightedLossOptions & { readonly ignoreIndex?: number; readonly labelSmoothing?: number } = {},
  ) {
    super(options);
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.labelSmoothing = options.labelSmoothing ?? 0;
  }
  /** Names and kinds of what it may be told. */
  protected override knownOptions(): KnownOptions<WeightedLossOptions> {
    return {
      ...weightedLossOptions,
      ignoreIndex: "number",
      labelSmoothing: "number",
    } as KnownOptions<WeightedLossOptions>;
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, labelSmoothing, reduction } = this;
    return crossEntropy(x, target, { weight, ignoreIndex, labelSmoothing, reduction });
  }
}

/** The cross-entropy of probabilities of two classes. */
export class BCELoss extends WeightedLoss {
  override forward(x: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(x, target, { weight: this.weight, reduction: this.reduction });
  }
}

/** The same for scores, of which the sigmoid is taken. */
export class BCEWithLogitsLoss extends WeightedLoss {
  /** What the loss of positive examples is multiplied by. */
  readonly posWeight: StateBuffer | null;
  constructor(
    options: WeightedLossOptions & {
      /** What the loss of positive examples is multiplied by. */ readonly posWeight?: HostTensor;
    } = {},
  ) {
    super(options);
    this.posWeight = bufferOf(options.posWeight);
  }
  protected override stateName(property: string): string {
    return property === "posWeight" ? "pos_weight" : property;
  }
  /** Names and kinds of what it may be told. */
  protected override knownOptions(): KnownOptions<WeightedLossOptions> {
    return { ...weightedLossOptions, posWeight: "any" } as KnownOptions<WeightedLossOptions>;
  }
  override forward(x: Tensor, target: Tensor): Tensor {
    const { weight, posWeight, reduction } = this;
    return binaryCrossEntropyWithLogits(x, target, { weight, posWeight, reduction });
  }
}
