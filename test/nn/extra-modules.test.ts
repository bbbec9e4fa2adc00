/** Layers beyond convolution and batch norm: PyTorch's state dicts, and its results by `evaluate` and on every device. */
import { describe, expect, test } from "vitest";
import { compile, type HostTensor } from "../../src/index.ts";
import { testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { expectAgreement } from "../recordings/expect-agreement.ts";
import { extraModules } from "../recordings/extra-modules.ts";
import { loadModuleRecordings } from "../recordings/load.ts";
import { runTraced } from "../recordings/run-traced.ts";

const recordings = loadModuleRecordings("extra-modules");

describe.each(recordings.map((recorded) => [recorded.id, recorded] as const))("module %s", (id, recorded) => {
  const [step] = recorded.steps;
  const { inputs, outputs } = step!;
  const build = () => {
    const module = extraModules[id]!();
    module.loadStateDict(Object.fromEntries(recorded.before));
    return module.train(recorded.training);
  };

  test("has PyTorch's state-dict names, order, shapes and dtypes", () => {
    const own = Object.entries(extraModules[id]!().stateDict());
    expect(own.map(([name, { dtype, shape }]) => `${name}: ${dtype}[${shape.join()}]`)).toEqual(
      recorded.before.map(([name, { dtype, shape }]) => `${name}: ${dtype}[${shape.join()}]`),
    );
  });

  test("computes what PyTorch computes, and leaves the state PyTorch leaves", () => {
    const module = build();
    expectAgreement(runTraced(module, inputs), outputs, 5e-6);
    const state = module.stateDict();
    for (const [name, expected] of recorded.after)
      expect(relativeError(state[name]!, expected), name).toBeLessThanOrEqual(2e-6);
  });

  test.each(testedDevices)("computes the same on %s", { timeout: 240_000 }, async (device) => {
    await using compiled = await compile(build(), inputs, { device });
    const result = await compiled.run<HostTensor | HostTensor[]>(...inputs);
    expectAgreement(Array.isArray(result) ? result : [result], outputs, 1e-5);
    const state = await compiled.stateDict();
    for (const [name, expected] of recorded.after)
      expect(relativeError(state[name]!, expected), name).toBeLessThanOrEqual(1e-5);
  });
});

test("every recorded module is built here and every module built here is recorded", () => {
  expect(Object.keys(extraModules).sort()).toEqual(recordings.map(({ id }) => id).sort());
});
