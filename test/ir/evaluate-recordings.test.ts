import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { ops, type OpName } from "../../src/ir/ops/registry.ts";
import { verify } from "../../src/ir/verify.ts";
import { relativeError, zeroSignDifferences } from "../recordings/compare.ts";
import { loadRecordings } from "../recordings/load.ts";
import { namedOperands, oneOpGraph } from "../recordings/one-op-graph.ts";

const recordings = loadRecordings();

/** Ops PyTorch does not have, with what tests them instead. */
const notRecorded: Partial<Record<OpName, string>> = {
  constant: "its value is its meaning; print-parse.test.ts",
  relayout: "keeps the value and changes its layout alone; infer.test.ts",
  fusion: "means what its body means; fusion.test.ts",
  random_uniform: "PyTorch draws other numbers; devices/random.test.ts",
  batch_norm_partial: "a step of batch_norm_training; batch-norm-split.test.ts",
  attention: "products and softmax as recorded, in one operation; combine-attention.test.ts",
  standardize: "layer normalisation as recorded, in one operation; combine-standardization.test.ts",
  winograd_input: "a step of a convolution; winograd.test.ts",
  winograd_output: "a step of a convolution; winograd.test.ts",
  batch_norm_apply: "a step of batch_norm_training; batch-norm-split.test.ts",
};

/**
 * Both sides compute in double precision and round once to f32, so they differ by the last bit at most (6e-8
 * of an element). The looser bound covers the cancellation of double-precision sums around large offsets.
 */
const tolerance = 1e-6;

describe("the reference semantics agree with PyTorch", () => {
  test.each(recordings.map((recorded) => [recorded.id, recorded] as const))("%s", (_, recorded) => {
    const graph = oneOpGraph(recorded);
    verify(graph, "test");
    const outputs = evaluate(graph, namedOperands(recorded));
    expect(Object.keys(outputs)).toHaveLength(recorded.results.length);
    recorded.results.forEach((expected, i) => {
      const actual = outputs[`y${i}`]!;
      expect(
        relativeError(actual, expected),
        `result ${i}: ${[...actual.data].slice(0, 300).join(" ")}\nexpected: ${[...expected.data].slice(0, 300).join(" ")}`,
      ).toBeLessThanOrEqual(tolerance);
    });
  });

  test.each(["floor", "ceil", "round", "trunc", "neg", "abs", "sqrt", "reciprocal", "add", "mul", "rem"])(
    "%s has PyTorch's signs of zero",
    (op) => {
      const cases = recordings.filter((recorded) => recorded.op === op);
      expect(cases.length).toBeGreaterThan(0);
      for (const recorded of cases) {
        const actual = evaluate(oneOpGraph(recorded), namedOperands(recorded))["y0"]!;
        expect(zeroSignDifferences(actual, recorded.results[0]!), recorded.id).toEqual([]);
      }
    },
  );
});

test("every op is recorded or says why not", () => {
  const recorded = new Set(recordings.map(({ op }) => op));
  for (const op of Object.keys(ops) as OpName[]) {
    expect(recorded.has(op) !== Object.hasOwn(notRecorded, op), `${op} is on exactly one of the lists`).toBe(
      true,
    );
  }
});

test("the recordings are many and their ids unique", () => {
  expect(recordings.length).toBeGreaterThan(900);
  expect(new Set(recordings.map(({ id }) => id)).size).toBe(recordings.length);
});
