import { describe, expect, test } from "vitest";
import { relativeError } from "../recordings/compare.ts";
import { loadModuleRecordings } from "../recordings/load.ts";
import { recordedModules } from "../recordings/recorded-modules.ts";
import { runTraced } from "../recordings/run-traced.ts";

const recordings = loadModuleRecordings();

/** Both sides compute in double precision, but values between ops are rounded to f32 here and not there. */
const tolerance = 2e-6;

describe.each(recordings.map((recorded) => [recorded.id, recorded] as const))("module %s", (id, recorded) => {
  const build = () => {
    const module = recordedModules[id]!();
    module.loadStateDict(Object.fromEntries(recorded.before));
    return module.train(recorded.training);
  };

  test("has PyTorch's state-dict names, order, shapes and dtypes", () => {
    const described = (
      entries: readonly (readonly [string, { dtype: string; shape: readonly number[] }])[],
    ) => entries.map(([name, { dtype, shape }]) => `${name}: ${dtype}[${shape.join()}]`);
    expect(described([...Object.entries(recordedModules[id]!().stateDict())])).toEqual(
      described(recorded.before),
    );
  });

  test("computes what PyTorch computes, and leaves the state PyTorch leaves", () => {
    const module = build();
    for (const [step, { inputs, outputs }] of recorded.steps.entries()) {
      const actual = runTraced(module, inputs);
      expect(actual).toHaveLength(outputs.length);
      outputs.forEach((expected, i) => {
        expect(relativeError(actual[i]!, expected), `step ${step}, output ${i}`).toBeLessThanOrEqual(
          tolerance,
        );
      });
    }
    const state = module.stateDict();
    for (const [name, expected] of recorded.after) {
      expect(relativeError(state[name]!, expected), name).toBeLessThanOrEqual(tolerance);
    }
  });
});

test("every recorded module is built here and every module built here is recorded", () => {
  expect(Object.keys(recordedModules).sort()).toEqual(recordings.map(({ id }) => id).sort());
});
