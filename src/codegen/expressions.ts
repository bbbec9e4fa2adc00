/**
 * Constructors of kernel-IR expressions. They fold constants, so that schedules can write index arithmetic
 * plainly and shapes of 1, strides of 0 and offsets of 0 cost nothing.
 */
import { InternalError } from "../errors.ts";
import {
  bool,
  i32,
  type BinaryOp,
  type CompareOp,
  type Expr,
  type KernelType,
  type Scalar,
  type UnaryOp,
} from "./kernel-ir.ts";
import type { Lanes } from "./target.ts";

export function constant(value: number, type: KernelType): Expr {
  return { kind: "const", type, value };
}

export function int(value: number): Expr {
  return constant(value, i32);
}

export function float(value: number, lanes: Lanes = 1): Expr {
  return constant(value, { scalar: "f32", lanes });
}

export function ref(name: string, type: KernelType): Expr {
  return { kind: "ref", type, name };
}

export function unary(op: UnaryOp, x: Expr): Expr {
  const type: KernelType = op === "isnan" ? { scalar: "bool", lanes: x.type.lanes } : x.type;
  return { kind: "unary", type, op, x };
}

export function binary(op: BinaryOp, a: Expr, b: Expr): Expr {
  if (a.type.scalar !== b.type.scalar || a.type.lanes !== b.type.lanes) {
    throw new InternalError(
      `kernel IR: ${op} of ${a.type.scalar}x${a.type.lanes} and ${b.type.scalar}x${b.type.lanes}`,
    );
  }
  return { kind: "binary", type: a.type, op, a, b };
}

export function compare(op: CompareOp, a: Expr, b: Expr): Expr {
  return { kind: "compare", type: { scalar: "bool", lanes: a.type.lanes }, op, a, b };
}

export function select(cond: Expr, a: Expr, b: Expr): Expr {
  if (cond.kind === "const") return cond.value !== 0 ? a : b;
  return { kind: "select", type: a.type, cond, a, b };
}

export function fma(a: Expr, b: Expr, c: Expr): Expr {
  return { kind: "fma", type: c.type, a, b, c };
}

export function convert(x: Expr, scalar: Scalar): Expr {
  if (x.type.scalar === scalar) return x;
  return { kind: "convert", type: { scalar, lanes: x.type.lanes }, x };
}

/** A scalar in every lane. */
export function splat(x: Expr, lanes: Lanes): Expr {
  if (x.type.lanes === lanes) return x;
  const type: KernelType = { scalar: x.type.scalar, lanes };
  if (x.kind === "const") return constant(x.value, type);
  return { kind: "splat", type, x };
}

export function lane(x: Expr, position: number): Expr {
  if (x.type.lanes === 1) return x;
  const type: KernelType = { scalar: x.type.scalar, lanes: 1 };
  if (x.kind === "const") return constant(x.value, type);
  if (x.kind === "splat") return x.x;
  if (x.kind === "pack") return x.lanes[position]!;
  return { kind: "lane", type, x, lane: position };
}

export function pack(lanes: readonly Expr[]): Expr {
  const [first] = lanes as [Expr, ...Expr[]];
  if (lanes.length === 1) return first;
  if (lanes.every((item) => item === first)) return splat(first, lanes.length as Lanes);
  return { kind: "pack", type: { scalar: first.type.scalar, lanes: lanes.length as Lanes }, lanes };
}

export const always: Expr = constant(1, bool);
export const never: Expr = constant(0, bool);

export function and(a: Expr, b: Expr): Expr {
  if (a.kind === "const") return a.value !== 0 ? b : a;
  if (b.kind === "const") return b.value !== 0 ? a : b;
  return binary("and", a, b);
}

/** Combines the lanes of a vector pairwise: log2(lanes) dependent steps. */
export function foldLanes(x: Expr, combine: (a: Expr, b: Expr) => Expr): Expr {
  let items = Array.from({ length: x.type.lanes }, (_, position) => lane(x, position));
  while (items.length > 1) {
    const half = items.length / 2;
    items = items.slice(0, half).map((item, i) => combine(item, items[i + half]!));
  }
  return items[0]!;
}
