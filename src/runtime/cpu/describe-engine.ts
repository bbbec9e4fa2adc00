/** Names the JavaScript engine and, where the host tells it, the processor: `V8 12.4.254 on Intel(R) Xeon(R) …`. */
import { importAtRuntime, isNode } from "../import-at-runtime.ts";

export async function describeEngine(): Promise<string> {
  if (!isNode()) return typeof navigator === "undefined" ? "unknown" : navigator.userAgent;
  const { cpus } = await importAtRuntime<typeof import("node:os")>("node:os");
  const model = cpus()[0]?.model.trim();
  return `V8 ${process.versions.v8}${model === undefined ? "" : ` on ${model}`}`;
}
