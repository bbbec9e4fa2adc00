/** The networks that are measured, as ONNX files with an input and, mostly, what PyTorch computes from it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nn, readNpy, tensor, type HostTensor } from "../src/index.ts";
import { loadDigits, loadExpectedLogits } from "../examples/digits/load.ts";
import { resnet18 } from "../examples/resnet.ts";
import { resnetOnnxModel } from "./onnx/resnet-model.ts";
import { findPython } from "./systems/pytorch.ts";

export interface Network {
  readonly name: string;
  /** The ONNX file; read anew each time, so that nobody holds half a gigabyte. */
  bytes(): Uint8Array;
  /** Sizes of the model's symbolic dimensions. */
  readonly shapes: Readonly<Record<string, number>>;
  readonly input: HostTensor<"f32">;
  /** PyTorch's output. */
  readonly expected: Float32Array | undefined;
  /** Whether the PyTorch runner can rebuild it. */
  readonly inTorchvision: boolean;
}

export const defaultNetworks = ["digits", "resnet18", "resnet50", "mobilenet_v2", "vgg11", "vit_b_16"];

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = `${root}.cache/torchvision/`;
const exporter = `${root}scripts/torchvision/export-networks.py`;

/** The networks of these names that can be had here; `say` hears what is done to get them and what cannot be. */
export async function findNetworks(
  names: readonly string[],
  say: (line: string) => void,
): Promise<readonly Network[]> {
  const missing = names.filter((name) => name !== "digits" && !isExported(name));
  if (missing.length > 0) exportByPython(missing, say);
  const networks = names.map(async (name): Promise<Network | undefined> => {
    if (name === "digits") return digits();
    if (isExported(name)) return torchvisionNetwork(name);
    if (name === "resnet18") return ownResnet18(say);
    say(`${name}: left out: there is no ${folder}${name}.onnx`);
    return undefined;
  });
  return (await Promise.all(networks)).filter((network) => network !== undefined);
}

function isExported(name: string): boolean {
  return ["onnx", "input.npy", "output.npy"].every((ending) => existsSync(`${folder}${name}.${ending}`));
}

function exportByPython(names: readonly string[], say: (line: string) => void): void {
  const python = findPython();
  if (python === undefined)
    return say("No python3 here imports torch and torchvision, which export the networks: apt-get install python3-torch python3-torchvision"); // prettier-ignore
  say(`exporting ${names.join(", ")} …`);
  const { status } = spawnSync(python, [exporter, ...names], { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) say(`${exporter} ended with status ${status}`);
}

function torchvisionNetwork(name: string): Network {
  return {
    name,
    bytes: () => readFileSync(`${folder}${name}.onnx`),
    shapes: { N: 1 },
    input: readFloats(`${folder}${name}.input.npy`),
    expected: readFloats(`${folder}${name}.output.npy`).data,
    inTorchvision: true,
  };
}

/** One image of the demo. */
function digits(): Network {
  const { batch } = loadDigits();
  const [, ...image] = batch.shape;
  const pixels = image.reduce((product, size) => product * size, 1);
  return {
    name: "digits",
    bytes: () => readFileSync(`${root}examples/digits/data/digits-resnet.onnx`),
    shapes: { N: 1 },
    input: tensor(batch.data.slice(0, pixels) as Float32Array, [1, ...image]),
    expected: loadExpectedLogits().slice(0, 10),
    inTorchvision: false,
  };
}

/** The example's ResNet-18 with random weights, where torchvision's cannot be had. */
async function ownResnet18(say: (line: string) => void): Promise<Network | undefined> {
  const shape = [1, 3, 224, 224];
  const model = await resnetOnnxModel(resnet18({ seed: 18 }).eval().stateDict(), shape);
  if (model === undefined) {
    say(
      "resnet18: left out: neither torchvision's nor protobufjs, which would export the example's, is here",
    );
    return undefined;
  }
  say("resnet18 is the example's (examples/resnet.ts) with random weights: torchvision's cannot be had");
  return {
    name: "resnet18",
    bytes: () => model,
    shapes: {},
    input: nn.init.uniform(shape, 1, nn.init.seededRandom(224)) as HostTensor<"f32">,
    expected: undefined,
    inTorchvision: false,
  };
}

function readFloats(path: string): HostTensor<"f32"> {
  const array = readNpy(readFileSync(path));
  if (!(array.data instanceof Float32Array)) throw new Error(`${path} does not hold floats`);
  return array as HostTensor<"f32">;
}
