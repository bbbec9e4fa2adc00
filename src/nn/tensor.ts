/**
 * The tensor that `forward` sees: a symbol for a graph value. Methods add nodes to the trace and return new
 * symbols; nothing is computed. Names and meaning are PyTorch's, in camel case.
 */
import type { Trace } from "../ir/trace.ts";
import { elementCount, formatShape, normalizeAxis } from "../ir/shape.ts";
import * as ordering from "./ordering.ts";
import { gatherAt, notePositions } from "./positions.ts";
import * as scattering from "./scattering.ts";
import * as splitting from "./splitting.ts";
import * as statistics from "./statistics.ts";
import { enter, foreign, TensorCore, type Axes, type Operand } from "./tensor-core.ts";

export type { Axes, Operand } from "./tensor-core.ts";

/**
 * A traced tensor: what `forward` takes and returns. Its methods have PyTorch's names and meaning, and add to the
 * graph.
 */
export class Tensor extends TensorCore {
  // What a tensor is.

  /** How many dimensions there are. */
  dim(): number {
    return this.rank;
  }
  /** The shape, or the size of one dimension. */
  size(): readonly number[];
  /** The shape, or the size of one dimension. */
  size(axis: number): number;
  /** The shape, or the size of one dimension. */
  size(axis?: number): number | readonly number[] {
    return axis === undefined ? this.shape : this.shape[normalizeAxis(axis, this.rank, "size")]!;
  }
  /** How many elements there are. */
  numel(): number {
    return elementCount(this.shape);
  }
  /** As f32. */
  float(): Tensor {
    return this.to("f32");
  }
  /** As i32. */
  int(): Tensor {
    return this.to("i32");
  }
  /** As bool: whether an element is other than 0. */
  bool(): Tensor {
    return this.to("bool");
  }
  /** Itself: symbols have no memory that could be laid out, shared or tracked. */
  contiguous(): Tensor {
    return this;
  }
  /** The same tensor: values never change. */
  clone(): Tensor {
    return this;
  }
  /** The same tensor. */
  detach(): Tensor {
    return this;
  }

  // Arithmetic.

  /** Remainder with the sign of the divisor (Python's %). */
  remainder(other: Operand): Tensor {
    const rest = this.fmod(other);
    const divisor =
      typeof other === "number" ? this.symbol(this.trace.scalar(other, rest.dtype)) : this.operand(other);
    const differs = rest.ne(0).logicalAnd(rest.lt(0).logicalXor(divisor.lt(0)));
    return rest.add(divisor).where(differs, rest);
  }
  /** The quotient rounded down; integers stay integers. */
  floorDivide(other: Operand): Tensor {
    const [a, b] = this.promoted(other);
    if (a.dtype === "f32") {
      // From the exact remainder, as PyTorch's: a / b may round up to a whole number that b does not reach. By zero
      // there is no remainder, and the quotient is a / 0.
      const nearest = a.sub(a.remainder(b)).div(b).round();
      return a.div(b).where(b.eq(0), nearest);
    }
    return this.symbol(this.trace.add("div", [a.sub(a.remainder(b)).id, b.id], {}));
  }

  // Bits of integers.

  /** Bits that both have. */
  bitwiseAnd(other: Operand): Tensor {
    return this.#bits("bit_and", other);
  }
  /** Bits that one or both have. */
  bitwiseOr(other: Operand): Tensor {
    return this.#bits("bit_or", other);
  }
  /** Bits that exactly one has. */
  bitwiseXor(other: Operand): Tensor {
    return this.#bits("bit_xor", other);
  }
  /** Bits that it lacks. */
  bitwiseNot(): Tensor {
    return this.dtype === "bool" ? this.logicalNot() : this.symbol(this.trace.add("bit_not", [this.id], {}));
  }

  // Elementwise functions.

  /** `clamp` */
  clip(min: number | null, max: number | null = null): Tensor {
    return this.clamp(min, max);
  }
  /** `this + value · a · b`. */
  addcmul(a: Tensor, b: Operand, value = 1): Tensor {
    return this.add(a.mul(b).mul(value));
  }
  /** `this + value · a / b`. */
  addcdiv(a: Tensor, b: Operand, value = 1): Tensor {
    return this.add(a.div(b).mul(value));
  }
  /** `this + weight · (end − this)`. */
  lerp(end: Operand, weight: Operand): Tensor {
    return this.add(this.operand(end).sub(this).mul(weight));
  }
  /** 2ˣ. */
  exp2(): Tensor {
    return this.symbol(this.trace.scalar(2, "f32")).pow(this);
  }
  /** The logarithm to base 2. */
  log2(): Tensor {
    return this.log().mul(Math.LOG2E);
  }
  /** The logarithm to base 10. */
  log10(): Tensor {
    return this.log().mul(Math.LOG10E);
  }
  /** Whether an element is infinite. */
  isinf(): Tensor {
    return this.abs().eq(Infinity);
  }
  /** Whether an element is neither infinite nor NaN. */
  isfinite(): Tensor {
    return this.abs().lt(Infinity);
  }
  /** `value` where the mask holds. */
  maskedFill(mask: Operand, value: Operand): Tensor {
    const filled =
      typeof value === "number" ? this.symbol(this.trace.scalar(value, this.dtype)) : this.operand(value);
    return filled.to(this.dtype).where(mask, this);
  }

  // Linear algebra.

  /** Product of two matrices, `[n, k]` and `[k, m]`. */
  mm(other: Operand): Tensor {
    return this.matmul(other);
  }
  /** Products of matrices one by one, `[b, n, k]` and `[b, k, m]`. */
  bmm(other: Operand): Tensor {
    return this.matmul(other);
  }
  /** `beta · this + alpha · a · b`. */
  addmm(a: Tensor, b: Operand, beta = 1, alpha = 1): Tensor {
    const product = a.matmul(b);
    return this.mul(beta).add(alpha === 1 ? product : product.mul(alpha));
  }

  // Shapes.

  /** `expand` to another's shape. */
  expandAs(other: Tensor): Tensor {
    return this.expand(other.shape);
  }
  /** `reshape` to another's shape. */
  reshapeAs(other: Tensor): Tensor {
    return this.reshape(other.shape);
  }
  /** `reshapeAs` */
  viewAs(other: Tensor): Tensor {
    return this.reshape(other.shape);
  }
  /** The dimension `axis` as several of these sizes, of which one may be −1. */
  unflatten(axis: number, sizes: readonly number[]): Tensor {
    const at = normalizeAxis(axis, this.rank, "unflatten");
    const open = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
    const known = sizes.map((size) => (size === -1 ? this.shape[at]! / open : size));
    return this.reshape([...this.shape.slice(0, at), ...known, ...this.shape.slice(at + 1)]);
  }
  /** `transpose` */
  swapaxes(axisA: number, axisB: number): Tensor {
    return this.transpose(axisA, axisB);
  }
  /** A matrix with rows and columns swapped; vectors as they are. */
  t(): Tensor {
    return this.rank < 2 ? this : this.transpose(0, 1);
  }
  /** Dimensions at other places. */
  movedim(source: number | readonly number[], destination: number | readonly number[]): Tensor {
    return splitting.movedim(this, source, destination);
  }
  /** `length` elements along `axis` from `start` on. */
  narrow(axis: number, start: number, length: number): Tensor {
    const size = this.shape[axis < 0 ? axis + this.rank : axis] ?? 0;
    const from = start < 0 ? start + size : start;
    if (!(from >= 0 && length >= 0 && from + length <= size))
      this.trace.fail(
        "argument",
        `narrow: ${length} from ${start} on do not lie in dimension ${axis} of ${formatShape(this.shape)}.`,
      );
    return this.slice(axis, from, from + length);
  }
  /** Parts of `size` elements along `axis`, or of the sizes in a list. */
  split(size: number | readonly number[], axis = 0): Tensor[] {
    return splitting.split(this, size, axis);
  }
  /** At most `count` pieces along a dimension. */
  chunk(chunks: number, axis = 0): Tensor[] {
    return splitting.chunk(this, chunks, axis);
  }
  /** The slices along a dimension. */
  unbind(axis = 0): Tensor[] {
    return splitting.unbind(this, axis);
  }
  /** Copies side by side, so many along each dimension. */
  repeat(...repeats: readonly number[] | readonly [readonly number[]]): Tensor {
    return splitting.repeat(this, repeats.flat() as number[]);
  }
  /** The tensor repeated along its dimensions. */
  tile(...repeats: readonly number[] | readonly [readonly number[]]): Tensor {
    return splitting.tile(this, repeats.flat() as number[]);
  }
  /** Elements moved along dimensions, those beyond the end to the beginning. */
  roll(shifts: number | readonly number[], axes?: Axes): Tensor {
    return splitting.roll(this, shifts, axes);
  }
  /** Some dimensions backwards. */
  flip(...axes: readonly number[] | readonly [readonly number[]]): Tensor {
    return ordering.flip(this, axes.flat() as number[]);
  }
  /** Zeros above a diagonal. */
  tril(diagonal = 0): Tensor {
    return ordering.tril(this, diagonal);
  }
  /** Zeros below a diagonal. */
  triu(diagonal = 0): Tensor {
    return ordering.triu(this, diagonal);
  }

  // Positions given by tensors.

  /** Slices along `axis` at the positions in `index`. */
  indexSelect(axis: number, index: Operand): Tensor {
    const [at, positions] = [normalizeAxis(axis, this.rank, "indexSelect"), this.operand(index).to("i32")];
    notePositions("indexSelect", positions, this, at);
    return gatherAt(this, at, positions);
  }
  /** Elements along a dimension, by an index for each. */
  gather(axis: number, index: Operand): Tensor {
    return scattering.gather(this, axis, index);
  }
  /** Elements along a dimension, by an index for each. */
  takeAlongDim(index: Operand, axis: number): Tensor {
    return scattering.takeAlongDim(this, index, axis);
  }
  /** With elements replaced along a dimension, at an index for each. */
  scatter(axis: number, index: Operand, source: Operand): Tensor {
    return scattering.scatter(this, axis, index, source);
  }
  /** With elements added along a dimension, at an index for each. */
  scatterAdd(axis: number, index: Operand, source: Operand): Tensor {
    return scattering.scatterAdd(this, axis, index, source);
  }
  /** With elements combined along a dimension, at an index for each. */
  scatterReduce(axis: number, index: Operand, source: Operand, reduce: scattering.ReductionName): Tensor {
    return scattering.scatterReduce(this, axis, index, source, reduce);
  }

  // Orders.

  /** The `k` largest (or smallest) elements along `axis` in order, with their i32 positions. */
  topk(k: number, axis = -1, largest = true): ordering.Ordered {
    return ordering.topk(this, k, axis, largest);
  }
  /** A dimension in order, and where its elements were. */
  sort(axis = -1, descending = false): ordering.Ordered {
    return ordering.sort(this, axis, descending);
  }
  /** The order that sorts a dimension, as i32. */
  argsort(axis = -1, descending = false): Tensor {
    return ordering.argsort(this, axis, descending);
  }
  /** Sums of all elements up to each, along a dimension. */
  cumsum(axis: number): Tensor {
    return ordering.cumsum(this, axis);
  }

  // Reductions.

  /** Where the greatest element is, as i32. */
  argmax(axis: number, keepDims = false): Tensor {
    return this.argMax(axis, keepDims);
  }
  /** Where the least element is, as i32. */
  argmin(axis: number, keepDims = false): Tensor {
    return this.argMin(axis, keepDims);
  }
  /** The greatest element, over all or some dimensions. */
  amax(axes?: Axes, keepDims = false): Tensor {
    return this.max(axes, keepDims);
  }
  /** The least element, over all or some dimensions. */
  amin(axes?: Axes, keepDims = false): Tensor {
    return this.min(axes, keepDims);
  }
  /** Whether an element is other than 0, over all or some dimensions. */
  any(axes?: Axes, keepDims = false): Tensor {
    return statistics.any(this, axes, keepDims);
  }
  /** Whether all elements are other than 0, over all or some dimensions. */
  all(axes?: Axes, keepDims = false): Tensor {
    return statistics.all(this, axes, keepDims);
  }
  /** Standard deviation; `correction` 1 divides by n − 1. */
  std(axes?: Axes, keepDims = false, correction = 1): Tensor {
    return statistics.std(this, axes, keepDims, correction);
  }
  /** log Σ eˣ, without overflow. */
  logsumexp(axes: Axes, keepDims = false): Tensor {
    return statistics.logsumexp(this, axes, keepDims);
  }
  /** (Σ |x|ᵖ)^(1/p). */
  norm(p = 2, axes?: Axes, keepDims = false): Tensor {
    return statistics.norm(this, p, axes, keepDims);
  }

  #bits(op: "bit_and" | "bit_or" | "bit_xor", other: Operand): Tensor {
    if (this.dtype === "bool") return this.logical(op.slice(4) as "and" | "or" | "xor", other);
    const [a, b] = this.promoted(other);
    return this.symbol(this.trace.add(op, [a.id, b.id], {}));
  }
}

/** Any operand as a symbol in `trace`. */
export function toTensor(trace: Trace, operand: Operand): Tensor {
  if (!(operand instanceof Tensor))
    return new Tensor(trace, enter(trace, operand as Exclude<Operand, Tensor>));
  return operand.trace === trace ? operand : foreign(trace);
}
