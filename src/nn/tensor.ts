/**
 * The tensor that `forward` sees: a symbol for a graph value. Methods add nodes to the trace and return new
 * symbols; nothing is computed. Names and meaning are PyTorch's, in camel case.
 */
import { UserError } from "../errors.ts";
import { promote, type DType } from "../ir/dtype.ts";
import type { ValueId } from "../ir/graph.ts";
import { isHostTensor, type HostTensor } from "../ir/host-tensor.ts";
import type { Attributes, OpName } from "../ir/ops/registry.ts";
import type { PlainElementwiseOp } from "../ir/ops/elementwise.ts";
import { elementCount, formatShape, normalizeAxes, normalizeAxis } from "../ir/shape.ts";
import { Parameter, StateBuffer, type Stored } from "../ir/stored-tensor.ts";
import type { Trace } from "../ir/trace.ts";
// What is made of other operations has files of its own; those and the class call each other.
import * as ordering from "./ordering.ts";
import { gatherAt } from "./positions.ts";
import * as scattering from "./scattering.ts";
import * as splitting from "./splitting.ts";
import * as statistics from "./statistics.ts";

/** What operations take beside a tensor. Numbers take the dtype of the other operand. */
export type Operand = Tensor | Stored | HostTensor | number;

/** One axis, several, or (left out) all. */
export type Axes = number | readonly number[];

type BinaryOp = Extract<PlainElementwiseOp, "add" | "sub" | "mul" | "div" | "rem" | "pow" | "max" | "min">;
type CompareOp = Extract<PlainElementwiseOp, "eq" | "ne" | "lt" | "le" | "gt" | "ge">;

export class Tensor {
  constructor(
    readonly trace: Trace,
    readonly id: ValueId,
  ) {}

  get shape(): readonly number[] {
    return this.trace.typeOf(this.id).shape;
  }

  get dtype(): DType {
    return this.trace.typeOf(this.id).dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  // Arithmetic, with broadcasting and dtype promotion.

  add(other: Operand): Tensor {
    return this.#binary("add", other);
  }
  sub(other: Operand): Tensor {
    return this.#binary("sub", other);
  }
  mul(other: Operand): Tensor {
    return this.#binary("mul", other);
  }
  /** True division: integers are divided as f32. */
  div(other: Operand): Tensor {
    return this.to("f32").#binary("div", other);
  }
  /** Remainder with the sign of the dividend (C's fmod). */
  fmod(other: Operand): Tensor {
    return this.#binary("rem", other);
  }
  pow(other: Operand): Tensor {
    return this.to("f32").#binary("pow", other);
  }
  maximum(other: Operand): Tensor {
    return this.#binary("max", other);
  }
  minimum(other: Operand): Tensor {
    return this.#binary("min", other);
  }

  /** Remainder with the sign of the divisor (Python's %). */
  remainder(other: Operand): Tensor {
    const rest = this.fmod(other);
    const divisor =
      typeof other === "number" ? this.#wrap(this.trace.scalar(other, rest.dtype)) : this.#tensor(other);
    const differs = rest.ne(0).logicalAnd(rest.lt(0).logicalXor(divisor.lt(0)));
    return rest.add(divisor).where(differs, rest);
  }
  /** The quotient rounded down; integers stay integers. */
  floorDivide(other: Operand): Tensor {
    const [a, b] = this.#promoted(other);
    if (a.dtype === "f32") return a.div(b).floor();
    return this.#wrap(this.trace.add("div", [a.sub(a.remainder(b)).id, b.id], {}));
  }

  // Bits of integers.

  bitwiseAnd(other: Operand): Tensor {
    return this.#bits("bit_and", other);
  }
  bitwiseOr(other: Operand): Tensor {
    return this.#bits("bit_or", other);
  }
  bitwiseXor(other: Operand): Tensor {
    return this.#bits("bit_xor", other);
  }
  bitwiseNot(): Tensor {
    return this.dtype === "bool" ? this.logicalNot() : this.#wrap(this.trace.add("bit_not", [this.id], {}));
  }

  // Comparisons give bool tensors.

  eq(other: Operand): Tensor {
    return this.#binary("eq", other);
  }
  ne(other: Operand): Tensor {
    return this.#binary("ne", other);
  }
  lt(other: Operand): Tensor {
    return this.#binary("lt", other);
  }
  le(other: Operand): Tensor {
    return this.#binary("le", other);
  }
  gt(other: Operand): Tensor {
    return this.#binary("gt", other);
  }
  ge(other: Operand): Tensor {
    return this.#binary("ge", other);
  }
  logicalAnd(other: Operand): Tensor {
    return this.#logical("and", other);
  }
  logicalOr(other: Operand): Tensor {
    return this.#logical("or", other);
  }
  logicalXor(other: Operand): Tensor {
    return this.#logical("xor", other);
  }
  logicalNot(): Tensor {
    return this.to("bool").#plain("not");
  }

  // Elementwise functions.

  neg(): Tensor {
    return this.#plain("neg");
  }
  abs(): Tensor {
    return this.#plain("abs");
  }
  sign(): Tensor {
    return this.#plain("sign");
  }
  floor(): Tensor {
    return this.#plain("floor");
  }
  ceil(): Tensor {
    return this.#plain("ceil");
  }
  /** Half to even. */
  round(): Tensor {
    return this.#plain("round");
  }
  trunc(): Tensor {
    return this.#plain("trunc");
  }
  exp(): Tensor {
    return this.#plain("exp");
  }
  log(): Tensor {
    return this.#plain("log");
  }
  /** 2ˣ. */
  exp2(): Tensor {
    return this.#wrap(this.trace.scalar(2, "f32")).pow(this);
  }
  log2(): Tensor {
    return this.log().mul(Math.LOG2E);
  }
  log10(): Tensor {
    return this.log().mul(Math.LOG10E);
  }
  sqrt(): Tensor {
    return this.#plain("sqrt");
  }
  rsqrt(): Tensor {
    return this.#plain("rsqrt");
  }
  reciprocal(): Tensor {
    return this.#plain("reciprocal");
  }
  square(): Tensor {
    return this.mul(this);
  }
  /** eˣ − 1, accurate near zero. */
  expm1(): Tensor {
    return this.#plain("expm1");
  }
  /** log(1 + x), accurate near zero. */
  log1p(): Tensor {
    return this.#plain("log1p");
  }
  sin(): Tensor {
    return this.#plain("sin");
  }
  cos(): Tensor {
    return this.#plain("cos");
  }
  tan(): Tensor {
    return this.#plain("tan");
  }
  asin(): Tensor {
    return this.#plain("asin");
  }
  acos(): Tensor {
    return this.#plain("acos");
  }
  atan(): Tensor {
    return this.#plain("atan");
  }
  sinh(): Tensor {
    return this.#plain("sinh");
  }
  cosh(): Tensor {
    return this.#plain("cosh");
  }
  asinh(): Tensor {
    return this.#plain("asinh");
  }
  acosh(): Tensor {
    return this.#plain("acosh");
  }
  atanh(): Tensor {
    return this.#plain("atanh");
  }
  tanh(): Tensor {
    return this.#plain("tanh");
  }
  erf(): Tensor {
    return this.#plain("erf");
  }
  sigmoid(): Tensor {
    return this.#plain("sigmoid");
  }
  relu(): Tensor {
    return this.#plain("relu");
  }
  silu(): Tensor {
    return this.#plain("silu");
  }
  hardswish(): Tensor {
    return this.#plain("hardswish");
  }
  hardsigmoid(): Tensor {
    return this.#plain("hardsigmoid");
  }
  isinf(): Tensor {
    return this.abs().eq(Infinity);
  }
  isfinite(): Tensor {
    return this.abs().lt(Infinity);
  }
  isnan(): Tensor {
    return this.#plain("isnan");
  }
  leakyRelu(slope = 0.01): Tensor {
    return this.#apply("leaky_relu", { slope });
  }
  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return this.#apply("gelu", { approximate });
  }
  clamp(min: number | null, max: number | null = null): Tensor {
    return this.#apply("clamp", { min, max });
  }
  /** The same values as `dtype`; floats truncate toward zero. */
  to(dtype: DType): Tensor {
    return dtype === this.dtype ? this : this.#apply("cast", { dtype });
  }
  /** Where `condition` holds this tensor's elements, elsewhere those of `other`. */
  where(condition: Operand, other: Operand): Tensor {
    const [a, b] = this.#promoted(other);
    return this.#wrap(this.trace.add("where", [this.#tensor(condition).to("bool").id, a.id, b.id], {}));
  }

  /** `value` where the mask holds. */
  maskedFill(mask: Operand, value: Operand): Tensor {
    const filled =
      typeof value === "number" ? this.#wrap(this.trace.scalar(value, this.dtype)) : this.#tensor(value);
    return filled.to(this.dtype).where(mask, this);
  }

  // Linear algebra.

  /** Matrix product with batch dimensions broadcast; vectors as in `torch.matmul`. */
  matmul(other: Operand): Tensor {
    const right = this.#tensor(other);
    const a = this.rank === 1 ? this.unsqueeze(0) : this;
    const b = right.rank === 1 ? right.unsqueeze(1) : right;
    let product = this.#wrap(this.trace.add("matmul", [a.id, b.id], { packing: null }));
    if (right.rank === 1) product = product.squeeze(-1);
    return this.rank === 1 ? product.squeeze(right.rank === 1 ? -1 : -2) : product;
  }

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

  /** One size may be −1: whatever remains. */
  reshape(...sizes: readonly number[] | readonly [readonly number[]]): Tensor {
    const shape = [...(sizes.flat() as number[])];
    const open = shape.indexOf(-1);
    if (open >= 0) {
      const rest = elementCount(shape.filter((_, axis) => axis !== open));
      shape[open] = rest === 0 ? 0 : elementCount(this.shape) / rest;
    }
    return this.#apply("reshape", { shape });
  }
  view(...sizes: readonly number[] | readonly [readonly number[]]): Tensor {
    return this.reshape(...sizes);
  }
  flatten(startAxis = 0, endAxis = -1): Tensor {
    if (this.rank === 0) return this.reshape(1);
    const start = normalizeAxis(startAxis, this.rank, "flatten");
    const end = normalizeAxis(endAxis, this.rank, "flatten");
    const middle = elementCount(this.shape.slice(start, end + 1));
    return this.reshape([...this.shape.slice(0, start), middle, ...this.shape.slice(end + 1)]);
  }
  squeeze(axis?: number): Tensor {
    const only = axis === undefined ? undefined : normalizeAxis(axis, this.rank, "squeeze");
    return this.reshape(this.shape.filter((size, i) => size !== 1 || (only !== undefined && i !== only)));
  }
  unsqueeze(axis: number): Tensor {
    const at = normalizeAxis(axis, this.rank + 1, "unsqueeze");
    return this.reshape([...this.shape.slice(0, at), 1, ...this.shape.slice(at)]);
  }
  permute(...axes: readonly number[] | readonly [readonly number[]]): Tensor {
    const order = (axes.flat() as number[]).map((axis) => normalizeAxis(axis, this.rank, "permute"));
    return this.#apply("permute", { axes: order });
  }
  /** Swaps two dimensions. */
  transpose(axisA: number, axisB: number): Tensor {
    const a = normalizeAxis(axisA, this.rank, "transpose");
    const b = normalizeAxis(axisB, this.rank, "transpose");
    return this.permute(this.shape.map((_, axis) => (axis === a ? b : axis === b ? a : axis)));
  }
  /** Broadcasts to `sizes`; −1 keeps a size. */
  expand(...sizes: readonly number[] | readonly [readonly number[]]): Tensor {
    const wanted = sizes.flat() as number[];
    const offset = wanted.length - this.rank;
    return this.#apply("broadcast", {
      shape: wanted.map((size, axis) => (size === -1 ? (this.shape[axis - offset] ?? 1) : size)),
    });
  }
  /** Elements `start … end − 1` along one dimension; negative positions count from the end, as in Python. */
  slice(axis: number, start = 0, end = Infinity, step = 1): Tensor {
    const at = normalizeAxis(axis, this.rank, "slice");
    const extent = this.shape[at]!;
    if (!Number.isInteger(step) || step < 1) {
      this.trace.fail("argument", `slice: step must be an integer ≥ 1, got ${step}.`);
    }
    const clampPosition = (position: number) =>
      Math.min(Math.max(position < 0 ? position + extent : position, 0), extent);
    const from = clampPosition(start);
    const size = Math.max(0, Math.ceil((clampPosition(end) - from) / step));
    return this.#apply("slice", {
      start: this.shape.map((_, i) => (i === at ? from : 0)),
      size: this.shape.map((full, i) => (i === at ? size : full)),
      step: this.shape.map((_, i) => (i === at ? step : 1)),
    });
  }
  /** One position along a dimension, which disappears. */
  select(axis: number, position: number): Tensor {
    const at = normalizeAxis(axis, this.rank, "select");
    const from = position < 0 ? position + this.shape[at]! : position;
    if (!(from >= 0 && from < this.shape[at]!)) {
      this.trace.fail(
        "argument",
        `select: position ${position} is outside dimension ${at} of ${formatShape(this.shape)}.`,
      );
    }
    return this.slice(at, from, from + 1).squeeze(at);
  }
  /** Constant padding in `torch.nn.functional.pad`'s order: last dimension first, `[before, after, …]`. */
  pad(padding: readonly number[], value = 0): Tensor {
    if (padding.length % 2 !== 0 || padding.length > 2 * this.rank) {
      this.trace.fail(
        "argument",
        `pad: expected pairs for at most ${this.rank} dimensions, got ${padding.length} numbers.`,
      );
    }
    const pairs = this.shape.map((_, axis): readonly [number, number] => {
      const at = 2 * (this.rank - 1 - axis);
      return [padding[at] ?? 0, padding[at + 1] ?? 0];
    });
    const cropped = pairs.reduce<Tensor>((x, [before, after], axis) => {
      const cut = before < 0 || after < 0;
      return cut ? x.slice(axis, Math.max(0, -before), x.shape[axis]! - Math.max(0, -after)) : x;
    }, this);
    const grown = pairs.map(([before, after]): readonly [number, number] => [
      Math.max(before, 0),
      Math.max(after, 0),
    ]);
    return cropped.#apply("pad", { padding: grown, value });
  }

  /** A matrix with rows and columns swapped; vectors as they are. */
  t(): Tensor {
    return this.rank < 2 ? this : this.transpose(0, 1);
  }
  movedim(source: number | readonly number[], destination: number | readonly number[]): Tensor {
    return splitting.movedim(this, source, destination);
  }
  /** `length` elements along `axis` from `start` on. */
  narrow(axis: number, start: number, length: number): Tensor {
    const from = start < 0 ? start + (this.shape[axis < 0 ? axis + this.rank : axis] ?? 0) : start;
    return this.slice(axis, from, from + length);
  }
  /** Parts of `size` elements along `axis`, or of the sizes in a list. */
  split(size: number | readonly number[], axis = 0): Tensor[] {
    return splitting.split(this, size, axis);
  }
  chunk(chunks: number, axis = 0): Tensor[] {
    return splitting.chunk(this, chunks, axis);
  }
  unbind(axis = 0): Tensor[] {
    return splitting.unbind(this, axis);
  }
  /** Copies side by side, so many along each dimension. */
  repeat(...repeats: readonly number[] | readonly [readonly number[]]): Tensor {
    return splitting.repeat(this, repeats.flat() as number[]);
  }
  tile(...repeats: readonly number[] | readonly [readonly number[]]): Tensor {
    return splitting.tile(this, repeats.flat() as number[]);
  }
  roll(shifts: number | readonly number[], axes?: Axes): Tensor {
    return splitting.roll(this, shifts, axes);
  }
  flip(...axes: readonly number[] | readonly [readonly number[]]): Tensor {
    return ordering.flip(this, axes.flat() as number[]);
  }
  tril(diagonal = 0): Tensor {
    return ordering.tril(this, diagonal);
  }
  triu(diagonal = 0): Tensor {
    return ordering.triu(this, diagonal);
  }

  // Positions given by tensors.

  /** Slices along `axis` at the positions in `index`. */
  indexSelect(axis: number, index: Operand): Tensor {
    return gatherAt(this, normalizeAxis(axis, this.rank, "indexSelect"), this.#tensor(index).to("i32"));
  }
  gather(axis: number, index: Operand): Tensor {
    return scattering.gather(this, axis, index);
  }
  takeAlongDim(index: Operand, axis: number): Tensor {
    return scattering.takeAlongDim(this, index, axis);
  }
  scatter(axis: number, index: Operand, source: Operand): Tensor {
    return scattering.scatter(this, axis, index, source);
  }
  scatterAdd(axis: number, index: Operand, source: Operand): Tensor {
    return scattering.scatterAdd(this, axis, index, source);
  }
  scatterReduce(axis: number, index: Operand, source: Operand, reduce: scattering.ReductionName): Tensor {
    return scattering.scatterReduce(this, axis, index, source, reduce);
  }

  // Orders.

  /** The `k` largest (or smallest) elements along `axis` in order, with their i32 positions. */
  topk(k: number, axis = -1, largest = true): ordering.Ordered {
    return ordering.topk(this, k, axis, largest);
  }
  sort(axis = -1, descending = false): ordering.Ordered {
    return ordering.sort(this, axis, descending);
  }
  argsort(axis = -1, descending = false): Tensor {
    return ordering.argsort(this, axis, descending);
  }
  cumsum(axis: number): Tensor {
    return ordering.cumsum(this, axis);
  }

  // Reductions.

  sum(axes?: Axes, keepDims = false): Tensor {
    return this.#reduce("sum", axes, keepDims);
  }
  mean(axes?: Axes, keepDims = false): Tensor {
    return this.to("f32").#reduce("mean", axes, keepDims);
  }
  prod(axes?: Axes, keepDims = false): Tensor {
    return this.#reduce("prod", axes, keepDims);
  }
  max(axes?: Axes, keepDims = false): Tensor {
    return this.#reduce("reduce_max", axes, keepDims);
  }
  min(axes?: Axes, keepDims = false): Tensor {
    return this.#reduce("reduce_min", axes, keepDims);
  }
  /** Variance; `correction` 1 divides by n − 1, as `torch.var` does. */
  var(axes?: Axes, keepDims = false, correction = 1): Tensor {
    const centred = this.sub(this.mean(axes, true));
    const folded = normalizeAxes(typeof axes === "number" ? [axes] : axes, this.rank, "var");
    const count = elementCount(folded.map((axis) => this.shape[axis]!));
    return centred
      .square()
      .sum(axes, keepDims)
      .div(Math.max(count - correction, 0));
  }
  /** i32 positions of the first largest elements along `axis`. */
  argMax(axis: number, keepDims = false): Tensor {
    return this.#apply("argmax", { axis: normalizeAxis(axis, this.rank, "argMax"), keepDims });
  }
  argMin(axis: number, keepDims = false): Tensor {
    return this.#apply("argmin", { axis: normalizeAxis(axis, this.rank, "argMin"), keepDims });
  }
  argmax(axis: number, keepDims = false): Tensor {
    return this.argMax(axis, keepDims);
  }
  argmin(axis: number, keepDims = false): Tensor {
    return this.argMin(axis, keepDims);
  }
  amax(axes?: Axes, keepDims = false): Tensor {
    return this.max(axes, keepDims);
  }
  amin(axes?: Axes, keepDims = false): Tensor {
    return this.min(axes, keepDims);
  }
  any(axes?: Axes, keepDims = false): Tensor {
    return statistics.any(this, axes, keepDims);
  }
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
  softmax(axis: number): Tensor {
    return this.#apply("softmax", { axis: normalizeAxis(axis, this.rank, "softmax") });
  }
  logSoftmax(axis: number): Tensor {
    return this.#apply("log_softmax", { axis: normalizeAxis(axis, this.rank, "logSoftmax") });
  }

  // What only a real tensor could do.

  get data(): never {
    return this.#refuse("read its data");
  }
  item(): never {
    return this.#refuse("read its value");
  }
  [Symbol.toPrimitive](): never {
    return this.#refuse("compute with it in JavaScript or branch on it");
  }
  [Symbol.iterator](): never {
    return this.#refuse("iterate over it");
  }

  // The machinery.

  #apply<K extends OpName>(op: K, attributes: Attributes<K>): Tensor {
    return this.#wrap(this.trace.add(op, [this.id], attributes));
  }

  #plain(op: PlainElementwiseOp): Tensor {
    return this.#wrap(this.trace.add(op, [this.id], {}));
  }

  #binary(op: BinaryOp | CompareOp, other: Operand): Tensor {
    const [a, b] = this.#promoted(other);
    return this.#wrap(this.trace.add(op, [a.id, b.id], {}));
  }

  #logical(op: "and" | "or" | "xor", other: Operand): Tensor {
    return this.#wrap(this.trace.add(op, [this.to("bool").id, this.#tensor(other).to("bool").id], {}));
  }

  #bits(op: "bit_and" | "bit_or" | "bit_xor", other: Operand): Tensor {
    if (this.dtype === "bool") return this.#logical(op.slice(4) as "and" | "or" | "xor", other);
    const [a, b] = this.#promoted(other);
    return this.#wrap(this.trace.add(op, [a.id, b.id], {}));
  }

  #reduce(
    op: "sum" | "mean" | "prod" | "reduce_max" | "reduce_min",
    axes: Axes | undefined,
    keepDims: boolean,
  ): Tensor {
    const list = normalizeAxes(
      typeof axes === "number" ? [axes] : axes,
      this.rank,
      op.replace("reduce_", ""),
    );
    return this.#apply(op, { axes: list, keepDims });
  }

  #promoted(other: Operand): [Tensor, Tensor] {
    const isFraction = typeof other === "number" && !Number.isInteger(other);
    const right = typeof other === "number" && !isFraction ? other : this.#tensor(other);
    if (typeof right === "number") {
      const dtype = this.dtype === "bool" ? "i32" : this.dtype;
      return [this.to(dtype), this.#wrap(this.trace.scalar(right, dtype))];
    }
    const dtype = promote(this.dtype, right.dtype);
    return [this.to(dtype), right.to(dtype)];
  }

  #tensor(operand: Operand): Tensor {
    return toTensor(this.trace, operand);
  }

  #wrap(id: ValueId): Tensor {
    return new Tensor(this.trace, id);
  }

  #refuse(what: string): never {
    return this.trace.fail(
      "model",
      `forward() tried to ${what}, but tensors have no values while a network is traced. ` +
        "Use tensor operations such as where(), or branch on shapes and constants.",
    );
  }
}

/** Any operand as a symbol in `trace`. */
export function toTensor(trace: Trace, operand: Operand): Tensor {
  if (operand instanceof Tensor) {
    if (operand.trace !== trace)
      trace.fail(
        "model",
        "A tensor of another trace is used: forward() must not keep tensors between calls.",
      );
    return operand;
  }
  if (operand instanceof Parameter || operand instanceof StateBuffer)
    return new Tensor(trace, trace.read(operand));
  if (typeof operand === "number") return new Tensor(trace, trace.scalar(operand, "f32"));
  if (isHostTensor(operand)) return new Tensor(trace, trace.constant(operand));
  throw new UserError(
    "argument",
    `Expected a tensor, a parameter, a host tensor or a number, got ${typeof operand}.`,
  );
}
