/**
 * In: legalised kernels that run one after the other. Out: one OpenCL C kernel that does the same in one
 * launch of as many groups as there are cores: each is a worker that goes through all kernels.
 *
 * Of every kernel a worker first takes groups from its own share, neighbours that touch neighbouring memory,
 * and so what its core computed in the kernel before; then from the others' shares. Then it waits until all
 * groups have finished. Those it waits for are running, and groups of a CPU device run to their end: so nobody
 * waits in a circle, and where a single core runs all workers, the first does everything. The last worker to
 * leave sets the counters back to zero.
 */
import type { Kernel } from "../kernel-ir.ts";
import type { Spelling } from "../write-expression.ts";
import { openclSpelling, openclType } from "./spelling.ts";
import { waitForWorkers } from "./wait-for-workers.ts";
import { prefetches, prefetchMacro, writeStatements } from "./write.ts";

/** A kernel of a chain, and the parameter of the chain that each of its buffers is. */
export interface ChainLink {
  readonly kernel: Kernel;
  readonly parameters: readonly number[];
}

/** Counters lie a cache line apart, so that cores do not wait for each other's. */
const spacing = 16;

/** Where the counters are: workers that came, left and sleep, and of each kernel the groups drawn of each share, and finished. */
const came = 0;
const left = spacing;
const asleep = 2 * spacing;
const drawn = (stage: number, workers: number) => (3 + stage * (workers + 1)) * spacing;
const finished = (stage: number, workers: number) => drawn(stage, workers) + workers * spacing;

/** The counters are the last parameter. */
export function counterElements(links: number, workers: number): number {
  return drawn(links, workers);
}

const spelling: Spelling = { ...openclSpelling, group: () => "group" };

export function writeOpenclChain(
  name: string,
  comment: string,
  links: readonly ChainLink[],
  workers: number,
): string {
  const parameters: { constant: boolean; type: string }[] = [];
  for (const { kernel, parameters: indices } of links) {
    kernel.buffers.forEach((buffer, i) => {
      const type = openclType({ scalar: buffer.scalar, lanes: 1 });
      const constant = buffer.access === "read" && (parameters[indices[i]!]?.constant ?? true);
      parameters[indices[i]!] = { constant, type: parameters[indices[i]!]?.type ?? type };
    });
  }
  const declared = parameters.map(
    ({ constant, type }, i) => `  __global ${constant ? "const " : ""}${type}* restrict b${i}`,
  );
  const stages = links.flatMap(({ kernel, parameters: indices }, stage) => [
    `  // ${kernel.name}`,
    "  {",
    ...kernel.buffers.map((buffer, i) => {
      const type = openclType({ scalar: buffer.scalar, lanes: 1 });
      const constness = buffer.access === "read" ? "const " : "";
      const cast = parameters[indices[i]!]!.type === type ? "" : `(__global ${constness}${type}*)`;
      return `    __global ${constness}${type}* const ${buffer.name} = ${cast}b${indices[i]};`;
    }),
    `    for (int turn = 0; turn < ${workers}; turn++) {`,
    `      const int share = (worker + turn) % ${workers};`,
    `      const int start = share * ${kernel.groups} / ${workers};`,
    `      const int end = (share + 1) * ${kernel.groups} / ${workers};`,
    "      for (;;) {",
    `        const int group = start + atomic_inc(counters + (${drawn(stage, workers)} + share * ${spacing}));`,
    "        if (group >= end) break;",
    ...writeStatements(kernel.body, "        ", spelling),
    `        finish(counters + ${finished(stage, workers)}, ${kernel.groups}, counters + ${asleep});`,
    "      }",
    "    }",
    ...(stage === links.length - 1
      ? []
      : [`    wait_for(counters + ${finished(stage, workers)}, ${kernel.groups}, counters + ${asleep});`]),
    "  }",
  ]);
  return [
    ...comment.split("\n").map((line) => `// ${line}`.trimEnd()),
    ...(links.some(({ kernel }) => kernel.body.some(prefetches)) ? prefetchMacro : []),
    ...waitForWorkers,
    "__kernel __attribute__((reqd_work_group_size(1, 1, 1)))",
    `void ${name}(`,
    [...declared, "  __global int* restrict counters"].join(",\n"),
    ") {",
    `  const int worker = atomic_inc(counters + ${came});`,
    ...stages,
    `  if (atomic_inc(counters + ${left}) == ${workers - 1})`,
    `    for (int i = 0; i < ${counterElements(links.length, workers)}; i += ${spacing}) atomic_xchg(counters + i, 0);`,
    "}",
    "",
  ].join("\n");
}
