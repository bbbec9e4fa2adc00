/**
 * What int64 makes of operators: which of their results may leave 32 bits, by the ranges of their operands, and how those
 * are computed in pairs of words. Operators that are not here take and give what 32 bits hold.
 */
import { elementCount } from "../../../ir/shape.ts";
import { Tensor } from "../../../nn/tensor.ts";
import {
  expectAllRead,
  full,
  isWide,
  overflow,
  rangeOfValue,
  run,
  shapeOf,
  WideResult,
  word,
  wordsOf,
  type NodeToRun,
  type RangedResult,
} from "../int64.ts";
import { OperatorNode, type IntegerRange, type OnnxValue } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { integerLimits } from "../tensors.ts";
import { axesOf, trailingAxis } from "./axes.ts";
import { reductions } from "./reductions.ts";
import * as wide from "../wide-integer.ts";
import type { WideInteger } from "../wide-integer.ts";

/** What int64 makes of an operator: its result in pairs, or its range; undefined where it says nothing. */
type Int64Operator = (task: NodeToRun) => readonly RangedResult[] | IntegerRange | undefined;

/** The node's results in pairs of words, where that is needed; or the range of its plain int64 results. */
export function runInt64(task: NodeToRun): readonly RangedResult[] | IntegerRange | undefined {
  return int64Operators.get(task.node.proto.opType)?.(task);
}

const pair = (words: WideInteger, range: IntegerRange): readonly RangedResult[] => [
  { value: new WideResult(words, clamped(range)), elementType: DataType.INT64 },
];

function clamped([least, greatest]: IntegerRange): IntegerRange {
  return least < full[0] || greatest > full[1] ? full : [least, greatest];
}

const hull = (ranges: readonly IntegerRange[]): IntegerRange => [
  Math.min(...ranges.map(([least]) => least)),
  Math.max(...ranges.map(([, greatest]) => greatest)),
];

/** The ranges of inputs that must all be int64; undefined where one is not. */
function rangesOf(
  { inputs }: NodeToRun,
  positions: readonly number[] = [...inputs.keys()],
): readonly IntegerRange[] | undefined {
  const ranges = positions.flatMap((position) => {
    const range = rangeOfValue(inputs[position]);
    return range === undefined ? [] : [range];
  });
  const present = positions.filter((position) => inputs[position] !== undefined);
  return ranges.length === 0 || ranges.length < present.length ? undefined : ranges;
}

/** An operator whose result is computed in pairs where its range leaves 32 bits. */
const growing =
  (
    rangeOf: (ranges: readonly IntegerRange[], task: NodeToRun) => IntegerRange,
    compute: (operands: readonly WideInteger[], task: NodeToRun) => WideInteger,
    positions?: readonly number[],
  ): Int64Operator =>
  (task) => {
    const ranges = rangesOf(task, positions);
    // Before operator set 7, the second operand was broadcast as the node says.
    if (ranges === undefined || (task.dialect.opset < 7 && task.inputs.length > 1)) return undefined;
    const range = rangeOf(ranges, task);
    if (!isWide(range) && !ranges.some(isWide)) return range;
    const operands = (positions ?? [...task.inputs.keys()]).map((position) =>
      wordsOf(task.inputs[position]!, task.trace),
    );
    return pair(compute(operands, task), range);
  };

const sumOfRanges = (ranges: readonly IntegerRange[]): IntegerRange => [
  ranges.reduce((sum, [least]) => sum + least, 0),
  ranges.reduce((sum, [, greatest]) => sum + greatest, 0),
];
const negatedRange = ([least, greatest]: IntegerRange): IntegerRange => [0 - greatest, 0 - least];
const productRange = ([a, b]: readonly IntegerRange[]): IntegerRange => {
  const products = a!.flatMap((x) => b!.map((y) => x * y));
  return [Math.min(...products), Math.max(...products)];
};
const times = ([least, greatest]: IntegerRange, count: number): IntegerRange => [
  Math.min(0, least * count),
  Math.max(0, greatest * count),
];
const countOf = ({ inputs }: NodeToRun): number => elementCount(shapeOf(inputs[0]!));
const magnitude = ([least, greatest]: IntegerRange): number => Math.max(-least, greatest, 0);

/** Runs the operator on every part of a number, which must be a sum of at most all its elements. */
const partwise = (task: NodeToRun, x: WideInteger): WideInteger =>
  wide.byParts(x, countOf(task), (part) => {
    const inputs = task.inputs.with(0, symbolValue(part, DataType.UINT32));
    return run({ ...task, inputs }).results[0] as Tensor;
  });

function symbolValue(symbol: Tensor, elementType: number): OnnxValue {
  return {
    symbol: () => symbol,
    constant: undefined,
    elementType,
    sources: new Set(),
  };
}

/** Operators that only move elements of inputs at `positions`, one word like the other. */
const moving =
  (...positions: readonly number[]): Int64Operator =>
  (task) => {
    const data = positions.length === 0 ? [...task.inputs.keys()] : positions.filter((at) => task.inputs[at]);
    const ranges = rangesOf(task, data);
    if (ranges === undefined) return undefined;
    // What a value that is left out stands for is 0.
    const range = hull([...ranges, [0, 0]]);
    if (!ranges.some(isWide)) return range;
    const words = data.map((position) => wordsOf(task.inputs[position]!, task.trace));
    const runOn = (part: "low" | "high", type: number) => {
      const inputs = task.inputs.map((input, position) => {
        const at = data.indexOf(position);
        return at < 0 ? input : symbolValue(words[at]![part], type);
      });
      return run({ ...task, inputs }).results as readonly Tensor[];
    };
    const [low, high] = [runOn("low", DataType.UINT32), runOn("high", DataType.INT32)];
    return low.map((lowWord, i) => ({
      value: new WideResult({ low: lowWord, high: high[i]! }, range),
      elementType: DataType.INT64,
    }));
  };

const comparing =
  (compare: (a: WideInteger, b: WideInteger) => Tensor): Int64Operator =>
  (task) => {
    const ranges = rangesOf(task, [0, 1]);
    if (ranges === undefined || !ranges.some(isWide)) return undefined;
    const [a, b] = task.inputs.map((input) => wordsOf(input!, task.trace)) as [WideInteger, WideInteger];
    return [{ value: compare(a, b), elementType: DataType.BOOL }];
  };

/** The first of two operands or the second, element by element, over any number of operands. */
const selecting = (isFirst: (a: WideInteger, b: WideInteger) => Tensor): Int64Operator =>
  growing(hull, (operands) => operands.reduce((a, b) => wide.choose(isFirst(a, b), a, b)));

/** The first input's values by another type's operator: what a cast does to a pair. */
function castFrom(task: NodeToRun, symbol: Tensor, elementType: number): readonly RangedResult[] {
  const inputs = task.inputs.with(0, symbolValue(symbol, elementType));
  const { results, context } = run({ ...task, inputs });
  return results.map((value) => ({ value, elementType: context.declaredType(0) }));
}

const cast: Int64Operator = (task) => {
  const [input] = task.inputs;
  const to = targetOf(task);
  const from = input?.elementType;
  if (input === undefined || to === undefined || from === undefined) return undefined;
  if (from === DataType.INT64) {
    const range = rangeOfValue(input)!;
    if (to === DataType.INT64 || !isWide(range)) return to === DataType.INT64 ? moving(0)({ ...task, operator: (node) => sameType(node) }) : undefined; // prettier-ignore
    const words = wordsOf(input, task.trace);
    if (to === DataType.BOOL) return [{ value: wide.isTrue(words), elementType: to }];
    if (to === DataType.UINT32) return [{ value: words.low, elementType: to }];
    const isFloat = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16].includes(to);
    return isFloat
      ? castFrom(task, wide.toFloat(words), DataType.FLOAT)
      : to === DataType.UINT64
        ? undefined
        : castFrom(task, wide.narrowedToI32(words), DataType.INT32);
  }
  if (to !== DataType.INT64) return undefined;
  const limits = integerLimits(from);
  if (limits !== undefined) return limits;
  if (from === DataType.BOOL) return [0, 1];
  if (from === DataType.INT32) return word;
  const symbol = input.symbol();
  if (symbol.dtype === "u32") return pair(wide.widened(symbol), [0, 2 ** 32 - 1]);
  return symbol.dtype === "f32" ? pair(wide.fromFloat(symbol), full) : undefined;
};

/** A cast to the type that a value has; what the node says of it is read. */
const sameType = (node: OperatorNode): Tensor => {
  node.ignore("to", "saturate", "round_mode");
  node.ignoreInputs(1);
  return node.input(0);
};

function targetOf({ node, inputs }: NodeToRun): DataType | undefined {
  if (node.proto.opType === "CastLike") return inputs[1]?.elementType as DataType | undefined;
  const attribute = node.proto.attribute.find(({ name }) => name === "to");
  return attribute === undefined ? undefined : (Number(attribute.i) as DataType);
}

/**
 * What grows and is not computed in pairs is computed in f32, too, in each run: where that says that 32 bits may not hold
 * the result, the run fails.
 */
const checked =
  (rangeOf: (task: NodeToRun) => IntegerRange): Int64Operator =>
  (task) => {
    const types = task.inputs.map((input) => input?.elementType);
    const [type] = types;
    if (type !== DataType.INT64 && type !== DataType.UINT64) return undefined;
    const range = type === DataType.INT64 ? rangeOf(task) : full;
    if (!isWide(range)) return range;
    const asFloats = task.inputs.map((input) =>
      input?.elementType === type && input !== undefined
        ? symbolValue(input.symbol().to("f32"), DataType.FLOAT)
        : input,
    );
    const { results, context } = run(task);
    const [estimate] = run({ ...task, inputs: asFloats }).results as [Tensor];
    // f32 may be off by some units of 2^-24 of the sum's largest terms; near the limit the run is refused, too.
    const [least, greatest] = type === DataType.INT64 ? word : [0, 2 ** 32 - 1];
    const leaves = estimate.gt(greatest - 4096).logicalOr(estimate.lt(least + (least < 0 ? 4096 : 0)));
    checkOf(task, leaves, type === DataType.INT64 ? "int64" : "uint64");
    return results.map((value, i) => ({
      value,
      elementType: context.declaredType(i) ?? type,
      range: type === DataType.INT64 ? word : undefined,
    }));
  };

/** Fails the run where the condition holds anywhere. */
function checkOf({ node, trace }: NodeToRun, leaves: Tensor, type: string): void {
  trace.check(
    leaves.to("i32").id,
    overflow(
      `${node.proto.opType} '${node.name}': a result of ${type} leaves 32 bits, in which this operator computes`,
    ),
  );
}

const rangeOfFirst = ({ inputs }: NodeToRun): IntegerRange => rangeOfValue(inputs[0]) ?? full;

const add = growing(sumOfRanges, (operands) => operands.reduce(wide.add));

const int64Operators: ReadonlyMap<string, Int64Operator> = new Map<string, Int64Operator>([
  [
    "Add",
    either(
      add,
      checked(() => full),
    ),
  ],
  [
    "Sum",
    either(
      add,
      checked(() => full),
    ),
  ],
  [
    "Sub",
    either(
      growing(
        ([a, b]) => sumOfRanges([a!, negatedRange(b!)]),
        ([a, b]) => wide.subtract(a!, b!),
      ),
      checked(() => full),
    ),
  ],
  [
    "Mul",
    either(
      growing(productRange, ([a, b]) => wide.multiply(a!, b!)),
      checked(() => full),
    ),
  ],
  [
    "Neg",
    growing(
      ([a]) => negatedRange(a!),
      ([a]) => wide.negated(a!),
    ),
  ],
  [
    "Abs",
    growing(
      ([a]) => [0, magnitude(a!)],
      ([a]) => wide.absolute(a!),
    ),
  ],
  [
    "Sign",
    growing(
      () => [-1, 1],
      ([a]) => wide.signOf(a!),
    ),
  ],
  ["ReduceSum", either(growing(([a], task) => times(a!, countOf(task)), ([a], task) => partwise(task, a!), [0]), checked(() => full))], // prettier-ignore
  ["CumSum", either(growing(([a], task) => times(a!, countOf(task)), ([a], task) => partwise(task, a!), [0]), checked(() => full))], // prettier-ignore
  ["Max", selecting((a, b) => wide.less(b, a))],
  ["Min", selecting((a, b) => wide.less(a, b))],

  ["Equal", comparing(wide.equal)],
  ["Less", comparing(wide.less)],
  ["Greater", comparing((a, b) => wide.less(b, a))],
  ["LessOrEqual", comparing((a, b) => wide.less(b, a).logicalNot())],
  ["GreaterOrEqual", comparing((a, b) => wide.less(a, b).logicalNot())],

  ["Cast", cast],
  ["CastLike", cast],

  ["Identity", moving(0)],
  ["Reshape", moving(0)],
  ["Flatten", moving(0)],
  ["Squeeze", moving(0)],
  ["Unsqueeze", moving(0)],
  ["Transpose", moving(0)],
  ["Slice", moving(0)],
  ["Split", moving(0)],
  ["Expand", moving(0)],
  ["Tile", moving(0)],
  ["Gather", moving(0)],
  ["GatherElements", moving(0)],
  ["GatherND", moving(0)],
  ["ReverseSequence", moving(0)],
  ["Trilu", moving(0)],
  ["Concat", moving()],
  ["Where", moving(1, 2)],
  ["Pad", moving(0, 2)],

  ["Div", dividing],
  ["Clip", clipping],
  ["Mod", (task) => (rangesOf(task) === undefined ? undefined : below(rangeOfValue(task.inputs[1])!))],
  ["ReduceMax", reducingTo("max")],
  ["ReduceMin", reducingTo("min")],
  ["ArgMax", either(findingThe("max"), positions)],
  ["ArgMin", either(findingThe("min"), positions)],
  ["TopK", positions],
  ["ReduceMean", throughFloats],
  ["ReduceL2", throughFloats],
  ["ReduceLogSum", throughFloats],
  ["ReduceLogSumExp", throughFloats],
  ["ReduceL1", checked((task) => times([0, magnitude(rangeOfFirst(task))], countOf(task)))],
  ["ReduceSumSquare", checked((task) => times([0, magnitude(rangeOfFirst(task)) ** 2], countOf(task)))],
  ["ReduceProd", checked(() => full)],
  ["Pow", checked(() => full)],
  ["MatMul", checked((task) => productOfAll(task))],
  ["Gemm", checked(() => full)],
  ["Einsum", checked(() => full)],
]);

/** What the first says, or where it says nothing, the second. */
function either(first: Int64Operator, second: Int64Operator): Int64Operator {
  return (task) => first(task) ?? second(task);
}

/** −2^31 / −1 is the one quotient that 32 bits do not hold. */
function dividing(task: NodeToRun): IntegerRange | undefined {
  const ranges = rangesOf(task);
  if (ranges === undefined) return undefined;
  const [a, b] = ranges as [IntegerRange, IntegerRange];
  if (a[0] <= word[0] && b[0] <= -1 && b[1] >= -1) {
    const [x, y] = task.inputs.map((input) => input!.symbol()) as [Tensor, Tensor];
    const least = new Tensor(task.trace, task.trace.scalar(word[0], "i32"));
    const minusOne = new Tensor(task.trace, task.trace.scalar(-1, "i32"));
    checkOf(task, x.eq(least).logicalAnd(y.eq(minusOne)), "int64");
  }
  const most = magnitude(a);
  return [Math.max(-most, word[0]), Math.min(most, word[1])];
}

function clipping(task: NodeToRun): readonly RangedResult[] | IntegerRange | undefined {
  const range = rangeOfValue(task.inputs[0]);
  if (range === undefined || !isWide(range)) return range;
  let words = wordsOf(task.inputs[0]!, task.trace);
  let [least, greatest] = range;
  const [low, high] = [task.inputs[1], task.inputs[2]];
  if (low !== undefined) {
    const bound = wordsOf(low, task.trace);
    words = wide.choose(wide.less(words, bound), bound, words);
    least = Math.max(least, (rangeOfValue(low) ?? full)[0]);
  }
  if (high !== undefined) {
    const bound = wordsOf(high, task.trace);
    words = wide.choose(wide.less(bound, words), bound, words);
    greatest = Math.min(greatest, (rangeOfValue(high) ?? full)[1]);
  }
  return pair(words, [least, Math.max(least, greatest)]);
}

/** Remainders are less than the divisor, whatever their sign. */
function below(range: IntegerRange): IntegerRange {
  const most = Math.max(magnitude(range) - 1, 0);
  return [0 - most, most];
}

/** The largest or smallest number along axes, which stay as 1: by the high words, and of equal ones by the low. */
function extremeOf({ low, high }: WideInteger, axes: readonly number[], which: "max" | "min"): WideInteger {
  const most = high[which]([...axes], true);
  const other = new Tensor(low.trace, low.trace.scalar(which === "max" ? 0 : 2 ** 32 - 1, "u32"));
  return { low: low.where(high.eq(most), other)[which]([...axes], true), high: most };
}

function reducingTo(which: "max" | "min"): Int64Operator {
  return (task) => {
    const range = rangeOfValue(task.inputs[0]);
    if (range === undefined || !isWide(range)) return range;
    const words = wordsOf(task.inputs[0]!, task.trace);
    const { shape } = words.low;
    const context = new OperatorNode(task.node, task.dialect, task.trace, [
      symbolValue(words.high, DataType.INT32),
      ...task.inputs.slice(1),
    ]);
    context.input(0);
    const given = axesOf(context, shape.length, 1) ?? [];
    const isNothing = given.length === 0 && context.flag("noop_with_empty_axes", false);
    const keepDims = context.flag("keepdims", true);
    context.ignore("noop_with_empty_axes");
    expectAllRead(context);
    const axes = given.length > 0 ? given : shape.map((_, axis) => axis);
    // Of nothing, the operator itself knows the result.
    if (elementCount(shape) === 0) return undefined;
    if (isNothing) return pair(words, range);
    const { low, high } = extremeOf(words, axes, which);
    const kept = shape.flatMap((size, axis) => (!axes.includes(axis) ? [size] : keepDims ? [1] : []));
    return pair({ low: low.reshape(kept), high: high.reshape(kept) }, range);
  };
}

/** The position of the extreme: that of the largest where 1 says which are as extreme. */
function findingThe(which: "max" | "min"): Int64Operator {
  return (task) => {
    const range = rangeOfValue(task.inputs[0]);
    if (range === undefined || !isWide(range)) return undefined;
    const words = wordsOf(task.inputs[0]!, task.trace);
    const context = new OperatorNode(task.node, task.dialect, task.trace, task.inputs);
    const axis = trailingAxis(context, words.low, 0);
    const isExtreme = wide.equal(words, extremeOf(words, [axis], which)).to("i32");
    const inputs = task.inputs.with(0, symbolValue(isExtreme, DataType.INT32));
    const { results } = run({ ...task, inputs, operator: reductions["ArgMax"]! });
    return results.map((value) => ({ value, elementType: DataType.INT64, range: word }));
  };
}

/** Positions among the elements; and of TopK, the elements themselves. */
function positions({ inputs }: NodeToRun): IntegerRange | undefined {
  const [x] = inputs;
  if (x === undefined) return undefined;
  const own = rangeOfValue(x);
  if (own !== undefined && isWide(own)) return undefined;
  return hull([[0, Math.max(elementCount(shapeOf(x)) - 1, 0)], ...(own === undefined ? [] : [own])]);
}

/** What is computed in floats in any case, and truncated. */
function throughFloats(task: NodeToRun): readonly RangedResult[] | undefined {
  const range = rangeOfValue(task.inputs[0]);
  if (range === undefined || !isWide(range)) return undefined;
  const floats = wide.toFloat(wordsOf(task.inputs[0]!, task.trace));
  const inputs = task.inputs.with(0, symbolValue(floats, DataType.FLOAT));
  const [result] = run({ ...task, inputs }).results as [Tensor];
  return pair(wide.fromFloat(result), full);
}

function productOfAll({ inputs }: NodeToRun): IntegerRange {
  const [a, b] = inputs.map(rangeOfValue);
  if (a === undefined || b === undefined) return full;
  return times(productRange([a, b]), shapeOf(inputs[0]!).at(-1) ?? 1);
}
