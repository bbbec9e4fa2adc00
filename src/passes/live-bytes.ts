/**
 * How many bytes of values are live at once: an estimate for passes that move values about, of what the planner
 * will find once all is fused.
 */
import { nodeId, type Node, type ValueId } from "../ir/graph.ts";
import { sizeBytes } from "../ir/tensor-type.ts";
import { isPointwiseNode } from "./fusion-group.ts";
import type { Rewriter } from "./rewrite.ts";

interface Life {
  readonly value: ValueId;
  /** The steps that make it and that read it last. */
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  /** Whether its only reader computes it in passing, unless it has a place of its own. */
  readonly inPassing: boolean;
}

export class LiveBytes {
  readonly #lives: readonly Life[];
  readonly #steps: number;
  readonly #bytes: ReadonlyMap<ValueId, number>;

  /** @param order the graph's nodes in an order of execution */
  constructor(rewriter: Rewriter, order: readonly Node[]) {
    const steps = new Map(order.map((node, step) => [nodeId(node), step]));
    const readersOf = (value: ValueId) => rewriter.usersOf(value).map((reader) => steps.get(nodeId(reader))!);
    /** When a node's work is done: with its reader's, where that computes it in passing. */
    const ends: number[] = [];
    const passing = order.map((node) => {
      const [reader, ...others] = rewriter.usersOf(nodeId(node));
      const isAlone = reader !== undefined && others.length === 0 && !rewriter.isOutput(nodeId(node));
      return isAlone && isPointwiseNode(node) && isPointwiseNode(reader);
    });
    for (let step = order.length - 1; step >= 0; step--)
      ends[step] = passing[step] ? ends[readersOf(nodeId(order[step]!))[0]!]! : step;
    this.#lives = order.flatMap((node, step) =>
      node.op === "constant"
        ? []
        : node.results.map(({ id, type }): Life => {
            const last = rewriter.isOutput(id)
              ? order.length
              : Math.max(step, ...readersOf(id).map((reader) => ends[reader]!));
            return { value: id, first: step, last, bytes: sizeBytes(type), inPassing: passing[step]! };
          }),
    );
    this.#steps = order.length;
    this.#bytes = new Map(this.#lives.map(({ value, bytes }) => [value, bytes]));
  }

  /** @param slices values that lie in the buffer of another one */
  peak(slices: ReadonlyMap<ValueId, { readonly whole: ValueId }>): number {
    const wholes = new Map<ValueId, { first: number; last: number }>();
    for (const { whole } of slices.values()) wholes.set(whole, { first: Infinity, last: -1 });
    const changes = new Array<number>(this.#steps + 2).fill(0);
    const add = (first: number, last: number, bytes: number): void => {
      changes[first]! += bytes;
      changes[last + 1]! -= bytes;
    };
    for (const { value, first, last, bytes, inPassing } of this.#lives) {
      const slice = slices.get(value);
      const whole = wholes.get(slice?.whole ?? value);
      if (whole !== undefined) {
        whole.first = Math.min(whole.first, first);
        whole.last = Math.max(whole.last, last);
      } else if (!inPassing) add(first, last, bytes);
    }
    for (const [value, { first, last }] of wholes) {
      // Inputs lie in buffers of their own.
      const bytes = this.#bytes.get(value);
      if (bytes !== undefined) add(first, last, bytes);
    }
    let [live, peak] = [0, 0];
    for (const change of changes) peak = Math.max(peak, (live += change));
    return peak;
  }
}
