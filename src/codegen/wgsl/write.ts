/**
 * In: a legalised kernel. Out: one WGSL module whose entry point has the kernel's name, with buffer `i` at
 * `@group(0) @binding(i)`. One statement becomes one line; nothing is optimised here.
 *
 *   store y[i] = x   →   y[i] = x;
 */
import { InternalError } from "../../errors.ts";
import type { Expr, Kernel, Stmt } from "../kernel-ir.ts";
import type { Lanes, Target } from "../target.ts";
import { expressionWriter } from "../write-expression.ts";
import { chooseArrayLanes } from "./array-lanes.ts";
import { dispatchShape } from "./dispatch-shape.ts";
import { divideFunction } from "./division.ts";
import {
  divideName,
  groupName,
  infinityBitsName,
  localName,
  nanBitsName,
  wgslSpelling,
  wgslType,
} from "./spelling.ts";

const write = expressionWriter(wgslSpelling);

export function writeWgsl(kernel: Kernel, target: Target): string {
  if (target.language !== "wgsl") throw new InternalError(`write wgsl: target speaks ${target.language}`);
  const arrayLanes = chooseArrayLanes(kernel);
  const body = writeStatements(kernel.body, arrayLanes, "  ");
  const shape = dispatchShape(kernel.groups);
  const arrayType = (array: Kernel["shared"][number]): string => {
    const lanes = arrayLanes.get(array.name) ?? 1;
    return `array<${wgslType({ scalar: array.scalar, lanes })}, ${Math.max(1, array.elementCount / lanes)}>`;
  };
  const usesLocal = body.some((line) => line.includes(localName));
  const usesGroup = shape.y > 1 || body.some((line) => line.includes(groupName));
  const divisions = ([1, 2, 4] as const).filter((lanes) =>
    body.some((line) => line.includes(`${divideName(lanes)}(`)),
  );
  const constantBits = [
    { name: nanBitsName, bits: "0x7fc00000u" },
    { name: infinityBitsName, bits: "0x7f800000u" },
  ].filter(({ name }) => body.some((line) => line.includes(name)));
  return [
    ...kernel.comment.split("\n").map((line) => `// ${line}`.trimEnd()),
    ...kernel.buffers.map((buffer, binding) => {
      const access = buffer.access === "read" ? "read" : "read_write";
      return `@group(0) @binding(${binding}) var<storage, ${access}> ${buffer.name}: ${arrayType(buffer)};`;
    }),
    ...kernel.shared.map((array) => `var<workgroup> ${array.name}: ${arrayType(array)};`),
    ...constantBits.map(({ name, bits }) => `var<private> ${name}: u32 = ${bits};`),
    "",
    ...divisions.flatMap(divideFunction),
    `@compute @workgroup_size(${kernel.groupSize})`,
    `fn ${kernel.name}(`,
    ...(usesGroup ? ["  @builtin(workgroup_id) heddle_group_id: vec3<u32>,"] : []),
    ...(usesLocal ? ["  @builtin(local_invocation_index) heddle_local_index: u32,"] : []),
    ") {",
    ...(usesGroup ? [`  let ${groupName} = ${flatGroup(shape)};`] : []),
    // A whole group leaves, so control flow stays uniform and barriers below stay legal.
    ...(shape.x * shape.y > kernel.groups ? [`  if (${groupName} >= ${kernel.groups}i) { return; }`] : []),
    ...(usesLocal ? [`  let ${localName} = i32(heddle_local_index);`] : []),
    ...body,
    "}",
    "",
  ].join("\n");
}

function flatGroup(shape: { readonly x: number; readonly y: number }): string {
  return shape.y === 1
    ? "i32(heddle_group_id.x)"
    : `i32(heddle_group_id.y * ${shape.x}u + heddle_group_id.x)`;
}

function writeStatements(body: readonly Stmt[], lanes: ReadonlyMap<string, Lanes>, indent: string): string[] {
  return body.flatMap((statement) => writeStatement(statement, lanes, indent));
}

function writeStatement(s: Stmt, arrayLanes: ReadonlyMap<string, Lanes>, indent: string): string[] {
  const line = (text: string): string[] => [indent + text];
  switch (s.kind) {
    case "let":
      return line(`let ${s.name} = ${write(s.value)};`);
    case "var":
      return line(`var ${s.name} = ${write(s.value)};`);
    case "assign":
      return line(`${s.name} = ${write(s.value)};`);
    case "load": {
      const index = write(s.index);
      if (s.type.lanes === 1) return line(`let ${s.name} = ${s.buffer}[${index}];`);
      if (arrayLanes.get(s.buffer) === s.type.lanes)
        return line(`let ${s.name} = ${s.buffer}[${vectorIndex(s.index, s.type.lanes)}];`);
      const at = `heddle_at_${s.name}`;
      const parts = laneNumbers(s.type.lanes).map((lane) => `${s.buffer}[${at}${offset(lane)}]`);
      return [
        ...line(`let ${at} = ${index};`),
        ...line(`let ${s.name} = ${wgslType(s.type)}(${parts.join(", ")});`),
      ];
    }
    case "store": {
      const lanes = s.value.type.lanes;
      const index = write(s.index);
      if (lanes === 1) return line(`${s.buffer}[${index}] = ${write(s.value)};`);
      if (arrayLanes.get(s.buffer) === lanes)
        return line(`${s.buffer}[${vectorIndex(s.index, lanes)}] = ${write(s.value)};`);
      const inner = `${indent}  `;
      return [
        ...line("{"),
        `${inner}let heddle_at = ${index};`,
        `${inner}let heddle_value = ${write(s.value)};`,
        ...laneNumbers(lanes).map(
          (lane) => `${inner}${s.buffer}[heddle_at${offset(lane)}] = heddle_value.${"xyzw"[lane]};`,
        ),
        ...line("}"),
      ];
    }
    case "for":
      return [
        ...line(
          `for (var ${s.name} = ${integer(s.start)}; ${s.name} < ${integer(s.end)}; ${s.name} += ${integer(s.step)}) {`,
        ),
        ...writeStatements(s.body, arrayLanes, `${indent}  `),
        ...line("}"),
      ];
    case "if":
      return [
        ...line(`if (${write(s.cond)}) {`),
        ...writeStatements(s.then, arrayLanes, `${indent}  `),
        ...(s.else.length === 0
          ? []
          : [...line("} else {"), ...writeStatements(s.else, arrayLanes, `${indent}  `)]),
        ...line("}"),
      ];
    case "barrier":
      return [...line("workgroupBarrier();"), ...line("storageBarrier();")];
    case "prefetch":
      return [];
    case "comment":
      return s.text.split("\n").map((text) => `${indent}// ${text}`);
    default:
      throw new InternalError(`write wgsl: unknown statement ${JSON.stringify(s satisfies never)}`);
  }
}

/** The index of a whole vector; `chooseArrayLanes` proved that the element index is a multiple of `lanes`. */
function vectorIndex(index: Expr, lanes: Lanes): string {
  if (index.kind === "const") return `${index.value / lanes}`;
  return `${write(index)} >> ${Math.log2(lanes)}u`;
}

function laneNumbers(lanes: Lanes): number[] {
  return Array.from({ length: lanes }, (_, lane) => lane);
}

function offset(lane: number): string {
  return lane === 0 ? "" : ` + ${lane}i`;
}

function integer(value: number): string {
  return value < 0 ? `i32(${value})` : `${value}i`;
}
