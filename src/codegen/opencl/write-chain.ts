/**
 * In: legalised kernels that run one after the other. Out: one OpenCL C kernel that does the same in one
 * launch.
 *
 * A group draws a ticket, numbered on through the kernels, and does that group of that kernel, once all groups
 * of the kernel before have finished. Whoever waits, waits for lower tickets, which groups that are running
 * have drawn: groups of a CPU device run to their end, so there is always one that does not wait. The last
 * group leaves the counters as it found them, at zero.
 */
import type { Kernel } from "../kernel-ir.ts";
import type { Spelling } from "../write-expression.ts";
import { openclSpelling, openclType } from "./spelling.ts";
import { prefetches, prefetchMacro, writeStatements } from "./write.ts";

/** A kernel of a chain, and the parameter of the chain that each of its buffers is. */
export interface ChainLink {
  readonly kernel: Kernel;
  readonly parameters: readonly number[];
}

/** The counters are the last parameter: tickets drawn, then groups finished of each kernel. */
export function counterElements(links: number): number {
  return 1 + links;
}

const spelling: Spelling = { ...openclSpelling, group: () => "group" };

export function writeOpenclChain(name: string, comment: string, links: readonly ChainLink[]): string {
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
  let first = 0;
  const stages = links.flatMap(({ kernel, parameters: indices }, stage) => {
    const start = first;
    first += kernel.groups;
    const isLast = stage === links.length - 1;
    const opening = isLast ? "  {" : `  if (ticket < ${first}) {`;
    const wait =
      stage === 0
        ? []
        : [
            `    while (((volatile __global int*)counters)[${stage}] < ${links[stage - 1]!.kernel.groups}) {}`,
            `    atomic_add(counters + ${stage}, 0);`,
          ];
    const finished = isLast
      ? [
          `    if (atomic_inc(counters + ${stage + 1}) == ${kernel.groups - 1}) {`,
          ...Array.from(
            { length: counterElements(links.length) },
            (_, i) => `      atomic_xchg(counters + ${i}, 0);`,
          ),
          "    }",
        ]
      : [`    atomic_inc(counters + ${stage + 1});`, "    return;"];
    return [
      `  // ${kernel.name}`,
      opening,
      `    const int group = ticket - ${start};`,
      ...kernel.buffers.map((buffer, i) => {
        const type = openclType({ scalar: buffer.scalar, lanes: 1 });
        const constness = buffer.access === "read" ? "const " : "";
        const cast = parameters[indices[i]!]!.type === type ? "" : `(__global ${constness}${type}*)`;
        return `    __global ${constness}${type}* const ${buffer.name} = ${cast}b${indices[i]};`;
      }),
      ...wait,
      ...writeStatements(kernel.body, "    ", spelling),
      ...finished,
      "  }",
    ];
  });
  return [
    ...comment.split("\n").map((line) => `// ${line}`.trimEnd()),
    ...(links.some(({ kernel }) => kernel.body.some(prefetches)) ? prefetchMacro : []),
    "__kernel __attribute__((reqd_work_group_size(1, 1, 1)))",
    `void ${name}(`,
    [...declared, "  __global int* restrict counters"].join(",\n"),
    ") {",
    "  const int ticket = atomic_inc(counters);",
    ...stages,
    "}",
    "",
  ].join("\n");
}
