/**
 * Kernel IR as text, for dumps, goldens and as the readable source of binary kernels. In: a kernel. Out: one
 * statement a line; vectors carry their lanes as a suffix of the operation that makes them.
 *
 *     kernel k03_relu_f32 (groups 16)
 *       read x: f32[64], write y: f32[64]
 *     {
 *       v = load4 x[group * 4]
 *       store y[group * 4] = max(v, 0.0)
 *     }
 */
import type { BinaryOp, CompareOp, Expr, Kernel, KernelType, Stmt } from "./kernel-ir.ts";

export function printKernel(kernel: Kernel): string {
  const size = kernel.groupSize === 1 ? "" : `, ${kernel.groupSize} invocations each`;
  const lines = [
    ...kernel.comment.split("\n").map((line) => `# ${line}`.trimEnd()),
    `kernel ${kernel.name} (groups ${kernel.groups}${size})`,
    ...kernel.buffers.map((b) => `  ${b.access} ${b.name}: ${b.scalar}[${b.elementCount}]`),
    ...kernel.shared.map((s) => `  shared ${s.name}: ${s.scalar}[${s.elementCount}]`),
    "{",
  ];
  printBody(kernel.body, "  ", lines);
  lines.push("}");
  return lines.join("\n") + "\n";
}

function printBody(body: readonly Stmt[], indent: string, lines: string[]): void {
  for (const statement of body) printStatement(statement, indent, lines);
}

/** Appends the statement's lines. */
function printStatement(statement: Stmt, indent: string, lines: string[]): void {
  const deeper = indent + "  ";
  switch (statement.kind) {
    case "let":
      lines.push(`${indent}${statement.name} = ${printExpr(statement.value)}`);
      return;
    case "var":
      lines.push(`${indent}var ${statement.name} = ${printExpr(statement.value)}`);
      return;
    case "assign":
      lines.push(`${indent}${statement.name} := ${printExpr(statement.value)}`);
      return;
    case "load":
      lines.push(`${indent}${statement.name} = load${suffix(statement.type)} ${printPlace(statement)}`);
      return;
    case "store":
      lines.push(`${indent}store ${printPlace(statement)} = ${printExpr(statement.value)}`);
      return;
    case "for": {
      const { name, start, end, step } = statement;
      lines.push(`${indent}for ${name} in ${start}..${end} step ${step} {`);
      printBody(statement.body, deeper, lines);
      lines.push(`${indent}}`);
      return;
    }
    case "if":
      lines.push(`${indent}if ${printExpr(statement.cond)} {`);
      printBody(statement.then, deeper, lines);
      if (statement.else.length > 0) {
        lines.push(`${indent}} else {`);
        printBody(statement.else, deeper, lines);
      }
      lines.push(`${indent}}`);
      return;
    case "barrier":
      lines.push(`${indent}barrier`);
      return;
    case "prefetch":
      lines.push(`${indent}prefetch${statement.toWrite ? " to write" : ""} ${printPlace(statement)}`);
      return;
    case "comment":
      lines.push(`${indent}# ${statement.text}`);
      return;
    default:
      statement satisfies never;
  }
}

function printPlace({ buffer, index }: { readonly buffer: string; readonly index: Expr }): string {
  return `${buffer}[${printExpr(index)}]`;
}

const infix: Readonly<Partial<Record<BinaryOp, string>>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  rem: "%",
  and: "&",
  or: "|",
  xor: "^",
  shl: "<<",
  shr: ">>",
};

const comparisons: Readonly<Record<CompareOp, string>> = {
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};

/** One expression, with parentheses around every operation inside another. */
export function printExpr(expr: Expr): string {
  switch (expr.kind) {
    case "const":
      return printConstant(expr.value, expr.type);
    case "ref":
      return expr.name;
    case "group":
    case "local":
      return expr.kind;
    case "unary":
      return `${expr.op}(${printExpr(expr.x)})`;
    case "binary": {
      const operator = infix[expr.op];
      if (operator === undefined) return `${expr.op}(${printExpr(expr.a)}, ${printExpr(expr.b)})`;
      return `${printOperand(expr.a)} ${operator} ${printOperand(expr.b)}`;
    }
    case "compare":
      return `${printOperand(expr.a)} ${comparisons[expr.op]} ${printOperand(expr.b)}`;
    case "fma":
      return `fma(${printExpr(expr.a)}, ${printExpr(expr.b)}, ${printExpr(expr.c)})`;
    case "select":
      return `${printOperand(expr.cond)} ? ${printOperand(expr.a)} : ${printOperand(expr.b)}`;
    case "convert":
      return `${expr.type.scalar}(${printExpr(expr.x)})`;
    case "bitcast":
      return `bits_${expr.type.scalar}(${printExpr(expr.x)})`;
    case "splat":
      return `splat${expr.type.lanes}(${printExpr(expr.x)})`;
    case "lane":
      return `${printOperand(expr.x)}[${expr.lane}]`;
    case "pack":
      return `pack${expr.type.lanes}(${expr.lanes.map(printExpr).join(", ")})`;
    default:
      return expr satisfies never;
  }
}

function printOperand(expr: Expr): string {
  const text = printExpr(expr);
  const compound = expr.kind === "compare" || expr.kind === "select";
  return compound || (expr.kind === "binary" && infix[expr.op] !== undefined) ? `(${text})` : text;
}

function printConstant(value: number, type: KernelType): string {
  const scalar = printScalar(value, type);
  return type.lanes === 1 ? scalar : `splat${type.lanes}(${scalar})`;
}

function printScalar(value: number, type: KernelType): string {
  if (type.scalar === "bool") return value === 0 ? "false" : "true";
  if (type.scalar === "u32") return `${value}u`;
  const text = Object.is(value, -0) ? "-0" : String(value);
  return type.scalar === "f32" && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function suffix(type: KernelType): string {
  return type.lanes === 1 ? "" : String(type.lanes);
}
