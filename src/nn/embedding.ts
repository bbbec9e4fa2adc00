/** A table of vectors, read by position. */
import { UserError } from "../errors.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { normal, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { gatherAt, notePositions } from "./positions.ts";
import type { Operand, Tensor } from "./tensor.ts";

/**
 * Rows of `weight [rows, size]` at integer `indices [...]`: `[..., size]`. Negative indices count from
 * the end. Indices that come from an input are checked before each run; those that the network computes take the
 * nearest row where they lie outside, unless `checkIndices` asks for an error.
 */
export function embedding(indices: Tensor, weight: Operand): Tensor {
  if (indices.dtype !== "i32" && indices.dtype !== "u32") {
    indices.trace.fail(
      "dtype",
      `embedding: indices are ${indices.dtype}, expected i32. Give the input's dtype: { shape, dtype: "i32" }.`,
    );
  }
  const rows = indices.operand(weight);
  const positions = indices.to("i32");
  notePositions("embedding", positions, rows, 0);
  return gatherAt(rows, 0, positions);
}

/** Makes a row zeros; its position counted from the start. */
export function clearRow(name: string, weight: HostTensor<"f32">, paddingIdx: number): number {
  const [rows, size] = weight.shape as [number, number];
  const row = paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  if (!Number.isInteger(row) || row < 0 || row >= rows) {
    throw new UserError("argument", `${name}: paddingIdx ${paddingIdx} is not one of ${rows} rows.`);
  }
  weight.data.fill(0, row * size, (row + 1) * size);
  return row;
}

/** What Embedding may be told. */
export interface EmbeddingOptions {
  /** A row that starts as zeros. */
  readonly paddingIdx?: number;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const embeddingArguments = {
  known: { paddingIdx: "number", random: "function" },
  order: ["paddingIdx"],
} as const satisfies ArgumentNames<EmbeddingOptions>;

/** Rows of a table, by their indices. */
export class Embedding extends Module {
  /** The table, `(numEmbeddings, embeddingDim)`. */
  readonly weight: Parameter;

  /** The row that started as zeros, counted from the start, or null. */
  readonly paddingIdx: number | null;

  constructor(
    /** Rows of the table. */
    readonly numEmbeddings: number,
    /** Features of each row. */
    readonly embeddingDim: number,
    ...rest: OptionArguments<EmbeddingOptions, typeof embeddingArguments.order>
  ) {
    super();
    const leading = ["numEmbeddings", "embeddingDim"];
    const options = readOptions<EmbeddingOptions>("Embedding", leading, embeddingArguments, rest);
    checkCounts("Embedding", { numEmbeddings, embeddingDim });
    const weight = normal([numEmbeddings, embeddingDim], options.random);
    const { paddingIdx } = options;
    this.paddingIdx = paddingIdx === undefined ? null : clearRow("Embedding", weight, paddingIdx);
    this.weight = new Parameter(weight);
  }

  protected override settings(): string {
    const { numEmbeddings, embeddingDim, paddingIdx } = this;
    return `${numEmbeddings}, ${embeddingDim}${paddingIdx === null ? "" : `, padding_idx=${paddingIdx}`}`;
  }

  override forward(indices: Tensor): Tensor {
    return embedding(indices, this.weight);
  }
}
