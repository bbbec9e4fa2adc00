/** The layers of encoders and decoders (Vaswani et al., 2017), with PyTorch's parts and masks. */
import { UserError } from "../errors.ts";
import { checkOptions, type KnownOptions } from "../ir/check-options.ts";
import { MultiheadAttention, type AttentionMasks } from "./attention.ts";
import type { RandomSource } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";
import { Dropout } from "./dropout.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import type { Operand, Tensor } from "./tensor.ts";

/** What transformer layers may be told. */
export interface TransformerLayerOptions {
  /** Features between the two linear layers; 2048. */
  readonly dimFeedforward?: number;
  /** Probability that training drops an element, after each part and within; 0.1. */
  readonly dropout?: number;
  /** Between the two linear layers; "relu". */
  readonly activation?: "relu" | "gelu" | ((x: Tensor) => Tensor);
  /** ε of the norms; 1e-5. */
  readonly layerNormEps?: number;
  /** `(batch, sequence, features)` instead of `(sequence, batch, features)`; false. */
  readonly batchFirst?: boolean;
  /** x + part(norm(x)) instead of norm(x + part(x)); false. */
  readonly normFirst?: boolean;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

/** Kinds of these options. */
export const transformerLayerKinds = {
  dimFeedforward: "number",
  dropout: "number",
  activation: "any",
  layerNormEps: "number",
  batchFirst: "boolean",
  normFirst: "boolean",
  random: "function",
} as const satisfies KnownOptions<TransformerLayerOptions>;

const transformerLayerArguments = {
  known: transformerLayerKinds,
  order: ["dimFeedforward", "dropout", "activation", "layerNormEps", "batchFirst", "normFirst"],
} as const satisfies ArgumentNames<TransformerLayerOptions>;

type TransformerLayerArguments = OptionArguments<
  TransformerLayerOptions,
  typeof transformerLayerArguments.order
>;

/** Masks of S source positions, each as `AttentionMasks` describes it. */
export interface SourceMasks {
  /** `[S, S]` or `[N · heads, S, S]`. */
  readonly srcMask?: Operand;
  /** `[N, S]`, or `[S]` without a batch. */
  readonly srcKeyPaddingMask?: Operand;
}

/** Masks of T target positions, and of S positions of what the encoder gave: the memory. */
export interface TargetMasks {
  /** `[T, T]` or `[N · heads, T, T]`. */
  readonly tgtMask?: Operand;
  /** `[T, S]` or `[N · heads, T, S]`. */
  readonly memoryMask?: Operand;
  /** `[N, T]`, or `[T]` without a batch. */
  readonly tgtKeyPaddingMask?: Operand;
  /** `[N, S]`, or `[S]` without a batch. */
  readonly memoryKeyPaddingMask?: Operand;
}

function attentionMasks(attnMask: Operand | undefined, keyPaddingMask: Operand | undefined): AttentionMasks {
  return {
    ...(attnMask !== undefined && { attnMask }),
    ...(keyPaddingMask !== undefined && { keyPaddingMask }),
  };
}

/** PyTorch's names of parts where they are not those of the properties. */
const stateNames: Readonly<Record<string, string>> = {
  selfAttn: "self_attn",
  multiheadAttn: "multihead_attn",
};

/** What encoder and decoder layers share: self-attention, the linear layers, and how parts are joined. */
abstract class TransformerLayer extends Module {
  /** The first layer of the feed-forward network. */
  abstract readonly linear1: Linear;
  /** Between the two layers of the feed-forward network. */
  abstract readonly dropout: Dropout;
  /** The second layer of the feed-forward network. */
  abstract readonly linear2: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(
    /** Features of the sequence. */
    readonly dModel: number,
    /** Heads of each attention. */
    readonly nhead: number,
    /** As given, for copies. */
    protected readonly options: TransformerLayerOptions,
  ) {
    super();
    checkCounts(this.constructor.name, { dModel, nhead });
    this.#activation = activationOf(this.constructor.name, options.activation ?? "relu");
  }

  protected override stateName(property: string): string {
    return stateNames[property] ?? property;
  }

  /** @internal */
  protected newAttention(): MultiheadAttention {
    const { dropout = 0.1, batchFirst = false, random } = this.options;
    return new MultiheadAttention(this.dModel, this.nhead, {
      dropout,
      batchFirst,
      ...(random && { random }),
    });
  }

  /** @internal */
  protected newLinear(from: number, to: number): Linear {
    const { random } = this.options;
    return new Linear(from, to, random && { random });
  }

  /** @internal */
  protected newNorm(): LayerNorm {
    return new LayerNorm(this.dModel, { eps: this.options.layerNormEps ?? 1e-5 });
  }

  /** @internal */
  protected newDropout(): Dropout {
    const { dropout = 0.1, random } = this.options;
    return new Dropout(dropout, random && { random });
  }

  /** x + part(norm(x)) or norm(x + part(x)) (Xiong et al., 2020, compare the two). */
  protected join(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    return this.options.normFirst === true ? x.add(part(norm.forward(x))) : norm.forward(x.add(part(x)));
  }

  /** The two linear layers, with what is between them. */
  protected feedForward(x: Tensor): Tensor {
    return this.linear2.forward(this.dropout.forward(this.#activation(this.linear1.forward(x))));
  }
}

function activationOf(
  name: string,
  activation: NonNullable<TransformerLayerOptions["activation"]>,
): (x: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  if (activation === "relu") return (x) => x.relu();
  if (activation === "gelu") return (x) => x.gelu();
  throw new UserError(
    "argument",
    `${name}: activation must be "relu", "gelu" or a function, got "${String(activation)}".`,
  );
}

/**
 * Self-attention and two linear layers, each added to what enters it and normalised.
 *
 *     const y = new TransformerEncoderLayer(512, 8).forward(x); // x and y [S, N, 512]
 */
export class TransformerEncoderLayer extends TransformerLayer {
  /** Attention to the sequence itself. */
  readonly selfAttn: MultiheadAttention;
  /** The first layer of the feed-forward network. */
  readonly linear1: Linear;
  /** Between the two layers of the feed-forward network. */
  readonly dropout: Dropout;
  /** The second layer of the feed-forward network. */
  readonly linear2: Linear;
  /** The norm of the first step. */
  readonly norm1: LayerNorm;
  /** The norm of the second step. */
  readonly norm2: LayerNorm;
  /** After self-attention. */
  readonly dropout1: Dropout;
  /** After the second step. */
  readonly dropout2: Dropout;

  constructor(dModel: number, nhead: number, ...rest: TransformerLayerArguments) {
    const leading = ["dModel", "nhead"];
    const options = readOptions<TransformerLayerOptions>(
      "TransformerEncoderLayer",
      leading,
      transformerLayerArguments,
      rest,
    );
    super(dModel, nhead, options);
    const { dimFeedforward = 2048 } = options;
    this.selfAttn = this.newAttention();
    this.linear1 = this.newLinear(dModel, dimFeedforward);
    this.dropout = this.newDropout();
    this.linear2 = this.newLinear(dimFeedforward, dModel);
    this.norm1 = this.newNorm();
    this.norm2 = this.newNorm();
    this.dropout1 = this.newDropout();
    this.dropout2 = this.newDropout();
  }

  /** Another layer with these values and parameters of its own. */
  copy(): TransformerEncoderLayer {
    const copied = new TransformerEncoderLayer(this.dModel, this.nhead, this.options);
    copied.loadStateDict(this.stateDict());
    return copied.train(this.training);
  }

  /** `src` and the result are `[S, N, dModel]`, `[N, S, dModel]` with `batchFirst`, or `[S, dModel]`. */
  override forward(src: Tensor, given: SourceMasks = {}): Tensor {
    checkOptions<SourceMasks>("TransformerEncoderLayer: forward", given, {
      srcMask: "any",
      srcKeyPaddingMask: "any",
    });
    const { srcMask, srcKeyPaddingMask } = given;
    const masks = attentionMasks(srcMask, srcKeyPaddingMask);
    const attended = this.join(src, this.norm1, (x) =>
      this.dropout1.forward(this.selfAttn.forward(x, x, x, masks)),
    );
    return this.join(attended, this.norm2, (x) => this.dropout2.forward(this.feedForward(x)));
  }
}

/**
 * Self-attention, attention to the memory and two linear layers, each added to what enters it and normalised.
 *
 *     const y = new TransformerDecoderLayer(512, 8).forward(x, memory); // [T, N, 512] and [S, N, 512]
 */
export class TransformerDecoderLayer extends TransformerLayer {
  /** Attention to the sequence itself. */
  readonly selfAttn: MultiheadAttention;
  /** Attention to the encoder's result. */
  readonly multiheadAttn: MultiheadAttention;
  /** The first layer of the feed-forward network. */
  readonly linear1: Linear;
  /** Between the two layers of the feed-forward network. */
  readonly dropout: Dropout;
  /** The second layer of the feed-forward network. */
  readonly linear2: Linear;
  /** The norm of the first step. */
  readonly norm1: LayerNorm;
  /** The norm of the second step. */
  readonly norm2: LayerNorm;
  /** The norm of the third step. */
  readonly norm3: LayerNorm;
  /** After self-attention. */
  readonly dropout1: Dropout;
  /** After the second step. */
  readonly dropout2: Dropout;
  /** After the feed-forward network. */
  readonly dropout3: Dropout;

  constructor(dModel: number, nhead: number, ...rest: TransformerLayerArguments) {
    const leading = ["dModel", "nhead"];
    const options = readOptions<TransformerLayerOptions>(
      "TransformerDecoderLayer",
      leading,
      transformerLayerArguments,
      rest,
    );
    super(dModel, nhead, options);
    const { dimFeedforward = 2048 } = options;
    this.selfAttn = this.newAttention();
    this.multiheadAttn = this.newAttention();
    this.linear1 = this.newLinear(dModel, dimFeedforward);
    this.dropout = this.newDropout();
    this.linear2 = this.newLinear(dimFeedforward, dModel);
    this.norm1 = this.newNorm();
    this.norm2 = this.newNorm();
    this.norm3 = this.newNorm();
    this.dropout1 = this.newDropout();
    this.dropout2 = this.newDropout();
    this.dropout3 = this.newDropout();
  }

  /** Another layer with these values and parameters of its own. */
  copy(): TransformerDecoderLayer {
    const copied = new TransformerDecoderLayer(this.dModel, this.nhead, this.options);
    copied.loadStateDict(this.stateDict());
    return copied.train(this.training);
  }

  /** `tgt`, `memory` and the result are `[T or S, N, dModel]`, batch first or without a batch as in the encoder. */
  override forward(tgt: Tensor, memory: Tensor, masks: TargetMasks = {}): Tensor {
    checkOptions<TargetMasks>("TransformerDecoderLayer: forward", masks, {
      tgtMask: "any",
      memoryMask: "any",
      tgtKeyPaddingMask: "any",
      memoryKeyPaddingMask: "any",
    });
    const own = attentionMasks(masks.tgtMask, masks.tgtKeyPaddingMask);
    const ofMemory = attentionMasks(masks.memoryMask, masks.memoryKeyPaddingMask);
    const attended = this.join(tgt, this.norm1, (x) =>
      this.dropout1.forward(this.selfAttn.forward(x, x, x, own)),
    );
    const informed = this.join(attended, this.norm2, (x) =>
      this.dropout2.forward(this.multiheadAttn.forward(x, memory, memory, ofMemory)),
    );
    return this.join(informed, this.norm3, (x) => this.dropout3.forward(this.feedForward(x)));
  }
}
