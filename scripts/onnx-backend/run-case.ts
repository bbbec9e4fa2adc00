/** One backend test: imported, compiled for a device or left to the reference semantics, run, and compared. */
import { compile } from "../../src/compile.ts";
import { UserError } from "../../src/errors.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { importOnnx, type OnnxModel } from "../../src/import/onnx/model.ts";
import type { ConstantBindings } from "../../src/import/onnx/bind-inputs.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { declaredTensor } from "../../src/ir/declared-tensor.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { joinNamedWords } from "../../src/ir/int64-words.ts";
import { graphTensor, storedGraphTensor } from "../../src/ir/trace.ts";
import { verify } from "../../src/ir/verify.ts";
import type { Device } from "../../src/runtime/device.ts";
import { readDataSets, readModel, type BackendCase, type DataSet } from "./cases.ts";
import { differenceOf } from "./compare.ts";
import { imprecision } from "./expectations.ts";
import type { RecordedTensor } from "./tensor-file.ts";

export interface Outcome {
  /** Refused: with a `UserError`. All else that is thrown is a failure. */
  readonly kind: "passed" | "failed" | "refused";
  /** Why, where it did not pass. */
  readonly reason: string;
  /** Inputs whose values were bound when compiling, because the importer asked for them. */
  readonly constants: readonly string[];
}

type Tensors = Readonly<Record<string, HostTensor>>;
type Program = (inputs: Tensors) => Promise<Tensors>;

export async function runCase(item: BackendCase, device: Device | "reference"): Promise<Outcome> {
  let constants: readonly string[] = [];
  try {
    const model = importOnnx(readModel(item));
    for (const data of readDataSets(item)) {
      const run = await runDataSet(model, data, device, imprecision(item.id) !== undefined);
      constants = run.constants;
      if (run.difference !== undefined) return { kind: "failed", reason: run.difference, constants };
    }
    return { kind: "passed", reason: "", constants };
  } catch (error) {
    const isRefusal = error instanceof UserError;
    const reason = error instanceof Error && !isRefusal ? (error.stack ?? error.message) : String(error);
    return { kind: isRefusal ? "refused" : "failed", reason, constants };
  }
}

async function runDataSet(
  model: OnnxModel,
  { inputs, outputs }: DataSet,
  device: Device | "reference",
  isImprecise: boolean,
) {
  const values = Object.fromEntries(
    model.inputs.map(({ name, elementType }, i) => [name, asElementType(inputs[i]!, elementType).value]),
  );
  const shapes = Object.fromEntries(
    model.inputs.flatMap((input) =>
      (input.shape ?? []).flatMap((size, axis) =>
        typeof size === "string" ? [[size, values[input.name]!.shape[axis]!] as const] : [],
      ),
    ),
  );
  const constants: Record<string, HostTensor> = {};
  const program = await withConstants(constants, values, () =>
    device === "reference"
      ? Promise.resolve(referenceProgram(model, shapes, constants))
      : deviceProgram(model, shapes, constants, device),
  );
  const given = Object.fromEntries(Object.entries(values).filter(([name]) => !(name in constants)));
  const results = await program(given);
  const differences = model.outputs.flatMap(({ name, elementType }, i) => {
    const difference = differenceOf(results[name]!, asElementType(outputs[i]!, elementType), isImprecise);
    return difference === undefined ? [] : [`${name} ${difference}`];
  });
  return { difference: differences[0], constants: Object.keys(constants) };
}

/** NumPy has no bf16, so tests are recorded with the bits of bf16 tensors as u16. */
function asElementType(recorded: RecordedTensor, elementType: number | undefined): RecordedTensor {
  const { dtype, shape, data } = recorded.value;
  if (elementType !== DataType.BFLOAT16 || dtype !== "u16") return recorded;
  const words = Uint32Array.from(data as Uint16Array, (bits) => bits << 16);
  return { value: { dtype: "f32", shape, data: new Float32Array(words.buffer) }, isBfloat: true };
}

/** Compiles, and where that is refused because a shape depends on an input, does what the message says. */
async function withConstants(
  constants: Record<string, HostTensor>,
  values: Tensors,
  compileOnce: () => Promise<Program>,
): Promise<Program> {
  for (;;) {
    try {
      return await compileOnce();
    } catch (error) {
      const asked = error instanceof UserError ? inputsToBind(error) : [];
      const more = asked.filter((name) => !(name in constants));
      if (more.length === 0) throw error;
      for (const name of more) constants[name] = values[name]!;
    }
  }
}

/** The names in `compile(model, { constants: { "axes": …, "shape": … } })`. */
function inputsToBind({ message }: UserError): readonly string[] {
  const remedy = /constants: \{(.*?)\}/.exec(message)?.[1] ?? "";
  return Array.from(remedy.matchAll(/("(?:[^"\\]|\\.)*"):/g), ([, name]) => JSON.parse(name!) as string);
}

function referenceProgram(
  model: OnnxModel,
  shapes: Readonly<Record<string, number>>,
  constants: ConstantBindings,
): Program {
  const { graph, stored, declared } = traceOnnx(model, shapes, constants);
  verify(graph, "import");
  return async (inputs) => {
    const values = new Map(Object.entries(inputs).map(([name, value]) => [name, graphTensor(value, name)]));
    for (const [name, parameter] of stored) values.set(name, storedGraphTensor(parameter, name));
    const results = joinNamedWords(evaluate(graph, Object.fromEntries(values))) as Readonly<
      Record<string, HostTensor<DType>>
    >;
    const entries = Object.entries(results).map(
      ([name, value]) => [name, declaredTensor(value, declared?.get(name) ?? value.dtype)] as const,
    );
    return Object.fromEntries(entries);
  };
}

async function deviceProgram(
  model: OnnxModel,
  shapes: Readonly<Record<string, number>>,
  constants: ConstantBindings,
  device: Device,
): Promise<Program> {
  const compiled = await compile(model, { shapes, constants, device });
  return async (inputs) => {
    try {
      const names = Object.keys(inputs);
      return names.length === 0 ? await compiled.run<Tensors>() : await compiled.run<Tensors>(inputs);
    } finally {
      compiled.dispose();
    }
  };
}
