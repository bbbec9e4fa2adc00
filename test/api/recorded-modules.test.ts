/** Every recorded module on every device: PyTorch's results step by step, and the state PyTorch leaves. */
import { describe, expect, it } from "vitest";
import { compile, type HostTensor } from "../../src/index.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { loadModuleRecordings } from "../recordings/load.ts";
import { recordedModules } from "../recordings/recorded-modules.ts";

const tolerance = 1e-5;

for (const kind of testedDevices) {
  describe(`recorded modules on ${kind}`, () => {
    const device = lazyDevice(kind);
    for (const recorded of loadModuleRecordings()) {
      it(`${recorded.id} computes what PyTorch computes in ${recorded.steps.length} step(s)`, async () => {
        const module = recordedModules[recorded.id]!();
        module.loadStateDict(Object.fromEntries(recorded.before));
        module.train(recorded.training);
        const inputs = recorded.steps[0]!.inputs;
        await using compiled = await compile(module, inputs, { device: await device() });
        for (const [step, { inputs: given, outputs }] of recorded.steps.entries()) {
          const result = await compiled.run<HostTensor | HostTensor[]>(...given);
          const actual = Array.isArray(result) ? result : [result];
          expect(actual).toHaveLength(outputs.length);
          for (const [i, expected] of outputs.entries()) {
            const error = relativeError(actual[i]!, expected);
            expect(error, `step ${step}, output ${i}`).toBeLessThanOrEqual(tolerance);
          }
        }
        const state = await compiled.stateDict();
        expect(Object.keys(state)).toEqual(recorded.after.map(([name]) => name));
        for (const [name, expected] of recorded.after)
          expect(relativeError(state[name]!, expected), name).toBeLessThanOrEqual(tolerance);
      });
    }
  });
}
