/** Recurrent layers, transformers and bags of embeddings: PyTorch's state dicts, and its results everywhere. */
import { describe, expect, test } from "vitest";
import { compile, type HostTensor } from "../../src/index.ts";
import { isHostTensor } from "../../src/ir/host-tensor.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { expectAgreement } from "../recordings/expect-agreement.ts";
import { loadModuleRecordings, type RecordedModule } from "../recordings/load.ts";
import { recurrentModules } from "../recordings/recurrent-modules.ts";
import { runTraced } from "../recordings/run-traced.ts";

const recordings = loadModuleRecordings("recurrent-modules");

function build({ id, before }: RecordedModule) {
  const module = recurrentModules[id]!().eval();
  module.loadStateDict(Object.fromEntries(before));
  return module;
}

/** Results in the order in which PyTorch's tuples list them. */
type Nested = HostTensor | readonly Nested[];
function flattened(value: Nested): HostTensor[] {
  return isHostTensor(value) ? [value] : (value as readonly Nested[]).flatMap(flattened);
}

describe.each(recordings.map((recorded) => [recorded.id, recorded] as const))("module %s", (id, recorded) => {
  test("has PyTorch's state-dict names, order, shapes and dtypes", () => {
    const described = (entries: readonly (readonly [string, HostTensor])[]) =>
      entries.map(([name, { dtype, shape }]) => `${name}: ${dtype}[${shape.join()}]`);
    expect(described(Object.entries(recurrentModules[id]!().stateDict()))).toEqual(
      described(recorded.before),
    );
  });

  test("gives back the state dict it took", () => {
    expect(build(recorded).stateDict()).toEqual(Object.fromEntries(recorded.before));
  });

  test("computes what PyTorch computes", () => {
    expectAgreement(runTraced(build(recorded), recorded.steps[0]!.inputs), recorded.steps[0]!.outputs, 5e-6);
  });
});

for (const kind of testedDevices) {
  describe(`on ${kind}`, () => {
    const device = lazyDevice(kind);
    test.each(recordings.map((recorded) => [recorded.id, recorded] as const))(
      "%s computes what PyTorch computes",
      async (_, recorded) => {
        const { inputs, outputs } = recorded.steps[0]!;
        await using compiled = await compile(build(recorded), inputs, { device: await device() });
        expectAgreement(flattened(await compiled.run<Nested>(...inputs)), outputs, 1e-5);
      },
    );
  });
}

test("every recorded module is built here and every module built here is recorded", () => {
  expect(Object.keys(recurrentModules).sort()).toEqual(recordings.map(({ id }) => id).sort());
});
