/**
 * The binary format of WebAssembly, as far as the writer needs it. In: instructions one by one, then
 * functions with their parameters and locals. Out: the bytes of a module that imports `env.memory` and exports
 * the functions (W3C, "WebAssembly Core Specification", chapter 5).
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
    if (code > 0xffff) return this.byte(code >> 16).unsigned(code & 0xffff);
    if (code > 0xff) return this.byte(code >> 8).unsigned(code & 0xff);
    return this.byte(code);
  }

  get(local: number): this {
    return this.op("local.get").unsigned(local);
  }

  set(local: number): this {
    return this.op("local.set").unsigned(local);
  }

  tee(local: number): this {
    return this.op("local.tee").unsigned(local);
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
    return this.op(name).byte(2).unsigned(offsetBytes);
  }

  lane(name: Opcode, lane: number): this {
    return this.op(name).byte(lane);
  }

  /** One 32-bit lane of the vector on top of the stack, in all lanes. */
  broadcastLane(vector: number, lane: number): this {
    this.get(vector).get(vector).op("i8x16.shuffle");
    for (let byte = 0; byte < 16; byte++) this.byte(lane * 4 + (byte & 3));
    return this;
  }

  open(name: "block" | "loop" | "if"): this {
    return this.op(name).byte(emptyBlockType);
  }

  branchIf(depth: number): this {
    return this.op("br_if").unsigned(depth);
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

  byte(value: number): this {
    this.#reserve(1);
    this.#memory[this.#length++] = value;
    return this;
  }

  #word(bits: number): this {
    return this.byte(bits)
      .byte(bits >> 8)
      .byte(bits >> 16)
      .byte(bits >> 24);
  }

  /** LEB128 of a number in [0, 2^32). */
  unsigned(value: number): this {
    let rest = value >>> 0;
    for (; rest >= 0x80; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
    return this.byte(rest);
  }

  /** Signed LEB128: ends when what remains is only copies of the sign bit. */
  #signed(value: number): this {
    let rest = value;
    for (; rest < -0x40 || rest > 0x3f; rest >>= 7) this.byte((rest & 0x7f) | 0x80);
    return this.byte(rest & 0x7f);
  }
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

/** The bits of an f32 as a signed 32-bit number. */
export function f32Bits(value: number): number {
  float[0] = value;
  return floatBits[0]!;
}

/** A function as modules hold it: its type, and what the code section has of it. */
export interface EncodedFunction {
  readonly type: ArrayLike<number>;
  readonly code: ArrayLike<number>;
}

/** The module of one kernel, which exports `run`. */
export function encodeModule(code: FunctionCode): Uint8Array {
  return assembleModule([{ name: entryPoint, ...encodeFunction(code) }], { shared: false });
}

function encodeFunction({ parameterCount, locals, body }: FunctionCode): EncodedFunction {
  const parameters = Array.from({ length: parameterCount }, () => valueTypes.i32);
  const declarations = localDeclarations(locals);
  const sizeBytes = declarations.length + body.bytes.length + 1;
  return {
    type: [0x60, ...unsigned(parameterCount), ...parameters, 0],
    code: joinBytes([unsigned(sizeBytes), declarations, body.bytes, [opcodes.end]]),
  };
}

/** A module that imports the memory and exports each function by its name. */
export function assembleModule(
  functions: readonly (EncodedFunction & { readonly name: string })[],
  memory: MemoryImport,
): Uint8Array {
  const numbers = functions.map((_, i) => unsigned(i));
  return joinBytes([
    header,
    section(
      sectionIds.type,
      functions.map(({ type }) => type),
    ),
    importSection(memory),
    section(sectionIds.function, numbers),
    section(
      sectionIds.export,
      functions.map((item, i) => [...nameBytes(item.name), 0x00, ...numbers[i]!]),
    ),
    section(
      sectionIds.code,
      functions.map(({ code }) => code),
    ),
  ]);
}

/** Magic number and version. */
export const header: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

export const sectionIds = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

function importSection(memory: MemoryImport): Uint8Array {
  const limits = memory.shared ? [0x03, 0, ...unsigned(memory.maxPages)] : [0x00, 0];
  return section(sectionIds.import, [
    [...nameBytes(memoryModule), ...nameBytes(memoryName), 0x02, ...limits],
  ]);
}

/** A function's locals, runs of one type counted. */
function localDeclarations(locals: readonly ValueType[]): Uint8Array {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of locals) {
    const last = runs[runs.length - 1];
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  const bytes = new CodeBuffer().unsigned(runs.length);
  for (const { type, count } of runs) bytes.unsigned(count).byte(valueTypes[type]);
  return bytes.bytes;
}

/** A section that is a list: its id, its size, how many items there are, and they. */
function section(id: number, items: readonly ArrayLike<number>[]): Uint8Array {
  const count = unsigned(items.length);
  const sizeBytes = items.reduce((sum, item) => sum + item.length, count.length);
  return joinBytes([[id], unsigned(sizeBytes), count, ...items]);
}

function joinBytes(parts: readonly ArrayLike<number>[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function nameBytes(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

function unsigned(value: number): Uint8Array {
  return new CodeBuffer().unsigned(value).bytes;
}
