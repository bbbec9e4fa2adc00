/** ONNX's operators on sequences. A sequence is a list that exists while importing; its tensors are the graph's. */
import { concat, stack } from "../../nn/functional.ts";
import type { Handler } from "./control-flow.ts";
import type { OnnxNode } from "./nodes.ts";
import { OperatorNode, type OnnxValue } from "./operator.ts";
import type { Importer, Meaning, Scope } from "./scope.ts";
import { TensorProto_DataType as DataType } from "./schema/onnx_pb.ts";

/** An operator sees its node, the sequence it reads (empty where it reads none), and gives a sequence or a tensor. */
type SequenceOperator = (
  context: OperatorNode,
  sequence: readonly OnnxValue[],
  inputs: readonly (OnnxValue | undefined)[],
  importer: Importer,
) => Meaning;

/** The place that an input names, from the end where it is negative. */
function place(
  context: OperatorNode,
  position: number,
  length: number,
  fallback: number,
  last = length - 1,
): number {
  const [given] = context.optionalNumbers(position, "the position in a sequence") ?? [fallback];
  const at = given! < 0 ? given! + length : given!;
  if (!(at >= 0 && at <= last))
    context.fail(
      "argument",
      `position ${given} in a sequence of ${length} tensors; expected ${-length} to ${last}.`,
    );
  return at;
}

/** Each is a part of the graph, or several. */
const longestSequence = 2 ** 14;

const operators: Readonly<Record<string, SequenceOperator>> = {
  SequenceEmpty: () => [],
  SequenceConstruct: (_, __, inputs) => inputs.filter((input) => input !== undefined),
  SequenceInsert: (context, sequence, [, value]) => {
    const at = place(context, 2, sequence.length, sequence.length, sequence.length);
    return [...sequence.slice(0, at), value!, ...sequence.slice(at)];
  },
  SequenceErase: (context, sequence) => {
    const at = place(context, 1, sequence.length, sequence.length - 1);
    return sequence.filter((_, i) => i !== at);
  },
  SequenceAt: (context, sequence) => {
    const at = place(context, 1, sequence.length, 0);
    return (
      sequence[at] ?? context.fail("argument", `position ${at} in a sequence of ${sequence.length} tensors.`)
    );
  },
  SequenceLength: (_, sequence, __, importer) =>
    importer.constant(
      { dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(sequence.length)) },
      DataType.INT64,
    ),
  ConcatFromSequence: (context, sequence, _, importer) => {
    if (sequence.length === 0) return context.fail("shape", "a sequence of no tensors.");
    const join = context.flag("new_axis", false) ? stack : concat;
    const symbols = sequence.map((value) => value.symbol());
    return importer.computed(join(symbols, context.int("axis", 0)), sequence);
  },
  SplitToSequence: (context, _, inputs, importer) => {
    const x = context.input(0);
    const axis = context.int("axis", 0);
    const from = axis < 0 ? axis + x.shape.length : axis;
    const length = x.shape[from] ?? context.fail("argument", `axis ${axis} of ${x.shape.length} dimensions.`);
    const keeps = context.has(1) || context.flag("keepdims", true);
    const given = context.has(1) ? context.constant(1, "the sizes of a split") : undefined;
    const numbers = Array.from((given?.data ?? [1]) as ArrayLike<number | bigint>, Number);
    const chunk = numbers[0]!;
    if (numbers.some((size) => size < 0) || ((given?.shape.length ?? 0) === 0 && chunk < 1))
      context.fail("argument", `sizes ${numbers.join(", ")}.`);
    const pieces = (given?.shape.length ?? 0) > 0 ? numbers.length : Math.ceil(length / chunk);
    if (pieces > longestSequence)
      context.fail("unsupported", `a sequence of ${pieces} tensors; at most ${longestSequence} can be.`);
    const sizes =
      (given?.shape.length ?? 0) > 0
        ? numbers
        : Array.from({ length: Math.ceil(length / chunk) }, (_, i) => Math.min(chunk, length - i * chunk));
    if (sizes.reduce((sum, size) => sum + size, 0) !== length)
      context.fail("shape", `sizes ${sizes.join(", ")} of a dimension of ${length}.`);
    let start = 0;
    return sizes.map((size) => {
      const part = x.slice(from, start, (start += size));
      return importer.computed(keeps ? part : part.select(from, 0), inputs as readonly OnnxValue[]);
    });
  },
};

export const sequenceOperators: Readonly<Record<string, Handler>> = Object.fromEntries(
  Object.entries(operators).map(([name, operator]) => [name, handlerOf(operator)]),
);

/** An Identity of a sequence is that sequence. */
export function isSequenceIdentity({ proto }: OnnxNode, scope: Scope): boolean {
  return proto.opType === "Identity" && scope.sequence(proto.input[0] ?? "") !== undefined;
}

export const runSequenceIdentity: Handler = handlerOf((_, sequence) => sequence);

function handlerOf(operator: SequenceOperator): Handler {
  return ({ proto, name }, scope, importer) => {
    const inputs = proto.input.map((input) => scope.tensor(input));
    const context = new OperatorNode({ proto, name }, importer.dialect, importer.trace, inputs);
    const sequence = proto.input.map((input) => scope.sequence(input)).find((read) => read !== undefined);
    const result = operator(context, sequence ?? [], inputs, importer);
    // One that grows by a tensor at a time is there at each of its lengths.
    if (Array.isArray(result) && !importer.countItems(result.length))
      context.fail("unsupported", "the model's sequences have too many tensors to be imported.");
    scope.define(proto.output[0] ?? "", result);
  };
}
