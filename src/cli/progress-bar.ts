/** A bar that fills while kernels compile or candidates are measured; only on a terminal, and only for what takes over half a second. */
import type { CompileOptions } from "../compile.ts";

const patienceMs = 500;
const barWidth = 24;

export interface ProgressBar {
  /** `what` is being done, after `completed` of `total`. */
  readonly show: (completed: number, total: number, what: string) => void;
  readonly onProgress: NonNullable<CompileOptions["onProgress"]>;
  readonly clear: () => void;
}

export function progressBar(stream: NodeJS.WriteStream, unit = "kernels"): ProgressBar {
  const start = performance.now();
  let isShown = false;
  const show: ProgressBar["show"] = (completed, total, what) => {
    if (!stream.isTTY || performance.now() - start < patienceMs) return;
    isShown = true;
    const filled = total === 0 ? barWidth : Math.round((barWidth * completed) / total);
    const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
    const line = `${bar} ${completed} of ${total} ${unit}  ${what}`;
    stream.write(`\r\x1b[K${line.slice(0, Math.max((stream.columns ?? 80) - 1, barWidth))}`);
  };
  return {
    show,
    onProgress: ({ completed, total, kernel }) => show(completed, total, kernel),
    clear() {
      if (isShown) stream.write("\r\x1b[K");
    },
  };
}
