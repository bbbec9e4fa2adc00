/**
 * Changes of protobuf messages that leave them well-formed: fields are dropped, doubled, swapped, nested and given other
 * numbers, and the lengths around them fit again (or lie, on purpose). Needs no schema: what parses as a message
 * is taken for one.
 */
import { concat, lies, mutateBytes, type Bytes } from "./byte-mutations.ts";
import type { Random } from "./random.ts";

type Field =
  | { number: number; kind: "varint"; value: bigint }
  | { number: number; kind: "fixed"; bytes: Bytes; wireType: 1 | 5 }
  | { number: number; kind: "bytes"; bytes: Bytes }
  | { number: number; kind: "message"; fields: Field[]; lie?: number };

const deepest = 12;

/** One change somewhere in the message; bytes that are none come back changed as bytes. */
export function mutateProtobuf(bytes: Bytes, random: Random): Bytes {
  const fields = parse(bytes, 0);
  if (fields === undefined) return mutateBytes(bytes, random);
  mutateFields(fields, random);
  return write(fields);
}

function mutateFields(fields: Field[], random: Random): void {
  const messages = fields.filter((field) => field.kind === "message");
  // Most of a model is nested: descend more often than not.
  if (messages.length > 0 && random.chance(0.75)) {
    const chosen = random.pick(messages) as Field & { kind: "message" };
    if (random.chance(0.02)) chosen.lie = random.pick(lies);
    else return mutateFields(chosen.fields, random);
  }
  if (fields.length === 0)
    return void fields.push({ number: 1 + random.below(20), kind: "varint", value: 1n });
  const at = random.below(fields.length);
  const field = fields[at]!;
  switch (random.below(7)) {
    case 0:
      fields.splice(at, 1);
      return;
    case 1:
      fields.splice(at, 0, ...new Array<Field>(random.few(200)).fill(field));
      return;
    case 2:
      fields.splice(random.below(fields.length), 0, ...fields.splice(at, 1));
      return;
    case 3:
      field.number = 1 + random.below(random.chance(0.9) ? 22 : 2 ** 29 - 1);
      return;
    case 4: {
      let nested: Field = structuredClone(field);
      for (let depth = random.few(300); depth > 0; depth--)
        nested = { number: field.number, kind: "message", fields: [nested] };
      fields[at] = nested;
      return;
    }
    default:
      fields[at] = changedValue(field, random, fields);
  }
}

function changedValue(field: Field, random: Random, siblings: readonly Field[]): Field {
  switch (field.kind) {
    case "varint": {
      const value = random.chance(0.3)
        ? field.value + BigInt(random.pick([-2, -1, 1, 2]))
        : BigInt(random.pick(lies));
      return { ...field, value: BigInt.asUintN(64, value) };
    }
    case "fixed":
    case "bytes": {
      // Names of other things, as often as nonsense.
      const others = siblings.flatMap((other) => (other.kind === "bytes" ? [other.bytes] : []));
      const other = others.length > 0 ? random.pick(others) : Uint8Array.of(0x78);
      if (field.kind === "bytes" && random.chance(0.4)) return { ...field, bytes: other };
      const bytes = mutateBytes(field.bytes, random);
      return field.kind === "bytes"
        ? { ...field, bytes }
        : { ...field, bytes: padded(bytes, field.bytes.length) };
    }
    case "message":
      return { number: field.number, kind: "message", fields: [...field.fields, ...field.fields] };
    default:
      return field satisfies never;
  }
}

function padded(bytes: Bytes, length: number): Bytes {
  const result = new Uint8Array(length);
  result.set(bytes.subarray(0, length));
  return result;
}

function parse(bytes: Bytes, depth: number): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag >> 3n === 0n || tag >= 2n ** 32n) return undefined;
    const number = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    if (wireType === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ number, kind: "varint", value });
    } else if (wireType === 1 || wireType === 5) {
      const size = wireType === 1 ? 8 : 4;
      if (at + size > bytes.length) return undefined;
      fields.push({ number, kind: "fixed", wireType, bytes: bytes.slice(at, at + size) });
      at += size;
    } else if (wireType === 2) {
      const length = varint();
      if (length === undefined || length > BigInt(bytes.length - at)) return undefined;
      const contents = bytes.slice(at, at + Number(length));
      at += contents.length;
      // Long data is weights; short text that happens to parse as a message does no harm.
      const isMessage = depth < deepest && contents.length > 1 && (contents.length < 2 ** 17 || depth === 0);
      const inner = isMessage ? parse(contents, depth + 1) : undefined;
      fields.push(
        inner === undefined
          ? { number, kind: "bytes", bytes: contents }
          : { number, kind: "message", fields: inner },
      );
    } else return undefined;
  }
  return fields;
}

function write(fields: readonly Field[]): Bytes {
  const parts: Uint8Array[] = [];
  for (const field of fields) {
    const tag = (wireType: number) => varintBytes((BigInt(field.number) << 3n) | BigInt(wireType));
    switch (field.kind) {
      case "varint":
        parts.push(tag(0), varintBytes(field.value));
        break;
      case "fixed":
        parts.push(tag(field.wireType), field.bytes);
        break;
      case "bytes":
        parts.push(tag(2), varintBytes(BigInt(field.bytes.length)), field.bytes);
        break;
      case "message": {
        const contents = write(field.fields);
        parts.push(tag(2), varintBytes(BigInt.asUintN(64, BigInt(field.lie ?? contents.length))), contents);
        break;
      }
      default:
        field satisfies never;
    }
  }
  return concat(...parts);
}

function varintBytes(value: bigint): Bytes {
  const bytes: number[] = [];
  for (; value >= 0x80n; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(value)]);
}
