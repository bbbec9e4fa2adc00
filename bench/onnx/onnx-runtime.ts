/** ONNX Runtime's CPU provider, behind the one function that a benchmark calls. */
import { importIfInstalled } from "./import-if-installed.ts";

/** The part of onnxruntime-node that is used here. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: { readonly executionProviders: readonly string[]; readonly intraOpNumThreads?: number },
    ): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => object;
}
interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, object>>,
  ): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>;
}

export type RunOnce = () => Promise<Float32Array>;

/** A function that runs the model once; undefined where onnxruntime-node is not installed. */
export async function loadInOnnxRuntime(
  model: Uint8Array,
  input: { readonly data: Float32Array; readonly shape: readonly number[] },
  threads: number,
): Promise<RunOnce | undefined> {
  const ort = await importIfInstalled<OnnxRuntime>("onnxruntime-node");
  if (ort === undefined) return undefined;
  const { InferenceSession, Tensor } = ort;
  const session = await InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
  });
  const feeds = { [session.inputNames[0]!]: new Tensor("float32", input.data, input.shape) };
  return async () => (await session.run(feeds))[session.outputNames[0]!]!.data;
}
