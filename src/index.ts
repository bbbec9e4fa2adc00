/** The public interface of Heddle. */
export { bisect, Bisection, type BisectOptions, type BisectSide, type DifferingValue } from "./bisect.ts";
export { compile, type CompileOptions, type ModelOptions } from "./compile.ts";
export {
  Compiled,
  type CompiledKernelInfo,
  type OnDevice,
  type Results,
  type RunInput,
  type RunOptions,
} from "./compiled.ts";
export {
  InternalError,
  UserError,
  type UserErrorCode,
  type UserErrorCodes,
  type UserErrorOrigin,
} from "./errors.ts";
export { evaluate } from "./ir/evaluate.ts";
export { decodeHalves, encodeHalves } from "./ir/half.ts";
export { tensor, type HostTensor } from "./ir/host-tensor.ts";
export { parseGraph } from "./ir/parse.ts";
export { printGraph } from "./ir/print.ts";
export type { Graph } from "./ir/graph.ts";
export type { HostDType } from "./ir/dtype.ts";
export type { Shape } from "./ir/shape.ts";
export type { Target } from "./codegen/target.ts";
export type { InputSpec } from "./nn/trace-module.ts";
export type { ModelOutput, ModelTensor } from "./import/onnx/declared-tensors.ts";
export { importOnnx, OnnxModel, type ImportOptions } from "./import/onnx/model.ts";
export { openOnnx } from "./import/onnx/open-onnx.ts";
export { readNpy, writeNpy } from "./import/npy.ts";
export { readPytorch } from "./import/pytorch.ts";
export { readSafetensors, writeSafetensors } from "./import/safetensors.ts";
export * as nn from "./nn/index.ts";
export { Report, type ReportData, type TuningReport } from "./report.ts";
export type { CompileProgress, Device, DeviceKind, DispatchTiming } from "./runtime/device.ts";
export { DeviceTensor } from "./runtime/device-tensor.ts";
export {
  listDevices,
  openDevice,
  type DeviceChoice,
  type DeviceListing,
  type OpenDeviceOptions,
  type OpenedDevice,
} from "./runtime/open-device.ts";
export { tune, type ModelTuneOptions, type TuneOptions } from "./tune.ts";
export { TuningRecords, type DeviceRecords, type TuningEntry } from "./tuning/records.ts";
export type { SettledDecision, TuningProgress } from "./tuning/tune-decisions.ts";
export type { Tuning } from "./tuning/tune-graph.ts";
