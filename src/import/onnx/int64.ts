/**
 * ONNX's int64. Graphs hold it as i32, which is enough for what models count and index with; where the ranges of a node's
 * inputs say that its result may leave 32 bits, it is computed in pairs of words instead (`wide-integer.ts`), and stays
 * one through what only moves elements. What computes in 32 bits takes the low word, and the run fails with a typed error
 * where that is not the number. So results are exact or refused, never cut.
 *
 *     Add of i64 in −2³¹ … 2³¹ − 1   →   a pair in −2³² … 2³² − 2   →   Gather takes its low word, checked in each run
 */
import type { HostTensor } from "../../ir/host-tensor.ts";
import type { Trace } from "../../ir/trace.ts";
import { Tensor } from "../../nn/tensor.ts";
import type { OnnxNode } from "./nodes.ts";
import {
  OperatorNode,
  type Dialect,
  type IntegerRange,
  type KnownValue,
  type OnnxValue,
  type Operator,
  type OperatorResult,
} from "./operator.ts";
import { TensorProto_DataType as DataType } from "./schema/onnx_pb.ts";
import * as wide from "./wide-integer.ts";
import type { WideInteger } from "./wide-integer.ts";

export const word: IntegerRange = [-(2 ** 31), 2 ** 31 - 1];
export const full: IntegerRange = [-(2 ** 63), 2 ** 63];

/** An int64 result that may leave 32 bits. */
export class WideResult {
  readonly dtype = "i64";
  constructor(
    readonly words: WideInteger,
    readonly range: IntegerRange,
  ) {}
  get shape(): readonly number[] {
    return this.words.low.shape;
  }
}

/** What a node gives: values, and of int64 ones their ranges. */
export interface RangedResult {
  readonly value: OperatorResult | WideResult;
  readonly elementType: number | undefined;
  readonly range?: IntegerRange | undefined;
}

/** Whether what `runInt64` gave is the range of plain results. */
export function isRange(given: readonly RangedResult[] | IntegerRange): given is IntegerRange {
  return typeof given[0] === "number";
}

export function isWide([least, greatest]: IntegerRange): boolean {
  return least < word[0] || greatest > word[1];
}

/** The i32 that a pair is, and a check of every run that it is. */
export function narrowed(words: WideInteger, what: string): Tensor {
  words.low.trace.check(
    wide.leaves32Bits(words).id,
    overflow(`${what} leaves 32 bits, where an operator that reads it computes with 32`),
  );
  return wide.narrowedToI32(words);
}

export function rangeOfValue(input: OnnxValue | undefined): IntegerRange | undefined {
  if (input?.elementType !== DataType.INT64) return undefined;
  return input.int64?.range ?? (input.constant === undefined ? word : rangeOfConstant(input.constant));
}

const rangesOfConstants = new WeakMap<KnownValue, IntegerRange>();

function rangeOfConstant(constant: KnownValue): IntegerRange {
  let range = rangesOfConstants.get(constant);
  if (range === undefined) rangesOfConstants.set(constant, (range = rangeOfData(constant.value)));
  return range;
}

/** A value's shape, whether or not 32 bits hold it. */
export function shapeOf(input: OnnxValue): readonly number[] {
  return input.int64?.words().low.shape ?? input.symbol().shape;
}

function rangeOfData({ data }: HostTensor): IntegerRange {
  let [least, greatest] = [Infinity, -Infinity];
  for (const element of data as ArrayLike<number | bigint> & Iterable<number | bigint>) {
    const value = Number(element);
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return least > greatest ? [0, 0] : [least, greatest];
}

/** The words of an int64 input. */
export function wordsOf(input: OnnxValue, trace: Trace): WideInteger {
  if (input.int64 !== undefined) return input.int64.words();
  const data = input.constant?.value.data;
  if (!(data instanceof BigInt64Array)) return wide.widened(input.symbol());
  const { shape } = input.constant!.value;
  const constant = (dtype: "u32" | "i32", elements: Uint32Array | Int32Array): Tensor =>
    new Tensor(trace, trace.constant({ dtype, shape, data: elements } as HostTensor));
  return {
    low: constant(
      "u32",
      Uint32Array.from(data, (x) => Number(BigInt.asUintN(32, x))),
    ),
    high: constant(
      "i32",
      Int32Array.from(data, (x) => Number(x >> 32n)),
    ),
  };
}

/** A node and what it is run with. */
export interface NodeToRun {
  readonly node: OnnxNode;
  readonly dialect: Dialect;
  readonly trace: Trace;
  readonly inputs: readonly (OnnxValue | undefined)[];
  readonly operator: Operator;
}

/** Refuses what an operator did not look at. */
export function expectAllRead(context: OperatorNode): void {
  const unread = context.unread();
  if (unread.length > 0) context.fail("unsupported", `attribute ${unread.join(", ")} is not supported.`);
  const unreadInputs = context.unreadInputs();
  if (unreadInputs.length > 0)
    context.fail("unsupported", `input ${unreadInputs.join(", ")} is not supported.`);
}

/** Runs the operator on given inputs; refuses what it did not look at. */
export function run({ node, dialect, trace, inputs, operator }: NodeToRun): {
  readonly results: readonly OperatorResult[];
  readonly context: OperatorNode;
} {
  const context = new OperatorNode(node, dialect, trace, inputs);
  const result = operator(context);
  expectAllRead(context);
  return {
    results: Array.isArray(result) ? (result as readonly OperatorResult[]) : [result as OperatorResult],
    context,
  };
}

export function overflow(what: string): Parameters<Trace["check"]>[1] {
  const remedy = "Compute with smaller numbers there, or in floats.";
  return { range: { least: 0, greatest: 0 }, code: "overflow", what: `onnx: ${what}`, remedy };
}
