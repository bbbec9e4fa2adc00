/** NumPy files as NumPy wrote them, headers that lie, and bytes that are damaged at random. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { readNpy, writeNpy } from "../../src/import/npy.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { seededRandom } from "../../src/nn/init.ts";

const read = (name: string) => readFileSync(new URL(`data/${name}`, import.meta.url));
const recorded = JSON.parse(read("npy.json").toString()) as Record<
  string,
  { shape: number[]; data: number[] }
>;

/** A file with any header, true or not. */
function file(header: string, data: ArrayLike<number> = [], headerLength = header.length): Uint8Array {
  const bytes = new Uint8Array(10 + header.length + data.length);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  new DataView(bytes.buffer).setUint16(8, headerLength, true);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(data, 10 + header.length);
  return bytes;
}

const header = (descr: string, shape: string, order = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe("reading", () => {
  test.each(Object.entries(recorded))("%s as NumPy wrote it", (name, { shape, data }) => {
    const array = readNpy(read(`${name}.npy`));
    expect(array.shape).toEqual(shape);
    expect(Array.from(array.data as ArrayLike<number | bigint>, Number)).toEqual(data);
  });

  test.each([
    ["f2", "f32"],
    ["f8", "f32"],
    ["i1", "i32"],
    ["u2", "i32"],
    ["u4", "u32"],
    ["i8", "i64"],
    ["b1", "bool"],
  ])("elements of %s become %s", (name, dtype) => {
    expect(readNpy(read(`${name}.npy`)).dtype).toBe(dtype);
  });

  test.each([1, 2, 3])("version %d of the format", (version) => {
    expect(readNpy(read(`version-${version}.npy`))).toEqual(tensor([1, 2]));
  });

  test("memory is not shared with the file", () => {
    const bytes = writeNpy(tensor([1, 2]));
    const array = readNpy(bytes);
    bytes.fill(0);
    expect(array).toEqual(tensor([1, 2]));
  });

  test.each([
    ["nothing", new Uint8Array(), /of 0 bytes does not start with NumPy's signature/],
    ["another format", new TextEncoder().encode("PK\u0003\u0004 and so on"), /does not start with/],
    ["an unknown version", file("{}").fill(9, 6, 7), /version 9 of the format/],
    ["a header longer than the file", file("{}", [], 999), /said to have 999 bytes, but only 2 follow/],
    ["objects", file(header("|O", "(1,)"), [1]), /elements are '\|O', expected one of f2, f4/],
    ["a structure", file("{'descr': [('a', '<f4')], }"), /expected/],
    ["too few elements", file(header("<f4", "(2, 3)"), [1, 2, 3, 4]), /\[2,3\] needs 24 bytes, but 4 follow/],
    ["too many elements", file(header("<f4", "()"), new Array(8).fill(0)), /needs 4 bytes, but 8 follow/],
    ["an impossible size", file(header("<f4", "(999999999999, 999999999999)")), /2\^31 elements or more/],
    ["an impossible size beside 0", file(header("<f4", "(0, 99999999999)")), /2\^31 elements or more/],
    ["a negative size", file(header("<f4", "(-1,)")), /"-1,\).*where a size is expected/],
    ["code", file("{'descr': __import__('os').system('true')}"), /where a string, a bool or a tuple/],
    ["a key twice", file("{'descr': '<f4', 'descr': '<f4'}"), /the key 'descr' twice/],
    [
      "a key too many",
      file("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 'y'}"),
      /the keys descr, fortran_order, shape, x/,
    ],
    ["a missing key", file("{'descr': '<f4', 'shape': ()}"), /expected descr \(a string\), fortran_order/],
    [
      "something behind the dictionary",
      file(`${header("<f4", "()")}x`, [0, 0, 0, 0]),
      /where the end of the header/,
    ],
    [
      "a number in brackets that is no tuple",
      file(header("<f4", "(1)"), [0, 0, 0, 0]),
      /where a comma is expected/,
    ],
    ["characters outside ASCII", file(header("<f4", "()")).fill(200, 12, 13), /outside ASCII/],
    ["a bool that is neither", file(header("|b1", "(2,)"), [1, 2]), /neither 0 nor 1/],
  ] as const)("refuses %s", (_, bytes, message) => {
    expect(() => readNpy(bytes)).toThrow(message);
    expect(() => readNpy(bytes)).toThrow(UserError);
  });
});

test("what is written is read back, for every dtype and shape", () => {
  const arbitrary = fc
    .tuple(
      fc.constantFrom("f32", "i32", "u32", "i64", "bool" as const),
      fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
      fc.integer({ min: 1 }),
    )
    .map(([dtype, shape, seed]): HostTensor => {
      const random = seededRandom(seed);
      const count = shape.reduce((product, size) => product * size, 1);
      const element = () => (dtype === "bool" ? Math.round(random()) : Math.floor(random() * 2 ** 31));
      const data = Array.from({ length: count }, element);
      return dtype === "i64" ? tensor(data.map(BigInt), shape, dtype) : tensor(data, shape, dtype);
    });
  fc.assert(
    fc.property(arbitrary, (array) => {
      const bytes = writeNpy(array);
      expect((bytes.length - array.data.byteLength) % 64).toBe(0);
      expect(readNpy(bytes)).toEqual(array);
    }),
  );
});

test("files cut short or with bytes flipped give an array of the stated size or a UserError, nothing else", () => {
  const random = seededRandom(7);
  const files = ["f4.npy", "fortran.npy", "i8.npy", "b1.npy", "version-3.npy"].map(
    (name) => new Uint8Array(read(name)),
  );
  let refused = 0;
  for (let round = 0; round < 5000; round++) {
    const original = files[round % files.length]!;
    const damaged = original.slice(0, round % 3 === 0 ? Math.floor(random() * original.length) : undefined);
    for (let flips = round % 4; flips >= 0 && damaged.length > 0; flips--)
      damaged[Math.floor(random() * damaged.length)]! ^= 1 << Math.floor(random() * 8);
    try {
      const { shape, data } = readNpy(damaged);
      expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(1000);
});
