/**
 * Model-local functions: subroutines that a file defines of other operators, as exporters write them for modules. In: a
 * model. Out: the nodes of its graph where each call is replaced by the function's nodes, in subgraphs, too. Names
 * inside a function are its own, so each call gives them a prefix (ONNX, "Open Neural Network Exchange Intermediate
 * Representation", section Model-local functions).
 */
import { UserError } from "../../errors.ts";
import { outerReads } from "./nodes.ts";
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from "./schema/onnx_pb.ts";

/** Functions that call each other twice each double with every level: a small file can ask for any number. */
const mostNodes = 2 ** 16;
const deepestCalls = 64;

/** @throws UserError (`file-format`, `unsupported`) where functions and calls do not fit together */
export function inlineFunctions(model: ModelProto): readonly NodeProto[] {
  const graph = model.graph;
  if (graph === undefined) return [];
  return model.functions.length === 0 ? graph.node : new Inliner(model, graph).nodes(graph.node, []);
}

const isDefault = (domain: string): boolean => domain === "" || domain === "ai.onnx";

function keyOf(domain: string, name: string, overload: string): string {
  return JSON.stringify([isDefault(domain) ? "" : domain, name, overload]);
}

const titleOf = ({ domain, name }: FunctionProto): string => (domain === "" ? name : `${domain}::${name}`);

class Inliner {
  readonly #functions = new Map<string, FunctionProto>();
  readonly #model: ModelProto;
  readonly #taken: Set<string>;
  /** How many names were made of each wanted one. */
  readonly #made = new Map<string, number>();
  #count = 0;

  constructor(model: ModelProto, graph: GraphProto) {
    for (const definition of model.functions) {
      const key = keyOf(definition.domain, definition.name, definition.overload);
      if (this.#functions.has(key)) fail("file-format", definition, "it is defined twice.");
      this.#functions.set(key, definition);
    }
    this.#model = model;
    this.#taken = namesIn(graph);
  }

  nodes(nodes: readonly NodeProto[], calls: readonly FunctionProto[]): NodeProto[] {
    return nodes.flatMap((node) => {
      const definition = this.#functions.get(keyOf(node.domain, node.opType, node.overload));
      if (definition !== undefined) return this.#call(node, definition, calls);
      this.#countNode();
      return [{ ...node, attribute: node.attribute.map((attribute) => this.#inSubgraph(attribute, calls)) }];
    });
  }

  #inSubgraph(attribute: AttributeProto, calls: readonly FunctionProto[]): AttributeProto {
    const { g } = attribute;
    return g === undefined ? attribute : { ...attribute, g: { ...g, node: this.nodes(g.node, calls) } };
  }

  #countNode(): void {
    if (++this.#count > mostNodes)
      throw new UserError("unsupported", `onnx: functions expand to more than ${mostNodes} nodes.`);
  }

  #call(call: NodeProto, definition: FunctionProto, calls: readonly FunctionProto[]): NodeProto[] {
    if (calls.includes(definition)) return fail("file-format", definition, "it calls itself.");
    if (calls.length >= deepestCalls)
      return fail("unsupported", definition, `calls lie ${deepestCalls} deep.`);
    this.#countNode();
    checkOpset(definition, this.#model);
    const { input, output, attribute, attributeProto } = definition;
    if (call.input.length > input.length || call.output.length > output.length)
      return fail(
        "file-format",
        definition,
        `it has ${input.length} inputs and ${output.length} outputs; node '${call.name}' calls it with ${call.input.length} and ${call.output.length}.`,
      );
    const declared = new Set([...attribute, ...attributeProto.map(({ name }) => name)]);
    const unknown = call.attribute.find(({ name }) => !declared.has(name));
    if (unknown !== undefined)
      return fail(
        "file-format",
        definition,
        `it has no attribute ${unknown.name}, which node '${call.name}' gives.`,
      );
    const values = new Map(
      [...attributeProto, ...call.attribute].map((given) => [given.name, given] as const),
    );
    const names = new Map<string, string>([["", ""]]);
    input.forEach((name, i) => names.set(name, call.input[i] ?? ""));
    output.forEach((name, i) => {
      // What nobody asks for gets a name of its own; an input that goes straight out keeps that of the caller.
      const wanted = call.output[i] ?? "";
      if (wanted !== "" && !names.has(name)) names.set(name, wanted);
    });
    const prefix = short(call.name || call.opType);
    const rename = (name: string): string => {
      const known = names.get(name);
      if (known !== undefined) return known;
      const made = this.#unused(`${prefix}/${name}`);
      names.set(name, made);
      return made;
    };
    const body = definition.node.map((node, i) =>
      renamed(node, rename, values, `${prefix}/${node.name || `${node.opType}_${i}`}`),
    );
    const handedThrough = output.flatMap((name, i) => {
      const [wanted, given] = [call.output[i] ?? "", names.get(name)];
      return wanted === "" || given === wanted ? [] : [identity(call, given ?? "", wanted)];
    });
    return this.nodes([...body, ...handedThrough], [...calls, definition]);
  }

  #unused(wanted: string): string {
    const name = short(wanted);
    let made = name;
    while (this.#taken.has(made)) {
      const count = (this.#made.get(name) ?? 0) + 1;
      this.#made.set(name, count);
      made = `${name}.${count}`;
    }
    this.#taken.add(made);
    return made;
  }
}

/** Names grow with every level of calls; what tells them apart is at their end. */
function short(name: string): string {
  return name.length > 200 ? name.slice(-200) : name;
}

/** A node of a function's body with the caller's names, and attributes that refer to the call's filled in. */
function renamed(
  node: NodeProto,
  rename: (name: string) => string,
  values: ReadonlyMap<string, AttributeProto>,
  name: string,
): NodeProto {
  const attribute = node.attribute.flatMap((own): AttributeProto[] => {
    const given = own.refAttrName === "" ? own : values.get(own.refAttrName);
    // Left out by the call and without a default: the operator's own default is meant.
    if (given === undefined) return [];
    // A subgraph that the call gives reads the caller's names.
    const { g } = own;
    return [{ ...given, name: own.name, ...(g !== undefined && { g: renamedGraph(g, rename, values) }) }];
  });
  return { ...node, name, input: node.input.map(rename), output: node.output.map(rename), attribute };
}

function renamedGraph(
  graph: GraphProto,
  rename: (name: string) => string,
  values: ReadonlyMap<string, AttributeProto>,
): GraphProto {
  const named = <T extends { readonly name: string }>(item: T): T => ({ ...item, name: rename(item.name) });
  return {
    ...graph,
    input: graph.input.map(named),
    output: graph.output.map(named),
    initializer: graph.initializer.map(named),
    node: graph.node.map((node) => renamed(node, rename, values, node.name)),
  };
}

function identity(call: NodeProto, from: string, to: string): NodeProto {
  return {
    ...call,
    opType: "Identity",
    domain: "",
    overload: "",
    input: [from],
    output: [to],
    attribute: [],
  };
}

/** Operators mean what the function's operator set says; the importer reads one set a file. */
function checkOpset(definition: FunctionProto, model: ModelProto): void {
  const versionOf = (imports: ModelProto["opsetImport"]) =>
    imports.find(({ domain }) => isDefault(domain))?.version;
  const [own, whole] = [versionOf(definition.opsetImport), versionOf(model.opsetImport)];
  if (own !== undefined && own !== whole)
    fail(
      "unsupported",
      definition,
      `it is written for operator set ${own}, the model for ${whole ?? "none"}.`,
    );
}

/** All names of values in a graph. */
function namesIn(graph: GraphProto): Set<string> {
  return new Set([
    ...outerReads(graph),
    ...graph.input.map(({ name }) => name),
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.flatMap(({ input, output }) => [...input, ...output]),
    ...graph.node.flatMap(({ attribute }) =>
      attribute.flatMap(({ g }) => (g === undefined ? [] : [...namesIn(g)])),
    ),
  ]);
}

function fail(code: "file-format" | "unsupported", definition: FunctionProto, message: string): never {
  throw new UserError(code, `onnx: function ${titleOf(definition)}: ${message}`);
}
