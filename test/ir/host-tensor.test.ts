import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tensor, UserError } from "../../src/index.ts";

/** Calls that types forbid: what a caller without types writes. */
const untyped = tensor as (...args: readonly unknown[]) => ReturnType<typeof tensor>;

describe("tensor", () => {
  it("takes nested arrays, as deep as there are dimensions", () => {
    expect(tensor([[1, 2], [3, 4]])).toEqual({ dtype: "f32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }); // prettier-ignore
    expect(tensor([[[true], [false]]])).toMatchObject({
      dtype: "bool",
      shape: [1, 2, 1],
      data: Uint8Array.of(1, 0),
    });
    expect(tensor([[1n, -2n]])).toMatchObject({
      dtype: "i64",
      shape: [1, 2],
      data: BigInt64Array.of(1n, -2n),
    });
    expect(tensor([[], []])).toMatchObject({ dtype: "f32", shape: [2, 0] });
    expect(tensor([])).toMatchObject({ dtype: "f32", shape: [0] });
    expect(tensor([[1, 2], [3, 4]], [4], "i32")).toMatchObject({ shape: [4], data: Int32Array.of(1, 2, 3, 4) }); // prettier-ignore
  });

  it("takes scalars of every kind", () => {
    expect(tensor(3)).toMatchObject({ dtype: "f32", shape: [] });
    expect(tensor(true)).toMatchObject({ dtype: "bool", shape: [], data: Uint8Array.of(1) });
    expect(tensor(2n ** 40n)).toMatchObject({ dtype: "i64", shape: [], data: BigInt64Array.of(2n ** 40n) });
  });

  it("gives nested arrays their shape, whatever it is", () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(shapes, (shape) => {
        let next = 0;
        const nest = (depth: number): unknown =>
          depth === shape.length ? next++ : Array.from({ length: shape[depth]! }, () => nest(depth + 1));
        const { shape: own, data } = untyped(nest(0));
        expect(own).toEqual(shape);
        expect([...data]).toEqual(Array.from({ length: next }, (_, i) => i));
      }),
    );
  });

  it("takes a canvas's clamped bytes, and Node's buffers", () => {
    expect(tensor(Uint8ClampedArray.of(1, 255))).toMatchObject({ dtype: "u8", data: Uint8Array.of(1, 255) });
    expect(tensor(Buffer.from([7]), [1], "u8").data[0]).toBe(7);
  });

  const circular: unknown[] = [];
  circular.push(circular);
  it.each([
    ["strings", [["1", "2"]], "element 0 is the string"],
    ["undefined", [1, undefined], "element 1 is undefined"],
    ["null", [null], "element 0 is null"],
    ["objects", [{}], "element 0 is Object"],
    ["holes", [1, , 3], "element 1 is undefined"], // eslint-disable-line no-sparse-arrays
    ["numbers among bigints", [1n, 2], "element 1 is a number, after elements of type bigint"],
    ["numbers among booleans", [true, 1], "element 1 is a number, after elements of type boolean"],
    ["rows of several lengths", [[1, 2], [3]], "rows differ: expected 2"],
    [
      "numbers beside rows",
      [[1], 2],
      "rows differ: expected 1 element\\(s\\) in each array at depth 1, got a number",
    ],
    ["rows beside numbers", [1, [2]], "element 1 is Array"],
    ["an array that holds itself", circular, "nested at most"],
    ["a string", "1", "data is the string"],
    ["an ArrayBuffer", new ArrayBuffer(4), "data is ArrayBuffer"],
    ["nothing", undefined, "data is undefined"],
  ])("refuses %s", (_, data, message) => {
    expect(() => untyped(data)).toThrow(UserError);
    expect(() => untyped(data)).toThrow(new RegExp(message));
  });

  it.each([
    [[1.5], "i32"],
    [[2 ** 31], "i32"],
    [[-1], "u32"],
    [[NaN], "i32"],
    [[2 ** 32], "u32"],
    [Float32Array.of(0.5), "i32"],
    [BigInt64Array.of(2n ** 40n), "i32"],
    [[300], "u8"],
    [[0.5], "i64"],
  ] as readonly (readonly [unknown, string])[])(
    "refuses elements that the dtype does not hold, case %#",
    (data, dtype) => {
      expect(() => untyped(data, [1], dtype)).toThrow(/element 0 is .*, which \w+ does not hold/);
    },
  );
});
