/** A bar that fills while kernels compile; only on a terminal, and only for what takes over half a second. */
import type { CompileOptions } from "../compile.ts";

const patienceMs = 500;
const barWidth = 24;

export interface ProgressBar {
  readonly onProgress: NonNullable<CompileOptions["onProgress"]>;
  readonly clear: () => void;
}

export function progressBar(stream: NodeJS.WriteStream): ProgressBar {
  const start = performance.now();
  let isShown = false;
  return {
    onProgress({ completed, total, kernel }) {
      if (!stream.isTTY || performance.now() - start < patienceMs) return;
      isShown = true;
      const filled = total === 0 ? barWidth : Math.round((barWidth * completed) / total);
      const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
      const line = `${bar} ${completed} of ${total} kernels  ${kernel}`;
      stream.write(`\r\x1b[K${line.slice(0, Math.max((stream.columns ?? 80) - 1, barWidth))}`);
    },
    clear() {
      if (isShown) stream.write("\r\x1b[K");
    },
  };
}
