/** What a run costs beside its kernels: JavaScript, the driver, copies in and out. */
import type { LoadedInHeddle } from "./systems/heddle.ts";
import { interleave } from "./measure.ts";
import { median, summarize, type Summary } from "./statistics.ts";

export interface Overhead {
  readonly launches: number;
  /** Time of a run that is not profiled, and the kernels' own time in a run that is. */
  readonly run: Summary;
  readonly kernels: Summary;
  /** (run − kernels) ÷ kernels, of the medians. */
  readonly share: number;
  readonly runMs: readonly number[];
  readonly kernelMs: readonly number[];
}

/** Runs with and without profiling in turns. */
export async function measureOverhead({ compiled, run }: LoadedInHeddle, rounds: number): Promise<Overhead> {
  const plain = async (): Promise<number> => {
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
  const profiled = async (): Promise<number> => {
    await run({ profile: true });
    return compiled.lastProfile.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0);
  };
  const [runMs, kernelMs] = (await interleave([plain, profiled], rounds)).map(({ times }) => times.flat());
  const share = median(runMs!) / median(kernelMs!) - 1;
  return {
    launches: compiled.launches,
    run: summarize(runMs!),
    kernels: summarize(kernelMs!),
    share,
    runMs: runMs!,
    kernelMs: kernelMs!,
  };
}
