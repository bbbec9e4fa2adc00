/** Writes each stage's graph and every kernel to a folder, numbered in order: `00-trace.txt`, `01-…`. */
import type { Executable, KernelSource } from "./codegen/executable.ts";
import { UserError } from "./errors.ts";
import type { Graph } from "./ir/graph.ts";
import { printGraph } from "./ir/print.ts";
import { importAtRuntime, isNode } from "./runtime/import-at-runtime.ts";

export interface Dump {
  graph(stage: string, graph: Graph): Promise<void>;
  executable(executable: Executable): Promise<void>;
}

const nothing: Dump = { graph: async () => {}, executable: async () => {} };

const extensions = { wgsl: "wgsl", "opencl-c": "cl", wasm: "txt" } as const;

export async function openDump(folder: string | undefined): Promise<Dump> {
  if (folder === undefined) return nothing;
  if (!isNode()) throw new UserError("unsupported", "compile: dump writes files, which needs Node.");
  const { mkdir, writeFile } = await importAtRuntime<typeof import("node:fs/promises")>("node:fs/promises");
  const { join } = await importAtRuntime<typeof import("node:path")>("node:path");
  await mkdir(folder, { recursive: true });
  let stage = 0;
  const writes: Promise<void>[] = [];
  const file = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content);
  const kernelFiles = (kernel: KernelSource) => [
    file(`${kernel.name}.${extensions[kernel.language]}`, kernel.source),
    ...(kernel.binary === undefined ? [] : [file(`${kernel.name}.wasm`, kernel.binary)]),
  ];
  return {
    async graph(name, graph) {
      writes.push(
        file(`${String(stage++).padStart(2, "0")}-${name}.txt`, printGraph(graph, { elide: true }) + "\n"),
      );
    },
    async executable(executable) {
      writes.push(...executable.kernels.flatMap(kernelFiles));
      const { kernels: _, constants: __, ...plan } = executable;
      writes.push(file("plan.json", JSON.stringify(plan, null, 2) + "\n"));
      await Promise.all(writes);
    },
  };
}
