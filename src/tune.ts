/** Tuning as users call it: measures, on a device, what the rules of the compiler otherwise decide. */
import { buildExecutable, passOptions, type CompileOptions, type ModelOptions } from "./compile.ts";
import { readModel } from "./read-model.ts";
import type { OnnxModel } from "./import/onnx/onnx-model.ts";
import type { KnownOptions } from "./ir/check-options.ts";
import type { Module } from "./nn/module.ts";
import type { InputSpec } from "./nn/trace-module.ts";
import { openDevice } from "./runtime/open-device.ts";
import { recordsOf } from "./tuning/records.ts";
import type { TuningProgress } from "./tuning/tune-decisions.ts";
import { tuneGraph, type Tuning } from "./tuning/tune-graph.ts";

type PassChoices = Pick<CompileOptions, "device" | "batchNorm" | "winograd" | "withoutPasses">;

/** What `tune` may be told. */
export interface TuneOptions extends PassChoices {
  /** Records, or the text of a records file; what they settle is not measured again. */
  readonly tuning?: CompileOptions["tuning"];
  /** Called before and after each decision is measured. */
  readonly onProgress?: (progress: TuningProgress) => void;
}

/** What `tune` may be told for an imported model. */
export interface ModelTuneOptions extends TuneOptions, Pick<ModelOptions, "shapes" | "constants"> {}

const tuneOptions: KnownOptions<TuneOptions> = {
  device: "any",
  batchNorm: "any",
  winograd: "boolean",
  withoutPasses: "any",
  tuning: "any",
  onProgress: "function",
};

/**
 * Measures the ways to compute each part of a network where the compiler has several, on the device, and gives
 * records of which was the fastest: for `compile(…, { tuning: records })`, and as text (`String(records)`) for a
 * file. Takes the model and the shapes that `compile` takes; the model's parameters are not touched.
 *
 * @throws UserError for networks and devices that do not fit, as `compile` does
 * @example
 * const { records } = await tune(importOnnx(bytes), { device: "cpu", shapes: { N: 1 } });
 * writeFileSync("model.tuning.json", String(records));
 */
export function tune(module: Module, inputs: readonly InputSpec[], options?: TuneOptions): Promise<Tuning>;
export function tune(model: OnnxModel, options?: ModelTuneOptions): Promise<Tuning>;
export async function tune(
  model: Module | OnnxModel,
  second?: readonly InputSpec[] | ModelTuneOptions,
  third?: TuneOptions,
): Promise<Tuning> {
  const { trace, options } = readModel<ModelTuneOptions>("tune", tuneOptions, model, second, third);
  const { device } = await openDevice(options.device ?? "auto");
  return tuneGraph(trace().graph, {
    device,
    passes: passOptions(options),
    build: buildExecutable,
    records: recordsOf(options.tuning),
    onProgress: options.onProgress,
  });
}
