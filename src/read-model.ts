/**
 * The arguments of `compile`, and of what takes the same: a module and its inputs, or an imported model, and options.
 * Out: how to trace the model, or an error that says what was given in its place and the remedy.
 */
import type { ModelOptions } from "./compile.ts";
import { UserError } from "./errors.ts";
import { checkShapeNames } from "./import/onnx/bind-inputs.ts";
import { OnnxModel } from "./import/onnx/onnx-model.ts";
import { checkOptions, describeValue, unknownName, type OptionKind } from "./ir/check-options.ts";
import { Module } from "./nn/module.ts";
import { traceModule, type InputSpec, type TracedModule } from "./nn/trace-module.ts";

/** What only models that have names for their inputs may be told. */
const optionsByName: Readonly<Record<string, OptionKind>> = { shapes: "any", constants: "any" };

/** A model in the arguments of `compile` or of another function that takes the same: how to trace it, and options. */
export function readModel<
  Options extends Pick<ModelOptions, "shapes" | "constants" | "checkIndices" | "memoryLimitBytes">,
>(
  caller: string,
  known: Readonly<Record<string, OptionKind>>,
  model: Module | OnnxModel,
  second: readonly InputSpec[] | Options | undefined,
  third: Options | undefined,
): { readonly trace: () => TracedModule; readonly options: Options } {
  if (model instanceof OnnxModel) {
    if (Array.isArray(second))
      throw new UserError(
        "argument",
        `${caller}: an imported model knows its inputs; sizes that it leaves open are given by name, such as { shapes: { N: 8 } }.`,
      );
    if (third !== undefined)
      throw new UserError("argument", `${caller}: an imported model takes one object of options, got two.`);
    const options = (second ?? {}) as Options;
    checkOptions<object>(caller, options, { ...known, ...optionsByName });
    checkShapeNames([...model.inputs, ...model.overridable], options.shapes);
    const tracing = { ...options, memoryLimitBytes: memoryLimitOf(model, options) };
    return { trace: () => model.trace(options.shapes, options.constants, tracing), options };
  }
  if (!(model instanceof Module)) {
    throw new UserError(
      "argument",
      `${caller}: expected an nn.Module or a model from importOnnx. Got ${describeNoModel(model)}`,
    );
  }
  checkInputSpecs(caller, second);
  const options = third ?? ({} as Options);
  checkOptions<object>(caller, options, known);
  return { trace: () => traceModule(model, second as readonly InputSpec[], options), options };
}

/** The smaller one of what a call allows and what whoever imported the model did. */
export function memoryLimitOf(
  owner: unknown,
  { memoryLimitBytes = Infinity }: Pick<ModelOptions, "memoryLimitBytes">,
): number {
  return Math.min(memoryLimitBytes, owner instanceof OnnxModel ? owner.memoryLimitBytes : Infinity);
}

/** What was given in place of a model, with its remedy. */
function describeNoModel(value: unknown): string {
  if (typeof value === "function")
    return `the class or function ${value.name}. Make a module of a class: new ${value.name}().`;
  if (typeof (value as { readonly then?: unknown } | null | undefined)?.then === "function")
    return "a promise. Await it: openOnnx is asynchronous.";
  if (typeof value === "string")
    return `${describeValue(value)}. A file is opened first: await openOnnx(path).`;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return `${describeValue(value)}. Bytes of a model go to importOnnx first.`;
  return `${describeValue(value)}.`;
}

const specNames = ["shape", "dtype", "name"];

/** Refuses whatever is no list of shapes. */
function checkInputSpecs(caller: string, specs: unknown): asserts specs is readonly InputSpec[] {
  const example = (shape: unknown) =>
    `${caller}: expected a list of input shapes, such as [{ shape: ${describeValue(shape)} }]`;
  const isShape = (value: unknown): value is readonly number[] =>
    Array.isArray(value) && value.length > 0 && value.every((size) => typeof size === "number");
  if (isShape(specs)) throw new UserError("argument", `${example(specs)}, got the shape alone.`);
  if (!Array.isArray(specs)) {
    const { shape } = (specs ?? {}) as { readonly shape?: unknown };
    const got = isShape(shape) ? "one input without a list" : describeValue(specs);
    throw new UserError("argument", `${example(isShape(shape) ? shape : [1, 3, 224, 224])}, got ${got}.`);
  }
  specs.forEach((spec: unknown, position) => {
    const what = `${caller}: input ${position + 1}`;
    if (isShape(spec))
      throw new UserError("argument", `${example(spec)}, got a shape alone as input ${position + 1}.`);
    if (typeof spec !== "object" || spec === null)
      throw new UserError(
        "argument",
        `${what} is ${describeValue(spec)}, expected { shape: [1, 3, 224, 224] }.`,
      );
    const isPlain = Object.getPrototypeOf(spec) === Object.prototype && !("data" in spec);
    const unknown = isPlain ? Object.keys(spec).find((name) => !specNames.includes(name)) : undefined;
    if (unknown !== undefined) throw unknownName(what, "property", unknown, specNames);
    if (!Array.isArray((spec as { readonly shape?: unknown }).shape) && isPlain)
      throw new UserError(
        "argument",
        `${what} has no shape that is a list of sizes, such as { shape: [1, 3, 224, 224] }.`,
      );
  });
}
