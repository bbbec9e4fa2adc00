import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { readSafetensors, writeSafetensors } from "../../src/import/safetensors.ts";
import { tensor, zeros, type HostTensor } from "../../src/ir/host-tensor.ts";
import { seededRandom } from "../../src/nn/init.ts";

const digits = new URL("../../examples/digits/data/", import.meta.url);
const digitsFile = readFileSync(new URL("digits-resnet.safetensors", digits));

/** A file with any header, true or not. */
function file(header: unknown, data: ArrayLike<number> = [], headerLength?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const one = (dtype: string, shape: readonly number[], data: ArrayLike<number>) =>
  readSafetensors(file({ x: { dtype, shape, data_offsets: [0, data.length] } }, data))["x"]!;

describe("reading", () => {
  test("a network's state dict and its recorded logits", () => {
    const tensors = readSafetensors(digitsFile);
    expect(Object.keys(tensors).length).toBeGreaterThan(20);
    expect(tensors["bn1.running_var"]).toMatchObject({ dtype: "f32", shape: [16] });

    const bytes = Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
    expect(bytes).toBe(digitsFile.length - 8 - Number(digitsFile.readBigUInt64LE(0)));
    const { count } = JSON.parse(readFileSync(new URL("expected.json", digits), "utf8")) as { count: number };
    const [logits] = Object.values(
      readSafetensors(readFileSync(new URL("expected-logits.safetensors", digits))),
    );
    expect(logits!.shape).toEqual([count, 10]);
    expect([...logits!.data].every(Number.isFinite)).toBe(true);
  });

  test("an ArrayBuffer, and a view at an odd offset, whose memory the tensors do not share", () => {
    const bytes = file(
      { x: { dtype: "F32", shape: [2], data_offsets: [0, 8] } },
      [0, 0, 128, 63, 0, 0, 0, 64],
    );
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const x = readSafetensors(shifted.subarray(3))["x"]!;
    shifted.fill(0);
    expect(x).toEqual(tensor([1, 2]));
    expect(readSafetensors(bytes.buffer as ArrayBuffer)["x"]).toEqual(tensor([1, 2]));
  });

  test("half precision widens without loss", () => {
    const bits = [
      0x0000, 0x8000, 0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x3555,
    ];
    const data = new Uint8Array(Uint16Array.from(bits).buffer);
    const expected = [
      0,
      -0,
      1,
      -2,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      Infinity,
      -Infinity,
      NaN,
      0.333251953125,
    ];
    expect([...one("F16", [12], data).data]).toEqual(expected);
  });

  test("bfloat16 widens without loss", () => {
    const data = new Uint8Array(Uint16Array.of(0x3f80, 0xc000, 0x8000, 0x7f80, 0x7fc0, 0x0001).buffer);
    expect([...one("BF16", [6], data).data]).toEqual([1, -2, -0, Infinity, NaN, 2 ** -133]);
  });

  test("doubles are rounded, narrow integers widen, 64-bit integers stay", () => {
    expect(one("F64", [2], new Uint8Array(Float64Array.of(0.1, 1e300).buffer))).toEqual(
      tensor([0.1, Infinity]),
    );
    expect(one("I8", [2], [255, 127])).toEqual(tensor(Int32Array.of(-1, 127)));
    expect(one("U8", [2], [255, 127])).toEqual(tensor(Int32Array.of(255, 127)));
    expect(one("I16", [1], [255, 255])).toEqual(tensor(Int32Array.of(-1)));
    expect(one("U16", [1], [255, 255])).toEqual(tensor(Int32Array.of(65535)));
    expect(one("U32", [1], [255, 255, 255, 255])).toEqual(tensor(Uint32Array.of(4294967295)));
    expect(one("I64", [1], new Array(8).fill(255))).toEqual(tensor([-1n]));
    expect(one("BOOL", [2], [1, 0])).toEqual(tensor([true, false]));
  });

  test("names such as __proto__ and constructor are ordinary names", () => {
    const entry = (begin: number) => `{"dtype":"U8","shape":[1],"data_offsets":[${begin},${begin + 1}]}`;
    const read = readSafetensors(file(`{"__proto__":${entry(0)},"constructor":${entry(1)}}`, [7, 8]));
    expect(Object.keys(read)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(read, "__proto__")!.value).toEqual(tensor(Int32Array.of(7)));
  });

  test("tensors without elements need no bytes", () => {
    const header = {
      a: { dtype: "F32", shape: [0, 3], data_offsets: [0, 0] },
      b: { dtype: "U8", shape: [], data_offsets: [0, 1] },
    };
    expect(readSafetensors(file(header, [5]))).toEqual({
      a: zeros([0, 3], "f32"),
      b: tensor(Int32Array.of(5), []),
    });
    expect(readSafetensors(file({}))).toEqual({});
  });
});

describe("writing", () => {
  const tensors: Readonly<Record<string, HostTensor>> = {
    flags: tensor([true, false, true]),
    "fc.weight": tensor([1, -0, NaN, Infinity, 0.1, 6], [2, 3]),
    count: tensor([5n], []),
    ids: tensor(Int32Array.of(-1, 2)),
    large: tensor(Uint32Array.of(4294967295)),
    none: zeros([0, 2], "f32"),
  };

  test("what is written is read back the same, in the same order", () => {
    const read = readSafetensors(writeSafetensors(tensors, { made: "here" }));
    expect(read).toEqual(tensors);
    expect(Object.keys(read)).toEqual(Object.keys(tensors));
  });

  test("a state dict from elsewhere survives bit for bit", () => {
    const read = readSafetensors(digitsFile);
    expect(readSafetensors(writeSafetensors(read))).toEqual(read);
  });

  test("every tensor is aligned to its elements, and the data to eight bytes", () => {
    const bytes = writeSafetensors(tensors);
    const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(headerLength % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength))) as Record<string, { data_offsets: [number, number] }>; // prettier-ignore
    for (const [name, { data }] of Object.entries(tensors)) {
      expect(header[name]!.data_offsets[0] % data.BYTES_PER_ELEMENT, name).toBe(0);
    }
  });

  test("data that does not fit its shape, and a reserved name, are refused", () => {
    const short = { dtype: "f32", shape: [3], data: Float32Array.of(1, 2) } as const;
    expect(() => writeSafetensors({ x: short })).toThrow(/tensor "x" has shape \[3\], but 2 elements/);
    expect(() => writeSafetensors({ __metadata__: tensor([1]) })).toThrow(
      /__metadata__ is not a tensor name/,
    );
  });
});

describe("a file that lies is refused", () => {
  const x = (change: object) => ({ x: { dtype: "U8", shape: [2], data_offsets: [0, 2], ...change } });
  const pair = (a: readonly number[], b: readonly number[]) => ({
    a: { dtype: "U8", shape: [a[1]! - a[0]!], data_offsets: a },
    b: { dtype: "U8", shape: [b[1]! - b[0]!], data_offsets: b },
  });
  const d = [1, 2];
  // prettier-ignore
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["no bytes", new Uint8Array(0), /expected at least 8 bytes, got 0/],
    ["seven bytes", new Uint8Array(7), /expected at least 8 bytes, got 7/],
    ["a header of 2^60 bytes", file({}, [], 2n ** 60n), /said to have 1152921504606846976 bytes, but only 2 follow/],
    ["a header of 2^64 − 1 bytes", file({}, [], 2n ** 64n - 1n), /18446744073709551615 bytes/],
    ["a header one byte too long", file({}, [], 3n), /said to have 3 bytes, but only 2 follow/],
    ["no header", file("", []), /header of 0 bytes is not JSON/],
    ["a header that is not JSON", file("{x}"), /not JSON/],
    ["a header that is not UTF-8", file({}, [255, 255], 4n), /not JSON/],
    ["a header that is a list", file([]), /header is \[\], expected an object/],
    ["a header that is null", file("null"), /header is null/],
    ["a header nested deeply", file(`{"x":${"[".repeat(50_000)}`), /not JSON/],
    ["a tensor that is a number", file({ x: 5 }), /tensor "x" is 5, expected dtype, shape and data_offsets/],
    ["no dtype", file(x({ dtype: undefined }), d), /tensor "x" has dtype missing, expected F32/],
    ["an unknown dtype", file(x({ dtype: "C64" }), d), /tensor "x" has dtype "C64", expected F32.*Convert it/],
    ["an unsupported dtype", file(x({ dtype: "F8_E4M3" }), d), /dtype "F8_E4M3"/],
    ["a dtype named like a method", file(x({ dtype: "toString" }), d), /dtype "toString"/],
    ["no shape", file(x({ shape: undefined }), d), /tensor "x" has shape missing/],
    ["a shape that is text", file(x({ shape: "2" }), d), /has shape "2"/],
    ["a negative size", file(x({ shape: [-2] }), d), /has shape \[-2\], expected a list of integers from 0/],
    ["a fractional size", file(x({ shape: [2.5] }), d), /has shape \[2.5\]/],
    ["a huge size", file(x({ shape: [2 ** 40, 0], data_offsets: [0, 0] })), /has shape \[1099511627776,0\]/],
    ["sizes whose product overflows", file(x({ shape: new Array(40).fill(2 ** 31 - 1) }), d), /needs .* bytes/],
    ["more elements than bytes", file(x({ shape: [3] }), d), /U8\[3\], needs 3 bytes, but its data_offsets \[0, 2\] give it 2/],
    ["fewer elements than bytes", file(x({ dtype: "F32", shape: [] }), d), /needs 4 bytes/],
    ["no offsets", file(x({ data_offsets: undefined }), d), /has data_offsets missing/],
    ["one offset", file(x({ data_offsets: [0] }), d), /has data_offsets \[0\], expected \[begin, end\]/],
    ["offsets in reverse", file(x({ data_offsets: [2, 0] }), d), /has data_offsets \[2,0\]/],
    ["negative offsets", file(x({ data_offsets: [-2, 0] }), d), /has data_offsets \[-2,0\]/],
    ["offsets beyond 2^53", file('{"x":{"dtype":"U8","shape":[2],"data_offsets":[9007199254740992,9007199254740994]}}', d), /has data_offsets \[9007199254740992/],
    ["a range past the end", file(x({ shape: [5], data_offsets: [0, 5] }), d), /tensor "x" ends at byte 5, but the data has 2 bytes.*cut short/],
    ["overlapping tensors", file(pair([0, 2], [1, 3]), [1, 2, 3]), /tensor "b" starts at byte 1 and overlaps tensor "a", which ends at byte 2/],
    ["a hole", file(pair([0, 1], [2, 3]), [1, 2, 3]), /bytes 1 to 2, between tensor "a" and tensor "b", belong to no tensor/],
    ["a hole at the start", file(x({ data_offsets: [1, 3] }), [1, 2, 3]), /bytes 0 to 1, between the start of the data and tensor "x"/],
    ["bytes left over", file(x({}), [1, 2, 3]), /the last 1 of 3 data bytes belong to no tensor/],
    ["a bool that is 2", file(x({ dtype: "BOOL" }), [1, 2]), /tensor "x", BOOL, holds 2 at position 1, expected 0 or 1/],
    ["metadata that is not text", file({ __metadata__: { a: 1 } }), /__metadata__ is \{"a":1\}, expected an object of strings/],
    ["metadata that is a list", file({ __metadata__: [] }), /__metadata__ is \[\]/],
  ];

  test.each(cases)("%s", (_, bytes, message) => {
    let error: unknown;
    try {
      readSafetensors(bytes);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).code).toBe("file-format");
    expect((error as UserError).message).toMatch(message);
  });

  test("random damage to a real file gives a UserError or tensors no larger than the file", () => {
    const random = seededRandom(11);
    const below = (limit: number) => Math.floor(random() * limit);
    const headerEnd = 8 + Number(digitsFile.readBigUInt64LE(0));
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 3000; round++) {
      const cut = round % 4 === 0;
      const bytes = Uint8Array.from(cut ? digitsFile.subarray(0, below(headerEnd * 2)) : digitsFile);
      for (let flips = cut ? 0 : 1 + below(3); flips > 0; flips--) {
        // Half of the flips change a digit of the header to another, which keeps it JSON.
        const at = below(headerEnd);
        const isDigit = bytes[at]! >= 0x30 && bytes[at]! <= 0x39;
        bytes[at] = isDigit && below(2) === 0 ? 0x30 + below(10) : bytes[at]! ^ (1 << below(8));
      }
      try {
        const read = readSafetensors(bytes);
        const sizeBytes = Object.values(read).reduce((sum, { data }) => sum + data.byteLength, 0);
        // Bytes read as i32 are four times as large.
        expect(sizeBytes).toBeLessThanOrEqual(4 * bytes.length);
        outcomes.read++;
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        outcomes.refused++;
      }
    }
    expect(outcomes.read).toBeGreaterThan(50);
    expect(outcomes.refused).toBeGreaterThan(1000);
  });
});
