import { describe, expect, it } from "vitest";
import { classify } from "../../examples/digits/classify.ts";
import { drawDigits, pickDigits } from "../../examples/digits/draw.ts";
import { readIdxImages, readIdxLabels } from "../../examples/digits/idx.ts";
import { loadDigits } from "../../examples/digits/load.ts";
import { isTested } from "../runtime/device-contract.ts";
import { runScript } from "./run-script.ts";

const digits = loadDigits();

describe.each(["cpu", "webgpu", "opencl"] as const)("the digits network on %s", (device) => {
  it.skipIf(!isTested(device))("classifies as PyTorch does, in at most 11 launches", async () => {
    const { compiled, correct, difference } = await classify(digits, device);
    expect(compiled.device.kind).toBe(device);
    expect(correct).toBe(348);
    expect(difference).toBeLessThan(1e-4);
    expect(compiled.launches).toBeLessThanOrEqual(11);
    expect(
      compiled.kernels.filter(({ launches, name }) => launches > 0 && name.includes("batch_norm")),
    ).toEqual([]);
    compiled.dispose();
  });
});

describe("the demo", () => {
  const demo = (...args: readonly string[]) => runScript("examples/digits/main.ts", args);

  it("tells the whole story on the embedded CPU in under ten seconds", async () => {
    const start = performance.now();
    const { code, stdout, stderr } = await demo("--device", "cpu");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain("348 of 360");
    expect(stdout).toMatch(/Device: .*\(cpu\), because: asked for/);
    expect(stdout).toMatch(/\d+ → \d+ +fold-batch-norm-into-conv/);
    expect(stdout).toMatch(/Kernels: \d+, in \d+ launches a run/);
    expect(stdout).toMatch(/Memory: .* for activations/);
    expect(stdout).toMatch(/Speed: [\d,]+ images per second/);
    expect(stdout).toMatch(/\d ✗ \(is \d\)/);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it("compares every device with PyTorch", async () => {
    const { code, stdout } = await demo("--device", "all");
    expect(code).toBe(0);
    const table = stdout.slice(stdout.indexOf("Every device"));
    for (const kind of ["cpu", "webgpu", "opencl"]) {
      const here = new RegExp(`^  ${kind} +\\d\\.\\de-\\d +348 of 360 right +[\\d,]+ images/s`, "m");
      const absent = new RegExp(`^  ${kind} +not here: .+`, "m");
      expect(table).toSatisfy((text: string) => here.test(text) || (!isTested(kind) && absent.test(text)));
    }
  }, 120_000);

  it.each([
    [["--device", "tpu"], "there is no device 'tpu'; expected one of auto, cpu, webgpu, opencl, all"],
    [["--speed"], "Unknown option '--speed'"],
    [["digits"], "Unexpected argument 'digits'"],
    [["--device"], "argument missing"],
  ])("refuses %j with a line on what it takes", async (args, message) => {
    const { code, stdout, stderr } = await demo(...args);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(stderr).toContain("usage: npm run demo");
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe("the drawing", () => {
  it("marks what was wrong with what it is", () => {
    const predictions = Array.from(digits.labels);
    predictions[0] = (predictions[0]! + 1) % 10;
    const picked = pickDigits(digits, predictions, 1, 1);
    expect(picked).toEqual([1, 0]);
    const lines = drawDigits(digits, picked, predictions).split("\n");
    expect(lines).toHaveLength(digits.rows + 1);
    expect(lines.at(-1)).toContain(`${digits.labels[1]} ✓`);
    expect(lines.at(-1)).toContain(`${predictions[0]} ✗ (is ${digits.labels[0]})`);
  });
});

describe("the IDX reader", () => {
  const images = new Uint8Array([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9]);

  it("reads sizes and pixels", () => {
    expect(readIdxImages(images)).toMatchObject({
      count: 1,
      rows: 1,
      columns: 2,
      pixels: new Uint8Array([7, 9]),
    });
    expect(readIdxLabels(new Uint8Array([0, 0, 8, 1, 0, 0, 0, 1, 5]))).toEqual(new Uint8Array([5]));
  });

  it("refuses what is not IDX, and what is cut short", () => {
    expect(() => readIdxImages(images.subarray(0, 9))).toThrow("not an IDX file");
    expect(() => readIdxImages(images.subarray(0, 17))).toThrow("truncated");
    expect(() => readIdxLabels(images)).toThrow("not an IDX file");
    expect(() => readIdxLabels(new Uint8Array([0, 0, 8, 1, 0, 0, 0, 2, 5]))).toThrow("truncated");
  });
});
