/**
 * Concatenations in place: which values are written straight into their slice of a concatenation's buffer, so
 * that the concatenation needs no kernel.
 *
 *     %c = concat(%a, %b) {axis=1}        a lies at the start of c's buffer, b behind it, both with c's strides
 *
 * A concatenation that is an operand of another lies in that one's buffer, and so does one of values that follow
 * each other there already, such as the growing prefixes of a dense block. A value has one place: where two
 * concatenations want it, the one that runs last gets it.
 */
import type { Graph, Node, NodeOf, ValueId } from "../ir/graph.ts";
import { producersOf, typesOf } from "../ir/graph-index.ts";
import { mayBeView } from "../ir/may-be-view.ts";
import { isByWinograd } from "../ir/ops/packing.ts";
import { opRecord } from "../ir/ops/registry.ts";
import { elementCount } from "../ir/shape.ts";
import { sameLayout, stridesOf, type TensorType } from "../ir/tensor-type.ts";

export interface ConcatSlice {
  /** The concatenation whose buffer it lies in, which lies in no other. */
  readonly whole: ValueId;
  /** Elements before its first. */
  readonly offset: number;
}

export interface ConcatSlices {
  /** Values that lie inside another one's buffer. */
  readonly slices: ReadonlyMap<ValueId, ConcatSlice>;
  /** Concatenations that need no kernel. */
  readonly inPlace: ReadonlySet<ValueId>;
}

type Concat = NodeOf<"concat">;

/**
 * @param order the graph's nodes in an order of execution
 * @param wanted whether a concatenation that can be in place shall be; given where everything would lie then
 */
export function placeConcats(
  graph: Graph,
  order: readonly Node[],
  wanted: (concat: Concat, after: ConcatSlices) => boolean,
): ConcatSlices {
  const placement = new Placement(graph, order);
  for (const node of [...order].reverse()) {
    if (node.op !== "concat") continue;
    const after = placement.after(node);
    if (after !== undefined && wanted(node, after)) placement.accept(after);
  }
  return placement.current;
}

class Placement {
  current: ConcatSlices = { slices: new Map(), inPlace: new Set() };
  readonly #types: ReadonlyMap<ValueId, TensorType>;
  readonly #producers: ReadonlyMap<ValueId, Node>;
  readonly #readers = new Map<ValueId, Node[]>();
  readonly #returned: ReadonlySet<ValueId>;
  /** State that is replaced: its buffer has other readers. */
  readonly #updates: ReadonlySet<ValueId>;

  constructor(graph: Graph, order: readonly Node[]) {
    this.#types = typesOf(graph);
    this.#producers = producersOf(graph);
    for (const node of order) {
      for (const operand of new Set(node.operands)) {
        const readers = this.#readers.get(operand);
        if (readers === undefined) this.#readers.set(operand, [node]);
        else readers.push(node);
      }
    }
    this.#returned = new Set(graph.outputs.map(({ value }) => value));
    this.#updates = new Set(
      graph.outputs.flatMap(({ value, updates }) => (updates === undefined ? [] : value)),
    );
  }

  accept(after: ConcatSlices): void {
    this.current = after;
  }

  /** What the placement becomes with `concat` in place; undefined where it cannot be. */
  after(concat: Concat): ConcatSlices | undefined {
    const id = concat.results[0]!.id;
    if (this.current.inPlace.has(id)) return undefined;
    if (this.#updates.has(id) || elementCount(this.#types.get(id)!.shape) === 0) return undefined;
    const slices = new Map(this.current.slices);
    const inPlace = new Set(this.current.inPlace);
    const at = slices.get(id) ?? this.#placeOf(concat) ?? { whole: id, offset: 0 };
    return this.#lay(concat, at, slices, inPlace) ? { slices, inPlace } : undefined;
  }

  /** Lays a concatenation at a place, its operands one behind the other. */
  #lay(concat: Concat, at: ConcatSlice, slices: Map<ValueId, ConcatSlice>, inPlace: Set<ValueId>): boolean {
    const id = concat.results[0]!.id;
    inPlace.add(id);
    if (at.whole !== id && !this.#put(id, at, slices)) return false;
    const { axis } = concat.attributes;
    const stride = stridesOf(this.#types.get(at.whole)!)[axis]!;
    let { offset } = at;
    for (const operand of concat.operands) {
      const place = { whole: at.whole, offset };
      const nested = this.#producers.get(operand);
      const isLaid = nested?.op === "concat" && !slices.has(operand) && this.#placeOf(nested) !== undefined;
      // What its operands' places already make it is no work for a kernel.
      if (isLaid ? !this.#lay(nested, place, slices, inPlace) : !this.#put(operand, place, slices))
        return false;
      offset += this.#types.get(operand)!.shape[axis]! * stride;
    }
    return true;
  }

  #put(value: ValueId, place: ConcatSlice, slices: Map<ValueId, ConcatSlice>): boolean {
    const known = slices.get(value);
    if (known !== undefined) return known.whole === place.whole && known.offset === place.offset;
    slices.set(value, place);
    return this.#canBeSlice(value, this.#types.get(place.whole)!);
  }

  /** Where a concatenation lies because its operands follow each other there. */
  #placeOf(concat: Concat): ConcatSlice | undefined {
    const { axis } = concat.attributes;
    let first: ConcatSlice | undefined;
    let offset = 0;
    for (const operand of concat.operands) {
      const nested = this.#producers.get(operand);
      const own = this.current.slices.get(operand);
      const at = own ?? (nested?.op === "concat" ? this.#placeOf(nested) : undefined);
      if (at === undefined) return undefined;
      first ??= at;
      if (at.whole !== first.whole || at.offset !== first.offset + offset) return undefined;
      offset += this.#types.get(operand)!.shape[axis]! * stridesOf(this.#types.get(at.whole)!)[axis]!;
    }
    return first;
  }

  /** Whether a kernel makes the value, and everything that reads it can read a slice. */
  #canBeSlice(value: ValueId, whole: TensorType): boolean {
    const producer = this.#producers.get(value);
    const type = this.#types.get(value);
    if (producer === undefined || type === undefined || elementCount(type.shape) === 0) return false;
    // Of views many are another view of their operand's bytes, which lie where they lie.
    if (
      producer.op === "constant" ||
      mayBeView(producer) ||
      this.#returned.has(value) ||
      !sameLayout(type, whole)
    )
      return false;
    return (this.#readers.get(value) ?? []).every((reader) => readsSlices(reader, value));
  }
}

/** Whether the kernel of a node can read a value that is a slice of a larger buffer. */
export function readsSlices(node: Node, value: ValueId): boolean {
  if (node.op !== "fusion") return node.operands.every((item, i) => item !== value || takesSlice(node, i));
  const { body } = node.attributes;
  const inner = body.inputs.filter((_, i) => node.operands[i] === value).map(({ id }) => id);
  return Object.values(body.nodes).every((member) =>
    member.operands.every((item, i) => !inner.includes(item) || takesSlice(member, i)),
  );
}

/** Whether an op's schedule finds the elements of an operand by its strides, wherever they start. */
function takesSlice(node: Node, position: number): boolean {
  switch (node.op) {
    case "conv": {
      const { packing } = node.attributes;
      return position === 0 && (packing === null || !isByWinograd(packing));
    }
    case "winograd_input":
    case "winograd_output":
      return false;
    default:
      return ["elementwise", "movement", "window", "reduction", "normalization"].includes(
        opRecord(node.op).kind,
      );
  }
}
