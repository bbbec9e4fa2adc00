/**
 * The record that defines an op: what types it takes and gives, what it means, how it is differentiated
 * and which family of schedules lowers it. A missing piece does not compile.
 */
import type { HostTensor } from "../host-tensor.ts";
import type { TensorType } from "../tensor-type.ts";

/** Which part of code generation lowers an op. */
export type OpKind =
  | "constant"
  /** One result element from the operands' elements at the (broadcast) same index. */
  | "elementwise"
  /** One result element is one operand element at another index, or a constant. */
  | "movement"
  /** One result element from its own index (and single-element operands). */
  | "generator"
  /** Folds whole axes. */
  | "reduction"
  /** Sums of products: convolution, matrix product. */
  | "contraction"
  /** Pooling. */
  | "window"
  /** Places elements along an axis by what values say: scatter, the order of elements. */
  | "placement"
  /** Needs statistics of the operand before it can scale it: batch norm, softmax. */
  | "normalization"
  /** Holds a body of other ops. */
  | "fusion";

export interface Op<A> {
  readonly kind: OpKind;
  /** Result types. Throws a UserError, without the op's place in the network, when the operands do not fit. */
  readonly infer: (operands: readonly TensorType[], attributes: A) => readonly TensorType[];
  /** Plain reference semantics, computed in double precision and rounded once to the result dtype. */
  readonly evaluate: (
    operands: readonly HostTensor[],
    attributes: A,
    results: readonly TensorType[],
  ) => readonly HostTensor[];
  /** The gradient rule; `"none"` where it is not written yet or there is none. */
  readonly vjp: "none";
}

/** Ops without attributes. */
export type NoAttributes = Readonly<Record<never, never>>;

/** A record of ops, checked against the attribute types of its family. */
export type OpFamily<F> = { readonly [K in keyof F]: Op<F[K]> };
