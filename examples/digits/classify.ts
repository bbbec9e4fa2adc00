/** Compiles the digits network for one device, classifies all test digits, and measures. */
import { compile, type Compiled, type CompileOptions, type DeviceChoice } from "heddle";
import { loadExpectedLogits, loadNetwork, type Digits } from "./load.ts";

export interface Classification {
  readonly compiled: Compiled;
  readonly predictions: readonly number[];
  readonly correct: number;
  /** Largest distance from PyTorch's logits, relative to the largest of those. */
  readonly difference: number;
  /** One run over all digits, from host memory to host memory: the median of several. */
  readonly medianRunMs: number;
}

export async function classify(
  digits: Digits,
  device: DeviceChoice,
  onProgress?: CompileOptions["onProgress"],
): Promise<Classification> {
  const compiled = await compile(loadNetwork(), [digits.batch], {
    device,
    ...(onProgress && { onProgress }),
  });
  const { data: logits } = await compiled.run(digits.batch);
  const predictions = Array.from(digits.labels, (_, image) => largestOfTen(logits, image * 10));
  return {
    compiled,
    predictions,
    correct: predictions.filter((prediction, image) => prediction === digits.labels[image]).length,
    difference: largestDifference(logits, loadExpectedLogits()),
    medianRunMs: await medianRunMs(() => compiled.run(digits.batch)),
  };
}

function largestOfTen(values: ArrayLike<number>, start: number): number {
  let best = 0;
  for (let i = 1; i < 10; i++) if (values[start + i]! > values[start + best]!) best = i;
  return best;
}

function largestDifference(actual: ArrayLike<number>, expected: Float32Array): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
  return apart / largest;
}

/** Up to 20 runs, at least 3, within about a second. */
async function medianRunMs(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  const start = performance.now();
  while (times.length < 3 || (times.length < 20 && performance.now() - start < 1000)) {
    const before = performance.now();
    await run();
    times.push(performance.now() - before);
  }
  return times.sort((a, b) => a - b)[times.length >> 1]!;
}
