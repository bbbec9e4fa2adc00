/** Bisection: agreement, an injected fault found by name, faults that need fusion, and inputs that do not fit. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bisect, importOnnx, nn, tensor, UserError, type Device } from "../src/index.ts";
import type { KernelSource } from "../src/codegen/executable.ts";
import { openDevice } from "../src/runtime/open-device.ts";
import { randomTensor, randomize, SmallNet } from "./api/networks.ts";

/** A number that no network has but the ones here, so that its bytes can be found in a kernel. */
const factor = Math.fround(0.7310585);
const wrongFactor = Math.fround(0.5);

/** A device that computes with another factor in the kernels that `isFaulty` picks. */
async function faultyDevice(isFaulty: (kernel: KernelSource) => boolean): Promise<Device> {
  const { device } = await openDevice("cpu");
  const from = Buffer.from(Float32Array.of(factor).buffer);
  const to = Buffer.from(Float32Array.of(wrongFactor).buffer);
  const damage = (kernel: KernelSource): KernelSource => {
    if (!isFaulty(kernel)) return kernel;
    const binary = Buffer.from(kernel.binary!);
    for (let at = binary.indexOf(from); at >= 0; at = binary.indexOf(from, at + 4)) to.copy(binary, at);
    return { ...kernel, name: `${kernel.name}_faulty`, binary: new Uint8Array(binary) };
  };
  return new Proxy(device, {
    get(target, property) {
      if (property === "compile") {
        return (kernels: readonly KernelSource[]) => target.compile(kernels.map(damage));
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

class Scale extends nn.Module {
  override forward(x: nn.Tensor): nn.Tensor {
    return x.mul(factor);
  }
}

class Net extends nn.Module {
  readonly first = new nn.Linear(4, 6);
  readonly scale = new Scale();
  readonly last = new nn.Linear(6, 3);

  override forward(x: nn.Tensor): nn.Tensor {
    return this.last.forward(this.scale.forward(this.first.forward(x)).relu());
  }
}

const net = () => randomize(new Net());
const x = randomTensor([2, 4], 5);

describe("bisect", () => {
  it("finds nothing where a device agrees with the reference semantics", async () => {
    const found = await bisect(net(), [x], { a: { device: "cpu" }, b: "evaluate" });
    expect(found.first).toBeUndefined();
    expect(found.compared).toBeGreaterThan(5);
    expect(String(found)).toMatch(/^All \d+ values agree within 0\.0001\.$/);
  });

  it("finds nothing between pipelines, in training mode and without changing the module", async () => {
    const module = randomize(new SmallNet());
    const before = module.stateDict();
    const found = await bisect(module, [randomTensor([3, 3, 5, 5])], {
      a: { device: "cpu", batchNorm: "split" },
      b: { device: "cpu", batchNorm: "naive", withoutPasses: ["fuse-elementwise"] },
    });
    expect(found.first).toBeUndefined();
    expect(module.stateDict()).toEqual(before);
  });

  it("names the first value that a faulty kernel makes, with module, place and statistics", async () => {
    const device = await faultyDevice(() => true);
    const found = await bisect(net(), [x], { a: { device }, b: "evaluate" });
    expect(found.first).toMatchObject({ op: "mul", modulePath: "scale", type: "f32[2,6]", onlyFused: false });
    expect(found.first!.callSite).toContain("bisect.test.ts");
    const { a, b, largest } = found.first!;
    expect(largest.a / largest.b).toBeCloseTo(wrongFactor / factor, 5);
    expect(largest.index).toHaveLength(2);
    expect(b.max / a.max).toBeCloseTo(factor / wrongFactor, 5);
    expect(String(found)).toMatch(
      /First difference: %\w+ = mul : f32\[2,6\] \(in 'scale'.*\n {2}largest at \[\d,\d\]/,
    );
  });

  it("finds the same where the fault is on the other side", async () => {
    const device = await faultyDevice(() => true);
    const found = await bisect(net(), [x], { a: { device: "cpu" }, b: { device } });
    expect(found.first).toMatchObject({ op: "mul", modulePath: "scale" });
  });

  it("finds a fault that goes away when every value is an output", async () => {
    // Only the kernel that multiplies without handing the sum before it out is wrong.
    const device = await faultyDevice(({ name, buffers }) => {
      const written = buffers.filter(({ access }) => access !== "read").length;
      return /matmul.*mul/.test(name.replace("matmul", "matmul_")) && written === 1;
    });
    const found = await bisect(net(), [x], { a: { device }, b: "evaluate" });
    expect(found.first).toMatchObject({ op: "mul", modulePath: "scale", onlyFused: true });
    expect(String(found)).toContain("Only where it is fused");
  });

  it("tells rounding from equality by the tolerance", async () => {
    const sides = { a: { device: "cpu" }, b: "evaluate" } as const;
    const found = await bisect(randomize(new SmallNet()).eval(), [randomTensor([1, 3, 8, 8])], {
      ...sides,
      tolerance: 0,
    });
    expect(found.first!.largest.relative).toBeGreaterThan(0);
    expect(found.first!.largest.relative).toBeLessThan(1e-5);
  });

  it("takes imported models, binding symbolic dimensions by the inputs", async () => {
    const bytes = readFileSync(new URL("../examples/digits/data/digits-resnet.onnx", import.meta.url));
    const found = await bisect(
      importOnnx(bytes),
      { image: randomTensor([2, 1, 8, 8]) },
      {
        a: { device: "cpu" },
        b: "evaluate",
      },
    );
    expect(found.first).toBeUndefined();
    expect(found.compared).toBeGreaterThan(20);
  });

  it("refuses inputs that do not fit", async () => {
    const sides = { a: { device: "cpu" }, b: "evaluate" } as const;
    const bytes = readFileSync(new URL("../examples/digits/data/digits-resnet.onnx", import.meta.url));
    const model = importOnnx(bytes);
    await expect(bisect(net(), { x }, sides)).rejects.toThrow(/expected a list of tensors/);
    await expect(bisect(model, { picture: x }, sides)).rejects.toThrow(UserError);
    await expect(bisect(model, { image: tensor([1, 2], [2, 1, 1, 1]) }, sides)).rejects.toThrow(
      /input 'image' is f32\[2,1,1,1\], expected f32\[2,1,8,8\]/,
    );
    await expect(
      bisect(net(), [x], { a: { device: "cpu", withoutPasses: ["no-such"] }, b: "evaluate" }),
    ).rejects.toThrow(/there is no pass 'no-such'/);
  });
});
