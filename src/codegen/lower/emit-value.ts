/**
 * Emits the element of any elementwise or movement value at any index, by walking from the value to what it
 * is made of: `permute` permutes the index, `slice` shifts it, `add` emits both operands at it, an input
 * loads. So a chain of such ops becomes the inside of one loop, whatever the loop is.
 *
 * Lanes run along one dimension. Where an op breaks neighbours apart along it, the lanes are emitted one by
 * one and packed.
 */
import { InternalError } from "../../errors.ts";
import type { Node, NodeOf, ValueId } from "../../ir/graph.ts";
import { producersOf } from "../../ir/graph-index.ts";
import { elementCount, rowMajorStrides, type Shape } from "../../ir/shape.ts";
import { always, and, binary, compare, constant, int, pack, select, splat } from "../expressions.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Expr } from "../kernel-ir.ts";
import { isElementwise, lowerElementwise, scalarOf } from "./elementwise.ts";
import { emitUniform } from "./random.ts";
import { loadElement, withLanes, type LaneAxis, type Task } from "./task.ts";

type Index = readonly Expr[];

export class ValueEmitter {
  readonly #kb: KernelBuilder;
  readonly #task: Task;
  readonly #producers: ReadonlyMap<ValueId, Node>;
  readonly #bound = new Map<ValueId, Expr>();
  /** Values already emitted in this scope, by the identity of the index they were emitted at. */
  readonly #memo = new Map<Index, Map<ValueId, Expr>>();

  constructor(kb: KernelBuilder, task: Task, producers: ReadonlyMap<ValueId, Node> = producersOf(task.body)) {
    this.#kb = kb;
    this.#task = task;
    this.#producers = producers;
  }

  /** An emitter for another block of statements, which remembers nothing. */
  scope(): ValueEmitter {
    return new ValueEmitter(this.#kb, this.#task, this.#producers);
  }

  /** Makes `value` mean `expr`, at whatever index: the anchor's result inside an epilogue. */
  bind(value: ValueId, expr: Expr): this {
    this.#bound.set(value, expr);
    return this;
  }

  /** @param index one expression a dimension of `value`; the first lane's where lanes are asked for */
  emit(value: ValueId, index: Index, lane: LaneAxis | null): Expr {
    const bound = this.#bound.get(value);
    if (bound !== undefined) return withLanes(bound, lane);
    let emitted = this.#memo.get(index);
    if (emitted === undefined) this.#memo.set(index, (emitted = new Map<ValueId, Expr>()));
    const key = `${value}/${lane?.axis ?? ""}/${lane?.lanes ?? 1}`;
    const known = emitted.get(key);
    if (known !== undefined) return known;
    const input = this.#task.inputs.get(value);
    const node = this.#producers.get(value);
    const result =
      input !== undefined
        ? loadElement(this.#kb, input, index, lane)
        : node !== undefined
          ? this.#kb.let(this.#emitNode(node, index, lane), "v")
          : undefined;
    if (result === undefined) throw new InternalError(`lower: %${value} is neither an input nor computed`);
    emitted.set(key, result);
    return result;
  }

  #emitNode(node: Node, index: Index, lane: LaneAxis | null): Expr {
    if (isElementwise(node.op)) {
      const shape = node.results[0]!.type.shape;
      const operands = node.operands.map((operand) => this.#emitBroadcast(operand, shape, index, lane));
      return lowerElementwise(node.op, operands, node.attributes);
    }
    switch (node.op) {
      case "constant": {
        const { value } = node.attributes;
        if (elementCount(value.shape) !== 1) {
          throw new InternalError("lower: a constant of several elements must be a buffer");
        }
        const type = { scalar: scalarOf(value.dtype), lanes: lane?.lanes ?? 1 } as const;
        return constant(value.data[0]!, type);
      }
      case "broadcast":
        return this.#emitBroadcast(node.operands[0]!, node.results[0]!.type.shape, index, lane);
      case "relayout":
        return this.emit(node.operands[0]!, index, lane);
      case "reshape":
        return this.#emitReshape(node, index, lane);
      case "permute": {
        const { axes } = node.attributes;
        const source = new Array<Expr>(axes.length);
        axes.forEach((axis, i) => (source[axis] = index[i]!));
        return this.emit(node.operands[0]!, source, lane && { ...lane, axis: axes[lane.axis]! });
      }
      case "slice": {
        const { start, step } = node.attributes;
        if (lane !== null && step[lane.axis] !== 1) return this.#laneByLane(node, index, lane);
        const source = index.map((position, axis) =>
          this.#kb.index.add(this.#kb.index.mul(position, int(step[axis]!)), int(start[axis]!)),
        );
        return this.emit(node.operands[0]!, source, lane);
      }
      case "pad":
        return this.#emitPad(node, index, lane);
      case "concat":
        return this.#emitConcat(node, index, lane);
      case "gather":
        return this.#emitGather(node, index, lane);
      case "random_uniform": {
        if (lane !== null) return this.#laneByLane(node, index, lane);
        const { shape } = node.attributes;
        const flat = this.#kb.index.dot(index, rowMajorStrides(shape));
        return emitUniform(this.#kb, this.emit(node.operands[0]!, [], null), flat);
      }
      default:
        throw new InternalError(`lower: ${node.op} cannot be emitted element by element`);
    }
  }

  /** An operand of `shape`'s broadcasting: indices along its repeated dimensions become 0. */
  #emitBroadcast(operand: ValueId, shape: Shape, index: Index, lane: LaneAxis | null): Expr {
    const own = this.#shapeOf(operand);
    if (own.length === shape.length && own.every((size, axis) => size === shape[axis])) {
      return this.emit(operand, index, lane);
    }
    const shift = shape.length - own.length;
    const source = own.map((size, axis) => (size === 1 ? int(0) : index[axis + shift]!));
    const ownAxis = lane === null ? -1 : lane.axis - shift;
    const varies = lane !== null && ownAxis >= 0 && own[ownAxis] !== 1;
    return varies
      ? this.emit(operand, source, { ...lane, axis: ownAxis })
      : withLanes(this.emit(operand, source, null), lane);
  }

  #emitReshape(node: NodeOf<"reshape">, index: Index, lane: LaneAxis | null): Expr {
    const operand = node.operands[0]!;
    const shape = node.results[0]!.type.shape;
    const own = this.#shapeOf(operand);
    const arithmetic = this.#kb.index;
    const source = own.map(() => int(0) as Expr);
    let sourceLane: LaneAxis | null = null;
    const isSingle = lane !== null && shape[lane.axis] === 1;
    for (const { from, to } of reshapeGroups(own, shape)) {
      const sizes = to.map((axis) => shape[axis]!);
      const positions = to.map((axis) => index[axis]!);
      const ownSizes = from.map((axis) => own[axis]!);
      if (from.length === 1 && to.length === 1) source[from[0]!] = positions[0]!;
      else {
        const flat = this.#kb.let(arithmetic.dot(positions, rowMajorStrides(sizes)), "flat");
        arithmetic.unflatten(flat, ownSizes).forEach((position, i) => (source[from[i]!] = position));
      }
      if (lane === null || !to.includes(lane.axis) || isSingle) continue;
      // Neighbours stay neighbours along the last dimension of a group, within one row of its operand.
      const inner = ownSizes.at(-1)!;
      // Of the flat position: rows of another length begin anywhere.
      const aligned = arithmetic.rem(arithmetic.dot(positions, rowMajorStrides(sizes)), lane.lanes);
      const inOneRow =
        from.length === 1 ||
        inner % sizes.at(-1)! === 0 ||
        (inner % lane.lanes === 0 && aligned.kind === "const" && aligned.value === 0);
      if (to.at(-1) !== lane.axis || !inOneRow) return this.#laneByLane(node, index, lane);
      sourceLane = { ...lane, axis: from.at(-1)! };
    }
    return sourceLane === null
      ? withLanes(this.emit(operand, source, null), lane)
      : this.emit(operand, source, sourceLane);
  }

  #emitPad(node: NodeOf<"pad">, index: Index, lane: LaneAxis | null): Expr {
    const { padding, value } = node.attributes;
    if (lane !== null && padding[lane.axis]!.some((amount) => amount > 0))
      return this.#laneByLane(node, index, lane);
    const own = this.#shapeOf(node.operands[0]!);
    const fill = constant(value, { scalar: scalarOf(node.results[0]!.type.dtype), lanes: lane?.lanes ?? 1 });
    if (own.includes(0)) return fill;
    let inside: Expr = always;
    const source = index.map((position, axis) => {
      const [before, after] = padding[axis]!;
      if (before === 0 && after === 0) return position;
      const shifted = this.#kb.index.add(position, int(-before));
      inside = and(inside, and(this.#kb.index.atLeast(shifted, 0), this.#kb.index.less(shifted, own[axis]!)));
      return this.#kb.index.clamp(shifted, 0, own[axis]! - 1);
    });
    const within = inside.kind === "const" ? inside : withLanes(this.#kb.let(inside, "inside"), lane);
    return select(within, this.emit(node.operands[0]!, source, lane), fill);
  }

  #emitConcat(node: NodeOf<"concat">, index: Index, lane: LaneAxis | null): Expr {
    const { axis } = node.attributes;
    let end = 0;
    const parts = node.operands.flatMap((operand) => {
      const size = this.#shapeOf(operand)[axis]!;
      const start = end;
      end += size;
      return size === 0 ? [] : [{ operand, start, end }];
    });
    if (parts.length === 0) throw new InternalError("lower: concat of nothing");
    // Lanes along the axis stay in one part where parts and positions are whole vectors.
    if (lane?.axis === axis && !this.#isWhole(index[axis]!, parts, lane.lanes)) {
      return this.#laneByLane(node, index, lane);
    }
    const position = this.#kb.let(index[axis]!, "at");
    const item = (part: (typeof parts)[number], emitter: ValueEmitter): Expr => {
      const local = this.#kb.index.add(position, int(-part.start));
      const inside = this.#kb.index.clamp(local, 0, part.end - part.start - 1);
      return emitter.emit(
        part.operand,
        index.map((original, i) => (i === axis ? inside : original)),
        lane,
      );
    };
    const range = this.#kb.index.rangeOf(position);
    const possible = parts.filter((part) => range.min < part.end && range.max >= part.start);
    if (possible.length <= 1) return item(possible[0] ?? parts[0]!, this);

    const type = { scalar: scalarOf(node.results[0]!.type.dtype), lanes: lane?.lanes ?? 1 } as const;
    const joined = this.#kb.var(constant(0, type), "joined");
    // A search among many parts, one after the other among few.
    const choose = (from: number, to: number): void => {
      const middle = to - from > 3 ? from + Math.floor((to - from) / 2) : from + 1;
      if (to - from === 1) this.#kb.assign(joined, item(possible[from]!, this.#branch()));
      else {
        const { end: limit } = possible[middle - 1]!;
        this.#kb.ifLess(position, limit, () => choose(from, middle), () => choose(middle, to)); // prettier-ignore
      }
    };
    choose(0, possible.length);
    return joined;
  }

  /** Whether a vector at `position` lies in one part, whichever it is. */
  #isWhole(
    position: Expr,
    parts: readonly { readonly start: number; readonly end: number }[],
    lanes: number,
  ): boolean {
    const aligned = this.#kb.index.rem(position, lanes);
    return (
      aligned.kind === "const" &&
      aligned.value === 0 &&
      parts.every(({ start, end }) => start % lanes === 0 && end % lanes === 0)
    );
  }

  /** An emitter for a branch: it knows what is bound, but what it emits is not known outside. */
  #branch(): ValueEmitter {
    const branch = this.scope();
    for (const [value, expr] of this.#bound) branch.bind(value, expr);
    return branch;
  }

  #emitGather(node: NodeOf<"gather">, index: Index, lane: LaneAxis | null): Expr {
    const [operand, indices] = node.operands as [ValueId, ValueId];
    const { axis } = node.attributes;
    const rank = this.#shapeOf(indices).length;
    if (lane !== null && lane.axis >= axis && lane.axis < axis + rank)
      return this.#laneByLane(node, index, lane);
    const size = this.#shapeOf(operand)[axis]!;
    const position = this.emit(indices, index.slice(axis, axis + rank), null);
    const wrapped = select(compare("lt", position, int(0)), binary("add", position, int(size)), position);
    const inside = this.#kb.let(this.#kb.index.clamp(wrapped, 0, size - 1), "taken");
    const source = [...index.slice(0, axis), inside, ...index.slice(axis + rank)];
    const shifted = lane === null || lane.axis < axis ? lane : { ...lane, axis: lane.axis - rank + 1 };
    return this.emit(operand, source, shifted);
  }

  #laneByLane(node: Node, index: Index, lane: LaneAxis): Expr {
    const items = Array.from({ length: lane.lanes }, (_, i) => {
      const at = index.map((position, axis) =>
        axis === lane.axis ? this.#kb.index.add(position, int(i)) : position,
      );
      return this.emit(node.results[0]!.id, at, null);
    });
    return items.every((item) => item === items[0]) ? splat(items[0]!, lane.lanes) : pack(items);
  }

  #shapeOf(value: ValueId): Shape {
    const type =
      this.#task.inputs.get(value)?.type ??
      this.#producers.get(value)?.results.find((r) => r.id === value)?.type;
    if (type === undefined) throw new InternalError(`lower: %${value} has no type`);
    return type.shape;
  }
}

/**
 * The dimensions of two shapes of equal size in groups, as small as can be, that hold the same elements:
 * `[256, 9]` and `[8, 32, 3, 3]` are `[256] ~ [8, 32]` and `[9] ~ [3, 3]`. Dimensions of size 1 are in none.
 */
function reshapeGroups(own: Shape, shape: Shape): { readonly from: number[]; readonly to: number[] }[] {
  const wide = (list: Shape) => list.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const [left, right] = [wide(own), wide(shape)];
  const groups: { from: number[]; to: number[] }[] = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    const group = { from: [left[i]!], to: [right[j]!] };
    let [a, b] = [own[left[i++]!]!, shape[right[j++]!]!];
    while (a !== b) {
      if (a < b) {
        group.from.push(left[i]!);
        a *= own[left[i++]!]!;
      } else {
        group.to.push(right[j]!);
        b *= shape[right[j++]!]!;
      }
    }
    groups.push(group);
  }
  return groups;
}
