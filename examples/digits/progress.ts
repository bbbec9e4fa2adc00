/** A line that counts kernels while they compile; silent when that is quick or nobody watches. */
import type { CompileOptions } from "heddle";

const patienceMs = 500;

export function showProgress(stream: NodeJS.WriteStream): {
  readonly onProgress: NonNullable<CompileOptions["onProgress"]>;
  readonly clear: () => void;
} {
  const start = performance.now();
  let shown = false;
  return {
    onProgress({ completed, total, kernel }) {
      if (!stream.isTTY || performance.now() - start < patienceMs) return;
      shown = true;
      stream.write(`\r\x1b[Kcompiling kernels: ${completed} of ${total} (${kernel})`);
    },
    clear() {
      if (shown) stream.write("\r\x1b[K");
    },
  };
}
