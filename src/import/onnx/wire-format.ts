/**
 * The little of protobuf's wire format that finds one's way in a file without reading it all: tags, lengths, and
 * where each field of a message begins and ends. In: bytes that may lie on disk. Out: fields, or `Irregular` where
 * a file is not exactly as writers write it; whoever asked reads it all then, and tells what is wrong with it.
 * See https://protobuf.dev/programming-guides/encoding.
 */
import type { ByteSource } from "../../ir/byte-source.ts";

export interface WireField {
  readonly number: number;
  readonly isLengthDelimited: boolean;
  /** From the tag to the end of the contents. */
  readonly start: number;
  readonly end: number;
  /** Where the contents begin, after tag and length. */
  readonly contents: number;
}

/** The bytes cannot be walked. */
export class Irregular extends Error {}

/** Read at a time: most fields of a graph take a few hundred bytes. */
const windowBytes = 2 ** 13;

export class WireReader {
  readonly #source: ByteSource;
  #window: Uint8Array = new Uint8Array();
  #windowStart = 0;
  #at = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The fields of the message in [start, end). */
  *fields(start: number, end: number): Generator<WireField> {
    for (let at = start; at < end;) {
      const field = this.#field(at, end);
      yield field;
      at = field.end;
    }
  }

  #field(start: number, end: number): WireField {
    this.#at = start;
    const tag = this.#varint(end);
    const [number, wireType] = [Math.floor(tag / 8), tag % 8];
    if (number === 0) throw new Irregular("field 0");
    const length = this.#length(wireType, end);
    const contents = this.#at;
    if (length > end - contents) throw new Irregular("a field beyond the end of its message");
    return { number, isLengthDelimited: wireType === 2, start, contents, end: contents + length };
  }

  /** Of what is left of a field once its tag, and its length if it has one, were read. */
  #length(wireType: number, end: number): number {
    switch (wireType) {
      case 0:
        // A number of 64 bits, whose value nobody asks for.
        for (let i = 0; this.#byte(end) >= 0x80; i++) if (i === 9) throw new Irregular("a long number");
        return 0;
      case 1:
        return 8;
      case 2:
        return this.#varint(end);
      case 5:
        return 4;
      default:
        throw new Irregular(`wire type ${wireType}`);
    }
  }

  /** An unsigned number of at most 32 bits. */
  #varint(end: number): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.#byte(end);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80 && value < 2 ** 32) return value;
    }
    throw new Irregular("a tag or length of more than 32 bits");
  }

  #byte(end: number): number {
    if (this.#at >= end) throw new Irregular("a number beyond the end of its message");
    const inside = this.#at - this.#windowStart;
    const byte = inside >= 0 ? this.#window[inside] : undefined;
    if (byte !== undefined) {
      this.#at++;
      return byte;
    }
    this.#windowStart = this.#at;
    const windowEnd = Math.min(this.#at + windowBytes, this.#source.byteLength);
    this.#window = this.#source.slice(this.#at, windowEnd).read();
    return this.#byte(end);
  }
}

/** A number as protobuf writes it. */
export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Uint8Array.from([...bytes, value]);
}
