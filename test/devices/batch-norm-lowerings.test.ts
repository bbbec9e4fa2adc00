/**
 * Every lowering of batch norm on every device gives the same results as `evaluate`, running statistics
 * included; fused is one launch, split two.
 */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { seededRandom } from "../../src/nn/init.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { relativeError } from "../recordings/compare.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

const tolerance = 1e-5;

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly mean?: number;
  readonly momentum?: number | null;
  /** A dropped convolution bias that the running mean must include. */
  readonly meanOffset?: boolean;
}

const cases: readonly Case[] = [
  { name: "(N, C)", shape: [7, 3] },
  { name: "(N, C, L)", shape: [3, 5, 11] },
  { name: "NCHW", shape: [4, 20, 9, 7] },
  { name: "NCDHW", shape: [2, 3, 4, 5, 3] },
  { name: "one channel", shape: [5, 1, 8, 8] },
  { name: "a large map", shape: [2, 2, 131, 127] },
  { name: "mean 1e4, standard deviation 1", shape: [4, 6, 17, 13], mean: 1e4 },
  { name: "cumulative average", shape: [3, 17, 5, 5], momentum: null },
  { name: "a mean offset", shape: [3, 9, 4, 5], meanOffset: true },
];

function trainingGraph({ shape, momentum = 0.1, meanOffset = false }: Case): Graph {
  const x = `f32[${shape.join()}]`;
  const c = `f32[${shape[1]}]`;
  return parseGraph(`graph training(%x: input "x" ${x}, %g: parameter "weight" ${c}, %b: parameter "bias" ${c},
      %rm: state "running_mean" ${c}, %rv: state "running_var" ${c}, %n: state "num_batches_tracked" i32[], %o: parameter "offset" ${c}) {
    %y, %mean, %inv, %nm, %nv, %nn = batch_norm_training(%x, %g, %b, %rm, %rv, %n${meanOffset ? ", %o" : ""})
      {eps=1e-5, momentum=${momentum}, tracked=true, meanOffset=${meanOffset}, singleValue="error", lowering="undecided", reason=""}
      : ${x}, ${c}, ${c}, ${c}, ${c}, i32[]
    %r = relu(%y) : ${x}
    return "output" %r
    return "running_mean" %nm updates %rm
    return "running_var" %nv updates %rv
    return "num_batches_tracked" %nn updates %n
  }`);
}

function inferenceGraph({ shape }: Case): Graph {
  const x = `f32[${shape.join()}]`;
  const c = `f32[${shape[1]}]`;
  return parseGraph(`graph inference(%x: input "x" ${x}, %g: parameter "weight" ${c}, %b: parameter "bias" ${c},
      %rm: state "running_mean" ${c}, %rv: state "running_var" ${c}) {
    %y = batch_norm(%x, %rm, %rv, %g, %b) {eps=1e-5} : ${x}
    %r = relu(%y) : ${x}
    return "output" %r
  }`);
}

function valuesFor({ shape, mean = 0 }: Case): Record<string, HostTensor> {
  const random = seededRandom(shape[1]! * 31 + shape.length);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const fill = (count: number, next: () => number) => Float32Array.from({ length: count }, next);
  const vector = (next: () => number) => tensor(fill(shape[1]!, next), [shape[1]!]);
  return {
    x: tensor(fill(elementCount(shape), () => mean + normal()), shape),
    weight: vector(() => 0.5 + random()),
    bias: vector(normal),
    offset: vector(normal),
    running_mean: vector(() => mean + 0.1 * normal()),
    running_var: vector(() => 0.5 + random()),
    num_batches_tracked: tensor(Int32Array.of(3), [], "i32"),
  }; // prettier-ignore
}

const launches = { fused: 1, split: 2, naive: undefined } as const;

for (const kind of testedDevices) {
  describe(`batch norm on ${kind}`, () => {
    const device = lazyDevice(kind);
    for (const item of cases) {
      for (const lowering of ["fused", "split", "naive"] as const) {
        it(`training, ${lowering}: ${item.name}`, async () => {
          const graph = trainingGraph(item);
          const values = valuesFor(item);
          const expected = evaluate(graph, values);
          const { results, built } = await runGraph(await device(), graph, values, { batchNorm: lowering });
          for (const [name, value] of Object.entries(expected)) {
            expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(tolerance);
          }
          const dispatches = built.plan.run.filter((command) => command.kind === "dispatch");
          if (launches[lowering] !== undefined) expect(dispatches).toHaveLength(launches[lowering]);
          else expect(dispatches.length).toBeGreaterThan(2);
        });
      }
      it(`inference, fused and naive agree: ${item.name}`, async () => {
        const graph = inferenceGraph(item);
        const values = valuesFor(item);
        const expected = evaluate(graph, values)["output"]!;
        for (const batchNorm of ["fused", "naive"] as const) {
          const { results, built } = await runGraph(await device(), graph, values, { batchNorm });
          expect(relativeError(results["output"]!, expected), batchNorm).toBeLessThanOrEqual(tolerance);
          const dispatches = built.executable.run.filter((command) => command.kind === "dispatch");
          if (batchNorm === "fused") expect(dispatches).toHaveLength(1);
        }
      });
    }
  });
}
