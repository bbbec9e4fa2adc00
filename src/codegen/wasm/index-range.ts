/**
 * Bounds of scalar integer expressions. In: an i32 expression and the bounds of the names in it. Out: an
 * interval that holds every value it takes, infinite where nothing is known. Index arithmetic does not
 * overflow (buffers have fewer than 2^31 elements), so bounds are those of plain integers.
 */
import type { Expr } from "../kernel-ir.ts";
import { productRange, unknownRange, type Range } from "../range.ts";

export function rangeOf(expr: Expr, ofName: (name: string) => Range, groups: number): Range {
  switch (expr.kind) {
    case "const":
      return { min: expr.value, max: expr.value };
    case "ref":
      return ofName(expr.name);
    case "group":
      return { min: 0, max: Math.max(0, groups - 1) };
    case "local":
      return { min: 0, max: 0 };
    case "select": {
      const a = rangeOf(expr.a, ofName, groups);
      const b = rangeOf(expr.b, ofName, groups);
      return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
    }
    case "convert":
      if (expr.x.type.scalar === "bool") return { min: 0, max: 1 };
      return expr.x.type.scalar === "i32" ? rangeOf(expr.x, ofName, groups) : unknownRange;
    case "binary":
      if (expr.type.scalar !== "i32") return unknownRange;
      return rangeOfBinary(expr.op, rangeOf(expr.a, ofName, groups), rangeOf(expr.b, ofName, groups));
    default:
      return unknownRange;
  }
}

function rangeOfBinary(op: string, a: Range, b: Range): Range {
  switch (op) {
    case "add":
      return { min: a.min + b.min, max: a.max + b.max };
    case "sub":
      return { min: a.min - b.max, max: a.max - b.min };
    case "mul":
      return productRange(a, b);
    case "min":
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
    case "max":
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
    case "div":
      if (a.min < 0 || b.min < 1) return unknownRange;
      return { min: Math.floor(a.min / b.max), max: Math.floor(a.max / b.min) };
    case "rem":
      if (a.min < 0 || b.min < 1) return unknownRange;
      return { min: 0, max: Math.min(a.max, b.max - 1) };
    case "and":
      if (a.min < 0 || b.min < 0) return unknownRange;
      return { min: 0, max: Math.min(a.max, b.max) };
    case "shl":
      if (b.min !== b.max || b.min < 0) return unknownRange;
      return productRange(a, { min: 2 ** b.min, max: 2 ** b.min });
    case "shr":
      if (b.min !== b.max || b.min < 0) return unknownRange;
      return { min: Math.floor(a.min / 2 ** b.min), max: Math.floor(a.max / 2 ** b.min) };
    default:
      return unknownRange;
  }
}

export function scaleRange(range: Range, factor: number): Range {
  return productRange(range, { min: factor, max: factor });
}
