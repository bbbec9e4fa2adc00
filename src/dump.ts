/** Writes each stage's graph and every kernel to a folder, numbered in order: `00-trace.txt`, `01-…`. */
import type { Executable } from "./codegen/executable.ts";
import { UserError } from "./errors.ts";
import type { Graph } from "./ir/graph.ts";
import { printGraph } from "./ir/print.ts";
import { importAtRuntime, isNode } from "./runtime/import-at-runtime.ts";

/** Failures to write any of the files are thrown by `executable`, which comes last. */
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
  const attempt = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new UserError(
        "argument",
        `compile: cannot write to the dump folder '${folder}': ${why}. Choose a folder that can be written to.`,
        {},
        { cause },
      );
    }
  };
  await attempt(mkdir(folder, { recursive: true }));
  let stage = 0;
  const writes: Promise<void>[] = [];
  const file = (name: string, content: string | Uint8Array): void => {
    const write = attempt(writeFile(join(folder, name), content));
    // Awaited with the others in the end; until then a failure is not one that nobody handles.
    write.catch(() => undefined);
    writes.push(write);
  };
  return {
    async graph(name, graph) {
      file(`${String(stage++).padStart(2, "0")}-${name}.txt`, printGraph(graph, { elide: true }) + "\n");
    },
    async executable(executable) {
      for (const { name, language, source, binary } of executable.kernels) {
        file(`${name}.${extensions[language]}`, source);
        if (binary !== undefined) file(`${name}.wasm`, binary);
      }
      const { kernels: _, constants: __, ...plan } = executable;
      file("plan.json", JSON.stringify(plan, null, 2) + "\n");
      await Promise.all(writes);
    },
  };
}
