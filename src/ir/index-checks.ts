/**
 * Which of a graph's indices can be checked, and where. In: a graph and notes of the values that are read as positions.
 * Out: of constants nothing but an error, where one is out of range; of what reaches an index from an input unchanged,
 * what the host checks before each run. What only the device knows the values of, it clamps.
 *
 *     %i: input i32[2,3];  %j = reshape(%i);  %y = gather(%w, %j)   →   every element of %i is in −n … n − 1
 */
import { UserError } from "../errors.ts";
import { GraphBuilder } from "./builder.ts";
import { evaluate } from "./evaluate.ts";
import { producersOf } from "./graph-index.ts";
import type { Graph, GraphInput, Node, NodeOrigin, ValueId } from "./graph.ts";
import type { HostTensor } from "./host-tensor.ts";
import { elementCount } from "./shape.ts";
import { tensorType } from "./tensor-type.ts";

/** What positions may be, both bounds included; `except` is one more value that is not read as a position. */
export interface IndexRange {
  readonly least: number;
  readonly greatest: number;
  readonly except?: number | undefined;
}

/** A value that is read as positions. */
export interface IndexNote {
  readonly value: ValueId;
  readonly range: IndexRange;
  /** What reads it, for messages: `embedding: an index of f32[8000,64]`. */
  readonly what: string;
  readonly origin: NodeOrigin;
}

/** Elements of an input that are positions as they are. */
export interface InputIndexCheck {
  readonly input: string;
  /** Flat positions of the elements that are read; all of them where it is left out. */
  readonly elements?: Int32Array;
  readonly range: IndexRange;
  readonly what: string;
  readonly origin: NodeOrigin;
}

/** Longer indices that are cut out of others are the device's: a table of positions would cost more than it shows. */
const mostTraced = 2 ** 20;

/**
 * @param storedValue the value that a parameter or state input has now
 * @throws UserError for a constant or stored index out of range, naming what reads it, the index and the range
 */
export function resolveIndices(
  graph: Graph,
  notes: readonly IndexNote[],
  storedValue: (name: string) => HostTensor | undefined,
): readonly InputIndexCheck[] {
  const producers = producersOf(graph);
  const inputs = new Map(graph.inputs.map((input) => [input.id, input]));
  const checks: InputIndexCheck[] = [];
  for (const note of notes) {
    const leaves = sourcesOf(note.value, producers, inputs);
    if (leaves === undefined) continue;
    const { range, what, origin } = note;
    for (const { leaf, elements } of leaves) {
      const input = inputs.get(leaf);
      const only = elements === undefined ? {} : { elements };
      if (input?.role === "input") checks.push({ input: input.name, ...only, range, what, origin });
      else {
        const value = input === undefined ? constantOf(producers.get(leaf)) : storedValue(input.name);
        if (value !== undefined) checkIndices(value.data, { ...only, range, what, origin });
      }
    }
  }
  return checks;
}

/** @throws UserError for the first index out of range */
export function checkIndices(
  data: ArrayLike<number | bigint>,
  { elements, range, what, origin }: Omit<InputIndexCheck, "input">,
): void {
  const { least, greatest, except } = range;
  const count = elements?.length ?? data.length;
  for (let i = 0; i < count; i++) {
    const at = elements?.[i] ?? i;
    const value = data[at]!;
    if (value >= least && value <= greatest) continue;
    const number = Number(value);
    if (number === except || Number.isNaN(number)) continue;
    // What is cut to a whole number on its way is within.
    if (Math.trunc(number) >= least && Math.trunc(number) <= greatest) continue;
    const also = except === undefined ? "" : `, or ${except}`;
    throw new UserError(
      "index",
      `${what} is ${value} (element ${at}), expected ${least} to ${greatest}${also}.`,
      origin,
    );
  }
}

interface Source {
  readonly leaf: ValueId;
  readonly elements?: Int32Array;
}

const unchanged: ReadonlySet<string> = new Set(["reshape", "permute", "broadcast", "relayout", "cast"]);
const cutting: ReadonlySet<string> = new Set(["slice", "concat"]);

/** The inputs and constants whose elements the value holds; undefined where it computes. */
function sourcesOf(
  value: ValueId,
  producers: ReadonlyMap<ValueId, Node>,
  inputs: ReadonlyMap<ValueId, GraphInput>,
): readonly Source[] | undefined {
  const leaves = new Set<ValueId>();
  const path: Node[] = [];
  const seen = new Set<ValueId>();
  let isCut = false;
  // Operands before operations, without recursion: chains may be long.
  const pending: { readonly id: ValueId; readonly leaving: boolean }[] = [{ id: value, leaving: false }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { id, leaving } = next;
    const node = producers.get(id);
    if (leaving) {
      path.push(node!);
      continue;
    }
    if (seen.has(id)) continue;
    seen.add(id);
    if (node === undefined || node.op === "constant") {
      leaves.add(id);
      continue;
    }
    if (!unchanged.has(node.op) && !cutting.has(node.op)) return undefined;
    isCut ||= cutting.has(node.op);
    pending.push({ id, leaving: true });
    for (const operand of node.operands) pending.push({ id: operand, leaving: false });
  }
  if (!isCut) return [...leaves].map((leaf) => ({ leaf }));
  return elementsRead(value, path, [...leaves], producers, inputs);
}

/** Which elements of each leaf arrive: the path is evaluated on their numbers in place of the elements. */
function elementsRead(
  value: ValueId,
  path: readonly Node[],
  leaves: readonly ValueId[],
  producers: ReadonlyMap<ValueId, Node>,
  inputs: ReadonlyMap<ValueId, GraphInput>,
): readonly Source[] | undefined {
  const builder = new GraphBuilder("elements");
  const ids = new Map<ValueId, ValueId>();
  const values: Record<string, HostTensor> = {};
  const starts: { readonly leaf: ValueId; readonly start: number; readonly count: number }[] = [];
  let total = 0;
  for (const leaf of leaves) {
    const { shape } = inputs.get(leaf)?.type ?? producers.get(leaf)!.results[0]!.type;
    const count = elementCount(shape);
    if (total + count > mostTraced) return undefined;
    const start = total;
    values[leaf] = { dtype: "i32", shape, data: Int32Array.from({ length: count }, (_, i) => start + i) };
    ids.set(leaf, builder.input("input", leaf, tensorType("i32", shape)));
    starts.push({ leaf, start, count });
    total += count;
  }
  for (const node of path) {
    const operands = node.operands.map((operand) => ids.get(operand)!);
    const { id, type } = node.results[0]!;
    if (elementCount(type.shape) > mostTraced) return undefined;
    ids.set(id, node.op === "cast" ? operands[0]! : builder.add(node.op, operands, node.attributes));
  }
  builder.output("elements", ids.get(value)!);
  const read = new Set(evaluate(builder.build(), values)["elements"]!.data as Int32Array);
  return starts.flatMap(({ leaf, start, count }) => {
    const elements = [...read].filter((at) => at >= start && at < start + count).map((at) => at - start);
    return elements.length === 0 ? [] : [{ leaf, elements: Int32Array.from(elements).sort() }];
  });
}

function constantOf(node: Node | undefined): HostTensor | undefined {
  return node?.op === "constant" ? node.attributes.value : undefined;
}
