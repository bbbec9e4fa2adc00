/** Checks that op records share; every message says what was asked, expected and found. */
import { UserError } from "../../errors.ts";
import type { DType } from "../dtype.ts";
import { formatType, type TensorType } from "../tensor-type.ts";

export function expectOperands(op: string, operands: readonly TensorType[], count: number): void {
  if (operands.length !== count) {
    throw new UserError("argument", `${op}: expected ${count} operands, got ${operands.length}.`);
  }
}

export function expectSameDType(op: string, operands: readonly TensorType[]): DType {
  const [first] = operands;
  if (first === undefined) throw new UserError("argument", `${op}: expected at least one operand.`);
  if (operands.some((operand) => operand.dtype !== first.dtype)) {
    throw new UserError(
      "dtype",
      `${op}: operands must have one dtype, got ${operands.map(formatType).join(" and ")}. Convert one with to().`,
    );
  }
  return first.dtype;
}

export function expectDType(
  op: string,
  operand: TensorType,
  allowed: readonly DType[],
  name = "operand",
): void {
  if (!allowed.includes(operand.dtype)) {
    throw new UserError(
      "dtype",
      `${op}: ${name} is ${formatType(operand)}, expected ${allowed.join(" or ")}. Convert it with to().`,
    );
  }
}

export function expectInteger(op: string, name: string, value: number, minimum: number): void {
  if (!Number.isInteger(value) || value < minimum) {
    throw new UserError("argument", `${op}: ${name} must be an integer ≥ ${minimum}, got ${value}.`);
  }
}
