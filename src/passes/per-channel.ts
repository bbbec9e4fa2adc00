/** Recognising and making operands that hold one value per channel (dimension 1). */
import { InternalError } from "../errors.ts";
import type { Node, NodeOf, NodeOrigin, ValueId } from "../ir/graph.ts";
import { sameShape, type Shape } from "../ir/shape.ts";
import type { Rewriter } from "./rewrite.ts";

/** Whether a shape broadcasts against `(N, C, …)` as one value per channel. */
export function isPerChannel(shape: Shape, whole: Shape): boolean {
  const shift = whole.length - shape.length;
  return (
    shift >= 0 && shape.every((size, axis) => size === (axis + shift === 1 ? whole[1] : 1)) && shift <= 1
  );
}

/** `bias` as a vector `[C]`; the vector itself, where `bias` is a reshape of one. */
export function asVector(rewriter: Rewriter, value: ValueId, channels: number, origin?: NodeOrigin): ValueId {
  const source = rewriter.producedBy(value, "reshape")?.operands[0];
  const vector = [value, source].find((id) => id !== undefined && rewriter.typeOf(id).shape.length === 1);
  return vector ?? rewriter.add("reshape", [value], { shape: [channels] }, origin);
}

/** A vector `[C]` in a shape that broadcasts against a tensor of `rank` dimensions. */
export function alongChannels(
  rewriter: Rewriter,
  vector: ValueId,
  rank: number,
  origin?: NodeOrigin,
): ValueId {
  const [channels] = rewriter.typeOf(vector).shape;
  if (channels === undefined) throw new InternalError("per-channel value without a dimension");
  if (rank === 2) return vector;
  const shape = [channels, ...new Array<number>(rank - 2).fill(1)];
  return rewriter.add("reshape", [vector], { shape }, origin);
}

/** A convolution, or a matrix product whose columns are the channels. */
export type Contraction = NodeOf<"conv"> | NodeOf<"matmul">;

export function contractionOf(rewriter: Rewriter, value: ValueId): Contraction | undefined {
  const conv = rewriter.producedBy(value, "conv");
  if (conv !== undefined) return conv;
  const matmul = rewriter.producedBy(value, "matmul");
  return matmul !== undefined && rewriter.typeOf(value).shape.length === 2 ? matmul : undefined;
}

/** `contraction + bias`: the parts of an addition of one value per channel to a convolution. */
export function biasedContraction(
  rewriter: Rewriter,
  value: ValueId,
): { readonly add: Node; readonly contraction: Contraction; readonly bias: ValueId } | undefined {
  const add = rewriter.producedBy(value, "add");
  if (add === undefined) return undefined;
  for (const position of [0, 1] as const) {
    const contraction = contractionOf(rewriter, add.operands[position]!);
    const bias = add.operands[1 - position]!;
    const whole = rewriter.typeOf(value).shape;
    if (contraction === undefined || !isPerChannel(rewriter.typeOf(bias).shape, whole)) continue;
    // A bias may have more channels than the contraction, or more dimensions: then the sum repeats the contraction.
    if (!sameShape(rewriter.typeOf(add.operands[position]!).shape, whole)) continue;
    return { add, contraction, bias };
  }
  return undefined;
}
