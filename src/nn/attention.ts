/** Attention (Vaswani et al., 2017), with PyTorch's packing of the projections. */
import { UserError } from "../errors.ts";
import { checkOptions } from "../ir/check-options.ts";
import { formatShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { Dropout } from "./dropout.ts";
import { linear } from "./functional.ts";
import { filled, xavierUniform, type RandomSource } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/**
 * softmax(q · kᵀ / √d + mask) · v over the last two dimensions.
 * @param options `attnMask`: added to the scores, or, as bool, true where attention is allowed; `isCausal`: no
 * position sees a later one
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: { readonly attnMask?: Operand; readonly isCausal?: boolean; readonly scale?: number } = {},
): Tensor {
  checkOptions<Parameters<typeof scaledDotProductAttention>[3] & object>(
    "scaledDotProductAttention",
    options,
    {
      attnMask: "any",
      isCausal: "boolean",
      scale: "number",
    },
  );
  const masks = [
    ...(options.attnMask === undefined ? [] : [allowedToScores(toTensor(query.trace, options.attnMask))]),
    ...(options.isCausal ? [causalScores(query, key)] : []),
  ];
  return attend(query, key, value, masks, options.scale);
}

/** 0 where attention is allowed, −∞ where not; scores stay as they are. */
function allowedToScores(mask: Tensor): Tensor {
  return mask.dtype === "bool" ? toTensor(mask.trace, 0).where(mask, -Infinity) : mask;
}

function causalScores(query: Tensor, key: Tensor): Tensor {
  const [rows, columns] = [query.shape.at(-2)!, key.shape.at(-2)!];
  const data = Float32Array.from({ length: rows * columns }, (_, i) =>
    i % columns > Math.floor(i / columns) ? -Infinity : 0,
  );
  return toTensor(query.trace, { dtype: "f32", shape: [rows, columns], data });
}

function attend(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  masks: readonly Tensor[],
  scale = 1 / Math.sqrt(query.shape.at(-1)!),
  drop: (weights: Tensor) => Tensor = (weights) => weights,
): Tensor {
  const scores = masks.reduce((sum, mask) => sum.add(mask), query.mul(scale).matmul(key.transpose(-2, -1)));
  return drop(scores.softmax(-1)).matmul(value);
}

/** What MultiheadAttention may be told. */
export interface MultiheadAttentionOptions {
  /** Probability that training drops an attention weight; 0. */
  readonly dropout?: number;
  /** Biases of all projections; true. */
  readonly bias?: boolean;
  /** Biases added to keys and values, which are not there. */
  readonly addBiasKv?: false;
  /** Zeros added to keys and values, which are not there. */
  readonly addZeroAttn?: false;
  /** Features of keys and values; as many as queries have. */
  readonly kdim?: number;
  /** Features of values; `embedDim` unless given. */
  readonly vdim?: number;
  /** `(batch, sequence, features)` instead of `(sequence, batch, features)`; false. */
  readonly batchFirst?: boolean;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const attentionArguments = {
  known: {
    dropout: "number",
    bias: "boolean",
    addBiasKv: "any",
    addZeroAttn: "any",
    kdim: "number",
    vdim: "number",
    batchFirst: "boolean",
    random: "function",
  },
  order: ["dropout", "bias", "addBiasKv", "addZeroAttn", "kdim", "vdim", "batchFirst"],
} as const satisfies ArgumentNames<MultiheadAttentionOptions>;

/** What attention must not look at. */
export interface AttentionMasks {
  /** `[L, S]` or `[N · heads, L, S]`: true where attention is *not* allowed, or scores to add. */
  readonly attnMask?: Operand;
  /** `[N, S]`: true for keys to ignore, or scores to add. */
  readonly keyPaddingMask?: Operand;
}

const stateNames: Readonly<Record<string, string>> = {
  inProjWeight: "in_proj_weight",
  inProjBias: "in_proj_bias",
  qProjWeight: "q_proj_weight",
  kProjWeight: "k_proj_weight",
  vProjWeight: "v_proj_weight",
  outProj: "out_proj",
};

/** Attention in `numHeads` parts of the features. `forward` returns the output alone: `need_weights=False`. */
export class MultiheadAttention extends Module {
  /** Queries, keys and values one below the other, `[3E, E]`; null where their numbers of features differ. */
  readonly inProjWeight: Parameter | null;
  /** Weight of the queries' projection, where keys or values have a size of their own. */
  readonly qProjWeight: Parameter | null;
  /** Weight of the keys' projection, where keys have a size of their own. */
  readonly kProjWeight: Parameter | null;
  /** Weight of the values' projection, where values have a size of their own. */
  readonly vProjWeight: Parameter | null;
  /** Bias of the three input projections. */
  readonly inProjBias: Parameter | null;
  /** The projection of the heads' results. */
  readonly outProj: Linear;
  /** Applied to the attention weights in training mode. */
  readonly attentionDropout: Dropout;
  /** `(batch, sequence, features)` instead of `(sequence, batch, features)`. */
  readonly batchFirst: boolean;

  constructor(
    /** Features of queries and results. */
    readonly embedDim: number,
    /** Heads; they divide `embedDim`. */
    readonly numHeads: number,
    ...rest: OptionArguments<MultiheadAttentionOptions, typeof attentionArguments.order>
  ) {
    super();
    const name = "MultiheadAttention";
    const leading = ["embedDim", "numHeads"];
    const options = readOptions<MultiheadAttentionOptions>(name, leading, attentionArguments, rest);
    checkCounts(name, { embedDim });
    for (const absent of ["addBiasKv", "addZeroAttn"] as const)
      if (![undefined, false].includes(options[absent]))
        throw new UserError("unsupported", `${name}: ${absent} is not there; leave it false.`);
    if (!Number.isInteger(numHeads) || numHeads < 1 || embedDim % numHeads !== 0) {
      throw new UserError(
        "argument",
        `MultiheadAttention: ${embedDim} features do not divide into ${numHeads} heads.`,
      );
    }
    const { kdim = embedDim, vdim = embedDim, bias = true, random, dropout = 0 } = options;
    const packed = kdim === embedDim && vdim === embedDim;
    const weight = (rows: number, columns: number) => new Parameter(xavierUniform([rows, columns], random));
    this.inProjWeight = packed ? weight(3 * embedDim, embedDim) : null;
    this.qProjWeight = packed ? null : weight(embedDim, embedDim);
    this.kProjWeight = packed ? null : weight(embedDim, kdim);
    this.vProjWeight = packed ? null : weight(embedDim, vdim);
    this.inProjBias = bias ? new Parameter(filled([3 * embedDim], 0)) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias, ...(random && { random }) });
    this.outProj.bias?.assign(filled([embedDim], 0));
    this.attentionDropout = new Dropout(dropout, random && { random });
    this.batchFirst = options.batchFirst ?? false;
  }

  protected override stateName(property: string): string {
    return stateNames[property] ?? property;
  }

  /** PyTorch's has no layer that drops attention weights. */
  protected override *shownChildren(): Generator<readonly [string, Module]> {
    for (const child of this.namedChildren()) if (child[1] !== this.attentionDropout) yield child;
  }

  /** Batched or not; `key` and `value` are the query unless given. */
  override forward(query: Tensor, key = query, value = key, masks: AttentionMasks = {}): Tensor {
    checkOptions<AttentionMasks>("MultiheadAttention: forward", masks, {
      attnMask: "any",
      keyPaddingMask: "any",
    });
    if (query.rank !== 2 && query.rank !== 3) {
      query.trace.fail(
        "shape",
        `MultiheadAttention: the query is ${formatShape(query.shape)}; expected sequence and features, and a batch.`,
      );
    }
    const unbatched = query.rank === 2;
    const [q, k, v] = [query, key, value].map((x, part) => {
      const batch = unbatched ? x.unsqueeze(0) : this.batchFirst ? x : x.transpose(0, 1);
      return this.#heads(this.#project(batch, part));
    }) as [Tensor, Tensor, Tensor];
    const scores = this.#maskScores(masks, q, k);
    const output = attend(q, k, v, scores, undefined, (weights) => this.attentionDropout.forward(weights));
    const [batch, , length] = output.shape as [number, number, number];
    const joined = this.outProj.forward(output.permute(0, 2, 1, 3).reshape(batch, length, this.embedDim));
    return unbatched ? joined.squeeze(0) : this.batchFirst ? joined : joined.transpose(0, 1);
  }

  /** Part 0, 1, 2: queries, keys, values. */
  #project(x: Tensor, part: number): Tensor {
    const [from, to] = [part * this.embedDim, (part + 1) * this.embedDim];
    const rows = (stored: Parameter | null) => stored && toTensor(x.trace, stored).slice(0, from, to);
    const own = [this.qProjWeight, this.kProjWeight, this.vProjWeight][part]!;
    return linear(x, rows(this.inProjWeight) ?? own, rows(this.inProjBias));
  }

  /** `[N, L, E]` to `[N, heads, L, E / heads]`. */
  #heads(x: Tensor): Tensor {
    const [batch, length] = x.shape as [number, number];
    return x.reshape(batch, length, this.numHeads, this.embedDim / this.numHeads).permute(0, 2, 1, 3);
  }

  #maskScores({ attnMask, keyPaddingMask }: AttentionMasks, q: Tensor, k: Tensor): Tensor[] {
    const { trace } = q;
    const [batch, heads, rows] = q.shape as [number, number, number];
    const columns = k.shape[2]!;
    const scores = (mask: Tensor) =>
      mask.dtype === "bool" ? toTensor(trace, -Infinity).where(mask, 0) : mask;
    const result: Tensor[] = [];
    if (attnMask !== undefined) {
      const mask = toTensor(trace, attnMask);
      result.push(scores(mask.rank === 3 ? mask.reshape(batch, heads, rows, columns) : mask));
    }
    if (keyPaddingMask !== undefined)
      result.push(scores(toTensor(trace, keyPaddingMask).reshape(batch, 1, 1, columns)));
    return result;
  }
}
