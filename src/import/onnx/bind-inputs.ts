/**
 * What is known of a model's inputs when compiling: sizes for symbolic dimensions, and values for inputs that are
 * constants of the program, such as the target of a Reshape that the file leaves to its caller.
 */
import { UserError } from "../../errors.ts";
import { unknownName } from "../../ir/check-options.ts";
import { convertArray } from "../../ir/convert-array.ts";
import { graphDType, narrowRange } from "../../ir/dtype.ts";
import { checkHostTensor, checkShape, isHostTensor, type HostTensor } from "../../ir/host-tensor.ts";
import { formatShape, sameShape, type Shape } from "../../ir/shape.ts";
import { shortText } from "../../ir/short-text.ts";
import { graphTensor } from "../../ir/trace.ts";
import type { ModelTensor } from "./declared-tensors.ts";
import { dtypeOfElementType } from "./tensors.ts";

/** Sizes of symbolic dimensions by name, and whole shapes by the name of their input, where a file says none. */
export type ShapeBindings = Readonly<Record<string, number | Shape>>;

/** Values of inputs by name. */
export type ConstantBindings = Readonly<Record<string, HostTensor>>;

export interface BoundInput {
  readonly input: ModelTensor;
  readonly shape: Shape;
  /** As the importer computes with it; undefined for what `run` takes. */
  readonly value: HostTensor | undefined;
}

/**
 * Refuses sizes of what a model has not: a name that is misspelt would be dropped without a word.
 * @param inputs the model's, those with defaults among them
 */
export function checkShapeNames(inputs: readonly ModelTensor[], shapes: ShapeBindings = {}): void {
  // Those that are not said are asked for by name, which tells more.
  if (inputs.some(({ name, shape }) => shape === undefined && !Object.hasOwn(shapes, name))) return;
  const dimensions = inputs.flatMap(({ shape = [] }) => shape.filter((size) => typeof size === "string"));
  const known = [...new Set([...dimensions, ...inputs.map(({ name }) => name)])];
  const unknown = Object.keys(shapes).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName("shapes", "dimension or input", unknown, known);
}

/** @throws UserError for sizes that are missing or contradict each other, and values that are not the input's */
export function bindInputs(
  inputs: readonly ModelTensor[],
  shapes: ShapeBindings,
  constants: ConstantBindings,
): readonly BoundInput[] {
  const names = new Set(inputs.map(({ name }) => name));
  const unknown = Object.keys(constants).filter((name) => !names.has(name));
  if (unknown.length > 0) {
    throw new UserError(
      "argument",
      `onnx: constants has ${quoted(unknown)}, but the model's inputs are ${quoted(inputs.map(({ name }) => name))}.`,
    );
  }
  const sizes = new Map(
    Object.entries(shapes).filter((entry): entry is [string, number] => !Array.isArray(entry[1])),
  );
  for (const input of inputs) {
    const value = valueFor(input, constants);
    const given = Object.hasOwn(shapes, input.name) ? shapes[input.name] : undefined;
    if (Array.isArray(given)) takeSizes(input, given as Shape, sizes, "shape");
    if (value !== undefined) takeSizes(input, value.shape, sizes, "constant");
  }
  return inputs.map((input) => {
    const shape = shapeOf(input, shapes, valueFor(input, constants), sizes);
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

/** The sizes that a constant has, or that are given for an input as a whole, are those of its symbolic dimensions. */
function takeSizes(
  { name, shape }: ModelTensor,
  given: Shape,
  sizes: Map<string, number>,
  what: "constant" | "shape",
): void {
  if (shape === undefined) return;
  const expected = shape.map((size) => (typeof size === "string" ? (sizes.get(size) ?? size) : size));
  const fits =
    given.length === shape.length &&
    expected.every((size, axis) => typeof size === "string" || size === given[axis]);
  if (!fits) {
    throw new UserError(
      "shape",
      `onnx: the ${what} for input '${name}' ${what === "constant" ? "has shape" : "is"} ${formatShape(given)}, expected [${expected.join(",")}].`,
    );
  }
  shape.forEach((size, axis) => {
    if (typeof size === "string") sizes.set(size, given[axis]!);
  });
}

/** As the file says, or where it says none, as the caller does. */
function shapeOf(
  { name, shape }: ModelTensor,
  shapes: ShapeBindings,
  value: HostTensor | undefined,
  sizes: ReadonlyMap<string, number>,
): Shape {
  if (shape !== undefined) return shape.map((size) => bound(size, sizes, name, shapes));
  const given = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
  if (given !== undefined && !Array.isArray(given))
    throw new UserError(
      "argument",
      `onnx: the shape of input '${name}' is a list of sizes, such as [2, 2]; got ${shortText(given)}.`,
    );
  const whole = (given as Shape | undefined) ?? value?.shape;
  if (whole === undefined)
    throw new UserError(
      "argument",
      `onnx: the file does not say which shape the input '${name}' has; give it: compile(model, { shapes: { ${JSON.stringify(name)}: [2, 2] } }). Given: ${shortText(shapes, 200)}.`,
    );
  if (value !== undefined && !sameShape(value.shape, whole))
    throw new UserError(
      "shape",
      `onnx: the constant for input '${name}' has shape ${formatShape(value.shape)}, expected ${formatShape(whole)}.`,
    );
  return whole.map((size, axis) => checkedSize(size, `${name}.${axis}`));
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

function bound(
  size: number | string,
  sizes: ReadonlyMap<string, number>,
  input: string,
  shapes: ShapeBindings,
): number {
  if (typeof size === "number") return size;
  const given = sizes.get(size);
  if (given === undefined) {
    throw new UserError(
      "argument",
      `onnx: input '${input}' has the symbolic dimension '${size}'; bind it: compile(model, { shapes: { ${JSON.stringify(size)}: 1 } }). Given: ${shortText(shapes, 200)}.`,
    );
  }
  return checkedSize(given, size);
}

function checkedSize(given: number, dimension: string): number {
  if (Number.isInteger(given) && given >= 0) return given;
  throw new UserError(
    "shape",
    `onnx: dimension '${dimension}' cannot be ${given} (in ${formatShape([given])}).`,
  );
}
