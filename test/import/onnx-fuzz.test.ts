/**
 * A real model flipped and cut at 10,000 seeded places, most of them in what describes the graph: each result is
 * a model that traces or a `UserError`, soon, and in little memory.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { importOnnx } from "../../src/import/onnx/model.ts";
import { parseModel } from "../../src/import/onnx/parse-model.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { verify } from "../../src/ir/verify.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { loadOnnxCases } from "../recordings/onnx-cases.ts";

const original = new Uint8Array(
  readFileSync(new URL("../../examples/digits/data/digits-resnet.onnx", import.meta.url)),
);

/** Positions outside the weights. */
function structuralPositions(): number[] {
  const isWeight = new Uint8Array(original.length);
  for (const { rawData } of parseModel(original).proto.graph!.initializer) {
    if (rawData.length < 16) continue;
    const at = Buffer.from(original.buffer, original.byteOffset, original.length).indexOf(rawData);
    isWeight.fill(1, at, at + rawData.length);
  }
  return Array.from(isWeight.keys()).filter((at) => isWeight[at] === 0);
}

type Outcome = "model" | "refused";

function outcomeOf(bytes: Uint8Array): Outcome {
  try {
    verify(traceOnnx(importOnnx(bytes), { N: 1 }).graph, "import");
    return "model";
  } catch (error) {
    if (error instanceof UserError) return "refused";
    throw error;
  }
}

describe("a damaged model", () => {
  const structural = structuralPositions();
  const random = seededRandom(20240229);
  const pick = (count: number) => Math.floor(random() * count);

  function sweep(count: number, damaged: () => Uint8Array): Record<Outcome, number> {
    const found = { model: 0, refused: 0 };
    for (let i = 0; i < count; i++) {
      const bytes = damaged();
      const start = performance.now();
      found[outcomeOf(bytes)]++;
      expect(performance.now() - start).toBeLessThan(5000);
    }
    expect(process.resourceUsage().maxRSS * 1024).toBeLessThan(2 ** 30);
    return found;
  }

  it("is found in what describes the graph by its flipped bits", { timeout: 120_000 }, () => {
    const found = sweep(8500, () => {
      const bytes = original.slice();
      const flips = 1 + pick(3);
      for (let i = 0; i < flips; i++) bytes[structural[pick(structural.length)]!]! ^= 1 << pick(8);
      return bytes;
    });
    expect(found.refused).toBeGreaterThan(1000);
    expect(found.model).toBeGreaterThan(100);
  });

  it("is refused when it is cut", { timeout: 120_000 }, () => {
    const found = sweep(1000, () => original.slice(0, pick(original.length)));
    expect(found).toEqual({ model: 0, refused: 1000 });
  });

  it("of any one operator is a model or refused", { timeout: 120_000 }, () => {
    const models = loadOnnxCases().map(({ model }) => model);
    const found = sweep(3000, () => {
      const bytes = models[pick(models.length)]!.slice();
      bytes[pick(bytes.length)]! ^= 1 << pick(8);
      return bytes;
    });
    expect(found.refused).toBeGreaterThan(1000);
    expect(found.model).toBeGreaterThan(100);
  });

  it("may be a model with other weights where bits flip anywhere", { timeout: 120_000 }, () => {
    const found = sweep(500, () => {
      const bytes = original.slice();
      bytes[pick(bytes.length)]! ^= 1 << pick(8);
      return bytes;
    });
    expect(found.model).toBeGreaterThan(400);
  });
});
