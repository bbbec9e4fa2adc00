/** ONNX Runtime: natively through onnxruntime-node (CPU or WebGPU provider), and as WebAssembly through onnxruntime-web. */
import { readFileSync } from "node:fs";
import { findPackageJSON, importIfInstalled } from "../onnx/import-if-installed.ts";
import type { Network } from "../networks.ts";
import { pointToSoftwareVulkan } from "./software-vulkan.ts";
import { contender, NotHere, type Contender } from "./system.ts";

/** The part that both packages share and that is used here. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: { readonly executionProviders: readonly string[]; readonly intraOpNumThreads?: number },
    ): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => object;
  /** onnxruntime-web's settings; where its WebAssembly runs on threads they are read when it starts. */
  readonly env: { readonly wasm: { numThreads?: number } };
  /** onnxruntime-node only. */
  readonly listSupportedBackends?: () => readonly { readonly name: string }[];
}

interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, object>>,
  ): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>;
  release(): Promise<void>;
}

export async function ortCpuContender(network: Network, threads: number): Promise<Contender> {
  const ort = await imported("onnxruntime-node");
  return load(ort, network, "cpu", threads, `onnxruntime-node ${version("onnxruntime-node")}, CPU provider, ${count(threads)}`); // prettier-ignore
}

export async function ortWebContender(network: Network, threads: number): Promise<Contender> {
  const ort = await imported("onnxruntime-web");
  ort.env.wasm.numThreads = threads;
  return load(ort, network, "wasm", threads, `onnxruntime-web ${version("onnxruntime-web")}, WebAssembly, ${count(threads)}`); // prettier-ignore
}

export async function ortWebgpuContender(network: Network, threads: number): Promise<Contender> {
  const ort = await imported("onnxruntime-node");
  if (ort.listSupportedBackends?.().some(({ name }) => name === "webgpu") !== true)
    throw new NotHere("this build of onnxruntime-node has no WebGPU provider");
  const driver = await pointToSoftwareVulkan();
  return load(ort, network, "webgpu", threads, `onnxruntime-node ${version("onnxruntime-node")}, WebGPU provider${driver}`); // prettier-ignore
}

async function imported(name: string): Promise<OnnxRuntime> {
  const ort = await importIfInstalled<OnnxRuntime>(name);
  if (ort === undefined) throw new NotHere(`${name} is not installed`);
  return ort;
}

async function load(
  { InferenceSession, Tensor }: OnnxRuntime,
  network: Network,
  provider: string,
  threads: number,
  description: string,
): Promise<Contender> {
  const session = await InferenceSession.create(network.bytes(), {
    executionProviders: [provider],
    intraOpNumThreads: threads,
  });
  const { data, shape } = network.input;
  const feeds = { [session.inputNames[0]!]: new Tensor("float32", data, shape) };
  const output = session.outputNames[0]!;
  return contender(
    description,
    async () => (await session.run(feeds))[output]!.data,
    () => session.release(),
  );
}

function version(name: string): string {
  const path = findPackageJSON(name);
  return path === undefined ? "" : (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

function count(threads: number): string {
  return `${threads} thread${threads === 1 ? "" : "s"}`;
}
