/** The command line: what is understood, defaults, and what is refused with which words. */
import { describe, expect, it } from "vitest";
import { readArguments } from "../../src/cli/arguments.ts";
import { CommandLineError } from "../../src/cli/command-line-error.ts";

describe("readArguments", () => {
  it("fills in the defaults of run", () => {
    expect(readArguments(["run", "m.onnx", "--input", "x.npy"])).toEqual({
      command: "run",
      model: "m.onnx",
      inputs: [{ name: undefined, path: "x.npy" }],
      constants: [],
      shapes: {},
      device: "auto",
      outputs: [],
      profile: false,
      json: false,
      image: { scale: 1 / 255, mean: [0], std: [1], layout: "NCHW" },
    });
  });

  it("takes every option of run, short and long, repeated and with negative numbers", () => {
    const args = [
      "run",
      "-r",
      "t.json",
      "-i",
      "a=x.npy",
      "-i",
      "b=y=z.png",
      "m.onnx",
      "-c",
      "axes=a.npy",
      "--constant",
      "shape=b=c.npy",
      "-s",
      "N=8",
      "--shape",
      "H.0=224",
    ];
    const more = [
      "-d",
      "cpu",
      "-o",
      "a.json",
      "-o",
      "y=b.npy",
      "--profile",
      "--mean=-1,2.5,1e-3",
      "--std",
      "2",
    ];
    expect(readArguments([...args, ...more, "--scale", "1", "--layout", "NHWC"])).toEqual({
      command: "run",
      model: "m.onnx",
      inputs: [
        { name: "a", path: "x.npy" },
        { name: "b", path: "y=z.png" },
      ],
      constants: [
        { name: "axes", path: "a.npy" },
        { name: "shape", path: "b=c.npy" },
      ],
      shapes: { N: 8, "H.0": 224 },
      device: "cpu",
      outputs: [
        { name: undefined, path: "a.json" },
        { name: "y", path: "b.npy" },
      ],
      profile: true,
      json: false,
      records: "t.json",
      image: { scale: 1, mean: [-1, 2.5, 1e-3], std: [2], layout: "NHWC" },
    });
  });

  it.each([
    [["--help"], { command: "help", topic: undefined }],
    [["-h"], { command: "help", topic: undefined }],
    [["help", "tune"], { command: "help", topic: "tune" }],
    [["run", "--help"], { command: "help", topic: "run" }],
    [["inspect", "-h"], { command: "help", topic: "inspect" }],
    [["devices", "--help"], { command: "help", topic: "devices" }],
    [["devices"], { command: "devices", json: false }],
    [["devices", "--json"], { command: "devices", json: true }],
    [["--version"], { command: "version" }],
    [["-v"], { command: "version" }],
    [
      ["inspect", "--operators"],
      { command: "inspect", model: undefined, shapes: {}, constants: [], json: false },
    ],
    [
      ["inspect", "m.onnx", "-s", "N=2", "-c", "k=k.npy", "-c", "sr=16000", "-c", "axes=1,-2", "--json"],
      {
        command: "inspect",
        model: "m.onnx",
        shapes: { N: 2 },
        constants: [
          { name: "k", path: "k.npy" },
          { name: "sr", numbers: ["16000"] },
          { name: "axes", numbers: ["1", "-2"] },
        ],
        json: true,
      },
    ],
    [
      ["tune", "a/m.onnx"],
      {
        command: "tune",
        model: "a/m.onnx",
        shapes: {},
        constants: [],
        device: "auto",
        records: "a/m.tuning.json",
        again: false,
      },
    ],
    [
      ["tune", "m.onnx", "-s", "N=2", "-c", "k=k.npy", "-d", "cpu", "-r", "t.json", "--again"],
      {
        command: "tune",
        model: "m.onnx",
        shapes: { N: 2 },
        constants: [{ name: "k", path: "k.npy" }],
        device: "cpu",
        records: "t.json",
        again: true,
      },
    ],
    [["tune", "--help"], { command: "help", topic: "tune" }],
  ])("understands %j", (args, expected) => {
    expect(readArguments(args)).toEqual(expected);
  });

  it.each([
    [[], "a command is missing"],
    [["--speed"], "there is no command '--speed'"],
    [["devices", "cpu"], "devices takes no 'cpu'"],
    [["devices", "--speed"], "Unknown option '--speed'"],
    [["inspect"], "the model's file is missing"],
    [["inspect", "m.onnx", "n.onnx"], "one model is expected, got m.onnx, n.onnx"],
    [["inspect", "--operators", "m.onnx"], "takes no model"],
    [["tune"], "the model's file is missing"],
    [["tune", "m.onnx", "-d", "tpu"], "--device 'tpu' is not one of auto, cpu, webgpu, opencl."],
    [["run"], "the model's file is missing"],
    [["run", "m.onnx", "-i"], "argument missing"],
    [["run", "m.onnx", "-i", "="], "--input '=' is not [NAME=]FILE."],
    [["run", "m.onnx", "-i", "=x.npy"], "is not [NAME=]FILE."],
    [["run", "m.onnx", "-c", "k.npy"], "--constant 'k.npy' is not NAME=FILE.npy."],
    [["run", "m.onnx", "-c", "k=k.json"], "--constant 'k=k.json' is not NAME=FILE.npy."],
    [["run", "m.onnx", "-s", "N=x"], "--shape 'N=x' is not NAME=SIZE"],
    [["run", "m.onnx", "-s", "8"], "--shape '8' is not NAME=SIZE"],
    [["run", "m.onnx", "-s", "x=2,"], "--shape 'x=2,' is not NAME=SIZE"],
    [["run", "m.onnx", "-s", "N=0x10"], "--shape 'N=0x10' is not NAME=SIZE"],
    [["run", "m.onnx", "-i", "x.npy", "--scale", "0x10"], "--scale: '0x10' is not a number"],
    [["run", "m.onnx", "-i", "x.npy", "--mean", "0,0b1"], "--mean: '0b1' is not a number"],
    [["run", "m.onnx", "-d", "tpu"], "--device 'tpu' is not one of auto, cpu, webgpu, opencl."],
    [["run", "m.onnx", "--layout", "CHWN"], "--layout 'CHWN' is not one of NCHW, NHWC."],
    [["run", "m.onnx", "--std", "1,0"], "--std must not be 0"],
    [["run", "m.onnx", "--mean", "1,x"], "--mean: 'x' is not a number"],
    [["run", "m.onnx", "--mean", "1,"], "--mean: '' is not a number"],
    [["run", "m.onnx", "--scale", "Infinity"], "--scale: 'Infinity' is not a number"],
    [["run", "m.onnx", "-o", "x.csv"], "neither an .npy nor a .json file"],
  ])("refuses %j and asks for the usage", (args, message) => {
    expect(() => readArguments(args)).toThrow(message);
    expect(() => readArguments(args)).toThrow(CommandLineError);
  });
});
