/**
 * Text in, text out: what the tests of passes share. Graphs are compared up to the names of their values, and
 * every rewrite is evaluated before and after on seeded values, so that an expected text cannot be wrong in the
 * same way as the pass.
 */
import { expect } from "vitest";
import { wasmTarget, type Target } from "../../src/codegen/target.ts";
import { allocateArray } from "../../src/ir/dtype.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { verify } from "../../src/ir/verify.ts";
import { seededRandom } from "../../src/nn/init.ts";
import type { Pass, PassOptions, PassRecord } from "../../src/passes/pass.ts";
import { runPass } from "../../src/passes/pipeline.ts";
import { relativeError } from "../recordings/compare.ts";
import { grownVariants } from "./grown-operands.ts";
import { canonicalText } from "./canonical-text.ts";

export interface RewriteOptions {
  readonly target?: Target;
  readonly batchNorm?: PassOptions["batchNorm"];
  readonly winograd?: boolean;
  /** How far outputs may lie apart, relative to the largest: for passes that change what is rounded. */
  readonly tolerance?: number;
}

/** A GPU as small as WebGPU allows, but for storage buffers, of which it has eight. */
export const gpuTarget: Target = {
  ...wasmTarget,
  language: "wgsl",
  family: "gpu",
  vectorRegisters: 64,
  maxGroupSize: 256,
  sharedMemoryBytes: 16384,
  maxStorageBuffers: 8,
  maxBufferBytes: 2 ** 27,
  computeUnits: 32,
};

/** A CPU behind OpenCL with vectors of 512 bits. */
export const wideCpuTarget: Target = {
  ...wasmTarget,
  language: "opencl-c",
  vectorWidth: 16,
  vectorRegisters: 32,
  computeUnits: 8,
};

export const fewBuffers: Target = { ...gpuTarget, maxStorageBuffers: 4 };

/** How many variants with an operand that grows the result each rewrite is tried on, too. */
const grownVariantsTried = 24;

/**
 * Runs a pass over a text; checks that both graphs are sound and mean the same, and the same of variants of the text in
 * which an operand has more elements.
 */
export function rewritten(
  pass: Pass,
  before: string,
  options: RewriteOptions = {},
): { readonly graph: Graph; readonly record: PassRecord } {
  const start = parseGraph(before);
  verify(start, "the text before");
  const { target = wasmTarget, batchNorm = "auto", winograd = true, tolerance } = options;
  const { graph, record } = runPass(pass, start, target, { batchNorm, winograd });
  expectSameMeaning(start, graph, { tolerance });
  for (const variant of grownVariants(start, grownVariantsTried)) {
    verify(variant, "the text before, with an operand that grows the result");
    const { graph: after } = runPass(pass, variant, target, { batchNorm, winograd });
    expectSameMeaning(variant, after, { tolerance });
  }
  return { graph, record };
}

/** The pass turns one text into the other; the record tells what it did and why. */
export function expectRewrite(
  pass: Pass,
  before: string,
  after: string,
  options?: RewriteOptions,
): PassRecord {
  const { graph, record } = rewritten(pass, before, options);
  expect(canonicalText(graph)).toBe(canonicalText(parseGraph(after)));
  expect(record.patches.length).toBeGreaterThan(0);
  return record;
}

/** The pass does not fire: the text stays as it is. */
export function expectUnchanged(pass: Pass, before: string, options?: RewriteOptions): PassRecord {
  const { graph, record } = rewritten(pass, before, options);
  expect(canonicalText(graph)).toBe(canonicalText(parseGraph(before)));
  return record;
}

/** Both graphs give the same outputs, in f32 within 1e-6 of the largest unless said otherwise, on repeatable values. */
export function expectSameMeaning(
  before: Graph,
  after: Graph,
  { seed = 1, tolerance = 1e-6 }: { readonly seed?: number; readonly tolerance?: number | undefined } = {},
): void {
  const values = valuesFor(before, seed);
  const expected = evaluate(before, values);
  const actual = evaluate(after, values);
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) {
    expect(relativeError(actual[name]!, value), `output ${name}`).toBeLessThanOrEqual(tolerance);
  }
}

/** A value for every input of a graph; variances are positive, and so are integers. */
export function valuesFor(graph: Graph, seed = 1): Record<string, HostTensor> {
  const random = seededRandom(seed);
  return Object.fromEntries(
    graph.inputs.map(({ name, type: { dtype, shape } }) => {
      const data = allocateArray(dtype, elementCount(shape));
      const next = (): number => {
        if (dtype === "bool") return random() < 0.5 ? 0 : 1;
        if (dtype !== "f32") return Math.floor(random() * 9) + 1;
        return /var/.test(name) ? 0.5 + random() : 2 * random() - 1;
      };
      for (let i = 0; i < data.length; i++) data[i] = next();
      return [name, { dtype, shape, data } as HostTensor];
    }),
  );
}
