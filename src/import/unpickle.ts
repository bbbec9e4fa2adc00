/**
 * A restricted unpickler. It understands the opcodes that `torch.save` writes (protocols 2 to 5, Python 2 included) and builds
 * dictionaries, lists, tuples, strings, numbers, booleans and None; whatever a pickle asks to import is looked
 * up in the caller's table, and a name that is not there is refused before anything is called. One byte can make an
 * object, and a short file be unpacked to many bytes: what is made is paid for from a budget, see `cost`.
 */
import { UserError } from "../errors.ts";
import type { MemoryBudget } from "./memory-budget.ts";

export type PickleKey = string | number | bigint | boolean | null;

/** What a pickle can hold. `object`: made by a function of the table. */
export type PickleValue =
  | PickleKey
  | PickleDict
  | PickleList
  | PickleTuple
  | PickleGlobal
  | { readonly kind: "object"; readonly value: unknown };

export interface PickleDict {
  readonly kind: "dict";
  readonly entries: Map<PickleKey, PickleValue>;
}
export interface PickleList {
  readonly kind: "list";
  readonly items: PickleValue[];
}
export interface PickleTuple {
  readonly kind: "tuple";
  readonly items: readonly PickleValue[];
}
/** A name the pickle may use; `call` where it may be called, too. */
export interface PickleGlobal {
  readonly kind: "global";
  readonly name: string;
  readonly call?: (args: readonly PickleValue[], budget: MemoryBudget) => PickleValue;
}

export interface UnpickleOptions {
  /** Names that may be imported, as `module.name`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** Turns a persistent id into what it stands for. */
  readonly persistent: (id: PickleValue) => PickleValue;
  /** For all that is made of the file. */
  readonly budget: MemoryBudget;
}

/** About what V8 takes for things, in bytes; twice that where tables grow, which are then there twice. */
export const cost = {
  dict: 240,
  list: 120,
  tuple: 80,
  string: 32,
  object: 240,
  /** Of a dictionary or of the memory. */
  entry: 96,
  /** Of a list, a tuple or the stack. */
  item: 24,
} as const;

/** A Map holds at most 2^24. */
const mostEntries = 2 ** 23;

const decoder = new TextDecoder("utf-8", { fatal: true });

const mark = Symbol("mark");

export function unpickleFail(problem: string): never {
  throw new UserError(
    "file-format",
    `pytorch: ${problem} Save the state dict alone: torch.save(model.state_dict(), path).`,
  );
}

/** The value of the pickle in `bytes`. */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): PickleValue {
  return unpickleAt(bytes, 0, options).value;
}

/** The value of the pickle that starts at `start`, and where it ends. */
export function unpickleAt(
  bytes: Uint8Array,
  start: number,
  options: UnpickleOptions,
): { readonly value: PickleValue; readonly end: number } {
  const unpickler = new Unpickler(bytes, start, options);
  return { value: unpickler.run(), end: unpickler.position };
}

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: UnpickleOptions;
  readonly #stack: (PickleValue | typeof mark)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at: number;

  constructor(bytes: Uint8Array, start: number, options: UnpickleOptions) {
    this.#at = start;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
  }

  get position(): number {
    return this.#at;
  }

  run(): PickleValue {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return this.#pop();
      this.#step(opcode);
    }
  }

  /** Opcodes by their byte; the names are those of Python's pickletools. */
  #step(opcode: number): void {
    const stack = this.#stack;
    switch (opcode) {
      case 0x80: // PROTO
        if (this.#byte() > 5) unpickleFail("the pickle's protocol is newer than 5.");
        return;
      case 0x95: // FRAME: only says how much to read ahead
        this.#take(8);
        return;
      case 0x28: // MARK
        this.#spend(cost.item);
        stack.push(mark);
        return;
      case 0x30: // POP
        if (stack.pop() === undefined) this.#fail("takes a value that is not there");
        return;
      case 0x4e: // NONE
        this.#push(null);
        return;
      case 0x88: // NEWTRUE
        this.#push(true);
        return;
      case 0x89: // NEWFALSE
        this.#push(false);
        return;
      case 0x4a: // BININT
        this.#push(this.#view.getInt32(this.#take(4), true));
        return;
      case 0x4b: // BININT1
        this.#push(this.#byte());
        return;
      case 0x4d: // BININT2
        this.#push(this.#view.getUint16(this.#take(2), true));
        return;
      case 0x8a: // LONG1
        this.#push(this.#long(this.#byte()));
        return;
      case 0x47: // BINFLOAT, big-endian
        this.#push(this.#view.getFloat64(this.#take(8), false));
        return;
      case 0x58: // BINUNICODE
        this.#push(this.#text(this.#view.getUint32(this.#take(4), true)));
        return;
      case 0x54: // BINSTRING, the text of Python 2
        this.#push(this.#text(this.#view.getUint32(this.#take(4), true)));
        return;
      case 0x55: // SHORT_BINSTRING
      case 0x8c: // SHORT_BINUNICODE
        this.#push(this.#text(this.#byte()));
        return;
      case 0x7d: // EMPTY_DICT
        this.#push({ kind: "dict", entries: new Map() }, cost.dict);
        return;
      case 0x5d: // EMPTY_LIST
        this.#push({ kind: "list", items: [] }, cost.list);
        return;
      case 0x29: // EMPTY_TUPLE
        this.#push({ kind: "tuple", items: [] }, cost.tuple);
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.#push({ kind: "tuple", items: this.#popSeveral(opcode - 0x84) }, cost.tuple + 3 * cost.item);
        return;
      case 0x74: // TUPLE
        this.#pushTuple(this.#popToMark());
        return;
      case 0x73: // SETITEM
        this.#setItems(this.#popSeveral(2));
        return;
      case 0x75: // SETITEMS
        this.#setItems(this.#popToMark());
        return;
      case 0x61: // APPEND
        this.#append(this.#popSeveral(1));
        return;
      case 0x65: // APPENDS
        this.#append(this.#popToMark());
        return;
      case 0x71: // BINPUT
        this.#remember(this.#byte());
        return;
      case 0x72: // LONG_BINPUT
        this.#remember(this.#view.getUint32(this.#take(4), true));
        return;
      case 0x94: // MEMOIZE
        this.#remember(this.#memo.size);
        return;
      case 0x68: // BINGET
        this.#recall(this.#byte());
        return;
      case 0x6a: // LONG_BINGET
        this.#recall(this.#view.getUint32(this.#take(4), true));
        return;
      case 0x63: // GLOBAL
        this.#push(this.#global(this.#line(), this.#line()));
        return;
      case 0x93: // STACK_GLOBAL
        this.#push(this.#global(...(this.#popSeveral(2) as [PickleValue, PickleValue])));
        return;
      case 0x51: // BINPERSID
        this.#push(this.#options.persistent(this.#pop()), cost.object);
        return;
      case 0x52: // REDUCE
        this.#reduce();
        return;
      case 0x62: // BUILD
        this.#build();
        return;
      default:
        unpickleFail(
          `the pickle has opcode 0x${opcode.toString(16).padStart(2, "0")} at byte ${this.#at - 1}, which plain state dicts do not need.`,
        );
    }
  }

  #spend(bytes: number): void {
    this.#options.budget.spend(bytes, "the pickle");
  }

  #push(value: PickleValue, bytes = 0): void {
    this.#spend(cost.item + bytes);
    this.#stack.push(value);
  }

  #pushTuple(items: readonly PickleValue[]): void {
    this.#push({ kind: "tuple", items }, cost.tuple + items.length * cost.item);
  }

  #remember(position: number): void {
    this.#spend(cost.entry);
    if (this.#memo.size >= mostEntries) this.#fail(`has more than ${mostEntries} things in its memory`);
    this.#memo.set(position, this.#top());
  }

  #fail(problem: string): never {
    return unpickleFail(`the pickle ${problem} (before byte ${this.#at}); the file is damaged.`);
  }

  /** Moves on by `count` bytes and returns where they start. */
  #take(count: number): number {
    const start = this.#at;
    if (start + count > this.#bytes.length) this.#fail("ends too early");
    this.#at += count;
    return start;
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  #text(length: number): string {
    const start = this.#take(length);
    this.#spend(cost.string + 2 * length);
    try {
      return decoder.decode(this.#bytes.subarray(start, this.#at));
    } catch {
      return this.#fail("holds a string that is not UTF-8");
    }
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.#fail("ends within a name");
    const text = this.#text(end - this.#at);
    this.#at++;
    return text;
  }

  /** Little-endian two's complement. */
  #long(length: number): number | bigint {
    const start = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[start + i]!);
    value = BigInt.asIntN(8 * length, value);
    return BigInt(Number.MIN_SAFE_INTEGER) <= value && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : value;
  }

  #pop(): PickleValue {
    return this.#popSeveral(1)[0]!;
  }

  #popSeveral(count: number): PickleValue[] {
    const values = this.#stack.splice(Math.max(0, this.#stack.length - count), count);
    if (values.length < count || values.includes(mark)) this.#fail("takes a value that is not there");
    return values as PickleValue[];
  }

  #popToMark(): PickleValue[] {
    const start = this.#stack.lastIndexOf(mark);
    if (start < 0) this.#fail("takes values back to a mark that is not there");
    const values = this.#stack.splice(start);
    return values.slice(1) as PickleValue[];
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === mark) return this.#fail("takes a value that is not there");
    return value;
  }

  #recall(position: number): void {
    const value = this.#memo.get(position);
    if (value === undefined) this.#fail(`asks for number ${position} of its memory, which is empty`);
    this.#push(value);
  }

  #setItems(values: readonly PickleValue[]): void {
    const target = this.#top();
    if (!isKind(target, "dict") || values.length % 2 !== 0)
      return this.#fail("sets entries of what is no dictionary");
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i]!;
      if (typeof key === "object" && key !== null)
        return unpickleFail(`a dictionary has a key that is a ${key.kind}, not a string or number.`);
      this.#spend(cost.entry);
      if (target.entries.size >= mostEntries)
        this.#fail(`has a dictionary of more than ${mostEntries} entries`);
      target.entries.set(key, values[i + 1]!);
    }
  }

  #append(values: readonly PickleValue[]): void {
    const target = this.#top();
    if (!isKind(target, "list")) return this.#fail("appends to what is no list");
    this.#spend(values.length * cost.item);
    for (const value of values) target.items.push(value);
  }

  #global(module: PickleValue, name: PickleValue): PickleGlobal {
    if (typeof module !== "string" || typeof name !== "string")
      return this.#fail("imports what is not a name");
    const full = `${module}.${name}`;
    return (
      this.#options.globals.get(full) ??
      unpickleFail(
        `the file holds an object of the class or function ${JSON.stringify(full.slice(0, 200))}; only tensors, dictionaries, lists, tuples, strings and numbers are read.`,
      )
    );
  }

  #reduce(): void {
    const [target, args] = this.#popSeveral(2) as [PickleValue, PickleValue];
    if (!isKind(target, "global") || !isKind(args, "tuple"))
      return this.#fail("calls what is not a function");
    if (target.call === undefined) return unpickleFail(`the pickle calls ${target.name}.`);
    this.#push(target.call(args.items, this.#options.budget), cost.object);
  }

  /** Attributes of an ordered dictionary (a state dict's versions) are not part of what it holds. */
  #build(): void {
    this.#pop();
    if (!isKind(this.#top(), "dict"))
      unpickleFail("the pickle sets attributes of something other than a dictionary.");
  }
}

type Kinded = Extract<PickleValue, { readonly kind: string }>;

export function isKind<K extends Kinded["kind"]>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<Kinded, { readonly kind: K }> {
  return typeof value === "object" && value !== null && value.kind === kind;
}
