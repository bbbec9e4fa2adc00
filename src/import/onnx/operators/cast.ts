/**
 * Casts between ONNX's element types, of which graphs compute with few: what is held in a wider type is brought
 * to what the narrower one holds. Floats are rounded to f16 and bf16, integers of 8 and 16 bits keep their low bits, as
 * NumPy's `astype` does. What is f64 in the file stays f32.
 */
import { graphDType, isDType, type DType } from "../../../ir/dtype.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorNode } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { dtypeOfElementType, elementTypeName, integerLimits, isElementType } from "../tensors.ts";
import { narrowTo } from "./narrow.ts";

const typesOfNumbers = Object.values(DataType)
  .filter((type) => typeof type === "number" && dtypeOfElementType(type) !== undefined)
  .map((type) => `${type} (${elementTypeName(type as number)})`)
  .join(", ");

/** A type by its name, as casts had it before operator set 6. */
export function typeOfName(node: OperatorNode, name: string): number {
  const known = Object.entries(DataType).find(([key, type]) => key === name && typeof type === "number");
  return known === undefined
    ? node.fail(
        "unsupported",
        `casting to ${name.slice(0, 60)} is not supported; expected the name of a type, such as FLOAT.`,
      )
    : (known[1] as number);
}

/** The dtype that values of an ONNX type have in a graph. */
export function castTarget(node: OperatorNode, elementType: number): DType {
  const dtype = dtypeOfElementType(elementType);
  if (!isElementType(elementType))
    return node.fail(
      "file-format",
      `casting to type ${elementType}, which does not exist; expected one of ${typesOfNumbers}.`,
    );
  if (dtype === undefined)
    return node.fail("unsupported", `casting to ${elementTypeName(elementType)} is not supported.`);
  return isDType(dtype) ? dtype : graphDType(dtype);
}

/** The first input as the ONNX type. */
export function castTo(node: OperatorNode, elementType: number): Tensor {
  const x = node.input(0);
  const dtype = castTarget(node, elementType);
  node.declareResult(elementType);
  if (node.elementType(0) === elementType) return x.to(dtype);
  const limits = integerLimits(elementType);
  if (limits !== undefined) return narrowTo(x.to(dtype), limits);
  if (elementType === DataType.FLOAT16) return roundToHalf(x.to("f32"));
  if (elementType === DataType.BFLOAT16) return roundToBfloat(x.to("f32"));
  return x.to(dtype);
}

const constant = (x: Tensor, value: number): Tensor => new Tensor(x.trace, x.trace.scalar(value, "f32"));

/** 2^e and 2^-e for the exponent e of `magnitude`, by bisection; e is `least` where it would be less. */
function powersOf(magnitude: Tensor, least: number, steps: readonly number[]): readonly [Tensor, Tensor] {
  let [power, inverse] = [constant(magnitude, 2 ** least), constant(magnitude, 2 ** -least)];
  for (const step of steps) {
    const higher = power.mul(2 ** step);
    const isReached = magnitude.ge(higher);
    power = higher.where(isReached, power);
    inverse = inverse.mul(2 ** -step).where(isReached, inverse);
  }
  return [power, inverse];
}

/**
 * The nearest f16, halves to even, as f32: `round(|x| · 2^(10 − e)) · 2^(e − 10)`, where e is the exponent of x but
 * at least −14, that of the smallest normal number. Every product is by a power of two, hence exact, whatever a
 * device makes of multiplications and additions in a row.
 */
function roundToHalf(x: Tensor): Tensor {
  const magnitude = x.abs();
  const [power, inverse] = powersOf(magnitude, -14, [16, 8, 4, 2, 1]);
  const rounded = magnitude
    .mul(inverse)
    .mul(1024)
    .round()
    .mul(power)
    .mul(1 / 1024);
  const limited = constant(x, Infinity).where(rounded.ge(65536), rounded);
  return limited.neg().where(x.lt(0), limited);
}

/**
 * The nearest bf16, halves to even, as f32. It has the exponents of f32, so numbers are brought to the middle of its
 * range first, where the reciprocals of powers of two are normal numbers, too. Subnormal numbers may become 0.
 */
function roundToBfloat(x: Tensor): Tensor {
  const isLarge = x.abs().ge(2 ** 63);
  const isSmall = x.abs().lt(2 ** -63);
  const one = constant(x, 1);
  const scaleBy = (exponent: number) =>
    constant(x, 2 ** -exponent).where(isLarge, constant(x, 2 ** exponent).where(isSmall, one));
  const magnitude = x.abs().mul(scaleBy(63));
  const [power, inverse] = powersOf(magnitude, -63, [64, 32, 16, 8, 4, 2, 1]);
  const rounded = magnitude
    .mul(inverse)
    .mul(128)
    .round()
    .mul(power)
    .mul(1 / 128)
    .mul(scaleBy(-63));
  const isInfinite = x.abs().eq(Infinity);
  const limited = constant(x, Infinity).where(isInfinite, rounded);
  return limited.neg().where(x.lt(0), limited);
}
