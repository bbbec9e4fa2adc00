/** Rows of a table, folded bag by bag. */
import { formatShape, sameShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { clearRow, embedding } from "./embedding.ts";
import { normal, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** How a bag's rows become one. */
export type EmbeddingBagMode = "sum" | "mean" | "max";

/** What EmbeddingBag may be told. */
export interface EmbeddingBagOptions {
  /** How the rows of a bag become one; "mean". */
  readonly mode?: EmbeddingBagMode;
  /** An index that stands for nothing: its row starts as zeros and is left out of every bag. */
  readonly paddingIdx?: number;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const embeddingBagArguments = {
  known: { mode: ["sum", "mean", "max"], paddingIdx: "number", random: "function" },
  // PyTorch has three before the mode that are not there: a longest norm, its kind, and scaled gradients.
  order: [],
} as const satisfies ArgumentNames<EmbeddingBagOptions>;

/**
 * The sum, mean or maximum of the rows that each bag of indices names.
 *
 *     new EmbeddingBag(1000, 16, { mode: "sum" }).forward(indices); // i32 [B, L]: [B, 16]
 */
export class EmbeddingBag extends Module {
  /** The table, `(numEmbeddings, embeddingDim)`. */
  readonly weight: Parameter;
  /** How a bag's rows become one. */
  readonly mode: EmbeddingBagMode;
  /** Counted from the start. */
  readonly paddingIdx: number | null;

  constructor(
    /** Rows of the table. */
    readonly numEmbeddings: number,
    /** Features of each row. */
    readonly embeddingDim: number,
    ...rest: OptionArguments<EmbeddingBagOptions, typeof embeddingBagArguments.order>
  ) {
    super();
    const leading = ["numEmbeddings", "embeddingDim"];
    const options = readOptions<EmbeddingBagOptions>("EmbeddingBag", leading, embeddingBagArguments, rest);
    checkCounts("EmbeddingBag", { numEmbeddings, embeddingDim });
    const { mode = "mean", paddingIdx } = options;
    this.mode = mode;
    const weight = normal([numEmbeddings, embeddingDim], options.random);
    this.paddingIdx = paddingIdx === undefined ? null : clearRow("EmbeddingBag", weight, paddingIdx);
    this.weight = new Parameter(weight);
  }

  protected override settings(): string {
    const { numEmbeddings, embeddingDim, paddingIdx, mode } = this;
    return `${numEmbeddings}, ${embeddingDim}${paddingIdx === null ? "" : `, padding_idx=${paddingIdx}`}, mode=${mode}`;
  }

  /**
   * @param indices `[B, L]`, B bags of one length
   * @param options `perSampleWeights` `[B, L]`: factors of the rows, in mode "sum"
   * @throws UserError where bags are given by `offsets`: their lengths would be values, not shapes
   */
  override forward(
    indices: Tensor,
    options: { readonly perSampleWeights?: Operand; readonly offsets?: Operand | null } = {},
  ): Tensor {
    const { trace } = indices;
    if ((options.offsets ?? null) !== null || indices.rank !== 2) {
      trace.fail(
        (options.offsets ?? null) !== null ? "unsupported" : "shape",
        `EmbeddingBag: indices ${formatShape(indices.shape)} must be [bags, length]; bags given by offsets have lengths that are not known while a network is compiled. Fill bags up to one length with paddingIdx.`,
      );
    }
    const [bags, length] = indices.shape as [number, number];
    if (options.perSampleWeights !== undefined && this.mode !== "sum")
      trace.fail("argument", `EmbeddingBag: perSampleWeights need mode "sum", got "${this.mode}".`);
    if (length === 0) return toTensor(trace, 0).expand(bags, this.embeddingDim);
    const rows = embedding(indices, this.weight);
    const factors = options.perSampleWeights === undefined ? null : toTensor(trace, options.perSampleWeights);
    if (factors !== null && !sameShape(factors.shape, indices.shape)) {
      trace.fail(
        "shape",
        `EmbeddingBag: perSampleWeights ${formatShape(factors.shape)} must have the shape of the indices, ${formatShape(indices.shape)}.`,
      );
    }
    const weighted = factors === null ? rows : rows.mul(factors.unsqueeze(-1));
    return this.paddingIdx === null
      ? this.#fold(weighted)
      : this.#foldPresent(weighted, indices.ne(this.paddingIdx));
  }

  #fold(rows: Tensor): Tensor {
    return this.mode === "sum" ? rows.sum(1) : this.mode === "mean" ? rows.mean(1) : rows.max(1);
  }

  /** Over the rows that are `present` `[B, L]`; zeros where none are. */
  #foldPresent(rows: Tensor, present: Tensor): Tensor {
    const isIn = present.unsqueeze(-1);
    if (this.mode === "max") {
      const some = present.to("i32").max(1).gt(0).unsqueeze(-1);
      return rows.where(isIn, -Infinity).max(1).where(some, 0);
    }
    const sum = rows.where(isIn, 0).sum(1);
    if (this.mode === "sum") return sum;
    return sum.div(present.to("f32").sum(1).clamp(1).unsqueeze(-1));
  }
}
