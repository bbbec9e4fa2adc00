/**
 * Runs kernel IR in plain JavaScript, as the meaning that writers and legalise passes are tested against. In:
 * a kernel and its buffers as typed arrays. Out: the buffers, written. f32 arithmetic is rounded after every
 * operation; `fma` once or twice, as asked. One invocation a group, no barriers.
 */
import type { BinaryOp, CompareOp, Expr, Kernel, KernelType, Scalar, Stmt, UnaryOp } from "../../src/codegen/kernel-ir.ts"; // prettier-ignore

export type BufferData = Float32Array | Int32Array | Uint32Array;
/** One number a lane; bool is 0 or 1. */
type Value = readonly number[];

export interface InterpretOptions {
  /** Round `a * b + c` once; twice by default. */
  readonly fused?: boolean;
  /** What `quotient` gives, which may be some units off; the rounded quotient by default. */
  readonly quotient?: (a: number, b: number) => number;
}

export function interpretKernel(
  kernel: Kernel,
  buffers: Readonly<Record<string, BufferData>>,
  options: InterpretOptions = {},
): void {
  for (let group = 0; group < kernel.groups; group++)
    new GroupRun(group, buffers, options.fused ?? false, options.quotient ?? divide).run(kernel.body);
}

function divide(a: number, b: number): number {
  return a / b;
}

class GroupRun {
  readonly #names = new Map<string, Value>();

  constructor(
    readonly group: number,
    readonly buffers: Readonly<Record<string, BufferData>>,
    readonly fused: boolean,
    readonly quotient: (a: number, b: number) => number,
  ) {}

  run(body: readonly Stmt[]): void {
    for (const statement of body) this.#statement(statement);
  }

  #statement(statement: Stmt): void {
    switch (statement.kind) {
      case "let":
      case "var":
      case "assign":
        this.#names.set(statement.name, this.#value(statement.value));
        return;
      case "load": {
        const start = this.#scalar(statement.index);
        const buffer = this.#buffer(statement.buffer);
        const lanes = Array.from({ length: statement.type.lanes }, (_, k) => buffer[start + k]);
        if (lanes.some((x) => x === undefined))
          throw new RangeError(`load of ${statement.buffer}[${start}] is out of bounds`);
        this.#names.set(statement.name, lanes as number[]);
        return;
      }
      case "store": {
        const start = this.#scalar(statement.index);
        const buffer = this.#buffer(statement.buffer);
        const value = this.#value(statement.value);
        if (start < 0 || start + value.length > buffer.length)
          throw new RangeError(`store to ${statement.buffer}[${start}] is out of bounds`);
        value.forEach((x, k) => (buffer[start + k] = x));
        return;
      }
      case "for":
        for (let i = statement.start; i < statement.end; i += statement.step) {
          this.#names.set(statement.name, [i]);
          this.run(statement.body);
        }
        return;
      case "if":
        this.run(this.#scalar(statement.cond) !== 0 ? statement.then : statement.else);
        return;
      case "barrier":
        throw new Error("interpret-kernel has no barriers");
      case "prefetch":
      case "comment":
        return;
      default:
        statement satisfies never;
    }
  }

  #buffer(name: string): BufferData {
    const buffer = this.buffers[name];
    if (buffer === undefined) throw new Error(`interpret-kernel: no buffer '${name}'`);
    return buffer;
  }

  #scalar(expr: Expr): number {
    return this.#value(expr)[0] ?? NaN;
  }

  #value(expr: Expr): Value {
    const map = (f: (...xs: number[]) => number, ...operands: readonly Expr[]): Value => {
      const values = operands.map((operand) => this.#value(operand));
      return Array.from({ length: expr.type.lanes }, (_, k) => {
        const lanes = values.map((value) => value[k]);
        if (lanes.some((x) => x === undefined)) throw new Error(`lanes differ in ${expr.kind}`);
        return wrap(f(...(lanes as number[])), expr.type.scalar);
      });
    };
    switch (expr.kind) {
      case "const":
        return Array.from({ length: expr.type.lanes }, () => wrap(expr.value, expr.type.scalar));
      case "ref": {
        const value = this.#names.get(expr.name);
        if (value === undefined || value.length !== expr.type.lanes)
          throw new Error(`'${expr.name}' is not bound with ${expr.type.lanes} lanes`);
        return value;
      }
      case "group":
        return [this.group];
      case "local":
        return [0];
      case "unary":
        return map((x) => unaryOf(expr.op, x), expr.x);
      case "binary":
        if (expr.op === "quotient") return map(this.quotient, expr.a, expr.b);
        return map(
          (a, b) => binaryOf(expr.op as Exclude<BinaryOp, "quotient">, a, b, expr.type),
          expr.a,
          expr.b,
        );
      case "compare":
        return map((a, b) => compareOf(expr.op, a, b), expr.a, expr.b);
      case "fma":
        return map((a, b, c) => (this.fused ? a * b : Math.fround(a * b)) + c, expr.a, expr.b, expr.c);
      case "select":
        return map((cond, a, b) => (cond !== 0 ? a : b), expr.cond, expr.a, expr.b);
      case "convert":
        return map((x) => convertOf(x, expr.x.type.scalar, expr.type.scalar), expr.x);
      case "bitcast":
        return map((x) => bitcastOf(x, expr.x.type.scalar, expr.type.scalar), expr.x);
      case "splat": {
        const x = this.#scalar(expr.x);
        return Array.from({ length: expr.type.lanes }, () => x);
      }
      case "lane":
        return [this.#value(expr.x)[expr.lane] ?? NaN];
      case "pack":
        return expr.lanes.map((x) => this.#scalar(x));
      default:
        return expr satisfies never;
    }
  }
}

function wrap(x: number, scalar: Scalar): number {
  if (scalar === "f32") return Math.fround(x);
  if (scalar === "i32") return x | 0;
  if (scalar === "u32") return x >>> 0;
  return x !== 0 ? 1 : 0;
}

/** The functions whose f64 versions JavaScript has. erf is not among them: it must have been expanded. */
const functions: Readonly<Partial<Record<UnaryOp, (x: number) => number>>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  not: (x) => (x === 0 ? 1 : 0),
  bitnot: (x) => ~x,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundHalfToEven,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  exp: Math.exp,
  log: Math.log,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  expm1: Math.expm1,
  log1p: Math.log1p,
  isnan: (x) => (Number.isNaN(x) ? 1 : 0),
};

function unaryOf(op: UnaryOp, x: number): number {
  const f = functions[op];
  if (f === undefined) throw new Error(`interpret-kernel has no '${op}'`);
  return f(x);
}

export function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

function binaryOf(op: Exclude<BinaryOp, "quotient">, a: number, b: number, type: KernelType): number {
  const float = type.scalar === "f32";
  switch (op) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return float ? a * b : Math.imul(a, b);
    case "div":
      return float ? a / b : Math.trunc(a / b);
    case "rem":
      return a % b;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "pow":
      return powOf(a, b);
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "xor":
      return a ^ b;
    case "shl":
      return a << b;
    case "shr":
      return type.scalar === "u32" ? a >>> b : a >> b;
    default:
      return op satisfies never;
  }
}

/** C's pow: unlike JavaScript's, 1^y and (-1)^±inf are 1. */
export function powOf(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
}

function compareOf(op: CompareOp, a: number, b: number): number {
  const results: Readonly<Record<CompareOp, boolean>> = {
    eq: a === b,
    ne: a !== b,
    lt: a < b,
    le: a <= b,
    gt: a > b,
    ge: a >= b,
  };
  return results[op] ? 1 : 0;
}

/** f32 to integers saturates (NaN gives 0), integers to each other keep their bits. */
function convertOf(x: number, from: Scalar, to: Scalar): number {
  if (to === "f32" || to === "bool") return Number.isNaN(x) && to === "bool" ? 1 : x;
  if (from !== "f32") return x;
  const [low, high] = to === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  return Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), low), high);
}

const scratch = new DataView(new ArrayBuffer(4));

function bitcastOf(x: number, from: Scalar, to: Scalar): number {
  if (from === "f32") scratch.setFloat32(0, x);
  else scratch.setUint32(0, x);
  if (to === "f32") return scratch.getFloat32(0);
  return to === "i32" ? scratch.getInt32(0) : scratch.getUint32(0);
}
