/** `heddle inspect`, `heddle devices` and what every command shares. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { supportedOperators } from "../../src/import/onnx/inspect.ts";
import { runScript } from "../examples/run-script.ts";
import { floatTensor, onnxFile, scratchFolder } from "./onnx-files.ts";

const heddle = (...args: readonly string[]) => runScript("src/cli/main.ts", args);
const model = "examples/digits/data/digits-resnet.onnx";
const { write } = scratchFolder();

describe("heddle inspect", () => {
  it("describes a model without compiling it", async () => {
    const { code, stdout, stderr } = await heddle("inspect", model);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/operator set 13, written by pytorch/);
    expect(stdout).toContain("  image  FLOAT[N, 1, 8, 8]");
    expect(stdout).toContain("  logits  FLOAT[N, 10]");
    expect(stdout).toMatch(/^Parameters: 78,458 \(306\.5 KiB\)$/m);
    expect(stdout).toMatch(/^Multiply-adds a run: unknown \(give the symbolic dimensions/m);
    expect(stdout).toMatch(/^ +9 {2}Conv$/m);
    expect(stdout).toContain("Every operator is supported.");
  });

  it("counts multiply-adds once dimensions are known, in proportion to them", async () => {
    const count = async (size: number) => {
      const { stdout } = await heddle("inspect", model, "--shape", `N=${size}`);
      return Number(/^Multiply-adds a run: ([\d,]+)$/m.exec(stdout)![1]!.replaceAll(",", ""));
    };
    const one = await count(1);
    expect(one).toBeGreaterThan(100_000);
    expect(await count(3)).toBe(3 * one);
  });

  it("says what is not supported, and why, with the nodes' names", async () => {
    const file = onnxFile({
      node: [
        { opType: "Relu", input: ["x"], output: ["a"] },
        { opType: "NonZero", name: "find", input: ["a"], output: ["b"] },
        { opType: "Fancy", domain: "com.example", name: "special", input: ["b"], output: ["y"] },
      ],
      input: [floatTensor("x", [2])],
      output: [floatTensor("y", ["n"])],
    });
    const { code, stdout } = await heddle("inspect", write("unsupported.onnx", file));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +1 {2}Relu$/m);
    expect(stdout).toMatch(/^ +1 {2}NonZero +✗ its result's shape depends on data$/m);
    expect(stdout).toMatch(/^ {2}com\.example::Fancy: an operator of another domain \(special\)$/m);
    expect(stdout).not.toContain("Every operator is supported");
  });

  it("lists the operators that are supported, with their number", async () => {
    const { code, stdout } = await heddle("inspect", "--operators");
    expect(code).toBe(0);
    const [head, ...lines] = stdout.trim().split("\n");
    const listed = lines.flatMap((line) => line.trim().split(/\s+/));
    expect(head).toBe(`${listed.length} ONNX operators are supported:`);
    expect(listed.sort()).toEqual([...supportedOperators()].sort());
    expect(listed).toContain("ConvTranspose");
  });

  it.each([[["inspect", "package.json"], "not a readable ONNX model"]])(
    "refuses %j in a line",
    async (args, message) => {
      const { code, stdout, stderr } = await heddle(...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(message);
      expect(stderr).not.toMatch(/^ +at /m);
    },
  );
});

describe("heddle devices", () => {
  it("lists every kind of device with its target, or why it is missing", async () => {
    const { code, stdout } = await heddle("devices");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^cpu +embedded CPU.*\n +kernels in wasm, scheduled for a cpu; \d+ compute units?, vectors of 4$/m,
    );
    for (const [kind, language] of [
      ["webgpu", "wgsl"],
      ["opencl", "opencl-c"],
    ]) {
      expect(stdout).toMatch(new RegExp(`^${kind} +(missing: .+|.+\n +kernels in ${language}, )`, "m"));
    }
  });
});

describe("heddle", () => {
  it("prints its version and its usage", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };
    expect(await heddle("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const { code, stdout } = await heddle("run", "--help");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^usage: heddle run MODEL\.onnx/);
  });

  it.each([
    [[], "a command is missing"],
    [["train"], "there is no command 'train'"],
  ])("refuses %j and says what there is", async (args, message) => {
    const { code, stdout, stderr } = await heddle(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toContain("usage: heddle run");
    expect(stderr).not.toMatch(/^ +at /m);
  });
}, 60_000);
