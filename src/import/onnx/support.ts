/** What a model uses that is not supported: all of it at once, with the nodes' names. */
import { UserError } from "../../errors.ts";
import { operators } from "./operators/index.ts";
import { readsOf, type OnnxNode } from "./nodes.ts";
import { AttributeProto_AttributeType as AttributeType, type ModelProto } from "./schema/onnx_pb.ts";

/** Operators that are settled while importing, where they do not depend on data: see control-flow.ts, sequences.ts. */
const settled: ReadonlySet<string> = new Set(
  "If Loop SequenceEmpty SequenceConstruct SequenceInsert SequenceErase SequenceAt SequenceLength ConcatFromSequence SplitToSequence".split(
    " ",
  ),
);

const shapeDependsOnData = "its result's shape depends on data";

/** Why operators of ONNX are refused by design. */
const refused: ReadonlyMap<string, string> = new Map([
  ...reasons(shapeDependsOnData, "Unique NonMaxSuppression"),
  ...reasons("control flow with subgraphs", "Scan SequenceMap"),
  ...reasons("optional values", "Optional OptionalGetElement OptionalHasElement"),
  ...reasons("strings", "StringNormalizer StringConcat StringSplit RegexFullMatch"),
  ...reasons(
    "random numbers, which the file asks for anew with each run",
    "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial",
  ),
]);

function reasons(reason: string, names: string): (readonly [string, string])[] {
  return names.split(" ").map((name) => [name, reason] as const);
}

export interface SupportReport {
  /** Operator → nodes that use it, for those that are not supported, with the reason. */
  readonly unsupported: readonly {
    readonly operator: string;
    readonly nodes: readonly string[];
    readonly reason: string;
  }[];
  /** Operator → number of nodes. */
  readonly operators: ReadonlyMap<string, number>;
}

/** @param dataDependent nodes whose results have no shape before they run */
export function inspectSupport(
  proto: Pick<ModelProto, "graph">,
  nodes: readonly OnnxNode[],
  dataDependent: readonly OnnxNode[] = [],
): SupportReport {
  const counts = new Map<string, number>();
  const problems = new Map<string, { nodes: string[]; reason: string }>();
  const refuse = (operator: string, reason: string, node: string) => {
    const entry = problems.get(operator) ?? { nodes: [], reason };
    entry.nodes.push(node);
    problems.set(operator, entry);
  };
  for (const entry of nodes) {
    const { name, proto: node } = entry;
    const isStandard = node.domain === "" || node.domain === "ai.onnx";
    const operator = isStandard ? node.opType : `${node.domain}::${node.opType}`;
    counts.set(operator, (counts.get(operator) ?? 0) + 1);
    const hasSubgraph = node.attribute.some(
      ({ type }) => type === AttributeType.GRAPH || type === AttributeType.GRAPHS,
    );
    if (settled.has(operator)) {
      if (dataDependent.includes(entry)) refuse(operator, "control flow that depends on data", name);
    } else if (hasSubgraph) refuse(operator, "control flow with subgraphs", name);
    else if (!isStandard) refuse(operator, "an operator of another domain", name);
    else if (!Object.hasOwn(operators, operator))
      refuse(operator, refused.get(operator) ?? "not supported", name);
    else if (dataDependent.includes(entry)) refuse(operator, shapeDependsOnData, name);
  }
  const sparse = proto.graph?.sparseInitializer ?? [];
  const read = new Set(sparse.length === 0 ? [] : nodes.flatMap(({ proto: node }) => readsOf(node)));
  for (const { values } of sparse) {
    // What nothing reads may be of any kind.
    if (values !== undefined && !read.has(values.name)) continue;
    refuse("sparse initialiser", "sparse tensors", values?.name ?? "");
  }
  return {
    operators: counts,
    unsupported: [...problems].map(([operator, { nodes: names, reason }]) => ({
      operator,
      nodes: names,
      reason,
    })),
  };
}

/** @throws UserError (`unsupported`) that lists everything */
export function checkSupport(proto: ModelProto, nodes: readonly OnnxNode[]): void {
  throwUnsupported(inspectSupport(proto, nodes));
}

/** As `checkSupport`, for the nodes of a subgraph that will run. */
export function checkNodes(nodes: readonly OnnxNode[]): void {
  throwUnsupported(inspectSupport({}, nodes));
}

function throwUnsupported({ unsupported }: SupportReport): void {
  if (unsupported.length === 0) return;
  const lines = unsupported.map(({ operator, nodes: names, reason }) => {
    const shown =
      names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
    return `    ${operator}: ${reason} (${shown})`;
  });
  throw new UserError("unsupported", `onnx: the model uses what is not supported:\n${lines.join("\n")}`);
}
