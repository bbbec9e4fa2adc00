import { describe, expect, it } from "vitest";
import { readArguments } from "../../bench/arguments.ts";
import { bars } from "../../bench/bars.ts";
import { defaultNetworks } from "../../bench/networks.ts";
import { formatSummary } from "../../bench/report/format.ts";

describe("the command line of the benchmark", () => {
  it("compares the default networks in what is here unless it is asked for something else", () => {
    expect(readArguments([])).toMatchObject({
      mode: "compare",
      networks: defaultNetworks,
      systems: undefined,
      webgpu: false,
      compileTimes: true,
    });
  });

  it("takes lists, and puts systems in the order of their turns", () => {
    const { networks, systems } = readArguments([
      "--only",
      "vgg11, resnet18",
      "--systems",
      "torch,ort,opencl",
    ]);
    expect(networks).toEqual(["vgg11", "resnet18"]);
    expect(systems).toEqual(["opencl", "ort", "torch"]);
  });

  it("keeps software WebGPU to one network and three rounds unless it is told otherwise", () => {
    expect(readArguments(["--webgpu"]).slow).toEqual({ networks: ["resnet18"], rounds: 3 });
    expect(readArguments(["--webgpu", "--only", "vgg11", "--rounds", "2"]).slow).toEqual({
      networks: ["vgg11"],
      rounds: 2,
    });
  });

  it("says what it does not understand", () => {
    expect(() => readArguments(["--systems", "tvm"])).toThrow("--systems 'tvm' is not one of opencl, ort");
    expect(() => readArguments(["--rounds", "0"])).toThrow("--rounds '0' is not a count");
    expect(() => readArguments(["--only", "a,,b"])).toThrow("--only 'a,,b' is not a list");
    expect(() => readArguments(["--profile", "--overhead"])).toThrow("two runs");
    expect(() => readArguments(["--fast"])).toThrow("--fast");
  });

  it("measures by default every network of which something is asked", () => {
    expect(bars.map(({ network }) => network).filter((name) => !defaultNetworks.includes(name))).toEqual([]);
  });
});

describe("numbers in tables", () => {
  it("have three significant digits, and a spread to the same place", () => {
    expect(formatSummary({ median: 18.123, spread: 0.26 })).toBe("18.1 ±0.3");
    expect(formatSummary({ median: 757.4, spread: 12.4 })).toBe("757 ±12");
    expect(formatSummary({ median: 0.0451, spread: 0.002 })).toBe("0.045 ±0.002");
  });
});
