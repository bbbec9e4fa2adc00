/** Stacks of transformer layers, and the network of both (Vaswani et al., 2017), as PyTorch builds them. */
import { UserError } from "../errors.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { formatShape } from "../ir/shape.ts";
import { ModuleList } from "./containers.ts";
import { xavierUniform } from "./init.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import type { Tensor } from "./tensor.ts";
import {
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  transformerLayerKinds,
  type SourceMasks,
  type TargetMasks,
  type TransformerLayerOptions,
} from "./transformer-layers.ts";

/** A norm, or whatever else ends a stack. */
type Final = Module & { forward(x: Tensor): Tensor };

/** `count` copies of a layer; all start with its values, as in PyTorch. */
function copies<L extends Module & { copy(): L }>(name: string, layer: L, count: number): ModuleList<L> {
  if (!Number.isInteger(count) || count < 1)
    throw new UserError("argument", `${name}: numLayers must be a whole number from 1, got ${count}.`);
  return new ModuleList(
    Array.from({ length: count }, () => {
      const copied = layer.copy();
      if (copied.constructor === layer.constructor) return copied;
      throw new UserError(
        "model",
        `${name}: copy() of ${layer.constructor.name} gives a ${copied.constructor.name}. Override copy() in the subclass.`,
      );
    }),
  );
}

/**
 * `numLayers` copies of an encoder layer, one after the other.
 *
 *     const encoder = new TransformerEncoder(new TransformerEncoderLayer(512, 8), 6);
 */
export class TransformerEncoder extends Module {
  /** Its layers, in order. */
  readonly layers: ModuleList<TransformerEncoderLayer>;
  /** What is applied to the result, or null. */
  readonly norm: Final | null;

  /** @param norm comes after the last layer */
  constructor(
    layer: TransformerEncoderLayer,
    /** How many layers there are. */
    readonly numLayers: number,
    norm: Final | null = null,
  ) {
    super();
    this.layers = copies("TransformerEncoder", layer, numLayers);
    this.norm = norm;
  }

  /** The masks go to every layer. */
  override forward(src: Tensor, masks: SourceMasks = {}): Tensor {
    let x = src;
    for (const layer of this.layers) x = layer.forward(x, masks);
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/**
 * `numLayers` copies of a decoder layer, one after the other, each with the same memory.
 *
 *     const decoder = new TransformerDecoder(new TransformerDecoderLayer(512, 8), 6);
 */
export class TransformerDecoder extends Module {
  /** Its layers, in order. */
  readonly layers: ModuleList<TransformerDecoderLayer>;
  /** What is applied to the result, or null. */
  readonly norm: Final | null;

  /** @param norm comes after the last layer */
  constructor(
    layer: TransformerDecoderLayer,
    /** How many layers there are. */
    readonly numLayers: number,
    norm: Final | null = null,
  ) {
    super();
    this.layers = copies("TransformerDecoder", layer, numLayers);
    this.norm = norm;
  }

  /** The masks go to every layer. */
  override forward(tgt: Tensor, memory: Tensor, masks: TargetMasks = {}): Tensor {
    let x = tgt;
    for (const layer of this.layers) x = layer.forward(x, memory, masks);
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/** What Transformer may be told. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** Features everywhere; 512. */
  readonly dModel?: number;
  /** Heads of each attention; 8. */
  readonly nhead?: number;
  /** 6 */
  readonly numEncoderLayers?: number;
  /** 6 */
  readonly numDecoderLayers?: number;
}

const transformerArguments = {
  known: {
    ...transformerLayerKinds,
    dModel: "number",
    nhead: "number",
    numEncoderLayers: "number",
    numDecoderLayers: "number",
  },
  // Custom encoders and decoders, which come next in PyTorch, are not there.
  order: [
    "dModel",
    "nhead",
    "numEncoderLayers",
    "numDecoderLayers",
    "dimFeedforward",
    "dropout",
    "activation",
  ],
} as const satisfies ArgumentNames<TransformerOptions>;

export interface TransformerMasks extends SourceMasks, TargetMasks {}

/**
 * Encoder and decoder, each with a norm at its end.
 *
 *     const y = new Transformer({ nhead: 16 }).forward(source, target); // [S, N, 512] and [T, N, 512]: [T, N, 512]
 */
export class Transformer extends Module {
  /** What reads the source. */
  readonly encoder: TransformerEncoder;
  /** What reads the target. */
  readonly decoder: TransformerDecoder;
  /** Features of the sequences. */
  readonly dModel: number;
  /** Heads of each attention. */
  readonly nhead: number;
  /** `(batch, sequence, features)` instead of `(sequence, batch, features)`. */
  readonly batchFirst: boolean;

  constructor(...rest: OptionArguments<TransformerOptions, typeof transformerArguments.order>) {
    super();
    const options = readOptions<TransformerOptions>("Transformer", [], transformerArguments, rest);
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6, ...layerOptions } = options;
    const { layerNormEps = 1e-5 } = layerOptions;
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = options.batchFirst ?? false;
    const norm = () => new LayerNorm(dModel, { eps: layerNormEps });
    const encoderLayer = new TransformerEncoderLayer(dModel, nhead, layerOptions);
    this.encoder = new TransformerEncoder(encoderLayer, numEncoderLayers, norm());
    const decoderLayer = new TransformerDecoderLayer(dModel, nhead, layerOptions);
    this.decoder = new TransformerDecoder(decoderLayer, numDecoderLayers, norm());
    // Unlike stacks on their own, copies differ here from the start.
    for (const parameter of this.parameters()) {
      const [rows, columns] = parameter.shape;
      if (columns !== undefined) parameter.assign(xavierUniform([rows!, columns], options.random));
    }
  }

  /** `src` `[S, N, dModel]` and `tgt` `[T, N, dModel]` give `[T, N, dModel]`; batch first or without a batch too. */
  override forward(src: Tensor, tgt: Tensor, masks: TransformerMasks = {}): Tensor {
    const batchAxis = this.batchFirst ? 0 : 1;
    const sameBatch = src.rank !== 3 || src.shape[batchAxis] === tgt.shape[batchAxis];
    const features = [src, tgt].every((x) => x.shape.at(-1) === this.dModel);
    if (src.rank !== tgt.rank || !sameBatch || !features) {
      src.trace.fail(
        "shape",
        `Transformer: source ${formatShape(src.shape)} and target ${formatShape(tgt.shape)} must have ${this.dModel} features and the same batch.`,
      );
    }
    const { srcMask, srcKeyPaddingMask, ...targetMasks } = masks;
    return this.decoder.forward(tgt, this.encoder.forward(src, { srcMask, srcKeyPaddingMask }), targetMasks);
  }

  /** `[size, size]` scores that let no position see a later one: 0, and −∞ above the diagonal. */
  static generateSquareSubsequentMask(size: number): HostTensor<"f32"> {
    const data = Float32Array.from({ length: size * size }, (_, i) =>
      i % size > Math.floor(i / size) ? -Infinity : 0,
    );
    return { dtype: "f32", shape: [size, size], data };
  }
}
