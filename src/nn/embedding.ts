/** A table of vectors, read by position. */
import { UserError } from "../errors.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { normal, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { Tensor, toTensor, type Operand } from "./tensor.ts";

/**
 * Rows of `weight [rows, size]` at integer `indices [...]`: `[..., size]`. Values are not known while a network
 * is compiled: negative indices count from the end, and those outside take the nearest row.
 */
export function embedding(indices: Tensor, weight: Operand): Tensor {
  if (indices.dtype !== "i32" && indices.dtype !== "u32") {
    indices.trace.fail(
      "dtype",
      `embedding: indices are ${indices.dtype}, expected i32. Give the input's dtype: { shape, dtype: "i32" }.`,
    );
  }
  const table = toTensor(indices.trace, weight);
  const { trace } = indices;
  return new Tensor(trace, trace.add("gather", [table.id, indices.to("i32").id], { axis: 0 }));
}

export class Embedding extends Module {
  readonly weight: Parameter;

  /** @param options `paddingIdx`: a row that starts as zeros */
  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: { readonly paddingIdx?: number; readonly random?: RandomSource } = {},
  ) {
    super();
    const weight = normal([numEmbeddings, embeddingDim], options.random);
    const { paddingIdx } = options;
    if (paddingIdx !== undefined) {
      const row = paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
      if (!Number.isInteger(row) || row < 0 || row >= numEmbeddings)
        throw new UserError(
          "argument",
          `Embedding: paddingIdx ${paddingIdx} is not one of ${numEmbeddings} rows.`,
        );
      weight.data.fill(0, row * embeddingDim, (row + 1) * embeddingDim);
    }
    this.weight = new Parameter(weight);
  }

  override forward(indices: Tensor): Tensor {
    return embedding(indices, this.weight);
  }
}
