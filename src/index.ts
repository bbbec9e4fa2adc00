/** The public interface of Heddle. */
export { bisect, Bisection, type BisectOptions, type BisectSide, type DifferingValue } from "./bisect.ts";
export { compile, type CompileOptions, type ModelOptions } from "./compile.ts";
export { Compiled, type CompiledKernelInfo, type RunOptions } from "./compiled.ts";
export { InternalError, UserError, type UserErrorCode } from "./errors.ts";
export { evaluate } from "./ir/evaluate.ts";
export { tensor, type HostTensor } from "./ir/host-tensor.ts";
export { parseGraph } from "./ir/parse.ts";
export { printGraph } from "./ir/print.ts";
export type { Graph } from "./ir/graph.ts";
export { importOnnx, OnnxModel, type ImportOptions } from "./import/onnx/model.ts";
export { readNpy, writeNpy } from "./import/npy.ts";
export { readPytorch } from "./import/pytorch.ts";
export { readSafetensors, writeSafetensors } from "./import/safetensors.ts";
export * as nn from "./nn/index.ts";
export { Report, type ReportData } from "./report.ts";
export type { Device, DeviceKind, DispatchTiming } from "./runtime/device.ts";
export { DeviceTensor } from "./runtime/device-tensor.ts";
export { listDevices, openDevice, type DeviceChoice, type DeviceListing } from "./runtime/open-device.ts";
