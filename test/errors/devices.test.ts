/** Devices that are gone: disposed, lost, or never there because the driver or the package is missing. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compile, openDevice, tensor, type DeviceTensor } from "../../src/index.ts";
import { WebgpuDevice } from "../../src/runtime/webgpu/device.ts";
import { testedDevices } from "../devices/run-graph.ts";
import { Forward } from "../api/networks.ts";
import { expectStillWorks, expectUserError } from "./expect-error.ts";

const negative = (): Forward => new Forward((x) => x!.neg());
const inputs = [{ shape: [2] }];
const x = tensor([1, 2]);

describe.each(testedDevices)("a %s device that was disposed", (kind) => {
  it("says so ever after, and asking for its kind opens another", async () => {
    const { device: first } = await openDevice(kind);
    const compiled = await compile(negative(), inputs, { device: first });
    const kept = (await compiled.run(x, { keepOnDevice: true })) as unknown as DeviceTensor;
    await first.dispose();
    await expectUserError(() => compiled.run(x), "disposed", /disposed/);
    await expectUserError(() => kept.read(), "disposed");
    await expectUserError(() => compile(negative(), inputs, { device: first }), "disposed");
    kept.dispose();
    compiled.dispose();
    const { device: second } = await openDevice(kind);
    expect(second).not.toBe(first);
    await expectStillWorks(kind);
  });
});

if (testedDevices.includes("webgpu"))
  describe("a lost webgpu device", () => {
    it("fails runs with device-lost, those under way too, and is replaced at the next compile", async () => {
      const { device } = await openDevice("webgpu");
      const compiled = await compile(negative(), inputs, { device: "webgpu" });
      const kept = (await compiled.run(x, { keepOnDevice: true })) as unknown as DeviceTensor;
      const underWay = compiled.run(x);
      (device as WebgpuDevice).gpu.destroy();
      // It may have finished before the loss; if not, it says what happened.
      const outcome = await underWay.then(
        (result) => [...result.data],
        (error: unknown) => error,
      );
      if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ name: "UserError", code: "device-lost" });
      else expect(outcome).toEqual([-1, -2]);
      await expectUserError(() => compiled.run(x), "device-lost", /lost/);
      await expectUserError(() => kept.read(), "device-lost");
      expect(device.lost).toMatch(/lost/);
      kept.dispose();
      compiled.dispose();

      await using again = await compile(negative(), inputs, { device: "webgpu" });
      expect(again.device).not.toBe(device);
      expect([...(await again.run(x)).data]).toEqual([-1, -2]);
      const old = await expectUserError(() => compile(negative(), inputs, { device }), "device-lost");
      expect(old.message).toContain(device.name);
      await expectStillWorks("webgpu");
    });
  });

/** What a process without drivers, or without the optional packages, answers. */
interface Answers {
  readonly errors: Readonly<
    Record<string, { readonly name: string; readonly code: string; readonly message: string }>
  >;
  readonly missing: Readonly<Record<string, string>>;
  readonly automatic: { readonly kind: string; readonly reason: string; readonly data: readonly number[] };
}

async function askWithout(
  environment: Readonly<Record<string, string>>,
  packages: readonly string[] = [],
): Promise<Answers> {
  const script = fileURLToPath(new URL("without-drivers.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, ...packages], {
    env: { ...process.env, ...environment, HEDDLE_CACHE: "off" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout.slice(stdout.indexOf("{"))) as Answers;
}

describe("on a machine", () => {
  const remedies = { webgpu: /driver|adapter/i, opencl: /install/i };

  it("without drivers, errors and listDevices say what to install, and auto runs on the embedded CPU", async () => {
    const empty = await mkdtemp(join(tmpdir(), "heddle-no-drivers-"));
    const nothing = join(empty, "nothing.json");
    const answers = await askWithout({
      OCL_ICD_VENDORS: empty,
      OCL_ICD_FILENAMES: "",
      POCL_DEVICES: "",
      VK_DRIVER_FILES: nothing,
      VK_ICD_FILENAMES: nothing,
    });
    await rm(empty, { recursive: true });
    for (const kind of ["webgpu", "opencl"] as const) {
      expect(answers.errors[kind], kind).toMatchObject({ name: "UserError", code: "device-unavailable" });
      expect(answers.errors[kind]?.message).toMatch(remedies[kind]);
      expect(answers.missing[kind]).toMatch(remedies[kind]);
    }
    expect(answers.automatic).toMatchObject({ kind: "cpu", data: [-1, -2] });
    expect(answers.automatic.reason).toMatch(/opencl/);
  });

  it("without the optional packages, they are named, and auto runs on the embedded CPU", async () => {
    const answers = await askWithout({}, ["webgpu", "koffi"]);
    expect(answers.errors["webgpu"]?.message).toMatch(/npm install webgpu/);
    expect(answers.errors["opencl"]?.message).toMatch(/npm install koffi/);
    expect(answers.missing["webgpu"]).toMatch(/npm install webgpu/);
    expect(answers.missing["opencl"]).toMatch(/npm install koffi/);
    expect(answers.automatic).toMatchObject({ kind: "cpu", data: [-1, -2] });
  });
});
