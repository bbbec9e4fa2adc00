/** What ONNX Runtime makes of a file, where `bench/` has it installed. */
import { createRequire } from "node:module";
import type { HostTensor } from "../src/ir/host-tensor.ts";

interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: HostTensor["data"];
}
interface Ort {
  readonly Tensor: new (type: string, data: HostTensor["data"], dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{
      run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
      readonly inputNames: readonly string[];
      release(): Promise<void>;
    }>;
  };
}

const names: Readonly<Record<string, string>> = {
  f32: "float32", f16: "float16", i64: "int64", i32: "int32", i16: "int16", i8: "int8", u8: "uint8", bool: "bool",
}; // prettier-ignore
const dtypes = Object.fromEntries(Object.entries(names).map(([dtype, name]) => [name, dtype]));

/** Undefined where it is not installed. */
export function findOnnxRuntime(): Ort | undefined {
  try {
    return createRequire(new URL("../bench/package.json", import.meta.url))("onnxruntime-node") as Ort;
  } catch {
    return undefined;
  }
}

/** Results by name; throws what ONNX Runtime has against the model. */
export async function runOnnxRuntime(
  ort: Ort,
  model: Uint8Array,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<Readonly<Record<string, HostTensor>>> {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4 });
  const feeds = session.inputNames.map((name) => {
    const { dtype, data, shape } = inputs[name]!;
    return [name, new ort.Tensor(names[dtype]!, data, shape)] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { type, dims, data }]) => [
      name,
      { dtype: dtypes[type], shape: [...dims], data } as HostTensor,
    ]),
  );
}
