/**
 * ResNet-18 on one image of 3×224×224, seeded random weights: Heddle on OpenCL and on the embedded CPU, each
 * beside ONNX Runtime's CPU provider with as many threads, run in turns.
 *
 *     npm run bench:resnet18
 */
import { availableParallelism } from "node:os";
import { compile, listDevices, nn, type DeviceKind, type HostTensor } from "../src/index.ts";
import { resnet18 } from "../examples/resnet.ts";
import { interleave, median, relativeDifference } from "./measure.ts";
import { loadInOnnxRuntime } from "./onnx/onnx-runtime.ts";
import { resnetOnnxModel } from "./onnx/resnet-model.ts";

const shape = [1, 3, 224, 224];
const rounds = 15;
const install = "cd bench && ONNXRUNTIME_NODE_INSTALL=skip npm install";

const net = resnet18({ seed: 18 }).eval();
const image = nn.init.uniform(shape, 1, nn.init.seededRandom(224));
const model = await resnetOnnxModel(net.stateDict(), shape);
const missing = new Map((await listDevices()).map((listing) => [listing.kind, listing.missing]));

console.log(`ResNet-18, ${shape.join("×")}, medians of ${rounds} runs in turns; times in ms.\n`);
await measure("opencl", availableParallelism());
await measure("cpu", 1);

async function measure(device: DeviceKind, threads: number): Promise<void> {
  const why = missing.get(device);
  if (why !== undefined) return console.log(`Heddle on ${device}: not here: ${why}`);
  await using compiled = await compile(net, [{ shape }], { device });
  const heddle = async (): Promise<Float32Array> => (await compiled.run<HostTensor<"f32">>(image)).data;
  const { compileMs } = compiled.report().data;
  const totalMs = Object.values(compileMs).reduce((sum, ms) => sum + ms, 0);
  console.log(`Heddle on ${device} (${compiled.device.name}): ${compiled.launches} launches, compiled in ${totalMs.toFixed(0)} ms`); // prettier-ignore

  const onnx = model && (await loadInOnnxRuntime(model, image, threads));
  const [ours, theirs] = (await interleave(onnx ? [heddle, onnx] : [heddle], rounds)).map(median);
  console.log(`  Heddle        ${ours!.toFixed(1)}`);
  if (onnx === undefined || theirs === undefined) {
    return console.log(`  ONNX Runtime  not installed; to compare: ${install}\n`);
  }
  const difference = relativeDifference(await heddle(), await onnx());
  console.log(
    `  ONNX Runtime  ${theirs.toFixed(1)}   (CPU provider, ${threads} thread${threads === 1 ? "" : "s"})`,
  );
  console.log(`  Heddle takes ${(ours! / theirs).toFixed(2)} × its time; the results differ by ${difference.toExponential(1)} of the largest.\n`); // prettier-ignore
}
