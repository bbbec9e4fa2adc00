/** Changes of bytes that know nothing of their format: flips, cuts, copies, and numbers that lie. */
import type { Random } from "./random.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

/** Numbers that sizes and offsets are wrong by, or just at a limit. */
export const lies: readonly number[] = [
  ...[0, 1, 2, 3, 4, 7, 8, 15, 16, 64, 127, 128, 255, 256, 1000, 4095, 4096, 4097, 65535, 65536],
  ...[2 ** 20, 2 ** 24, 2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 53 - 1, 2 ** 53],
  ...[-1, -2, -128, -(2 ** 31), -(2 ** 53)],
];

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** `bytes` with those in [start, end) replaced. */
export function replaced(bytes: Uint8Array, start: number, end: number, by: Uint8Array): Bytes {
  return concat(bytes.subarray(0, start), by, bytes.subarray(end));
}

/** Little-endian or big-endian, of 1, 2, 4 or 8 bytes. */
export function numberBytes(value: number, size: 1 | 2 | 4 | 8, littleEndian = true): Bytes {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), littleEndian);
  const bytes = new Uint8Array(view.buffer);
  return littleEndian ? bytes.slice(0, size) : bytes.slice(8 - size);
}

type Mutation = (bytes: Bytes, random: Random) => Bytes;

function range(bytes: Bytes, random: Random, longest = bytes.length): readonly [number, number] {
  const start = random.below(bytes.length);
  return [start, Math.min(bytes.length, start + random.few(Math.max(1, longest)))];
}

const mutations: readonly Mutation[] = [
  function flip(bytes, random) {
    const changed = bytes.slice();
    for (let left = random.few(8); left > 0; left--)
      changed[random.below(bytes.length)]! ^= 1 << random.below(8);
    return changed;
  },
  function overwrite(bytes, random) {
    const changed = bytes.slice();
    for (let left = random.few(8); left > 0; left--)
      changed[random.below(bytes.length)] = random.chance(0.5)
        ? random.below(256)
        : random.pick([0, 1, 0x7f, 0x80, 0xff]);
    return changed;
  },
  function cut(bytes, random) {
    return bytes.slice(0, random.below(bytes.length));
  },
  function remove(bytes, random) {
    const [start, end] = range(bytes, random);
    return replaced(bytes, start, end, new Uint8Array());
  },
  function repeat(bytes, random) {
    const [start, end] = range(bytes, random, 256);
    const times = random.few(64);
    const part = bytes.subarray(start, end);
    return replaced(bytes, end, end, concat(...new Array<Uint8Array>(times).fill(part)));
  },
  function move(bytes, random) {
    const [start, end] = range(bytes, random);
    const to = random.below(bytes.length);
    return replaced(bytes, to, to, bytes.slice(start, end));
  },
  function lie(bytes, random) {
    const size = random.pick([1, 2, 4, 8] as const);
    const at = random.below(bytes.length);
    return replaced(
      bytes,
      at,
      Math.min(bytes.length, at + size),
      numberBytes(random.pick(lies), size, random.chance(0.7)),
    );
  },
  function nudge(bytes, random) {
    const changed = bytes.slice();
    const at = random.below(bytes.length);
    changed[at] = changed[at]! + random.pick([-1, 1, 2, -2]);
    return changed;
  },
];

/** One change. @param other a file whose parts may be spliced in */
export function mutateBytes(bytes: Bytes, random: Random, other: Uint8Array = bytes): Bytes {
  if (bytes.length === 0) return Uint8Array.of(random.below(256));
  if (random.chance(0.1) && other.length > 0) {
    const [start, end] = range(bytes, random);
    const from = random.below(other.length);
    return replaced(bytes, start, end, other.subarray(from, from + random.few(other.length)));
  }
  return random.pick(mutations)(bytes, random);
}
