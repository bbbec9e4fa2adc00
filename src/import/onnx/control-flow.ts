/**
 * Branches and loops that are settled while importing. Exporters write an If where a shape decides, such as whether
 * there is a dimension to squeeze, and a Loop where a list is taken apart; once shapes are bound, conditions and
 * numbers of iterations are known. An If becomes the branch that is taken, a Loop its body as often as it runs.
 */
import { stack } from "../../nn/functional.ts";
import { UserError } from "../../errors.ts";
import { zeros } from "../../ir/host-tensor.ts";
import { declaredOutput } from "./declared-tensors.ts";
import type { OnnxNode } from "./nodes.ts";
import { OperatorNode, type OnnxValue } from "./operator.ts";
import { assign, Scope, type Importer } from "./scope.ts";
import { readSubgraph, type Subgraph } from "./subgraph.ts";
import { checkNodes } from "./support.ts";
import { TensorProto_DataType as DataType, type ValueInfoProto } from "./schema/onnx_pb.ts";
import { dtypeOfElementType } from "./tensors.ts";

export type Handler = (node: OnnxNode, scope: Scope, importer: Importer) => void;

const runIf: Handler = (node, scope, importer) => {
  const context = contextOf(node, scope, importer);
  const taken = isTrue(context, 0, "the condition") ? "then_branch" : "else_branch";
  const branch = subgraphOf(node, context, taken);
  if (branch.inputs.length > 0)
    context.fail("file-format", `${taken} takes inputs; branches of If take none.`);
  const inner = enter(branch, scope, importer);
  importer.runNodes(branch.nodes, inner);
  checkCount(context, taken, branch.outputs.length, node.proto.output.length);
  node.proto.output.forEach((name, i) => {
    if (name !== "" && !assign(scope, name, inner, branch.outputs[i]!))
      context.fail("file-format", `${taken} has no '${branch.outputs[i]}'.`);
  });
};

/** Inputs: most iterations, condition, what iterations hand on. Of the body: number, condition, what was handed on. */
const runLoop: Handler = (node, scope, importer) => {
  const context = contextOf(node, scope, importer);
  const { input, output } = node.proto;
  const body = subgraphOf(node, context, "body");
  const carried = Math.max(0, input.length - 2);
  checkCount(context, "inputs of body", body.inputs.length, carried + 2);
  checkCount(context, "outputs of body", body.outputs.length, output.length + 1);
  const most = context.has(0) ? Number(single(context, 0, "the number of iterations")) : Infinity;
  let goesOn = !context.has(1) || isTrue(context, 1, "the condition");
  const scanned: OnnxValue[][] = body.outputs.slice(carried + 1).map(() => []);
  const names = input.slice(2);
  let [state, meanings] = [scope, names];
  const iterate = (i: number): Scope => {
    if (!importer.countIteration(body.nodes.length))
      context.fail("unsupported", "more iterations than are unrolled.");
    const inner = enter(body, scope, importer);
    const count = { dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(i)) } as const;
    inner.define(body.inputs[0]!, importer.constant(count, DataType.INT64));
    const yes = { dtype: "bool", shape: [], data: Uint8Array.of(1) } as const;
    inner.define(body.inputs[1]!, importer.constant(yes, DataType.BOOL));
    meanings.forEach((meaning, at) => {
      if (!assign(inner, body.inputs[at + 2]!, state, meaning))
        context.fail("file-format", `'${meaning}' is not defined.`);
    });
    importer.runNodes(body.nodes, inner);
    return inner;
  };
  const scannedValue = (inner: Scope, at: number): OnnxValue =>
    inner.tensor(body.outputs[carried + 1 + at]!) ??
    context.fail("file-format", "a result of the body is not a tensor.");
  for (let i = 0; i < most && goesOn; i++) {
    const inner = iterate(i);
    const condition = new OperatorNode(node, importer.dialect, importer.trace, [
      inner.tensor(body.outputs[0]!),
    ]);
    goesOn = isTrue(condition, 0, "the condition of its body");
    scanned.forEach((list, at) => list.push(scannedValue(inner, at)));
    [state, meanings] = [inner, body.outputs.slice(1, carried + 1)];
  }
  // What an iteration that nothing reads would give tells the shape of a result of none.
  let trial: Scope | undefined;
  const like = (at: number): OnnxValue => {
    try {
      return scannedValue((trial ??= iterate(0)), at);
    } catch (cause) {
      if (!(cause instanceof UserError)) throw cause;
      return context.fail(
        "unsupported",
        `output ${carried + at} is of no iterations, and what one would make of it is not known (${cause.message}).`,
      );
    }
  };
  output.forEach((name, i) => {
    if (name === "") return;
    if (i < carried) {
      if (!assign(scope, name, state, meanings[i]!))
        context.fail("file-format", `'${meanings[i]}' is not defined.`);
      return;
    }
    const values = scanned[i - carried]!;
    if (values.length === 0) {
      scope.define(
        name,
        emptyResult(body.declared[i + 1]!, () => like(i - carried), importer),
      );
      return;
    }
    scope.define(
      name,
      importer.computed(
        stack(
          values.map((value) => value.symbol()),
          0,
        ),
        values,
      ),
    );
  });
};

/**
 * What a loop of no iterations gives of a result that iterations stack: no elements, each of them of the shape that is
 * declared, or else as an iteration would make it.
 */
function emptyResult(info: ValueInfoProto, like: () => OnnxValue, importer: Importer): OnnxValue {
  const declared = declaredOutput(info);
  const sizes = declared.shape?.filter((size) => typeof size === "number");
  const isDeclared = declared.elementType !== undefined && sizes?.length === declared.shape?.length;
  const value = isDeclared ? undefined : like();
  const elementType = declared.elementType ?? value?.elementType;
  const known = elementType === undefined ? undefined : dtypeOfElementType(elementType);
  const shape = [0, ...(value?.symbol().shape ?? sizes ?? [])];
  return importer.constant(zeros(shape, known ?? value!.symbol().dtype), elementType);
}

export const controlFlow: Readonly<Record<string, Handler>> = { If: runIf, Loop: runLoop };

function contextOf({ proto, name }: OnnxNode, scope: Scope, { dialect, trace }: Importer): OperatorNode {
  const inputs = proto.input.map((input) => scope.tensor(input));
  return new OperatorNode({ proto, name }, dialect, trace, inputs);
}

/** The graph in an attribute; its nodes are supported. */
function subgraphOf(node: OnnxNode, context: OperatorNode, attribute: string): Subgraph {
  const graph = node.proto.attribute.find(({ name }) => name === attribute)?.g;
  if (graph === undefined) return context.fail("file-format", `attribute ${attribute} is missing.`);
  const subgraph = readSubgraph(graph);
  checkNodes(subgraph.nodes);
  return subgraph;
}

/** A scope with the subgraph's constants. */
function enter(subgraph: Subgraph, scope: Scope, importer: Importer): Scope {
  const inner = new Scope(scope);
  for (const [name, { value, elementType }] of subgraph.constants)
    inner.define(name, importer.constant(value, elementType));
  return inner;
}

function single(context: OperatorNode, position: number, what: string): number | bigint {
  const { data } = context.constant(position, what, "branches and loops that depend");
  if (data.length !== 1) context.fail("shape", `${what} has ${data.length} elements, expected 1.`);
  return data[0]!;
}

function isTrue(context: OperatorNode, position: number, what: string): boolean {
  return Number(single(context, position, what)) !== 0;
}

function checkCount(context: OperatorNode, what: string, actual: number, expected: number): void {
  if (actual !== expected) context.fail("file-format", `${what}: ${actual}, expected ${expected}.`);
}
