/** What the names of a graph stand for while it is imported: tensors, and lists of them that exist only then. */
import type { Trace } from "../../ir/trace.ts";
import type { OnnxNode } from "./nodes.ts";
import type { OnnxValue } from "./operator.ts";

export interface Scope {
  readonly values: Map<string, OnnxValue>;
  /** ONNX's sequences: how long they are is always known, so nothing of them is left in the graph. */
  readonly sequences: Map<string, readonly OnnxValue[]>;
}

/** The scope of a subgraph: it sees what is around it, and what it defines stays inside. */
export function innerScope({ values, sequences }: Scope): Scope {
  return { values: new Map(values), sequences: new Map(sequences) };
}

/** What nodes with subgraphs need of the importer. */
export interface Importer {
  readonly opset: number;
  readonly trace: Trace;
  readonly runNodes: (nodes: readonly OnnxNode[], scope: Scope) => void;
  /** A constant as a value. */
  readonly constant: (value: NonNullable<OnnxValue["constant"]>["value"], elementType: number) => OnnxValue;
  /** A symbol that is computed from `inputs`. */
  readonly computed: (symbol: ReturnType<OnnxValue["symbol"]>, inputs: readonly OnnxValue[]) => OnnxValue;
  /** Counts an iteration of a loop; false where there were too many. */
  readonly countIteration: () => boolean;
}

/** Gives a name in one scope the meaning that another name has in another; false where it has none. */
export function assign(to: Scope, name: string, from: Scope, meaning: string): boolean {
  const value = from.values.get(meaning);
  const sequence = from.sequences.get(meaning);
  if (value !== undefined) {
    to.values.set(name, value);
    to.sequences.delete(name);
  } else if (sequence !== undefined) {
    to.sequences.set(name, sequence);
    to.values.delete(name);
  }
  return value !== undefined || sequence !== undefined;
}
