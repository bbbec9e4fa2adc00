/**
 * A symbol for a value of a trace: what it is, how operands become symbols of the same trace, and how operations are
 * added to it; `tensor-core.ts` has the operations. Nothing here may import the tensor, but for its type.
 */
import { UserError } from "../errors.ts";
import { checkKind } from "../ir/check-options.ts";
import { promote, type DType } from "../ir/dtype.ts";
import type { ValueId } from "../ir/graph.ts";
import { checkHostTensor, isHostTensor, type HostTensor } from "../ir/host-tensor.ts";
import type { PlainElementwiseOp } from "../ir/ops/elementwise.ts";
import type { Attributes, OpName } from "../ir/ops/registry.ts";
import { normalizeAxes } from "../ir/shape.ts";
import { Parameter, StateBuffer, type Stored } from "../ir/stored-tensor.ts";
import type { Trace } from "../ir/trace.ts";
import type { Tensor } from "./tensor.ts";

/** What operations take beside a tensor. Numbers take the dtype of the other operand. */
export type Operand = Tensor | Stored | HostTensor | number;

/** One axis, several, or (left out) all. */
export type Axes = number | readonly number[];

export type BinaryOp = Extract<
  PlainElementwiseOp,
  "add" | "sub" | "mul" | "div" | "rem" | "pow" | "max" | "min"
>;
export type CompareOp = Extract<PlainElementwiseOp, "eq" | "ne" | "lt" | "le" | "gt" | "ge">;

/** What tensors are, before any operation. */
export abstract class TensorSymbol {
  constructor(
    /** @internal */
    readonly trace: Trace,
    /** @internal */
    readonly id: ValueId,
  ) {}

  /** There is no other kind of it than the tensor of `tensor.ts`. */
  protected get self(): Tensor {
    return this as unknown as Tensor;
  }

  /** Sizes of the dimensions. */
  get shape(): readonly number[] {
    return this.trace.typeOf(this.id).shape;
  }

  /** What graphs compute with: f32, i32, u32 or bool. */
  get dtype(): DType {
    return this.trace.typeOf(this.id).dtype;
  }

  /** How many dimensions there are. */
  get rank(): number {
    return this.shape.length;
  }

  /** The same values as `dtype`; floats truncate toward zero. */
  to(dtype: DType): Tensor {
    return dtype === this.dtype ? this.self : this.apply("cast", { dtype });
  }

  // What only a real tensor could do.

  /** A traced tensor has no data: throws. */
  get data(): never {
    return this.refuse("read its data");
  }
  /** A traced tensor has no data: throws. */
  item(): never {
    return this.refuse("read its value");
  }
  /** A traced tensor has no data: throws. */
  [Symbol.toPrimitive](): never {
    return this.refuse("compute with it in JavaScript or branch on it");
  }
  /** A traced tensor has no data: throws. */
  [Symbol.iterator](): never {
    return this.refuse("iterate over it");
  }

  // The machinery.

  /** @internal */
  protected apply<K extends OpName>(op: K, attributes: Attributes<K>): Tensor {
    return this.symbol(this.trace.add(op, [this.id], attributes));
  }

  /** @internal */
  protected plain(op: PlainElementwiseOp): Tensor {
    return this.symbol(this.trace.add(op, [this.id], {}));
  }

  /** @internal */
  protected binary(op: BinaryOp | CompareOp, other: Operand): Tensor {
    const [a, b] = this.promoted(other);
    return this.symbol(this.trace.add(op, [a.id, b.id], {}));
  }

  /** @internal */
  protected logical(op: "and" | "or" | "xor", other: Operand): Tensor {
    return this.symbol(this.trace.add(op, [this.to("bool").id, this.operand(other).to("bool").id], {}));
  }

  /** @internal */
  protected reduce(
    op: "sum" | "mean" | "prod" | "reduce_max" | "reduce_min",
    axes: Axes | undefined,
    keepDims: boolean,
  ): Tensor {
    checkKind(op.replace("reduce_", ""), "keepDims", keepDims, "boolean");
    const list = normalizeAxes(
      typeof axes === "number" ? [axes] : axes,
      this.rank,
      op.replace("reduce_", ""),
    );
    return this.apply(op, { axes: list, keepDims });
  }

  /** Both operands in the dtype that arithmetic on them has. */
  protected promoted(other: Operand): [Tensor, Tensor] {
    const isFraction = typeof other === "number" && !Number.isInteger(other);
    const right = typeof other === "number" && !isFraction ? other : this.operand(other);
    if (typeof right === "number") {
      const dtype = this.dtype === "bool" ? "i32" : this.dtype;
      return [this.to(dtype), this.symbol(this.trace.scalar(right, dtype))];
    }
    const dtype = promote(this.dtype, right.dtype);
    return [this.to(dtype), right.to(dtype)];
  }

  /** Any operand as a tensor of the same trace. */
  operand(operand: Operand): Tensor {
    if (!(operand instanceof TensorSymbol)) return this.symbol(enter(this.trace, operand));
    if (operand.trace !== this.trace) foreign(this.trace);
    return operand as Tensor;
  }

  /** Another value of the same trace. */
  symbol(id: ValueId): Tensor {
    const Symbolic = this.constructor as new (trace: Trace, id: ValueId) => Tensor;
    return new Symbolic(this.trace, id);
  }

  /** @internal */
  protected refuse(what: string): never {
    return this.trace.fail(
      "model",
      `forward() tried to ${what}, but tensors have no values while a network is traced. ` +
        "Use tensor operations such as where(), or branch on shapes and constants.",
    );
  }
}

/** What an operand that is no tensor of a trace is there. */
export function enter(trace: Trace, operand: Exclude<Operand, Tensor>): ValueId {
  if (operand instanceof Parameter || operand instanceof StateBuffer) return trace.read(operand);
  if (typeof operand === "number") return trace.scalar(operand, "f32");
  if (isHostTensor(operand)) {
    checkHostTensor(operand, "operand");
    return trace.constant(operand);
  }
  throw new UserError(
    "argument",
    `Expected a tensor, a parameter, a host tensor or a number, got ${typeof operand}.`,
  );
}

export function foreign(trace: Trace): never {
  return trace.fail(
    "model",
    "A tensor of another trace is used: forward() must not keep tensors between calls.",
  );
}
