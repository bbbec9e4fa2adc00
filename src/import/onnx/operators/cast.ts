/**
 * Casts between ONNX's element types, of which graphs compute with few: what is held in a wider type is brought
 * to what the narrower one holds. Floats are rounded to f16, integers of 8 and 16 bits keep their low bits, as NumPy's
 * `astype` does. What is bf16 or f64 in the file stays f32.
 */
import { graphDType, isDType, type DType } from "../../../ir/dtype.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorNode } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { dtypeOfElementType, elementTypeName, integerLimits } from "../tensors.ts";

/** The dtype that values of an ONNX type have in a graph. */
export function castTarget(node: OperatorNode, elementType: number): DType {
  const dtype = dtypeOfElementType(elementType);
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
  return x.to(dtype);
}

/** What an integer type narrower than 32 bits keeps of a value: its low bits, the sign extended. */
export function narrowTo(x: Tensor, [least, greatest]: readonly [number, number]): Tensor {
  const mask = x.trace.scalar(greatest - least, x.dtype);
  const low = new Tensor(x.trace, x.trace.add("bit_and", [x.id, mask], {}));
  return least === 0 ? low : low.sub(greatest - least + 1).where(low.gt(greatest), low);
}

/**
 * The nearest f16, halves to even, as f32: `round(|x| · 2^(10 − e)) · 2^(e − 10)`, where e is the exponent of x but
 * at least −14, that of the smallest normal number. Every product is by a power of two, hence exact, whatever a
 * device makes of multiplications and additions in a row.
 */
function roundToHalf(x: Tensor): Tensor {
  const magnitude = x.abs();
  const constant = (value: number): Tensor => new Tensor(x.trace, x.trace.scalar(value, "f32"));
  // 2^e and 2^-e by bisection.
  let [power, inverse] = [constant(2 ** -14), constant(2 ** 14)];
  for (const step of [16, 8, 4, 2, 1]) {
    const higher = power.mul(2 ** step);
    const isReached = magnitude.ge(higher);
    power = higher.where(isReached, power);
    inverse = inverse.mul(2 ** -step).where(isReached, inverse);
  }
  const rounded = magnitude
    .mul(inverse)
    .mul(1024)
    .round()
    .mul(power)
    .mul(1 / 1024);
  const limited = constant(Infinity).where(rounded.ge(65536), rounded);
  return limited.neg().where(x.lt(0), limited);
}
