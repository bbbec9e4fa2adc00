/** Builds a graph node by node, inferring types; every error carries the place it came from. */
import { UserError } from "../errors.ts";
import {
  makeNode,
  type Graph,
  type GraphInput,
  type GraphOutput,
  type InputRole,
  type Node,
  type NodeOrigin,
  type ValueId,
} from "./graph.ts";
import { opRecord, type Attributes, type OpName } from "./ops/registry.ts";
import type { TensorType } from "./tensor-type.ts";

export class GraphBuilder {
  readonly #types = new Map<ValueId, TensorType>();
  readonly #inputs: GraphInput[] = [];
  readonly #nodes: Record<ValueId, Node> = {};
  readonly #outputs: GraphOutput[] = [];
  #counter = 0;

  constructor(readonly name: string) {}

  typeOf(value: ValueId): TensorType {
    return this.#types.get(value)!;
  }

  /** Declares an input; `hint` becomes part of its id. */
  input(role: InputRole, name: string, type: TensorType): ValueId {
    const id = this.#freshId(name.replace(/[^A-Za-z0-9_]/g, "_"));
    this.#inputs.push({ id, role, name, type });
    this.#types.set(id, type);
    return id;
  }

  /** Adds a node and returns its results. */
  addAll<K extends OpName>(
    op: K,
    operands: readonly ValueId[],
    attributes: Attributes<K>,
    origin?: NodeOrigin,
  ): readonly ValueId[] {
    const types = inferTypes(
      op,
      operands.map((operand) => this.typeOf(operand)),
      attributes,
      origin,
    );
    const results = types.map((type) => ({ id: this.#freshId(), type }));
    for (const { id, type } of results) this.#types.set(id, type);
    this.#nodes[results[0]!.id] = makeNode(op, [...operands], attributes, results, origin);
    return results.map((result) => result.id);
  }

  /** Adds a node and returns its first result. */
  add<K extends OpName>(
    op: K,
    operands: readonly ValueId[],
    attributes: Attributes<K>,
    origin?: NodeOrigin,
  ): ValueId {
    return this.addAll(op, operands, attributes, origin)[0]!;
  }

  output(name: string, value: ValueId, updates?: ValueId): void {
    this.#outputs.push({ name, value, ...(updates !== undefined && { updates }) });
  }

  build(): Graph {
    return { name: this.name, inputs: this.#inputs, nodes: this.#nodes, outputs: this.#outputs };
  }

  #freshId(hint?: string): ValueId {
    // Parameters of a Sequential start with a digit; `__proto__` is not an ordinary object key.
    const stem = hint === undefined || /^[A-Za-z_]/.test(hint) ? hint : `_${hint}`;
    if (stem !== undefined && stem !== "__proto__" && !this.#types.has(stem)) return stem;
    let id: ValueId;
    do id = `${stem === undefined ? "v" : `${stem}_`}${this.#counter++}`;
    while (this.#types.has(id));
    return id;
  }
}

/** An op's result types; a UserError thrown inside gains `origin`. */
export function inferTypes<K extends OpName>(
  op: K,
  operands: readonly TensorType[],
  attributes: Attributes<K>,
  origin?: NodeOrigin,
): readonly TensorType[] {
  try {
    return opRecord(op).infer(operands, attributes);
  } catch (error) {
    if (
      error instanceof UserError &&
      origin !== undefined &&
      error.origin.modulePath === undefined &&
      error.origin.callSite === undefined
    ) {
      throw new UserError(error.code, error.message, origin, { cause: error });
    }
    throw error;
  }
}
