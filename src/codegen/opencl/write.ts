/**
 * In: a legalised kernel. Out: one OpenCL C 1.2 kernel of the kernel's name, with buffer `i` as argument `i`
 * and the group size fixed by attribute. One statement becomes one line; nothing is optimised here.
 */
import { InternalError } from "../../errors.ts";
import type { Expr, Kernel, Stmt } from "../kernel-ir.ts";
import type { Target } from "../target.ts";
import { expressionWriter } from "../write-expression.ts";
import { openclSpelling, openclType } from "./spelling.ts";

export function writeOpenclC(kernel: Kernel, target: Target): string {
  if (target.language !== "opencl-c")
    throw new InternalError(`write opencl: target speaks ${target.language}`);
  const parameters = kernel.buffers.map((buffer) => {
    const constness = buffer.access === "read" ? "const " : "";
    const type = openclType({ scalar: buffer.scalar, lanes: 1 });
    return `  __global ${constness}${type}* restrict ${buffer.name}`;
  });
  return [
    ...kernel.comment.split("\n").map((line) => `// ${line}`.trimEnd()),
    ...(kernel.body.some(prefetches) ? prefetchMacro : []),
    `__kernel __attribute__((reqd_work_group_size(${kernel.groupSize}, 1, 1)))`,
    `void ${kernel.name}(`,
    parameters.join(",\n"),
    ") {",
    ...kernel.shared.map((array) => {
      const type = openclType({ scalar: array.scalar, lanes: 1 });
      return `  __local ${type} ${array.name}[${Math.max(1, array.elementCount)}];`;
    }),
    ...writeStatements(kernel.body, "  "),
    "}",
    "",
  ].join("\n");
}

/** Where the compiler is clang its builtin, elsewhere nothing: `prefetch()` of OpenCL C does nothing in PoCL. */
export const prefetchMacro = [
  "#ifdef __clang__",
  "#define PREFETCH(address) __builtin_prefetch(address)",
  "#define PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1)",
  "#else",
  "#define PREFETCH(address)",
  "#define PREFETCH_TO_WRITE(address)",
  "#endif",
];

export function prefetches(s: Stmt): boolean {
  if (s.kind === "for") return s.body.some(prefetches);
  if (s.kind === "if") return s.then.some(prefetches) || s.else.some(prefetches);
  return s.kind === "prefetch";
}

export function writeStatements(body: readonly Stmt[], indent: string, spelling = openclSpelling): string[] {
  const lines: string[] = [];
  const write = expressionWriter(spelling);
  for (const statement of body) writeStatement(statement, indent, write, lines);
  return lines;
}

/** Adds to `lines`, so that what is deep inside is not copied once a level. */
function writeStatement(s: Stmt, indent: string, write: (expr: Expr) => string, lines: string[]): void {
  const line = (text: string): void => void lines.push(indent + text);
  const block = (body: readonly Stmt[]): void => {
    for (const inner of body) writeStatement(inner, `${indent}  `, write, lines);
  };
  switch (s.kind) {
    case "let":
      return line(`const ${openclType(s.value.type)} ${s.name} = ${write(s.value)};`);
    case "var":
      return line(`${openclType(s.value.type)} ${s.name} = ${write(s.value)};`);
    case "assign":
      return line(`${s.name} = ${write(s.value)};`);
    case "load": {
      const type = openclType(s.type);
      return line(
        s.type.lanes === 1
          ? `const ${type} ${s.name} = ${s.buffer}[${write(s.index)}];`
          : `const ${type} ${s.name} = vload${s.type.lanes}(0, ${s.buffer} + ${write(s.index)});`,
      );
    }
    case "store": {
      const { lanes } = s.value.type;
      return line(
        lanes === 1
          ? `${s.buffer}[${write(s.index)}] = ${write(s.value)};`
          : `vstore${lanes}(${write(s.value)}, 0, ${s.buffer} + ${write(s.index)});`,
      );
    }
    case "for":
      line(`for (int ${s.name} = ${s.start}; ${s.name} < ${s.end}; ${s.name} += ${s.step}) {`);
      block(s.body);
      return line("}");
    case "if":
      line(`if (${write(s.cond)}) {`);
      block(s.then);
      if (s.else.length > 0) line("} else {");
      block(s.else);
      return line("}");
    case "prefetch":
      return line(`PREFETCH${s.toWrite ? "_TO_WRITE" : ""}(${s.buffer} + ${write(s.index)});`);
    case "barrier":
      return line("barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);");
    case "comment":
      return s.text.split("\n").forEach((text) => line(`// ${text}`));
    default:
      throw new InternalError(`write opencl: unknown statement ${JSON.stringify(s satisfies never)}`);
  }
}
