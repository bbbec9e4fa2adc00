/**
 * `compile(…, { memoryLimitBytes })`: what a plan will allocate, counted before anything is. In: an executable and the
 * graphs it was planned from. Out: nothing, or an error that says how much is asked for, of what kind and by whom.
 */
import type { BuiltExecutable } from "./compile.ts";
import type { Graph, Node } from "./ir/graph.ts";
import { failMemoryLimit } from "./ir/memory-limit.ts";
import { elementCount } from "./ir/shape.ts";
import { formatType, type TensorType } from "./ir/tensor-type.ts";
import { deviceElementBytes } from "./ir/dtype.ts";
import { bytesOf, formatBytes } from "./report.ts";

/** Kinds of buffers, as messages call them. */
const kinds = {
  activations: ["slot"],
  inputs: ["input"],
  outputs: ["output"],
  parameters: ["parameter", "state"],
  constants: ["constant"],
  "prepared weights": ["prepared"],
} as const;

/** @throws UserError (`out-of-memory`) */
export function expectWithinMemory(
  { executable, passed }: Pick<BuiltExecutable, "executable" | "passed">,
  limitBytes: number,
): void {
  const parts = Object.entries(kinds).map(([kind, names]) => [kind, bytesOf(executable, ...names)] as const);
  const total = parts.reduce((sum, [, bytes]) => sum + bytes, 0);
  if (total <= limitBytes) return;
  const shares = parts
    .filter(([, bytes]) => bytes > 0)
    .map(([kind, bytes]) => `${kind} ${formatBytes(bytes)}`);
  const largest = largestOf([passed.prepare, passed.run]);
  failMemoryLimit(
    `'${executable.name}' would take ${total} bytes on the device (${shares.join(", ")}), most of them for ${largest}`,
    limitBytes,
  );
}

/** The largest value, by what computes it. */
function largestOf(graphs: readonly Graph[]): string {
  let found: { readonly text: string; readonly bytes: number } = { text: "nothing", bytes: -1 };
  const consider = (type: TensorType, text: () => string): void => {
    const bytes = elementCount(type.shape) * deviceElementBytes;
    if (bytes > found.bytes)
      found = { bytes, text: `${text()}, ${formatType(type)} (${formatBytes(bytes)})` };
  };
  for (const graph of graphs) {
    for (const { name, role, type } of graph.inputs) consider(type, () => `the ${role} '${name}'`);
    for (const node of Object.values(graph.nodes)) {
      // What a constant holds is in memory already.
      for (const result of node.op === "constant" ? [] : node.results)
        consider(result.type, () => placeOf(node));
    }
  }
  return found.text;
}

function placeOf(node: Node): string {
  const { modulePath, callSite } = node.origin ?? {};
  const place = modulePath === undefined ? "" : ` of '${modulePath}'`;
  return `the result of ${node.op}${place}${callSite === undefined ? "" : ` (${callSite})`}`;
}
