/**
 * Files for a model's inputs: which file is for which input, what they say about symbolic dimensions, and the
 * tensors in the dtype and shape that the model takes.
 */
import { decodeImage, imageTensor } from "../import/image.ts";
import { readNpy } from "../import/npy.ts";
import type { ShapeBindings } from "../import/onnx/bind-inputs.ts";
import type { Dimension, ModelTensor } from "../import/onnx/model.ts";
import { convertArray } from "../ir/convert-array.ts";
import { graphDType, narrowRange } from "../ir/dtype.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { formatShape, type Shape } from "../ir/shape.ts";
import type { GivenConstant, NamedFile, RunArguments } from "./arguments.ts";
import { CommandLineError } from "./command-line-error.ts";
import { readBytes } from "./files.ts";

export interface ModelInputs {
  readonly tensors: Readonly<Record<string, HostTensor>>;
  /** Sizes of symbolic dimensions: as given, and as the tensors have them; shapes that the model leaves to its caller. */
  readonly shapes: ShapeBindings;
}

export async function readInputs(
  expected: readonly ModelTensor[],
  { inputs, shapes: given, image }: RunArguments,
): Promise<ModelInputs> {
  const shapes = new Map(
    Object.entries(given).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
  const unknown = Object.keys(given).filter(
    (name) => !expected.some(({ shape, name: input }) => shape?.includes(name) ?? input === name),
  );
  if (unknown.length > 0)
    throw new CommandLineError(
      `--shape: the model has no symbolic dimension ${unknown.join(", ")}. Its inputs: ${describeAll(expected)}.`,
    );
  const files = assignFiles(expected, inputs);
  const whole = new Map<string, Shape>();
  const entries: [string, HostTensor][] = [];
  for (const input of expected) {
    const { path } = files.get(input.name)!;
    const read = /\.npy$/i.test(path)
      ? readNpy(readBytes(path))
      : await readImage(path, input, image, shapes);
    const shaped = withBatch(read, input);
    if (input.shape === undefined) whole.set(input.name, shaped.shape);
    else bindDimensions(shaped.shape, input, input.shape, path, shapes);
    entries.push([input.name, asDType(shaped, input, path)]);
  }
  return {
    tensors: Object.fromEntries(entries),
    shapes: Object.fromEntries<number | Shape>([...shapes, ...whole]),
  };
}

/** Values of inputs that are constants of the program, in the dtypes that the model takes. */
export function readConstants(
  expected: readonly ModelTensor[],
  given: readonly GivenConstant[],
): Readonly<Record<string, HostTensor>> {
  const entries = given.map((constant) => {
    const { name } = constant;
    const input = expected.find((item) => item.name === name);
    if (input === undefined)
      throw new CommandLineError(
        `--constant: the model has no input '${name}'. Its inputs: ${describeAll(expected)}.`,
      );
    if ("numbers" in constant) return [name, writtenConstant(constant.numbers, input)] as const;
    return [name, asDType(readNpy(readBytes(constant.path)), input, constant.path)] as const;
  });
  return Object.fromEntries(entries);
}

/** Numbers of the command line in the dtype of the input, and in its shape where it has one that fits. */
function writtenConstant(numbers: readonly string[], input: ModelTensor): HostTensor {
  const what = `--constant ${input.name}=${numbers.join(",")}`;
  const values = numbers.map((text) => (/^t/i.test(text) ? "1" : /^f/i.test(text) ? "0" : text));
  const isWhole = values.every((text) => /^[+-]?\d+$/.test(text));
  const tensor: HostTensor = isWhole
    ? { dtype: "i64", shape: [values.length], data: BigInt64Array.from(values, (text) => BigInt(text)) }
    : { dtype: "f32", shape: [values.length], data: Float32Array.from(values, Number) };
  const sizes = input.shape?.map((size) => (typeof size === "number" ? size : values.length));
  const shape = sizes ?? (values.length === 1 ? [] : [values.length]);
  if (shape.reduce((product, size) => product * size, 1) !== values.length)
    throw new CommandLineError(`${what}: ${values.length} number(s) for input ${describeInput(input)}.`);
  return { ...asDType(tensor, input, what), shape };
}

/** One file for each input; files without a name go to inputs without one, in order. */
function assignFiles(
  expected: readonly ModelTensor[],
  files: readonly NamedFile[],
): ReadonlyMap<string, NamedFile> {
  const assigned = new Map<string, NamedFile>();
  const named = files.filter(({ name }) => name !== undefined);
  for (const file of named) {
    if (!expected.some(({ name }) => name === file.name))
      throw new CommandLineError(
        `the model has no input '${file.name}'. Its inputs: ${describeAll(expected)}.`,
      );
    if (assigned.has(file.name!)) throw new CommandLineError(`two files are given for '${file.name}'.`);
    assigned.set(file.name!, file);
  }
  const free = expected.filter(({ name }) => !assigned.has(name));
  const unnamed = files.filter(({ name }) => name === undefined);
  if (unnamed.length !== free.length) {
    const what =
      unnamed.length > free.length
        ? `${unnamed.length - free.length} file(s) too many`
        : `no file for ${free
            .slice(unnamed.length)
            .map(({ name }) => name)
            .join(", ")}`;
    throw new CommandLineError(
      `${what}. The model's inputs: ${describeAll(expected)}. Give each with --input NAME=FILE.`,
    );
  }
  free.forEach(({ name }, i) => assigned.set(name, unnamed[i]!));
  return assigned;
}

async function readImage(
  path: string,
  input: ModelTensor,
  options: RunArguments["image"],
  shapes: ReadonlyMap<string, number>,
): Promise<HostTensor> {
  if (!/\.(png|jpe?g)$/i.test(path))
    throw new CommandLineError(`'${path}' is not an .npy, .png, .jpg or .jpeg file.`);
  const picture = await decodeImage(readBytes(path), path);
  if (input.shape?.length !== 4)
    throw new CommandLineError(`'${path}' is an image, but input ${describeInput(input)} takes none.`);
  const dimension = input.shape[options.layout === "NCHW" ? 1 : 3]!;
  const channels = typeof dimension === "number" ? dimension : (shapes.get(dimension) ?? 3);
  if (![1, 3, 4].includes(channels))
    throw new CommandLineError(
      `input ${describeInput(input)} has ${channels} channels as ${options.layout}, an image 1, 3 or 4. Is --layout right?`,
    );
  return imageTensor(picture, { ...options, channels });
}

/** A tensor without the batch dimension that the model has gets one. */
function withBatch(tensor: HostTensor, input: ModelTensor): HostTensor {
  if (input.shape === undefined) return tensor;
  const [first] = input.shape;
  const lacks = tensor.shape.length === input.shape.length - 1 && (first === 1 || typeof first === "string");
  return lacks ? { ...tensor, shape: [1, ...tensor.shape] } : tensor;
}

/** Notes the sizes of symbolic dimensions; all must agree with each other and with the model. */
function bindDimensions(
  shape: Shape,
  input: ModelTensor,
  declared: readonly Dimension[],
  path: string,
  shapes: Map<string, number>,
): void {
  const bound = declared.map((size, axis) =>
    typeof size === "number" ? size : (shapes.get(size) ?? shape[axis] ?? -1),
  );
  if (shape.length !== bound.length || bound.some((size, axis) => size !== shape[axis])) {
    const remedy = /\.npy$/i.test(path) ? "" : " Resize the image first, or give another --layout.";
    throw new CommandLineError(
      `'${path}' has shape ${formatShape(shape)}, but input ${describeInput(input)} expects ${formatShape(bound)}.${remedy}`,
    );
  }
  declared.forEach((size, axis) => {
    if (typeof size === "string") shapes.set(size, bound[axis]!);
  });
}

function asDType(tensor: HostTensor, input: ModelTensor, path: string): HostTensor {
  if (tensor.dtype === input.dtype) return tensor;
  const isFraction = (value: number | bigint) => typeof value === "number" && !Number.isInteger(value);
  if (
    graphDType(input.dtype) !== "f32" &&
    tensor.data.some(isFraction as (value: number | bigint) => boolean)
  )
    throw new CommandLineError(
      `'${path}' holds fractions, but input ${describeInput(input)} takes ${input.dtype}.`,
    );
  const range = narrowRange(input.dtype);
  const outside =
    range &&
    Array.from(tensor.data as ArrayLike<number | bigint>).find(
      (value) => Number(value) < range[0] || Number(value) > range[1],
    );
  if (outside !== undefined)
    throw new CommandLineError(
      `'${path}' holds ${outside}, but input ${describeInput(input)} takes ${input.dtype}.`,
    );
  const data = convertArray(tensor.data, input.dtype, tensor.dtype);
  return { dtype: input.dtype, shape: tensor.shape, data } as HostTensor;
}

function describeAll(inputs: readonly ModelTensor[]): string {
  return inputs.map(describeInput).join(", ");
}

export function describeInput({ name, dtype, shape }: ModelTensor): string {
  return `${name} ${dtype}[${shape?.join(",") ?? "any shape"}]`;
}
