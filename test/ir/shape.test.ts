import { describe, expect, test } from "vitest";
import { promote } from "../../src/ir/dtype.ts";
import { checkShape, tensor } from "../../src/ir/host-tensor.ts";
import {
  broadcastShapes,
  elementCount,
  normalizeAxes,
  normalizeAxis,
  rowMajorStrides,
} from "../../src/ir/shape.ts";
import { channelsLast, formatType, sizeBytes, stridesOf, tensorType } from "../../src/ir/tensor-type.ts";

describe("broadcasting", () => {
  test.each([
    [[], [], []],
    [[3], [], [3]],
    [[2, 3], [3], [2, 3]],
    [
      [4, 1, 5],
      [3, 1],
      [4, 3, 5],
    ],
    [[1], [0], [0]],
    [
      [0, 3],
      [1, 3],
      [0, 3],
    ],
    [
      [2, 1, 3, 1, 2],
      [4, 1, 5, 1],
      [2, 4, 3, 5, 2],
    ],
  ])("%j and %j give %j, either way round", (a, b, expected) => {
    expect(broadcastShapes(a, b)).toEqual(expected);
    expect(broadcastShapes(b, a)).toEqual(expected);
  });

  test.each([
    [[2], [3]],
    [[2, 3], [2]],
    [[0], [2]],
    [
      [4, 3, 5],
      [3, 4],
    ],
  ])("%j and %j do not match", (a, b) => {
    expect(broadcastShapes(a, b)).toBeUndefined();
  });
});

test("a scalar has one element, a size of 0 makes none", () => {
  expect(elementCount([])).toBe(1);
  expect(elementCount([3, 0, 2])).toBe(0);
});

test("row-major strides", () => {
  expect(rowMajorStrides([2, 3, 5])).toEqual([15, 5, 1]);
  expect(rowMajorStrides([])).toEqual([]);
});

describe("axes", () => {
  test("negative axes count from the end", () => {
    expect(normalizeAxis(-1, 4, "op")).toBe(3);
    expect(normalizeAxes([-1, 0], 3, "op")).toEqual([0, 2]);
    expect(normalizeAxes(undefined, 3, "op")).toEqual([0, 1, 2]);
  });

  test.each([[3], [-4], [0.5], [NaN]])("axis %d of three dimensions is refused", (axis) => {
    expect(() => normalizeAxis(axis, 3, "sum")).toThrow(
      /^sum: axis .* is out of range for a tensor of 3 dimensions; expected an integer from -3 to 2/,
    );
  });

  test("a scalar takes the axes of one dimension, and reducing them leaves it as it is", () => {
    expect([0, -1].map((axis) => normalizeAxis(axis, 0, "op"))).toEqual([0, 0]);
    expect([[0], [-1], []].map((axes) => normalizeAxes(axes, 0, "op"))).toEqual([[], [], []]);
    expect(() => normalizeAxes([1], 0, "op")).toThrow("expected an integer from -1 to 0");
  });

  test("one axis named twice is refused", () => {
    expect(() => normalizeAxes([1, -2], 3, "sum")).toThrow("sum: axes [1, -2] name one axis twice.");
  });
});

describe("types", () => {
  test("the row-major layout is left out", () => {
    expect(tensorType("f32", [2, 3], [0, 1])).toEqual({ dtype: "f32", shape: [2, 3] });
  });

  test("a channels-last layout has channels fastest", () => {
    const type = tensorType("f32", [2, 3, 5, 7], channelsLast(4));
    expect(formatType(type)).toBe("f32[2,3,5,7]{0,2,3,1}");
    expect(stridesOf(type)).toEqual([105, 1, 21, 3]);
    expect(sizeBytes(type)).toBe(840);
  });

  test.each([
    ["f32", "f32", "f32"],
    ["i32", "f32", "f32"],
    ["bool", "i32", "i32"],
    ["bool", "u32", "u32"],
    ["u32", "i32", "i32"],
    ["bool", "bool", "bool"],
  ] as const)("%s and %s promote to %s, either way round", (a, b, expected) => {
    expect(promote(a, b)).toBe(expected);
    expect(promote(b, a)).toBe(expected);
  });
});

describe("host tensors", () => {
  test("numbers become f32, and a lone number a scalar", () => {
    expect(tensor([1, 2, 3])).toEqual({ dtype: "f32", shape: [3], data: Float32Array.of(1, 2, 3) });
    expect(tensor(4)).toEqual({ dtype: "f32", shape: [], data: Float32Array.of(4) });
  });

  test("typed arrays keep their type and are not copied", () => {
    const data = Int32Array.of(1, 2);
    expect(tensor(data).dtype).toBe("i32");
    expect(tensor(data).data).toBe(data);
    expect(tensor([1n, 2n]).dtype).toBe("i64");
    expect(tensor([true, false])).toEqual({ dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) });
  });

  test.each([
    [
      "a shape that does not fit",
      () => tensor([1, 2, 3], [2, 2]),
      /shape \[2,2\] holds 4 elements, but the data has 3/,
    ],
    ["a negative size", () => tensor([], [-1]), /not a list of integers ≥ 0/],
    ["a fractional size", () => tensor([1], [1.5]), /not a list of integers ≥ 0/],
    [
      "a gigantic size",
      () => checkShape([2 ** 20, 2 ** 20], "compile: x"),
      /^compile: x: .*2\^31 elements or more/,
    ],
    ["an array of another type", () => tensor(new DataView(new ArrayBuffer(2)) as never), /data is DataView/],
    [
      "a fraction as u16",
      () => tensor([1.5], [1], "u16"),
      /element 0 is 1.5, which u16 does not hold.*0 to 65535/,
    ],
    ["a value beyond u8", () => tensor([1, 256], [2], "u8"), /element 1 is 256, which u8 does not hold/],
    ["a value beyond i8", () => tensor([-129], [1], "i8"), /element 0 is -129, which i8 does not hold/],
    ["a negative value as u64", () => tensor([-1], [1], "u64"), /element 0 is -1, which u64 does not hold/],
    ["a fraction as i64", () => tensor([1.5], [1], "i64"), /element 0 is 1.5, which i64 does not hold/],
  ])("%s is refused", (_, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ name: "UserError" }));
  });
});
