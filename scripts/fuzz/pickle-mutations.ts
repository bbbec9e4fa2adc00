/**
 * Changes of pickles, opcode by opcode: dropped, doubled, moved, replaced, with other arguments, and runs of those that
 * make objects. In: a pickle, and what follows it. Out: the same with one change.
 */
import { concat, lies, mutateBytes, numberBytes, replaced, type Bytes } from "./byte-mutations.ts";
import type { Random } from "./random.ts";

interface Token {
  readonly start: number;
  readonly end: number;
}

/** Bytes of an opcode's argument, where it has a fixed number of them. */
const argumentBytes: Readonly<Record<number, number>> = {
  ...{ 0x80: 1, 0x95: 8, 0x4a: 4, 0x4b: 1, 0x4d: 2, 0x47: 8 },
  ...{ 0x71: 1, 0x72: 4, 0x68: 1, 0x6a: 4 },
};
/** Bytes of the length that an opcode's argument begins with. */
const lengthBytes: Readonly<Record<number, 1 | 4>> = { 0x8a: 1, 0x58: 4, 0x54: 4, 0x55: 1, 0x8c: 1 };

/** What makes objects, memory and structure: empty dictionaries, lists, tuples, marks, memo entries, and calls. */
const runs: readonly (readonly number[])[] = [
  ...[[0x7d], [0x5d], [0x29], [0x28], [0x94], [0x7d, 0x94], [0x7d, 0x30], [0x5d, 0x94], [0x4e], [0x88]],
  ...[[0x85], [0x86], [0x87], [0x74], [0x61], [0x65], [0x73], [0x75], [0x30], [0x62], [0x52], [0x51]],
  ...[[0x28, 0x74], [0x68, 0], [0x68, 1], [0x71, 255], [0x5d, 0x94, 0x68, 0, 0x61], [0x2e]],
  [...new TextEncoder().encode("ccollections\nOrderedDict\n"), 0x29, 0x52],
];

function tokens(bytes: Uint8Array): readonly Token[] {
  const found: Token[] = [];
  for (let at = 0; at < bytes.length;) {
    const opcode = bytes[at]!;
    let end = at + 1 + (argumentBytes[opcode] ?? 0);
    const size = lengthBytes[opcode];
    if (size !== undefined && at + 1 + size <= bytes.length) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      end = at + 1 + size + (size === 1 ? bytes[at + 1]! : view.getUint32(at + 1, true));
    }
    if (opcode === 0x63) end = bytes.indexOf(0x0a, bytes.indexOf(0x0a, at) + 1) + 1;
    if (end <= at || end > bytes.length) break;
    found.push({ start: at, end });
    at = end;
    if (opcode === 0x2e && bytes[at] !== 0x80) break;
  }
  return found;
}

export function mutatePickle(bytes: Bytes, random: Random): Bytes {
  const all = tokens(bytes);
  if (all.length === 0) return mutateBytes(bytes, random);
  const { start, end } = random.pick(all);
  const none = new Uint8Array();
  switch (random.below(8)) {
    case 0:
      return replaced(bytes, start, end, none);
    case 1:
      return replaced(bytes, end, end, repeated(bytes.subarray(start, end), random.few(2000)));
    case 2: {
      const to = random.pick(all).start;
      return replaced(bytes, to, to, bytes.slice(start, end));
    }
    case 3:
    case 4: {
      const times = random.chance(0.7) ? random.few(100) : random.few(20_000);
      return replaced(bytes, start, start, repeated(Uint8Array.from(random.pick(runs)), times));
    }
    case 5: {
      const other = random.pick(all);
      return replaced(bytes, start, end, bytes.slice(other.start, other.end));
    }
    case 6: {
      const size = random.pick([1, 2, 4] as const);
      const by = numberBytes(random.pick(lies), size);
      return replaced(bytes, start + 1, Math.min(bytes.length, start + 1 + size), by);
    }
    default:
      return replaced(bytes, start, end, mutateBytes(bytes.slice(start, end), random));
  }
}

function repeated(part: Uint8Array, times: number): Bytes {
  return concat(...new Array<Uint8Array>(times).fill(part));
}
