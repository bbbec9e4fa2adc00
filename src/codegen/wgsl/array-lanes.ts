/**
 * In: a kernel. Out: for each storage buffer and shared array, the lanes of the element type to declare it
 * with. `array<vec4<f32>>` gives one 16-byte access where four scalar ones would be needed, but it is legal
 * only if EVERY access takes a whole, aligned vector. Divisibility of indices is proved conservatively:
 * what cannot be proved stays an array of scalars.
 */
import type { Expr, Kernel, Stmt } from "../kernel-ir.ts";
import type { Lanes } from "../target.ts";

/** A number that certainly divides an index; 0 stands for "zero", which everything divides. */
type Divisor = number;

export function chooseArrayLanes(kernel: Kernel): ReadonlyMap<string, Lanes> {
  const accesses = new Map<string, { readonly lanes: Lanes; readonly divisor: Divisor }[]>();
  const divisors = new Map<string, Divisor>();
  const note = (array: string, lanes: Lanes, index: Expr): void => {
    const list = accesses.get(array) ?? [];
    list.push({ lanes, divisor: divisorOf(index, divisors) });
    accesses.set(array, list);
  };
  const visit = (statements: readonly Stmt[]): void => {
    for (const statement of statements) {
      switch (statement.kind) {
        case "let":
          divisors.set(statement.name, divisorOf(statement.value, divisors));
          break;
        case "load":
          note(statement.buffer, statement.type.lanes, statement.index);
          break;
        case "store":
          note(statement.buffer, statement.value.type.lanes, statement.index);
          break;
        case "for":
          divisors.set(statement.name, gcd(Math.abs(statement.start), Math.abs(statement.step)));
          visit(statement.body);
          break;
        case "if":
          visit(statement.then);
          visit(statement.else);
          break;
        case "var":
        case "assign":
        case "barrier":
        case "prefetch":
        case "comment":
          break;
        default:
          statement satisfies never;
      }
    }
  };
  visit(kernel.body);

  const lanesOf = (name: string, elementCount: number): Lanes => {
    const list = accesses.get(name) ?? [];
    const lanes = list[0]?.lanes ?? 1;
    const whole = list.every((access) => access.lanes === lanes && access.divisor % lanes === 0);
    return whole && lanes <= 4 && elementCount > 0 && elementCount % lanes === 0 ? lanes : 1;
  };
  return new Map([...kernel.buffers, ...kernel.shared].map((a) => [a.name, lanesOf(a.name, a.elementCount)]));
}

function divisorOf(expr: Expr, names: ReadonlyMap<string, Divisor>): Divisor {
  const of = (e: Expr): Divisor => divisorOf(e, names);
  switch (expr.kind) {
    case "const":
      return Number.isInteger(expr.value) ? Math.abs(expr.value) : 1;
    case "ref":
      return names.get(expr.name) ?? 1;
    case "unary":
      return expr.op === "neg" ? of(expr.x) : 1;
    case "select":
      return gcd(of(expr.a), of(expr.b));
    case "convert":
      return expr.x.type.scalar === "i32" || expr.x.type.scalar === "u32" ? of(expr.x) : 1;
    case "binary":
      switch (expr.op) {
        case "add":
        case "sub":
        case "min":
        case "max":
          return gcd(of(expr.a), of(expr.b));
        case "mul":
          return cap(of(expr.a) * of(expr.b));
        case "shl":
          return expr.b.kind === "const" ? cap(of(expr.a) * 2 ** expr.b.value) : of(expr.a);
        case "rem": // a − b·trunc(a/b)
          return gcd(of(expr.a), of(expr.b));
        case "div":
          if (expr.b.kind === "const" && expr.b.value !== 0 && of(expr.a) % expr.b.value === 0)
            return of(expr.a) / Math.abs(expr.b.value);
          return 1;
        default:
          return 1;
      }
    default:
      return 1;
  }
}

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/** Keeps products exact; powers of two are all that alignment asks about. */
function cap(divisor: Divisor): Divisor {
  return Number.isSafeInteger(divisor) && divisor < 2 ** 31
    ? divisor
    : gcd(2 ** 20, divisor % 2 ** 20 || 2 ** 20);
}
