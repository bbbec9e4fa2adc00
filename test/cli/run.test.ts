/** `heddle run` as a user calls it: tensors and images in, results printed and written, mistakes told in a line. */
import { readFileSync, symlinkSync } from "node:fs";
import { encode as encodePng } from "fast-png";
import jpeg from "jpeg-js";
import { beforeAll, describe, expect, it } from "vitest";
import { loadDigits, loadExpectedLogits } from "../../examples/digits/load.ts";
import { readNpy, tensor, writeNpy, type HostTensor } from "../../src/index.ts";
import { TensorProto_DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { runScript } from "../examples/run-script.ts";
import { relativeError } from "../recordings/compare.ts";
import { floatTensor, modelWithExternalData, onnxFile, scratchFolder } from "./onnx-files.ts";

const digits = loadDigits();
const model = "examples/digits/data/digits-resnet.onnx";
const { path, write } = scratchFolder();
const run = (...args: readonly string[]) => runScript("src/cli/main.ts", ["run", ...args]);
const logits = (rows: number) => tensor(loadExpectedLogits().slice(0, 10 * rows), [rows, 10]);
const best = (row: number) => {
  const scores = [...loadExpectedLogits().slice(10 * row, 10 * row + 10)];
  return scores.indexOf(Math.max(...scores));
};

beforeAll(() => {
  const pixels = digits.pixels.slice(0, 64);
  write("three.npy", writeNpy(tensor((digits.batch.data as Float32Array).slice(0, 192), [3, 1, 8, 8])));
  write("image.npy", writeNpy(tensor((digits.batch.data as Float32Array).slice(0, 64), [1, 8, 8])));
  write("digit.png", encodePng({ width: 8, height: 8, channels: 1, data: pixels }));
  const rgba = Uint8Array.from({ length: 256 }, (_, i) => (i % 4 === 3 ? 255 : pixels[i >> 2]!));
  write("digit.jpg", jpeg.encode({ width: 8, height: 8, data: rgba }, 100).data);
  write("small.png", encodePng({ width: 4, height: 8, channels: 1, data: pixels.slice(0, 32) }));
});

describe("heddle run", () => {
  it("prints shapes, first values and the best classes, and writes .npy and .json", async () => {
    const { code, stdout, stderr } = await run(
      ...[model, "--input", `image=${path("three.npy")}`, "--device", "cpu", "--profile"],
      ...["--output", path("out.npy"), "--output", path("out.json")],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/\(cpu: asked for\)\ncompiled in \d+ ms, ran in [\d.]+ ms/);
    expect(stdout).toMatch(/^logits f32\[3,10\]: -?[\d.]+, .*, …$/m);
    for (const row of [0, 1, 2])
      expect(stdout).toMatch(new RegExp(`^  ${row}: largest: ${best(row)} \\(`, "m"));
    expect(stdout).toMatch(/^Kernels: [\d.]+ ms in \d+ launches of \d+$/m);
    expect(stdout).toMatch(/ms +[\d.]+ % {2}k\d\d_conv3x3_add_relu_f32/);
    expect(relativeError(readNpy(readFileSync(path("out.npy"))), logits(3))).toBeLessThan(1e-4);
    const json = JSON.parse(readFileSync(path("out.json"), "utf8")) as Record<string, HostTensor>;
    expect(json["logits"]).toMatchObject({ dtype: "f32", shape: [3, 10] });
    expect(json["logits"]!.data[0]).toBeCloseTo(logits(1).data[0]!, 3);
  });

  it.each(["image.npy", "digit.png", "digit.jpg"])("reads %s as one image", async (name) => {
    const { code, stdout } = await run(model, "--input", path(name), "--device", "cpu");
    expect(code).toBe(0);
    expect(stdout).toContain("logits f32[1,10]");
    expect(stdout).toContain(`largest: ${best(0)} (`);
  });

  it("normalises images by scale, mean and deviation, in the layout that is asked for", async () => {
    const identity = onnxFile({
      node: [{ opType: "Identity", input: ["x"], output: ["y"] }],
      input: [floatTensor("x", ["N", 8, 4, 3])],
      output: [floatTensor("y", ["N", 8, 4, 3])],
    });
    const { code, stderr } = await run(
      ...[write("identity.onnx", identity), "--input", path("small.png"), "--device", "cpu"],
      ...["--layout", "NHWC", "--scale", "2", "--mean", "1,2,3", "--std", "4", "--output", path("nhwc.npy")],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const result = readNpy(readFileSync(path("nhwc.npy")));
    expect(result.shape).toEqual([1, 8, 4, 3]);
    const expected = Array.from(digits.pixels.slice(0, 32)).flatMap((pixel) =>
      [1, 2, 3].map((mean) => (2 * pixel - mean) / 4),
    );
    expect([...result.data]).toEqual(expected);
  });

  it("converts integers that fit, and takes several inputs by name", async () => {
    const sum = onnxFile({
      node: [
        { opType: "Add", input: ["a", "b"], output: ["c"] },
        { opType: "Sub", input: ["a", "b"], output: ["d"] },
      ],
      input: [
        floatTensor("a", ["N"], TensorProto_DataType.INT64),
        floatTensor("b", ["N"], TensorProto_DataType.INT64),
      ],
      output: [
        floatTensor("c", ["N"], TensorProto_DataType.INT64),
        floatTensor("d", ["N"], TensorProto_DataType.INT64),
      ],
    });
    const files = [
      write("sum.onnx", sum),
      "-i",
      `b=${write("b.npy", writeNpy(tensor([1, 2])))}`,
      "-i",
      write("a.npy", writeNpy(tensor([5, 7], [2], "i32"))),
    ];
    const { code, stdout, stderr } = await run(...files, "--device", "cpu", "-o", `d=${path("d.npy")}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^c i64\[2\]: 6, 9\nd i64\[2\]: 4, 5$/m);
    expect(readNpy(readFileSync(path("d.npy")))).toEqual(tensor([4n, 5n], [2], "i64"));
    const refused = await run(...files, "--device", "cpu", "-o", path("d.npy"));
    expect(refused.stderr).toContain("an .npy file holds one result, and the model has 2: c, d.");
    const fractions = await run(
      files[0]!,
      "-i",
      `b=${write("f.npy", writeNpy(tensor([0.5, 2])))}`,
      "-i",
      files[4]!,
    );
    expect(fractions.stderr).toContain("holds fractions, but input b i64[N] takes i64");
  });

  it("takes values of inputs that shapes depend on", async () => {
    const file = onnxFile({
      node: [{ opType: "Reshape", input: ["x", "shape"], output: ["y"] }],
      input: [floatTensor("x", [2, 3]), floatTensor("shape", [2], TensorProto_DataType.INT64)],
      output: [floatTensor("y", ["a", "b"])],
    });
    const reshape = write("reshape.onnx", file);
    const x = write("matrix.npy", writeNpy(tensor([1, 2, 3, 4, 5, 6], [2, 3])));
    // NumPy's integers may well be narrower than ONNX's.
    const shape = write("shape.npy", writeNpy(tensor([3, -1], [2], "i32")));
    const { code, stdout } = await run(
      ...[reshape, "--input", x, "--constant", `shape=${shape}`],
      ...["--device", "cpu", "--output", path("reshaped.npy")],
    );
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("y f32[3,2]") });
    expect(readNpy(readFileSync(path("reshaped.npy")))).toEqual(tensor([1, 2, 3, 4, 5, 6], [3, 2]));
    // There is one run, so an input that a shape depends on may be given like any other.
    const asInput = await run(
      ...[reshape, "--input", `x=${x}`, "--input", `shape=${shape}`, "--device", "cpu"],
      ...["--output", path("reshaped-again.npy")],
    );
    expect({ code: asInput.code, stderr: asInput.stderr }).toEqual({ code: 0, stderr: "" });
    expect(asInput.stdout).toMatch(/^shape: taken as constant, because shapes or branches depend on it\n/);
    expect(readFileSync(path("reshaped-again.npy"))).toEqual(readFileSync(path("reshaped.npy")));
    const unknown = await run(reshape, "--input", x, "--constant", `form=${shape}`);
    expect(unknown.stderr).toContain("the model has no input 'form'. Its inputs: x f32[2,3], shape i64[2].");
  });

  it("takes shapes from files where the model leaves them open, and other values for its defaults", async () => {
    const file = onnxFile({
      node: [{ opType: "Add", input: ["x", "k"], output: ["y"] }],
      initializer: [{ name: "k", dims: [2n], dataType: TensorProto_DataType.FLOAT, floatData: [10, 20] }],
      input: [{ name: "x", type: { tensorType: { elemType: 1 } } }, floatTensor("k", [2])],
      output: [{ name: "y" }],
    });
    const model = write("open.onnx", file);
    const x = write("open-x.npy", writeNpy(tensor([1, 2], [1, 2])));
    const k = write("open-k.npy", writeNpy(tensor([3, 4])));
    const results = async (...more: string[]) => {
      const ran = await run(model, "--input", `x=${x}`, ...more, "--device", "cpu", "-o", path("open-y.npy"));
      expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" });
      return readNpy(readFileSync(path("open-y.npy")));
    };
    expect(await results()).toEqual(tensor([11, 22], [1, 2]));
    expect(await results("--input", `k=${k}`)).toEqual(tensor([4, 6], [1, 2]));
    expect(await results("--constant", `k=${k}`)).toEqual(tensor([4, 6], [1, 2]));
  });

  it("takes no long input for a constant, and says what depends on it", async () => {
    const file = onnxFile({
      node: [{ opType: "NonZero", input: ["x"], output: ["y"] }],
      input: [floatTensor("x", [65])],
      output: [floatTensor("y", [1, "count"], TensorProto_DataType.INT64)],
    });
    const x = write("long.npy", writeNpy(tensor(new Float32Array(65), [65])));
    const { code, stdout, stderr } = await run(write("nonzero.onnx", file), "--input", x, "--device", "cpu");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/is computed from the input 'x'; .*constants: \{ "x": tensor\(…\) \}/);
  });

  it("writes results in the dtype that the model declares, and refuses inputs that do not fit theirs", async () => {
    const casts = onnxFile({
      node: [
        { opType: "Identity", input: ["x"], output: ["bytes"] },
        {
          opType: "Cast",
          input: ["x"],
          output: ["halves"],
          attribute: [{ name: "to", type: 2, i: BigInt(TensorProto_DataType.FLOAT16) }],
        },
      ],
      input: [floatTensor("x", [3], TensorProto_DataType.UINT8)],
      output: [
        floatTensor("bytes", [3], TensorProto_DataType.UINT8),
        floatTensor("halves", [3], TensorProto_DataType.FLOAT16),
      ],
    });
    const file = write("casts.onnx", casts);
    const x = write("bytes.npy", writeNpy(tensor([1, 2, 255], [3], "i32")));
    const { code, stdout, stderr } = await run(
      ...[file, "-i", x, "-d", "cpu", "-o", `bytes=${path("u8.npy")}`, "-o", `halves=${path("f16.npy")}`],
      ...["-o", path("all.json")],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^bytes u8\[3\]: 1, 2, 255\nhalves f16\[3\]: 1, 2, 255$/m);
    const headers = ["u8.npy", "f16.npy"].map((name) => readFileSync(path(name)).toString("latin1", 10, 40));
    expect(headers.map((header) => /'descr': '(\S+)'/.exec(header)?.[1])).toEqual(["|u1", "<f2"]);
    expect(readFileSync(path("f16.npy")).subarray(-6)).toEqual(
      Buffer.from([0x00, 0x3c, 0x00, 0x40, 0xf8, 0x5b]),
    );
    const json = JSON.parse(readFileSync(path("all.json"), "utf8")) as Record<string, HostTensor>;
    expect(json["halves"]).toEqual({ dtype: "f16", shape: [3], data: [1, 2, 255] });
    const wide = write("wide.npy", writeNpy(tensor([1, 2, 256], [3], "i32")));
    const refused = await run(file, "-i", wide, "-d", "cpu");
    expect(refused.stderr).toContain("holds 256, but input x u8[3] takes u8");
  });

  it("reads external data beside the model, and nothing outside its folder", async () => {
    const x = write("x.npy", writeNpy(tensor([1, 2])));
    write("inside/w.bin", new Uint8Array(Float32Array.of(10, 20).buffer));
    write("secret.bin", new Uint8Array(8));
    symlinkSync(path("secret.bin"), path("inside/link.bin"));
    const good = await run(write("inside/good.onnx", modelWithExternalData("w.bin")), "-i", x, "-d", "cpu");
    expect(good.stdout).toMatch(/^y f32\[2\]: 11, 22$/m);
    for (const [location, message] of [
      ["../secret.bin", /outside the model's folder/],
      ["link.bin", /a link that leads out of the model's folder/],
      ["absent.bin", /cannot read the model's external data 'absent.bin': there is no such file/],
    ] as const) {
      const { code, stderr } = await run(
        write("inside/bad.onnx", modelWithExternalData(location)),
        "-i",
        x,
        "-d",
        "cpu",
      );
      expect(code).toBe(1);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/^ +at /m);
    }
  });

  it.each([
    [["nowhere.onnx"], "cannot read 'nowhere.onnx': there is no such file or folder."],
    [["src"], "cannot read 'src': it is a folder."],
    [["package.json"], "onnx: the file is not a readable ONNX model"],
    [[model], "no file for image. The model's inputs: image f32[N,1,8,8]."],
    [[model, "-i", "picture=x.npy"], "the model has no input 'picture'"],
    [[model, "-i", "a.npy", "-i", "b.npy"], "1 file(s) too many"],
    [[model, "-i", "package.json"], "'package.json' is not an .npy, .png, .jpg or .jpeg file."],
    [
      [model, "-i", "SMALL"],
      "has shape [1,1,8,4], but input image f32[N,1,8,8] expects [1,1,8,8]. Resize the image",
    ],
    [[model, "-i", "THREE", "--shape", "N=4"], "expects [4,1,8,8]"],
    [[model, "-i", "THREE", "--shape", "M=4"], "no symbolic dimension M"],
    [[model, "-i", "THREE", "--output", "scores=x.npy"], "no output 'scores'. Its outputs: logits."],
    [[model, "-i", "THREE", "--speed"], "Unknown option '--speed'"],
  ] as const)("refuses %j in a line", async (args, message) => {
    const files: Readonly<Record<string, string>> = { THREE: path("three.npy"), SMALL: path("small.png") };
    const { code, stdout, stderr } = await run(...args.map((arg) => files[arg] ?? arg));
    // 2: the command line itself was not understood.
    expect({ code, stdout }).toEqual({ code: /See heddle \w+ --help$/m.test(stderr) ? 2 : 1, stdout: "" });
    expect(stderr).toMatch(/^heddle: /);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });
}, 60_000);
