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
  #memory = new Uint8Array(64);
  #length = 0;

  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  op(name: Opcode): this {
    const code: number = opcodes[name];
    if (code > 0xffff) return this.#byte(code >> 16).#unsigned(code & 0xffff);
    if (code > 0xff) return this.#byte(code >> 8).#unsigned(code & 0xff);
    return this.#byte(code);
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
    return this.op("i32.const").#signed(value | 0);
  }

  f32(value: number): this {
    return this.op("f32.const").#word(f32Bits(value));
  }

  /** A vector constant from its 32-bit patterns. */
  v128(words: readonly number[]): this {
    this.op("v128.const");
    for (const word of words) this.#word(word);
    return this;
  }

  /** A load or store at the address on the stack plus `offsetBytes`. Elements are 4-byte aligned. */
  memory(name: Opcode, offsetBytes: number): this {
    return this.op(name).#byte(2).#unsigned(offsetBytes);
  }

  lane(name: Opcode, lane: number): this {
    return this.op(name).#byte(lane);
  }

  /** One 32-bit lane of the vector on top of the stack, in all lanes. */
  broadcastLane(vector: number, lane: number): this {
    this.get(vector).get(vector).op("i8x16.shuffle");
    for (let byte = 0; byte < 16; byte++) this.#byte(lane * 4 + (byte & 3));
    return this;
  }

  open(name: "block" | "loop" | "if"): this {
    return this.op(name).#byte(emptyBlockType);
  }

  branchIf(depth: number): this {
    return this.op("br_if").#unsigned(depth);
  }

  append(other: CodeBuffer): this {
    this.#reserve(other.#length);
    this.#memory.set(other.bytes, this.#length);
    this.#length += other.#length;
    return this;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#memory.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#memory.length));
    larger.set(this.bytes);
    this.#memory = larger;
  }

  #byte(value: number): this {
    this.#reserve(1);
    this.#memory[this.#length++] = value;
    return this;
  }

  #word(bits: number): this {
    return this.#byte(bits)
      .#byte(bits >> 8)
      .#byte(bits >> 16)
      .#byte(bits >> 24);
  }

  /** LEB128 of a number in [0, 2^32). */
  #unsigned(value: number): this {
    let rest = value >>> 0;
    for (; rest >= 0x80; rest >>>= 7) this.#byte((rest & 0x7f) | 0x80);
    return this.#byte(rest);
  }

  /** Signed LEB128: ends when what remains is only copies of the sign bit. */
  #signed(value: number): this {
    let rest = value;
    for (; rest < -0x40 || rest > 0x3f; rest >>= 7) this.#byte((rest & 0x7f) | 0x80);
    return this.#byte(rest & 0x7f);
  }
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

/** The bits of an f32 as a signed 32-bit number. */
export function f32Bits(value: number): number {
  float[0] = value;
  return floatBits[0]!;
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
  const start = codeStart(code);
  const sectionBytes = start.length + code.body.bytes.length + 1;
  bytes.push(10, ...unsigned(sectionBytes), ...start);
  const module = new Uint8Array(bytes.length + code.body.bytes.length + 1);
  module.set(bytes);
  module.set(code.body.bytes, bytes.length);
  module[module.length - 1] = opcodes.end;
  return module;
}

/** The section that imports the memory, complete. */
export function importSection(memory: MemoryImport): number[] {
  const limits = memory.shared ? [0x03, 0, ...unsigned(memory.maxPages)] : [0x00, 0];
  const bytes: number[] = [];
  appendSection(bytes, 2, vector([[...name(memoryModule), ...name(memoryName), 0x02, ...limits]]));
  return bytes;
}

/** What stands in front of a function's body in the code section. */
function codeStart(code: FunctionCode): number[] {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of code.locals) {
    const last = runs[runs.length - 1];
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  const declarations = vector(runs.map(({ type, count }) => [...unsigned(count), valueTypes[type]]));
  const sizeBytes = declarations.length + code.body.bytes.length + 1;
  return [1, ...unsigned(sizeBytes), ...declarations];
}

function appendSection(bytes: number[], id: number, content: readonly number[]): void {
  bytes.push(id, ...unsigned(content.length), ...content);
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

/** LEB128 of a number in [0, 2^32). */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}
