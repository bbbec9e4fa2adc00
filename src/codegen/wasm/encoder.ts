/**
 * The binary format of WebAssembly, as far as the writer needs it. In: instructions one by one, then one
 * function with its parameters and locals. Out: the bytes of a module that imports `env.memory` and exports
 * the function as `run` (W3C, "WebAssembly Core Specification", chapter 5).
 */
import { entryPoint, memoryModule, memoryName } from "./abi.ts";
import { opcodes, type Opcode } from "./opcodes.ts";

export type ValueType = "i32" | "f32" | "v128";

const valueTypes: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };
const emptyBlockType = 0x40;

/** How the memory import is declared; a shared one must name its largest size. */
export type MemoryImport = { readonly shared: false } | { readonly shared: true; readonly maxPages: number };

export interface FunctionCode {
  readonly parameterCount: number;
  /** In order of their numbers, after the parameters (all parameters are i32). */
  readonly locals: readonly ValueType[];
  readonly body: CodeBuffer;
}

/** Instructions of one stretch of code. */
export class CodeBuffer {
  readonly bytes: number[] = [];

  op(name: Opcode): this {
    const code: number = opcodes[name];
    if (code > 0xffff) {
      this.bytes.push(code >> 16);
      return this.#unsigned(code & 0xffff);
    }
    if (code > 0xff) {
      this.bytes.push(code >> 8);
      return this.#unsigned(code & 0xff);
    }
    this.bytes.push(code);
    return this;
  }

  get(local: number): this {
    return this.op("local.get").#unsigned(local);
  }

  set(local: number): this {
    return this.op("local.set").#unsigned(local);
  }

  tee(local: number): this {
    return this.op("local.tee").#unsigned(local);
  }

  i32(value: number): this {
    this.op("i32.const");
    appendSigned(this.bytes, value | 0);
    return this;
  }

  f32(value: number): this {
    this.op("f32.const").bytes.push(...f32Bytes(value));
    return this;
  }

  /** A vector constant from its 32-bit patterns. */
  v128(words: readonly number[]): this {
    this.op("v128.const");
    for (const word of words)
      this.bytes.push(word & 0xff, (word >> 8) & 0xff, (word >> 16) & 0xff, (word >> 24) & 0xff);
    return this;
  }

  /** A load or store at the address on the stack plus `offsetBytes`. Elements are 4-byte aligned. */
  memory(name: Opcode, offsetBytes: number): this {
    this.op(name).bytes.push(2);
    return this.#unsigned(offsetBytes);
  }

  lane(name: Opcode, lane: number): this {
    this.op(name).bytes.push(lane);
    return this;
  }

  /** One 32-bit lane of the vector on top of the stack, in all lanes. */
  broadcastLane(vector: number, lane: number): this {
    this.get(vector).get(vector).op("i8x16.shuffle");
    for (let byte = 0; byte < 16; byte++) this.bytes.push(lane * 4 + (byte & 3));
    return this;
  }

  open(name: "block" | "loop" | "if"): this {
    this.op(name).bytes.push(emptyBlockType);
    return this;
  }

  branchIf(depth: number): this {
    return this.op("br_if").#unsigned(depth);
  }

  append(other: CodeBuffer): this {
    for (const byte of other.bytes) this.bytes.push(byte);
    return this;
  }

  #unsigned(value: number): this {
    appendUnsigned(this.bytes, value);
    return this;
  }
}

/** The bits of an f32 as a signed 32-bit number. */
export function f32Bits(value: number): number {
  return new DataView(Uint8Array.from(f32Bytes(value)).buffer).getInt32(0, true);
}

function f32Bytes(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return new Uint8Array(view.buffer);
}

export function encodeModule(code: FunctionCode): Uint8Array {
  const functionType = [
    0x60,
    ...vector(Array.from({ length: code.parameterCount }, () => [valueTypes.i32])),
    0,
  ];
  const runExport = [...name(entryPoint), 0x00, 0];
  const bytes = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  appendSection(bytes, 1, vector([functionType]));
  bytes.push(...importSection({ shared: false }));
  appendSection(bytes, 3, vector([[0]]));
  appendSection(bytes, 7, vector([runExport]));
  appendSection(bytes, 10, codeSection(code));
  return Uint8Array.from(bytes);
}

/** The section that imports the memory, complete. */
export function importSection(memory: MemoryImport): number[] {
  const limits = memory.shared ? [0x03, 0, ...unsigned(memory.maxPages)] : [0x00, 0];
  const bytes: number[] = [];
  appendSection(bytes, 2, vector([[...name(memoryModule), ...name(memoryName), 0x02, ...limits]]));
  return bytes;
}

function codeSection(code: FunctionCode): number[] {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of code.locals) {
    const last = runs[runs.length - 1];
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  const declarations = vector(runs.map(({ type, count }) => [...unsigned(count), valueTypes[type]]));
  const end = opcodes.end;
  const sizeBytes = declarations.length + code.body.bytes.length + 1;
  const section = [1, ...unsigned(sizeBytes), ...declarations];
  for (const byte of code.body.bytes) section.push(byte);
  section.push(end);
  return section;
}

function appendSection(bytes: number[], id: number, content: readonly number[]): void {
  bytes.push(id);
  appendUnsigned(bytes, content.length);
  for (const byte of content) bytes.push(byte);
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  appendUnsigned(bytes, value);
  return bytes;
}

/** LEB128 of a number in [0, 2^32). */
function appendUnsigned(bytes: number[], value: number): void {
  let rest = value >>> 0;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}

/** Signed LEB128 of a 32-bit number: ends when what remains is only copies of the sign bit. */
function appendSigned(bytes: number[], value: number): void {
  let rest = value | 0;
  while (rest < -0x40 || rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  bytes.push(rest & 0x7f);
}
