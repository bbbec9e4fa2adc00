/**
 * Where the elements of a tensor lie in its buffer. Most tensors fill theirs; a slice of a larger one starts
 * somewhere inside and walks it with the strides of the whole.
 */
import { stridesOf, type TensorType } from "../../ir/tensor-type.ts";
import { int } from "../expressions.ts";
import type { IndexArithmetic } from "../index-arithmetic.ts";
import type { Expr } from "../kernel-ir.ts";

export interface View {
  /** Elements before the first. */
  readonly offset: number;
  /** Elements between neighbours along each logical dimension. */
  readonly strides: readonly number[];
}

interface Viewed {
  readonly type: TensorType;
  /** Undefined where the tensor fills its buffer. */
  readonly view?: View | undefined;
}

export function viewOf({ type, view }: Viewed): View {
  return view ?? { offset: 0, strides: stridesOf(type) };
}

/** The position in its buffer of the element at a logical index. */
export function addressOf(arithmetic: IndexArithmetic, tensor: Viewed, index: readonly Expr[]): Expr {
  const { offset, strides } = viewOf(tensor);
  return arithmetic.add(arithmetic.dot(index, strides), int(offset));
}

/**
 * The stride of neighbouring dimensions, slowest first, taken as one; undefined where they are not walked in one
 * stride. Dimensions of one element are not walked.
 */
export function mergedStride(shape: readonly number[], strides: readonly number[]): number | undefined {
  let merged: { readonly stride: number; readonly extent: number } | undefined;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const [size, stride] = [shape[axis]!, strides[axis]!];
    if (size === 1) continue;
    if (merged !== undefined && stride !== merged.extent) return undefined;
    merged = { stride: merged?.stride ?? stride, extent: stride * size };
  }
  return merged?.stride ?? strides.at(-1) ?? 1;
}
