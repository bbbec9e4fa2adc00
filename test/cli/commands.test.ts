/** `heddle inspect`, `heddle devices` and what every command shares. */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { supportedOperators } from "../../src/import/onnx/inspect.ts";
import { runScript } from "../examples/run-script.ts";
import { AttributeProto_AttributeType, TensorProto_DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { tensor, writeNpy } from "heddle";
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
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ +1 {2}Relu$/m);
    expect(stdout).toMatch(/^ +1 {2}NonZero +✗ its result's shape depends on data$/m);
    expect(stdout).toMatch(/^ {2}com\.example::Fancy: an operator of another domain \(special\)$/m);
    expect(stdout).not.toContain("Every operator is supported");
  });

  it("says which constant decides a branch, and looks into the branches", async () => {
    const branch = (opType: string) => ({
      name: opType,
      node: [{ opType, input: ["x"], output: [`${opType}_out`] }],
      output: [{ name: `${opType}_out` }],
    });
    const file = onnxFile({
      node: [
        { opType: "Constant", output: ["rate"], attribute: [{ name: "value_int", type: AttributeProto_AttributeType.INT, i: 16000n }] },
        { opType: "Equal", input: ["sr", "rate"], output: ["is16"] },
        {
          opType: "If",
          name: "choose",
          input: ["is16"],
          output: ["y"],
          attribute: [
            { name: "then_branch", type: AttributeProto_AttributeType.GRAPH, g: branch("Relu") },
            { name: "else_branch", type: AttributeProto_AttributeType.GRAPH, g: branch("Fancy") },
          ],
        },
      ],
      input: [floatTensor("x", [2]), floatTensor("sr", [], TensorProto_DataType.INT64)],
      output: [floatTensor("y", [2])],
    }); // prettier-ignore
    const path = write("branches.onnx", file);
    const { code, stdout } = await heddle("inspect", path);
    expect(code).toBe(0);
    expect(stdout).toContain("depend on the input sr: say with what values to compile, --constant sr=VALUE");
    expect(stdout).toMatch(/^ {2}Fancy: not supported \(choose\/else_branch\/Fancy_0\)$/m);
    const { stdout: json } = await heddle("inspect", path, "--json");
    expect(JSON.parse(json)).toMatchObject({ constantsWanted: ["sr"], settledByConstants: ["choose"] });
    const x = write("x.npy", writeNpy(tensor([-1, 2], [2])));
    const run = await heddle(
      "run",
      path,
      "--constant",
      "sr=16000",
      "--input",
      x,
      "--device",
      "cpu",
      "--json",
    );
    expect({ ...run, stdout: (JSON.parse(run.stdout) as { outputs: unknown }).outputs }).toEqual({ code: 0, stderr: "", stdout: { y: { dtype: "f32", shape: [2], data: [0, 2] } } }); // prettier-ignore
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
  it("are listed as JSON, too", async () => {
    const { code, stdout } = await heddle("devices", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ kind: "cpu", target: expect.objectContaining({ language: "wasm" }) as unknown })); // prettier-ignore
  });

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
    expect(await heddle("-v")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const general = await heddle("--help");
    expect(general.stdout).toMatch(/exit codes: 0 .*; 1 .*; 2 /s);
    for (const command of ["run", "inspect", "tune", "devices"]) {
      const { code, stdout } = await heddle(command, "--help");
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`^usage: heddle ${command}[^]*\nexample: heddle ${command} `));
    }
  });

  it.each([
    [[], "a command is missing. See heddle --help"],
    [["train"], "there is no command 'train'. See heddle --help"],
    [["inpsect", "m.onnx"], "Did you mean inspect? See heddle --help"],
    [["run"], "the model's file is missing. See heddle run --help"],
    [["run", "m.onnx", "--sale", "1"], "See heddle run --help"],
    [["inspect", "m.onnx", "-c", "sr=x"], "such as sr=16000 or axes=1,2. See heddle inspect --help"],
    [["devices", "cpu"], "devices takes no 'cpu'. See heddle devices --help"],
  ])("refuses %j in one line that says what tells more, with code 2", async (args, message) => {
    const { code, stdout, stderr } = await heddle(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^heddle: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  it.skipIf(!existsSync("/dev/full"))(
    "says in a line that the disk is full, where there is /dev/full",
    () => {
      const full = openSync("/dev/full", "w");
      const script = ["--import", "tsx", "src/cli/main.ts"];
      const printed = spawnSync(process.execPath, [...script, "inspect", model], { stdio: ["ignore", full, "pipe"], encoding: "utf8" }); // prettier-ignore
      closeSync(full);
      expect(printed.stderr).toBe("heddle: cannot write to the standard output: the disk is full.\n");
      expect(printed.status).toBe(1);
    },
  );
}, 60_000);
