import { describe, expect, it } from "vitest";
import { f32, type Kernel } from "../../../src/codegen/kernel-ir.ts";
import { binary, constant, ref } from "../../../src/codegen/legalize/build-expr.ts";
import { divideExactly, multiplyByExactReciprocals } from "../../../src/codegen/legalize/exact-division.ts";
import { printKernel } from "../../../src/codegen/print-kernel.ts";
import { seededRandom } from "../../../src/nn/init.ts";
import { interpretKernel, type InterpretOptions } from "../interpret-kernel.ts";

/** `out[i] = a[i] / b[i]`, or `a[i] / divisor`. */
function division(count: number, divisor?: number): Kernel {
  const index = { kind: "group", type: { scalar: "i32", lanes: 1 } } as const;
  const load = (buffer: string) => ({ kind: "load", name: `${buffer}_x`, type: f32, buffer, index }) as const;
  const b = divisor === undefined ? ref("b_x", f32) : constant(f32, divisor);
  return {
    name: "division",
    comment: "",
    buffers: (["a", "b", "out"] as const).map((name) => {
      const access = name === "out" ? "write" : "read";
      return { name, scalar: "f32", access, elementCount: count } as const;
    }),
    shared: [],
    groups: count,
    groupSize: 1,
    body: [
      load("a"),
      load("b"),
      { kind: "store", buffer: "out", index, value: binary("div", ref("a_x", f32), b) },
    ],
  };
}

function quotients(a: Float32Array, b: Float32Array, options: InterpretOptions): Float32Array {
  const out = new Float32Array(a.length);
  interpretKernel(divideExactly(division(a.length)), { a, b, out }, options);
  return out;
}

/** A division of f32 that is up to `units` off, in either direction, as WGSL allows. */
function coarse(seed: number, units: number): (a: number, b: number) => number {
  const random = seededRandom(seed);
  return (a, b) => {
    const exact = Math.fround(a / b);
    return exact * (1 + Math.round((random() * 2 - 1) * units) * 2 ** -23);
  };
}

function mistakes(a: Float32Array, b: Float32Array, options: InterpretOptions): string[] {
  const actual = quotients(a, b, options);
  return [...a].flatMap((x, i) => {
    const expected = Math.fround(x / b[i]!);
    return Object.is(actual[i], expected) ? [] : [`${x} / ${b[i]} is ${expected}, not ${actual[i]}`];
  });
}

const special = [0, -0, 1, -1, Infinity, -Infinity, NaN, 3.4028234663852886e38, 1.1754943508222875e-38];

describe("exact division", () => {
  describe.each([false, true])("products and sums fused: %s", (fused) => {
    it.each([0, 1, 2])("rounds correctly where the language's quotient is %d units off", (units) => {
      const random = seededRandom(units + 1);
      // Mantissas of few and of all bits, near one and near two, over exponents whose quotients are normal.
      const mantissa = (): number => {
        const bits = 2 ** Math.floor(1 + random() * 24);
        const near = random() < 0.3 ? Math.floor(random() * 4) : Math.floor(random() * bits);
        return random() < 0.5 ? 1 + near / bits : 2 - (near + 1) / bits / 2;
      };
      const number = (low: number, high: number): number =>
        (random() < 0.5 ? -1 : 1) * mantissa() * 2 ** Math.floor(low + random() * (high - low));
      const a = Float32Array.from({ length: 20_000 }, () => number(-60, 60));
      const b = Float32Array.from({ length: 20_000 }, () => number(-60, 60));
      expect(mistakes(a, b, { fused, quotient: coarse(units, units) })).toEqual([]);
    });

    it("gives whole numbers where whole numbers divide", () => {
      const pairs = Array.from({ length: 128 }, (_, divisor) =>
        Array.from({ length: 128 }, (_, quotient) => [(divisor + 1) * quotient, divisor + 1] as const),
      ).flat();
      const [a, b] = [0, 1].map((i) => Float32Array.from(pairs, (pair) => pair[i]!)) as [
        Float32Array,
        Float32Array,
      ];
      expect(mistakes(a, b, { fused, quotient: coarse(7, 2) })).toEqual([]);
    });

    it("gives zeros, infinities and NaN as IEEE 754 has them", () => {
      const pairs = special.flatMap((x) => special.map((y) => [x, y] as const));
      const [a, b] = [0, 1].map((i) => Float32Array.from(pairs, (pair) => pair[i]!)) as [
        Float32Array,
        Float32Array,
      ];
      expect(mistakes(a, b, { fused })).toEqual([]);
    });
  });

  it("overflows to infinity and vanishes to zero at the ends of the range", () => {
    const a = Float32Array.of(3e38, -3e38, 1.2e-38, -1.2e-38);
    const b = Float32Array.of(1.2e-38, 1e-30, 3e38, 3e38);
    expect([...quotients(a, b, {})]).toEqual([Infinity, -Infinity, 0, -0]);
  });

  it.each([4, -0.125, 2 ** 100])(
    "divides by the constant %d by a multiplication, which is exact",
    (divisor) => {
      const a = Float32Array.of(1, -3, 0.1, NaN, Infinity, -0);
      const kernel = multiplyByExactReciprocals(division(a.length, divisor));
      expect(printKernel(kernel)).not.toMatch(/quotient| \/ /);
      const out = new Float32Array(a.length);
      interpretKernel(kernel, { a, b: a, out });
      expect(out).toEqual(a.map((x) => x / divisor));
    },
  );
});
