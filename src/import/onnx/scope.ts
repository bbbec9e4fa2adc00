/** What the names of a graph stand for while it is imported: tensors, and lists of them that exist only then. */
import type { Trace } from "../../ir/trace.ts";
import type { OnnxNode } from "./nodes.ts";
import type { Dialect, OnnxValue } from "./operator.ts";

/** A tensor, or one of ONNX's sequences: how long they are is always known, so nothing of them is left in the graph. */
export type Meaning = OnnxValue | readonly OnnxValue[];

/** The names of a graph; of a subgraph, which sees what is around it, and whose own names stay inside. */
export class Scope {
  readonly #own = new Map<string, Meaning>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  meaning(name: string): Meaning | undefined {
    return this.#own.get(name) ?? this.#outer?.meaning(name);
  }

  tensor(name: string): OnnxValue | undefined {
    const meaning = this.meaning(name);
    return meaning === undefined || isSequence(meaning) ? undefined : meaning;
  }

  sequence(name: string): readonly OnnxValue[] | undefined {
    const meaning = this.meaning(name);
    return meaning !== undefined && isSequence(meaning) ? meaning : undefined;
  }

  define(name: string, meaning: Meaning): void {
    this.#own.set(name, meaning);
  }
}

function isSequence(meaning: Meaning): meaning is readonly OnnxValue[] {
  return Array.isArray(meaning);
}

/** What nodes with subgraphs need of the importer. */
export interface Importer {
  readonly dialect: Dialect;
  readonly trace: Trace;
  readonly runNodes: (nodes: readonly OnnxNode[], scope: Scope) => void;
  /** A constant as a value. */
  readonly constant: (
    value: NonNullable<OnnxValue["constant"]>["value"],
    elementType: number | undefined,
  ) => OnnxValue;
  /** A symbol that is computed from `inputs`. */
  readonly computed: (symbol: ReturnType<OnnxValue["symbol"]>, inputs: readonly OnnxValue[]) => OnnxValue;
  /** Counts an iteration of so many nodes; false where loops would be unrolled to too many. */
  readonly countIteration: (nodes: number) => boolean;
  /** Counts the tensors of a sequence; false where all sequences together have too many. */
  readonly countItems: (items: number) => boolean;
}

/** Gives a name in one scope the meaning that another name has in another; false where it has none. */
export function assign(to: Scope, name: string, from: Scope, other: string): boolean {
  const meaning = from.meaning(other);
  if (meaning !== undefined) to.define(name, meaning);
  return meaning !== undefined;
}
