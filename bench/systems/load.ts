/** Every system, by name. */
import { heddleContender } from "./heddle.ts";
import { ortCpuContender, ortWebContender, ortWebgpuContender } from "./onnx-runtime.ts";
import { pytorchContender } from "./pytorch.ts";
import type { LoadNetwork, SystemName } from "./system.ts";

export const loaders: Readonly<Record<SystemName, LoadNetwork>> = {
  opencl: (network, threads) => heddleContender("opencl", network, threads),
  cpu: (network, threads) => heddleContender("cpu", network, threads),
  webgpu: (network, threads) => heddleContender("webgpu", network, threads),
  ort: ortCpuContender,
  "ort-web": ortWebContender,
  "ort-webgpu": ortWebgpuContender,
  torch: (network, threads) => pytorchContender("eager", network, threads),
  torchscript: (network, threads) => pytorchContender("frozen", network, threads),
};
