/**
 * What is known of a model's inputs when compiling: sizes for symbolic dimensions, and values for inputs that are
 * constants of the program, such as the target of a Reshape that the file leaves to its caller.
 */
import { UserError } from "../../errors.ts";
import { convertArray } from "../../ir/convert-array.ts";
import { graphDType, narrowRange } from "../../ir/dtype.ts";
import { checkHostTensor, checkShape, isHostTensor, type HostTensor } from "../../ir/host-tensor.ts";
import { formatShape, type Shape } from "../../ir/shape.ts";
import { graphTensor } from "../../ir/trace.ts";
import type { ModelTensor } from "./model.ts";
import { dtypeOfElementType } from "./tensors.ts";

/** Sizes of symbolic dimensions by name. */
export type ShapeBindings = Readonly<Record<string, number>>;

/** Values of inputs by name. */
export type ConstantBindings = Readonly<Record<string, HostTensor>>;

export interface BoundInput {
  readonly input: ModelTensor;
  readonly shape: Shape;
  /** As the importer computes with it; undefined for what `run` takes. */
  readonly value: HostTensor | undefined;
}

/** @throws UserError for sizes that are missing or contradict each other, and values that are not the input's */
export function bindInputs(
  inputs: readonly ModelTensor[],
  shapes: ShapeBindings,
  constants: ConstantBindings,
): readonly BoundInput[] {
  const unknown = Object.keys(constants).filter((name) => !inputs.some((input) => input.name === name));
  if (unknown.length > 0) {
    throw new UserError(
      "argument",
      `onnx: constants has ${quoted(unknown)}, but the model's inputs are ${quoted(inputs.map(({ name }) => name))}.`,
    );
  }
  const sizes: Record<string, number> = { ...shapes };
  for (const input of inputs) {
    const value = valueFor(input, constants);
    if (value !== undefined) takeSizes(input, value.shape, sizes);
  }
  return inputs.map((input) => {
    const shape = input.shape.map((size) => bound(size, sizes, input.name));
    checkShape(shape, `onnx: input '${input.name}'`);
    const value = valueFor(input, constants);
    return { input, shape, value: value && knownValue(input, value) };
  });
}

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(", ");

function valueFor({ name }: ModelTensor, constants: ConstantBindings): HostTensor | undefined {
  const value: unknown = Object.hasOwn(constants, name) ? constants[name] : undefined;
  if (value === undefined || isHostTensor(value)) return value;
  throw new UserError(
    "argument",
    `onnx: the constant for input '${name}' is not a host tensor; pass tensor(data, shape).`,
  );
}

/** A constant's own sizes are those of its symbolic dimensions. */
function takeSizes({ name, shape }: ModelTensor, given: Shape, sizes: Record<string, number>): void {
  const expected = shape.map((size) =>
    typeof size === "string" && Object.hasOwn(sizes, size) ? sizes[size]! : size,
  );
  const fits =
    given.length === shape.length &&
    expected.every((size, axis) => typeof size === "string" || size === given[axis]);
  if (!fits) {
    throw new UserError(
      "shape",
      `onnx: the constant for input '${name}' has shape ${formatShape(given)}, expected [${expected.join(",")}].`,
    );
  }
  shape.forEach((size, axis) => {
    if (typeof size === "string") sizes[size] = given[axis]!;
  });
}

/** In the dtype that an initialiser of this element type is read to; narrower or wider ones are converted. */
function knownValue({ name, dtype, elementType }: ModelTensor, value: HostTensor): HostTensor {
  const asked = `onnx: the constant for input '${name}'`;
  checkHostTensor(value, asked);
  const range = narrowRange(dtype);
  const outside = (element: number | bigint) => range && (element < range[0] || element > range[1]);
  const elements = Array.from(value.data as ArrayLike<number | bigint>);
  if (graphDType(value.dtype) !== graphDType(dtype) || elements.some(outside)) {
    throw new UserError(
      "dtype",
      `${asked} is ${value.dtype}${range ? " or out of range" : ""}, but the model takes ${dtype}.`,
    );
  }
  const known = dtypeOfElementType(elementType);
  if (known !== "i64" && known !== "u64") return graphTensor(value, asked);
  return {
    dtype: known,
    shape: value.shape,
    data: convertArray(value.data, known, value.dtype),
  } as HostTensor;
}

function bound(size: number | string, shapes: ShapeBindings, input: string): number {
  if (typeof size === "number") return size;
  const given = Object.hasOwn(shapes, size) ? shapes[size] : undefined;
  if (given === undefined) {
    throw new UserError(
      "argument",
      `onnx: input '${input}' has the symbolic dimension '${size}'; bind it: compile(model, { shapes: { ${JSON.stringify(size)}: 1 } }). Given: ${JSON.stringify(shapes)}.`,
    );
  }
  if (!Number.isInteger(given) || given < 0)
    throw new UserError(
      "shape",
      `onnx: dimension '${size}' cannot be ${given} (in ${formatShape([given])}).`,
    );
  return given;
}
