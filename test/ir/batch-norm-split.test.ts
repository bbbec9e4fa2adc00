import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { tensor, zeros } from "../../src/ir/host-tensor.ts";
import { ops, type Attributes } from "../../src/ir/ops/registry.ts";
import { seededRandom, uniform } from "../../src/nn/init.ts";
import { GraphBuilder } from "../../src/ir/builder.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";

const attributes: Attributes<"batch_norm_training"> = {
  eps: 1e-5,
  momentum: 0.1,
  tracked: true,
  meanOffset: false,
  singleValue: "error",
  lowering: "split",
  reason: "test",
};

describe("partial statistics merge to the whole ones", () => {
  test.each([
    ["even blocks", [4, 2, 3], 3],
    ["a short last block", [5, 3, 7], 4],
    ["more blocks than rows", [3, 2], 8],
    ["one block", [2, 2, 2, 2], 1],
    ["five dimensions", [2, 2, 2, 1, 3], 5],
  ])("%s", (_, shape, blocks) => {
    const x = uniform(shape, 1, seededRandom(3));
    for (let i = 0; i < x.data.length; i++) x.data[i]! += 10_000;
    const channels = shape[1]!;
    const rows = x.data.length / channels;
    const inner = shape.slice(2).reduce((product, size) => product * size, 1);
    const type = tensorType("f32", [blocks, channels]);
    const [means, squares] = ops.batch_norm_partial.evaluate([x], { blocks }, [type, type]);
    const perBlock = Math.ceil(rows / blocks);
    for (let channel = 0; channel < channels; channel++) {
      const values = [...x.data].filter((_, i) => Math.floor(i / inner) % channels === channel);
      const mean = values.reduce((sum, value) => sum + value, 0) / rows;
      const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      let count = 0;
      let merged = 0;
      let mergedSquare = 0;
      for (let block = 0; block < blocks; block++) {
        const size = Math.max(0, Math.min(perBlock, rows - block * perBlock));
        if (size === 0) continue;
        // Chan, Golub & LeVeque (1979), equation 2.1.
        const delta = Number(means!.data[block * channels + channel]) - merged;
        mergedSquare +=
          Number(squares!.data[block * channels + channel]) + (delta ** 2 * count * size) / (count + size);
        merged += (delta * size) / (count + size);
        count += size;
      }
      expect(count).toBe(rows);
      expect(merged + values[0]!).toBeCloseTo(mean, 4);
      expect(mergedSquare).toBeCloseTo(square, 4);
    }
  });
});

test("batch_norm_apply has the results of batch_norm_training", () => {
  const builder = new GraphBuilder("both");
  const x = builder.input("input", "x", tensorType("f32", [3, 2, 5]));
  const vectors = ["weight", "bias", "mean", "variance"].map((name) =>
    builder.input("input", name, tensorType("f32", [2])),
  );
  const [weight, bias, mean, variance] = vectors as [string, string, string, string];
  const count = builder.input("input", "count", tensorType("i32", []));
  const partial = builder.addAll("batch_norm_partial", [x], { blocks: 4 });
  const rest = [weight, bias, mean, variance, count];
  const split = builder.addAll("batch_norm_apply", [x, ...partial, ...rest], attributes);
  const whole = builder.addAll("batch_norm_training", [x, ...rest], attributes);
  split.forEach((value, i) => builder.output(`split${i}`, value));
  whole.forEach((value, i) => builder.output(`whole${i}`, value));
  const random = seededRandom(5);
  const vector = () => uniform([2], 1, random);
  const outputs = evaluate(builder.build(), {
    x: uniform([3, 2, 5], 1, random),
    weight: vector(),
    bias: vector(),
    mean: vector(),
    variance: tensor([1, 2]),
    count: zeros([], "i32"),
  });
  expect(split).toHaveLength(6);
  for (let i = 0; i < 6; i++) expect(outputs[`split${i}`]).toEqual(outputs[`whole${i}`]);
});
