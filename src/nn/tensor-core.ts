/**
 * What one node of the graph, or a few of them, make of a tensor. `tensor.ts` adds what is made of these in files of
 * their own, which is why nothing here may import it, but for its type.
 */
import { checkKind } from "../ir/check-options.ts";
import { elementCount, formatShape, normalizeAxes, normalizeAxis } from "../ir/shape.ts";
import { TensorSymbol, type Axes, type Operand } from "./tensor-symbol.ts";
import type { Tensor } from "./tensor.ts";

export { enter, foreign, type Axes, type Operand } from "./tensor-symbol.ts";

/** Operations of a node, or of a few. */
export abstract class TensorCore extends TensorSymbol {
  // Arithmetic, with broadcasting and dtype promotion.

  /** `x + other`, broadcast */
  add(other: Operand): Tensor {
    return this.binary("add", other);
  }
  /** `x − other`, broadcast */
  sub(other: Operand): Tensor {
    return this.binary("sub", other);
  }
  /** `x other`, broadcast */
  mul(other: Operand): Tensor {
    return this.binary("mul", other);
  }
  /** True division: integers are divided as f32. */
  div(other: Operand): Tensor {
    return this.to("f32").binary("div", other);
  }
  /** Remainder with the sign of the dividend (C's fmod). */
  fmod(other: Operand): Tensor {
    return this.binary("rem", other);
  }
  /** `x^exponent`, broadcast */
  pow(other: Operand): Tensor {
    return this.to("f32").binary("pow", other);
  }
  /** The greater of two, broadcast. */
  maximum(other: Operand): Tensor {
    return this.binary("max", other);
  }
  /** The lesser of two, broadcast. */
  minimum(other: Operand): Tensor {
    return this.binary("min", other);
  }

  // Comparisons give bool tensors.

  /** Whether `x = other`, as bool */
  eq(other: Operand): Tensor {
    return this.binary("eq", other);
  }
  /** Whether `x ≠ other`, as bool */
  ne(other: Operand): Tensor {
    return this.binary("ne", other);
  }
  /** Whether `x < other`, as bool */
  lt(other: Operand): Tensor {
    return this.binary("lt", other);
  }
  /** Whether `x ≤ other`, as bool */
  le(other: Operand): Tensor {
    return this.binary("le", other);
  }
  /** Whether `x > other`, as bool */
  gt(other: Operand): Tensor {
    return this.binary("gt", other);
  }
  /** Whether `x ≥ other`, as bool */
  ge(other: Operand): Tensor {
    return this.binary("ge", other);
  }
  /** Whether both are other than 0. */
  logicalAnd(other: Operand): Tensor {
    return this.logical("and", other);
  }
  /** Whether one or both are other than 0. */
  logicalOr(other: Operand): Tensor {
    return this.logical("or", other);
  }
  /** Whether exactly one is other than 0. */
  logicalXor(other: Operand): Tensor {
    return this.logical("xor", other);
  }
  /** Whether an element is 0. */
  logicalNot(): Tensor {
    return this.to("bool").plain("not");
  }

  // Elementwise functions.

  /** `−x` */
  neg(): Tensor {
    return this.plain("neg");
  }
  /** `|x|` */
  abs(): Tensor {
    return this.plain("abs");
  }
  /** −1, 0 or 1. */
  sign(): Tensor {
    return this.plain("sign");
  }
  /** The greatest integer that is not greater. */
  floor(): Tensor {
    return this.plain("floor");
  }
  /** The least integer that is not less. */
  ceil(): Tensor {
    return this.plain("ceil");
  }
  /** Half to even. */
  round(): Tensor {
    return this.plain("round");
  }
  /** Without what follows the decimal point. */
  trunc(): Tensor {
    return this.plain("trunc");
  }
  /** `e^x` */
  exp(): Tensor {
    return this.plain("exp");
  }
  /** The natural logarithm. */
  log(): Tensor {
    return this.plain("log");
  }
  /** The square root. */
  sqrt(): Tensor {
    return this.plain("sqrt");
  }
  /** `1 / √x` */
  rsqrt(): Tensor {
    return this.plain("rsqrt");
  }
  /** `1 / x` */
  reciprocal(): Tensor {
    return this.plain("reciprocal");
  }
  /** `x²` */
  square(): Tensor {
    return this.mul(this);
  }
  /** eˣ − 1, accurate near zero. */
  expm1(): Tensor {
    return this.plain("expm1");
  }
  /** log(1 + x), accurate near zero. */
  log1p(): Tensor {
    return this.plain("log1p");
  }
  /** The sine. */
  sin(): Tensor {
    return this.plain("sin");
  }
  /** The cosine. */
  cos(): Tensor {
    return this.plain("cos");
  }
  /** The tangent. */
  tan(): Tensor {
    return this.plain("tan");
  }
  /** The arc sine. */
  asin(): Tensor {
    return this.plain("asin");
  }
  /** The arc cosine. */
  acos(): Tensor {
    return this.plain("acos");
  }
  /** The arc tangent. */
  atan(): Tensor {
    return this.plain("atan");
  }
  /** The hyperbolic sine. */
  sinh(): Tensor {
    return this.plain("sinh");
  }
  /** The hyperbolic cosine. */
  cosh(): Tensor {
    return this.plain("cosh");
  }
  /** The inverse hyperbolic sine. */
  asinh(): Tensor {
    return this.plain("asinh");
  }
  /** The inverse hyperbolic cosine. */
  acosh(): Tensor {
    return this.plain("acosh");
  }
  /** The inverse hyperbolic tangent. */
  atanh(): Tensor {
    return this.plain("atanh");
  }
  /** The hyperbolic tangent. */
  tanh(): Tensor {
    return this.plain("tanh");
  }
  /** The error function. */
  erf(): Tensor {
    return this.plain("erf");
  }
  /** `1 / (1 + exp(−x))` */
  sigmoid(): Tensor {
    return this.plain("sigmoid");
  }
  /** `max(x, 0)` */
  relu(): Tensor {
    return this.plain("relu");
  }
  /** `x sigmoid(x)` */
  silu(): Tensor {
    return this.plain("silu");
  }
  /** `x hardsigmoid(x)` */
  hardswish(): Tensor {
    return this.plain("hardswish");
  }
  /** `min(max(x / 6 + 1/2, 0), 1)` */
  hardsigmoid(): Tensor {
    return this.plain("hardsigmoid");
  }
  /** Whether an element is NaN, as bool. */
  isnan(): Tensor {
    return this.plain("isnan");
  }
  /** `x` where positive, else `negativeSlope x` */
  leakyRelu(slope = 0.01): Tensor {
    return this.apply("leaky_relu", { slope });
  }
  /** `x Φ(x)`, Φ the normal distribution's cumulative function, or its approximation by tanh */
  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return this.apply("gelu", { approximate });
  }
  /** `x`, cut off below `min` and above `max` */
  clamp(min: number | null, max: number | null = null): Tensor {
    checkKind("clamp", "min", min, "number or null");
    checkKind("clamp", "max", max, "number or null");
    const isFraction = [min, max].some((limit) => limit !== null && Number.isFinite(limit) && !Number.isInteger(limit)); // prettier-ignore
    if (isFraction && this.dtype !== "f32") return this.to("f32").clamp(min, max);
    return this.apply("clamp", { min, max });
  }
  /** Where `condition` holds this tensor's elements, elsewhere those of `other`. */
  where(condition: Operand, other: Operand): Tensor {
    const [a, b] = this.promoted(other);
    return this.symbol(this.trace.add("where", [this.operand(condition).to("bool").id, a.id, b.id], {}));
  }

  // Linear algebra.

  /** Matrix product with batch dimensions broadcast; vectors as in `torch.matmul`. */
  matmul(other: Operand): Tensor {
    const right = this.operand(other);
    const a = this.rank === 1 ? this.unsqueeze(0) : this.self;
    const b = right.rank === 1 ? right.unsqueeze(1) : right;
    let product = this.symbol(this.trace.add("matmul", [a.id, b.id], { packing: null }));
    if (right.rank === 1) product = product.squeeze(-1);
    return this.rank === 1 ? product.squeeze(right.rank === 1 ? -1 : -2) : product;
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
    return this.apply("reshape", { shape });
  }
  /** `reshape` */
  view(...sizes: readonly number[] | readonly [readonly number[]]): Tensor {
    return this.reshape(...sizes);
  }
  /** Dimensions `startAxis … endAxis` as one. */
  flatten(startAxis = 0, endAxis = -1): Tensor {
    if (this.rank === 0) return this.reshape(1);
    const start = normalizeAxis(startAxis, this.rank, "flatten");
    const end = normalizeAxis(endAxis, this.rank, "flatten");
    if (start > end)
      this.trace.fail("argument", `flatten: the first dimension, ${start}, lies behind the last, ${end}.`);
    const middle = elementCount(this.shape.slice(start, end + 1));
    return this.reshape([...this.shape.slice(0, start), middle, ...this.shape.slice(end + 1)]);
  }
  /** Without dimensions of size 1: all, or those named. */
  squeeze(axis?: number): Tensor {
    const only = axis === undefined ? undefined : normalizeAxis(axis, this.rank, "squeeze");
    return this.reshape(this.shape.filter((size, i) => size !== 1 || (only !== undefined && i !== only)));
  }
  /** With a dimension of size 1 at `axis`. */
  unsqueeze(axis: number): Tensor {
    const at = normalizeAxis(axis, this.rank + 1, "unsqueeze");
    return this.reshape([...this.shape.slice(0, at), 1, ...this.shape.slice(at)]);
  }
  /** Dimensions in another order. */
  permute(...axes: readonly number[] | readonly [readonly number[]]): Tensor {
    const order = (axes.flat() as number[]).map((axis) => normalizeAxis(axis, this.rank, "permute"));
    return this.apply("permute", { axes: order });
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
    return this.apply("broadcast", {
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
    return this.apply("slice", {
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
    }, this.self);
    const grown = pairs.map(([before, after]): readonly [number, number] => [
      Math.max(before, 0),
      Math.max(after, 0),
    ]);
    return cropped.apply("pad", { padding: grown, value });
  }

  // Reductions.

  /** The sum, over all or some dimensions. */
  sum(axes?: Axes, keepDims = false): Tensor {
    return this.reduce("sum", axes, keepDims);
  }
  /** The mean, over all or some dimensions. */
  mean(axes?: Axes, keepDims = false): Tensor {
    return this.to("f32").reduce("mean", axes, keepDims);
  }
  /** The product, over all or some dimensions. */
  prod(axes?: Axes, keepDims = false): Tensor {
    return this.reduce("prod", axes, keepDims);
  }
  /** The greatest element, over all or some dimensions. */
  max(axes?: Axes, keepDims = false): Tensor {
    return this.reduce("reduce_max", axes, keepDims);
  }
  /** The least element, over all or some dimensions. */
  min(axes?: Axes, keepDims = false): Tensor {
    return this.reduce("reduce_min", axes, keepDims);
  }
  /** Variance; `correction` 1 divides by n − 1, as `torch.var` does. */
  var(axes?: Axes, keepDims = false, correction = 1): Tensor {
    checkKind("var", "correction", correction, "number");
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
    checkKind("argMax", "keepDims", keepDims, "boolean");
    return this.apply("argmax", { axis: normalizeAxis(axis, this.rank, "argMax"), keepDims });
  }
  /** Where along `axis` the least element is, as i32. */
  argMin(axis: number, keepDims = false): Tensor {
    checkKind("argMin", "keepDims", keepDims, "boolean");
    return this.apply("argmin", { axis: normalizeAxis(axis, this.rank, "argMin"), keepDims });
  }
  /** Exponentials along `axis`, divided by their sum. */
  softmax(axis: number): Tensor {
    return this.apply("softmax", { axis: normalizeAxis(axis, this.rank, "softmax") });
  }
  /** The logarithm of a softmax along `axis`. */
  logSoftmax(axis: number): Tensor {
    return this.apply("log_softmax", { axis: normalizeAxis(axis, this.rank, "logSoftmax") });
  }
}
