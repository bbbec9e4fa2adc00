/** Functions and tensor methods give PyTorch's results, by the reference semantics and on every device. */
import { describe, expect, test } from "vitest";
import { compile, tensor, type HostTensor } from "../../src/index.ts";
import { Forward } from "../api/networks.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { expectAgreement } from "../recordings/expect-agreement.ts";
import { flatResults, functions } from "../recordings/functions.ts";
import { loadModuleRecordings } from "../recordings/load.ts";
import { runTraced } from "../recordings/run-traced.ts";

const recordings = loadModuleRecordings("functions");
/** Each result is a kernel or more, and each kernel a compiler run on OpenCL. */
const onOpencl = ["arithmetic", "einsums", "long-sums"];

const build = (id: string) => new Forward((...inputs) => flatResults(functions[id]!(...inputs)));

describe.each(recordings.map(({ id, steps }) => [id, steps[0]!] as const))(
  "%s",
  (id, { inputs, outputs }) => {
    test("as PyTorch, by the reference semantics", () => {
      expectAgreement(runTraced(build(id), inputs), outputs, 5e-6);
    });

    for (const kind of testedDevices.filter((kind) => kind !== "opencl" || onOpencl.includes(id))) {
      const device = lazyDevice(kind);
      test(`as PyTorch, on ${kind}`, { timeout: 240_000 }, async () => {
        await using compiled = await compile(build(id), inputs, { device: await device() });
        expectAgreement(await compiled.run<HostTensor[]>(...inputs), outputs, 1e-5);
      });
    }
  },
);

test("true and false scatter as numbers do: a sum is any, a product all", () => {
  const flags: HostTensor = { dtype: "bool", shape: [4], data: Uint8Array.of(0, 1, 0, 1) };
  const index = tensor(Int32Array.of(0, 0, 1, 3), [4], "i32");
  const updates: HostTensor = { dtype: "bool", shape: [4], data: Uint8Array.of(1, 0, 0, 0) };
  const results = runTraced(
    new Forward((x, i, u) => [x!.scatterAdd(0, i!, u!), x!.scatterReduce(0, i!, u!, "prod")]),
    [flags, index, updates],
  );
  expect(results.map(({ data }) => [...data])).toEqual([
    [1, 1, 0, 1],
    [0, 0, 0, 0],
  ]);
});

test("every topic that is recorded is called here, and the other way round", () => {
  expect(Object.keys(functions).sort()).toEqual(recordings.map(({ id }) => id).sort());
});
