/**
 * Small models of the kinds that people reported against other systems, with their right results: `NAME.onnx`, and in
 * `NAME.json` inputs, results, and what the case is about. Every one runs on every device.
 */
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import {
  compile,
  decodeHalves,
  importOnnx,
  nn,
  readPytorch,
  tensor,
  type CompileOptions,
  type HostTensor,
  type ModelOptions,
} from "../../../src/index.ts";
import { lazyDevice, testedDevices } from "../../devices/run-graph.ts";

interface Described {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Numbers; as text those that JSON has not, and whole ones of 64 bits. */
  readonly data: readonly (number | string | boolean)[];
}

interface Case {
  readonly note: string;
  readonly inputs: Readonly<Record<string, Described>>;
  readonly expected: Readonly<Record<string, Described>>;
  readonly shapes?: NonNullable<ModelOptions["shapes"]>;
  readonly tol?: { readonly rtol: number; readonly atol: number };
}

const file = (name: string) => readFileSync(new URL(name, import.meta.url));
const names = readdirSync(new URL(".", import.meta.url))
  .filter((name) => name.endsWith(".onnx"))
  .map((name) => name.slice(0, -".onnx".length))
  .sort();

const dtypes: Readonly<Record<string, HostTensor["dtype"]>> = {
  bool: "bool",
  float16: "f16",
  float32: "f32",
  float64: "f64",
  int8: "i8",
  int16: "i16",
  int32: "i32",
  int64: "i64",
  uint8: "u8",
  uint16: "u16",
  uint32: "u32",
  uint64: "u64",
};
const special: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, "-inf": -Infinity, "-0": -0 };

function described({ dtype: name, shape, data }: Described): HostTensor {
  const dtype = dtypes[name]!;
  if (dtype === "i64" || dtype === "u64") return tensor(data.map(BigInt), shape, dtype);
  return tensor(
    data.map((x) => (typeof x === "string" && x in special ? special[x]! : Number(x))),
    shape,
    dtype,
  );
}

const numbers = ({ dtype, data }: HostTensor): readonly (number | bigint)[] =>
  Array.from((dtype === "f16" ? decodeHalves(data as Uint16Array) : data) as ArrayLike<number | bigint>);

/** In words what is wrong with a result; undefined where nothing is. */
function difference(
  got: HostTensor | undefined,
  wanted: HostTensor,
  { rtol = 1e-4, atol = 1e-5 }: Partial<NonNullable<Case["tol"]>> = {},
): string | undefined {
  if (got === undefined) return "is missing";
  if (got.dtype !== wanted.dtype || got.shape.join() !== wanted.shape.join())
    return `is ${got.dtype}[${got.shape.join()}], expected ${wanted.dtype}[${wanted.shape.join()}]`;
  const expected = numbers(wanted);
  const at = numbers(got).findIndex((a, i) => {
    const b = expected[i]!;
    if (typeof a === "bigint" || typeof b === "bigint") return a !== b;
    // 0 and −0 are different: what divides by them is.
    return !Object.is(a, b) && !(Math.abs(a - b) <= (b === 0 ? 0 : atol + rtol * Math.abs(b)));
  });
  return at < 0 ? undefined : `[${at}] is ${numbers(got)[at]}, expected ${expected[at]}`;
}

async function wrongOf(name: string, device: CompileOptions["device"]): Promise<string | undefined> {
  const { inputs, expected, shapes = {}, tol } = JSON.parse(file(`${name}.json`).toString()) as Case;
  const model = importOnnx(new Uint8Array(file(`${name}.onnx`)), {
    externalData: (part) => new Uint8Array(file(part)),
  });
  await using compiled = await compile(model, { shapes, ...(device && { device }) });
  const given = Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, described(value)]));
  const results = await compiled.run<Record<string, HostTensor>>(given);
  const problems = Object.entries(expected).map(([key, value]) => {
    const problem = difference(results[key], described(value), tol);
    return problem && `${key} ${problem}`;
  });
  return problems.find((problem) => problem !== undefined);
}

describe.each(testedDevices)("reported models on %s", (kind) => {
  const device = lazyDevice(kind);

  it.each(names)("%s", async (name) => {
    expect(await wrongOf(name, await device())).toBeUndefined();
  });
});

test("all cases are found", () => {
  expect(names.length).toBeGreaterThanOrEqual(20);
});

test("a checkpoint from before PyTorch 1.6 is read, and a network takes it", () => {
  const expected = JSON.parse(file("legacy.json").toString()) as Record<string, Described>;
  const tensors = readPytorch(file("legacy.pt"));
  expect(Object.keys(tensors)).toEqual(Object.keys(expected));
  for (const [name, { dtype, shape, data }] of Object.entries(expected)) {
    const elements = (dtype === "i64" ? data.map(BigInt) : data) as number[];
    expect(tensors[name], name).toEqual(tensor(elements, shape, dtype as HostTensor["dtype"]));
  }
  class Net extends nn.Module {
    readonly c = new nn.Conv2d(3, 4, 3);
    readonly bn = new nn.BatchNorm2d(4);
    override forward(x: nn.Tensor): nn.Tensor {
      return this.bn.forward(this.c.forward(x));
    }
  }
  const net = new Net();
  net.loadStateDict(tensors);
  expect(net.stateDict()["c.bias"]).toEqual(tensors["c.bias"]);
});
