/** `heddle tune` as a user calls it, and `heddle run` with what it wrote. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { loadDigits, loadExpectedLogits } from "../../examples/digits/load.ts";
import { readNpy, tensor, TuningRecords, writeNpy } from "../../src/index.ts";
import { runScript } from "../examples/run-script.ts";
import { relativeError } from "../recordings/compare.ts";
import { scratchFolder } from "./onnx-files.ts";

const model = "examples/digits/data/digits-resnet.onnx";
const { path, write } = scratchFolder();
const heddle = (...args: readonly string[]) => runScript("src/cli/main.ts", args);
const tuneDigits = (...args: readonly string[]) => heddle("tune", model, "--device", "cpu", "--shape", "N=2", "--records", path("digits.tuning.json"), ...args); // prettier-ignore

beforeAll(() => {
  const pixels = (loadDigits().batch.data as Float32Array).slice(0, 128);
  write("two.npy", writeNpy(tensor(pixels, [2, 1, 8, 8])));
});

describe("heddle tune", () => {
  it("prints the candidates of every decision and writes records, which run takes", async () => {
    const { code, stdout, stderr } = await tuneDigits();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/on WebAssembly .* \(cpu: asked for\)$/m);
    expect(stdout).toMatch(
      /^algorithm conv3x3 n2 c16 8x8 o16 pad1 f32\n {4}(▸ )?\S+ [\d.e-]+ ms {3}(▸ )?\S+ /m,
    );
    const [, count] = /^(\d+) decisions, \1 measured now, \d+ other than the rules choose$/m.exec(stdout)!;
    expect(stdout.match(/▸/g)).toHaveLength(Number(count));
    const text = readFileSync(path("digits.tuning.json"), "utf8");
    const { devices } = TuningRecords.parse(text);
    expect(devices.map(({ key, entries }) => [key.kind, entries.size])).toEqual([["cpu", Number(count)]]);

    const again = await tuneDigits();
    expect(again.stdout).toMatch(new RegExp(`^${count} decisions, 0 measured now, `, "m"));
    expect(again.stdout).toContain("f32  (on file)");
    expect(readFileSync(path("digits.tuning.json"), "utf8")).toBe(text);

    const ran = await heddle(
      ...["run", model, "--device", "cpu", "--input", path("two.npy"), "--output", path("out.npy")],
      ...["--records", path("digits.tuning.json")],
    );
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" });
    expect(ran.stdout).toMatch(new RegExp(`^tuning records: ${count} of ${count} decisions$`, "m"));
    const expected = tensor(loadExpectedLogits().slice(0, 20), [2, 10]);
    expect(relativeError(readNpy(readFileSync(path("out.npy"))), expected)).toBeLessThan(1e-4);
  });

  it("measures again where that is asked for", async () => {
    const { stdout } = await tuneDigits("--again");
    expect(stdout).toMatch(/^(\d+) decisions, \1 measured now, /m);
  });

  it.each([
    [["tune"], "the model's file is missing"],
    [["tune", model, "--device", "abacus"], "--device 'abacus' is not one of"],
    [["tune", model, "--records", "package.json"], "'package.json': tuning records: .format should be"],
    [["tune", model, "--device", "cpu"], "bind it"],
    [["run", model, "--input", "x.npy", "--records", "no-such-file.json"], "cannot read 'no-such-file.json'"],
  ])("refuses %j in a line", async (args, message) => {
    const { code, stdout, stderr } = await heddle(...args);
    // 2: the command line itself was not understood.
    expect({ code, stdout }).toEqual({ code: /See heddle \w+ --help$/m.test(stderr) ? 2 : 1, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });
}, 120_000);
