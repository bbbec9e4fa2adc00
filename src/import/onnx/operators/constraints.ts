/**
 * What ONNX's specification allows of values that are known while importing: attributes, and inputs that are constants.
 * Each check refuses with the node's name, what was found where, and what may be there; of values that only a run knows
 * nothing is said here.
 */
import { broadcastShapes, elementCount, formatShape, sameShape } from "../../../ir/shape.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { Limits, OperatorNode } from "../operator.ts";

/** Sizes, counts and strides that are at least one. */
export const positive: Limits = [1, 2 ** 31 - 1];
/** Sizes and amounts that may be none. */
export const natural: Limits = [0, 2 ** 31 - 1];

/** Indices along an axis of `size` elements, from the end where negative; those that a run brings are checked then. */
export function checkIndices(node: OperatorNode, position: number, size: number, axis: number): void {
  const data = node.known(position)?.data;
  if (data === undefined) {
    const what = `${node.operator}: an index along axis ${axis} of ${size} elements`;
    node.trace.noteIndex(node.input(position).id, { least: -size, greatest: size - 1 }, what);
    return;
  }
  const at = outsideOf(data, size, 0, 1);
  if (at < 0) return;
  const range = size === 0 ? "none, as there are no elements" : `${-size} to ${size - 1}`;
  node.fail(
    "argument",
    `index ${data[at]} (element ${at} of input ${position}) is out of range along axis ${axis} of ${size} elements; expected ${range}.`,
  );
}

/** Index vectors in the last dimension of an input, one number for each of `sizes`. */
export function checkIndexVectors(node: OperatorNode, position: number, sizes: readonly number[]): void {
  const data = node.known(position)?.data;
  if (data === undefined) return;
  sizes.forEach((size, i) => {
    const at = outsideOf(data, size, i, sizes.length);
    if (at < 0) return;
    node.fail(
      "argument",
      `index ${data[at]} (element ${at} of input ${position}) is out of range for number ${i} of an index vector, along ${size} elements; expected ${-size} to ${size - 1}.`,
    );
  });
}

/** Where the first of every `step`-th number from `start` on is no index; −1 where all are. */
function outsideOf(data: ArrayLike<number | bigint>, size: number, start: number, step: number): number {
  for (let at = start; at < data.length; at += step) if (!(data[at]! >= -size && data[at]! < size)) return at;
  return -1;
}

/** Numbers of an input that is known, such as lengths or positions, each within limits. */
export function checkElements(node: OperatorNode, position: number, what: string, limits: Limits): void {
  const data = node.known(position)?.data;
  if (data === undefined) return;
  for (let at = 0; at < data.length; at++) checkNumber(node, `element ${at} of ${what}`, data[at]!, limits);
}

export function checkNumber(
  node: OperatorNode,
  what: string,
  value: number | bigint,
  [least, greatest]: Limits,
): void {
  if (value >= least && value <= greatest && (typeof value === "bigint" || Number.isInteger(value))) return;
  const range = greatest >= 2 ** 31 - 1 ? `${least} or more` : `${least} to ${greatest}`;
  node.fail("argument", `${what} is ${value}, expected ${range}.`);
}

/** A list of numbers, as many as `count` and each within limits. */
export function checkList(
  node: OperatorNode,
  what: string,
  list: readonly number[],
  count: number,
  limits?: Limits,
): void {
  if (list.length !== count)
    node.fail("shape", `${what} [${list.join(", ")}] has ${list.length} numbers, expected ${count}.`);
  if (limits !== undefined) list.forEach((value, i) => checkNumber(node, `${what}[${i}]`, value, limits));
}

/** Axes that are named once each. */
export function checkDistinct(node: OperatorNode, what: string, axes: readonly number[]): void {
  if (new Set(axes).size !== axes.length)
    node.fail("argument", `${what} [${axes.join(", ")}] name an axis twice.`);
}

/** That an operand is broadcast to another and does not make it grow. */
export function checkSpreads(node: OperatorNode, small: Tensor, x: Tensor, what: string): void {
  const shape = broadcastShapes(small.shape, x.shape);
  if (shape !== undefined && sameShape(shape, x.shape)) return;
  node.fail(
    "shape",
    `${what} ${formatShape(small.shape)} cannot be broadcast to ${formatShape(x.shape)}, which it must not change.`,
  );
}

/** That a tensor has exactly a shape. */
export function checkIs(node: OperatorNode, what: string, x: Tensor, shape: readonly number[]): void {
  if (!sameShape(x.shape, shape))
    node.fail("shape", `${what} has shape ${formatShape(x.shape)}, expected ${formatShape(shape)}.`);
}

/** The element of a tensor that has only one, as a scalar. */
export function onlyElement(node: OperatorNode, what: string, x: Tensor): Tensor {
  if (elementCount(x.shape) !== 1)
    node.fail("shape", `${what} has shape ${formatShape(x.shape)}, expected one element.`);
  return x.reshape([]);
}

/** That a tensor has a number of dimensions. */
export function checkRank(node: OperatorNode, what: string, x: Tensor, rank: number): void {
  if (x.rank !== rank)
    node.fail("shape", `${what} ${formatShape(x.shape)} has ${x.rank} dimensions, expected ${rank}.`);
}
