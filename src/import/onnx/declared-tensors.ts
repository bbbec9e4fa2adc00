/**
 * What a file declares of the tensors that go in and out. In: ValueInfoProto messages, of which only the name is sure
 * to be there. Out: names, dtypes and shapes with symbolic dimensions; what the file leaves out is undefined, and is
 * asked for (shapes of inputs) or follows from the graph (outputs), never guessed.
 */
import { UserError } from "../../errors.ts";
import type { HostDType } from "../../ir/dtype.ts";
import { TensorProto_DataType as DataType, type TensorProto, type ValueInfoProto } from "./schema/onnx_pb.ts";
import { declaredDType, elementTypeName } from "./tensors.ts";

/** A size, or the name of one that is bound when compiling. */
export type Dimension = number | string;

/** An input of a model. */
export interface ModelTensor {
  /** As in the file. */
  readonly name: string;
  /** As the file declares it; what goes in may also be wider, what comes out is this. */
  readonly dtype: HostDType;
  /** Undefined where the file leaves it to the caller, who gives it when compiling: `shapes: { x: [2, 2] }`. */
  readonly shape: readonly Dimension[] | undefined;
  /** ONNX's number for the element type. */
  readonly elementType: number;
}

/** An output of a model. A file may name it and say no more; then it is what the graph computes. */
export interface ModelOutput extends Pick<ModelTensor, "name" | "shape"> {
  /** As the file declares it, if it does. */
  readonly dtype: HostDType | undefined;
  /** ONNX's number for the element type. */
  readonly elementType: number | undefined;
}

/** @throws UserError (`unsupported`) where it has no type, or one that is not supported */
export function declaredInput(info: ValueInfoProto): ModelTensor {
  const { name, shape, dtype, elementType } = declared(info);
  if (dtype === undefined || elementType === undefined)
    throw new UserError(
      "unsupported",
      `onnx: the file does not say of what type the input '${name}' is. Write it anew with the type of every input.`,
    );
  return { name, shape, dtype, elementType };
}

/**
 * An input that an initialiser has a default for: what is not declared is as in the default.
 * @throws UserError (`file-format`) where the default is no value of the declared type
 */
export function overridableInput(info: ValueInfoProto, tensor: TensorProto): ModelTensor {
  const { name, shape, dtype, elementType } = declared(info);
  const sizes = tensor.dims.map(Number);
  const fits =
    shape === undefined ||
    (shape.length === sizes.length &&
      shape.every((size, i) => typeof size === "string" || size === sizes[i]));
  if ((elementType !== undefined && elementType !== tensor.dataType) || !fits)
    throw new UserError(
      "file-format",
      `onnx: input '${name}' is declared as ${elementTypeName(elementType ?? tensor.dataType)}[${(shape ?? sizes).join(",")}], but its initialiser is ${elementTypeName(tensor.dataType)}[${sizes.join(",")}].`,
    );
  return {
    name,
    shape: sizes,
    dtype: dtype ?? declaredDType(tensor.dataType)!,
    elementType: tensor.dataType,
  };
}

/** @throws UserError (`unsupported`) for types that are not supported */
export function declaredOutput(info: ValueInfoProto): ModelOutput {
  return declared(info);
}

function declared(info: ValueInfoProto): ModelOutput {
  const { name, type } = info;
  const tensor = type?.tensorType;
  if (isUntyped(info)) return { name, shape: declaredShape(info), dtype: undefined, elementType: undefined };
  const dtype = tensor === undefined ? undefined : declaredDType(tensor.elemType);
  if (tensor === undefined || dtype === undefined) {
    throw new UserError(
      "unsupported",
      `onnx: '${name}' is ${tensor === undefined ? "not a tensor" : elementTypeName(tensor.elemType)}; only tensors of supported types can go in and out.`,
    );
  }
  return { name, shape: declaredShape(info), dtype, elementType: tensor.elemType };
}

const denotationField = 6;

/** Whether a message says nothing of a type, or only how many dimensions there are. */
export function isUntyped({ type }: ValueInfoProto): boolean {
  if (type?.tensorType !== undefined) return type.tensorType.elemType === (DataType.UNDEFINED as number);
  // Kinds that the schema here does not know are kept by the parser as unknown fields; what is noted beside is none.
  return !(type?.$unknown ?? []).some(({ no }) => no !== denotationField);
}

/** Sizes and names; a size that is left out, or −1 as some writers have it, is named `<tensor>.<axis>`. */
export function declaredShape({ name, type }: ValueInfoProto): readonly Dimension[] | undefined {
  return type?.tensorType?.shape?.dim.map(({ value }, axis): Dimension => {
    if (value.case === "dimValue" && value.value !== -1n) {
      const size = value.value;
      if (size >= 0n && size < 2n ** 31n) return Number(size);
      throw new UserError("file-format", `onnx: '${name}' has a dimension of size ${size}.`);
    }
    return value.case === "dimParam" && value.value !== "" ? value.value : `${name}.${axis}`;
  });
}
