/**
 * Kernel IR: what a kernel does, before any language. Expressions are pure; loads are statements that
 * bind a name, so the order of memory accesses is the order of statements. Loops have compile-time
 * bounds. Vectors have 2, 4, 8 or 16 lanes and are values of their own, never arrays.
 *
 * A kernel runs `groups` groups of `groupSize` invocations; `{ kind: "group" }` is the flat group number
 * and `{ kind: "local" }` the flat invocation number inside it. On CPU targets `groupSize` is 1.
 *
 * Names are unique in a kernel and are identifiers in every language written.
 */
import type { Lanes } from "./target.ts";

/** Element types of values; buffers hold `f32`, `i32` or `u32` only (a bool tensor is stored as u32 0/1). */
export type Scalar = "f32" | "i32" | "u32" | "bool";
export type BufferScalar = Exclude<Scalar, "bool">;

export interface KernelType {
  readonly scalar: Scalar;
  readonly lanes: Lanes;
}

/**
 * Unary functions. f32 unless said otherwise.
 * - `neg`, `abs`, `sign`: f32 and i32. `not`: bool. `bitnot`: i32 and u32.
 * - `round` rounds half to even. `isnan` gives bool.
 */
export type UnaryOp =
  | "neg"
  | "abs"
  | "sign"
  | "not"
  | "bitnot"
  | "floor"
  | "ceil"
  | "trunc"
  | "round"
  | "sqrt"
  | "rsqrt"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erf"
  | "isnan";

/**
 * Arithmetic: both operands and the result have one type.
 * - `div` on f32 is correctly rounded; languages where the operator may not be are rewritten by a legalise pass.
 * - `quotient` is f32 division as the language has it, up to 2.5 units off: for what is approximated anyway.
 * - `div` and `rem` on integers truncate toward zero; f32 `rem` has the sign of the dividend (C `fmod`).
 * - f32 `min` and `max` give NaN if either operand is NaN (as PyTorch does); languages where the
 *   builtin does not are rewritten by a legalise pass.
 * - `and`, `or`, `xor`: bool, i32, u32. `shl`, `shr`: i32 (arithmetic) and u32; the count has the same type.
 */
export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "quotient"
  | "rem"
  | "min"
  | "max"
  | "pow"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr";

/** IEEE comparisons (false for NaN except `ne`); the result is bool with the operands' lanes. */
export type CompareOp = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

export type Expr =
  /** A constant in every lane. f32 values may be NaN or infinite. Bool: 0 or 1. */
  | { readonly kind: "const"; readonly type: KernelType; readonly value: number }
  | { readonly kind: "ref"; readonly type: KernelType; readonly name: string }
  | { readonly kind: "group"; readonly type: KernelType }
  | { readonly kind: "local"; readonly type: KernelType }
  | { readonly kind: "unary"; readonly type: KernelType; readonly op: UnaryOp; readonly x: Expr }
  | {
      readonly kind: "binary";
      readonly type: KernelType;
      readonly op: BinaryOp;
      readonly a: Expr;
      readonly b: Expr;
    }
  | {
      readonly kind: "compare";
      readonly type: KernelType;
      readonly op: CompareOp;
      readonly a: Expr;
      readonly b: Expr;
    }
  /** `a * b + c`; fused where the hardware fuses. */
  | { readonly kind: "fma"; readonly type: KernelType; readonly a: Expr; readonly b: Expr; readonly c: Expr }
  /** `cond ? a : b`, lane by lane; `cond` has the lanes of the result. Both sides are evaluated. */
  | {
      readonly kind: "select";
      readonly type: KernelType;
      readonly cond: Expr;
      readonly a: Expr;
      readonly b: Expr;
    }
  /** Value conversion with equal lanes. f32 → i32/u32 truncates; bool → number gives 0 or 1; number → bool is `!= 0`. */
  | { readonly kind: "convert"; readonly type: KernelType; readonly x: Expr }
  /** The same bits as another 32-bit type. */
  | { readonly kind: "bitcast"; readonly type: KernelType; readonly x: Expr }
  /** A scalar in every lane. */
  | { readonly kind: "splat"; readonly type: KernelType; readonly x: Expr }
  /** One lane of a vector. */
  | { readonly kind: "lane"; readonly type: KernelType; readonly x: Expr; readonly lane: number }
  /** A vector of scalars. */
  | { readonly kind: "pack"; readonly type: KernelType; readonly lanes: readonly Expr[] };

export type Stmt =
  /** Binds an immutable name. */
  | { readonly kind: "let"; readonly name: string; readonly value: Expr }
  /** Binds `name` to `type.lanes` consecutive elements of a storage buffer or shared array from element `index` (scalar i32). */
  | {
      readonly kind: "load";
      readonly name: string;
      readonly type: KernelType;
      readonly buffer: string;
      readonly index: Expr;
    }
  /** Declares a mutable name. */
  | { readonly kind: "var"; readonly name: string; readonly value: Expr }
  | { readonly kind: "assign"; readonly name: string; readonly value: Expr }
  /** Writes `value`'s lanes to consecutive elements from `index`. */
  | { readonly kind: "store"; readonly buffer: string; readonly index: Expr; readonly value: Expr }
  /** `for (name = start; name < end; name += step)`; `name` is a scalar i32, bounds are compile-time constants. */
  | {
      readonly kind: "for";
      readonly name: string;
      readonly start: number;
      readonly end: number;
      readonly step: number;
      readonly body: readonly Stmt[];
    }
  /** `cond` is a scalar bool. */
  | {
      readonly kind: "if";
      readonly cond: Expr;
      readonly then: readonly Stmt[];
      readonly else: readonly Stmt[];
    }
  /** All invocations of the group arrive here, and their accesses to shared and storage memory are visible. GPU family only. */
  | { readonly kind: "barrier" }
  /** A hint that the cache line of element `index` is wanted soon; the element need not exist. */
  | { readonly kind: "prefetch"; readonly buffer: string; readonly index: Expr; readonly toWrite?: boolean }
  | { readonly kind: "comment"; readonly text: string };

export interface KernelBuffer {
  readonly name: string;
  readonly scalar: BufferScalar;
  readonly access: "read" | "write" | "read_write";
  readonly elementCount: number;
}

/** An array in workgroup memory, one a group. */
export interface SharedArray {
  readonly name: string;
  readonly scalar: BufferScalar;
  readonly elementCount: number;
}

export interface Kernel {
  /** What it does, e.g. `k07_conv3x3_bias_relu_f32`; an identifier. */
  readonly name: string;
  /** Which graph values it computes; becomes the comment on top of the source. */
  readonly comment: string;
  /** Bound in this order. */
  readonly buffers: readonly KernelBuffer[];
  /** Whether the last buffer is memory for the time of a launch only, whose content before and after is of no interest. */
  readonly hasScratch?: true;
  readonly shared: readonly SharedArray[];
  readonly groups: number;
  readonly groupSize: number;
  readonly body: readonly Stmt[];
}

export const f32: KernelType = Object.freeze({ scalar: "f32", lanes: 1 });
export const i32: KernelType = Object.freeze({ scalar: "i32", lanes: 1 });
export const u32: KernelType = Object.freeze({ scalar: "u32", lanes: 1 });
export const bool: KernelType = Object.freeze({ scalar: "bool", lanes: 1 });

export function vectorOf(scalar: Scalar, lanes: Lanes): KernelType {
  return { scalar, lanes };
}
