import { describe, expect, it } from "vitest";
import { runScript } from "./run-script.ts";

const example = (...args: readonly string[]) => runScript("examples/run.ts", args);

describe("npm run example", () => {
  it("basic-block: folds both batch norms, and uses new statistics without compiling again", async () => {
    const { code, stdout, stderr } = await example("basic-block");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/folded into conv1 \(bn1\)/);
    expect(stdout).toMatch(/folded into conv2 \(bn2\)/);
    expect(stdout).toContain("After 1 batch, on the device:");
    const before = /first outputs are (.*)\./.exec(stdout)?.[1];
    const after = /with the new statistics: (.*)\./.exec(stdout)?.[1];
    expect(before).toMatch(/^[\d.]+, /);
    expect(after).toMatch(/^[\d.]+, /);
    expect(after).not.toBe(before);
  });

  it("vgg-block: one kernel for each convolution with its bias, batch norm and ReLU", async () => {
    const { code, stdout } = await example("vgg-block");
    expect(code).toBe(0);
    expect(stdout).toContain("[1, 3, 32, 32] became [1, 64, 16, 16]");
    expect(stdout.match(/^  k\d\d_conv3x3_add_relu_f32$/gm)).toHaveLength(2);
  });

  it("image-classifier: every device gives the same class", async () => {
    const { code, stdout } = await example("image-classifier");
    expect(code).toBe(0);
    const classes = [...stdout.matchAll(/: (class \d with probability 0\.\d{4})/g)].map((match) => match[1]);
    expect(classes.length).toBeGreaterThan(0);
    expect(new Set(classes).size).toBe(1);
  });

  it("mlp-batch-norm: running statistics approach those of the data", async () => {
    const { code, stdout } = await example("mlp-batch-norm");
    expect(code).toBe(0);
    const [, mean, variance] = /after 40 batches: mean ([\d.]+), variance ([\d.]+)/.exec(stdout) ?? [];
    expect(Math.abs(Number(mean) - 5)).toBeLessThan(0.2);
    expect(Math.abs(Number(variance) - 1 / 3)).toBeLessThan(0.05);
    expect(stdout).toContain("folded into hidden (bn)");
  });

  it("names the examples there are when asked for another", async () => {
    const { code, stderr } = await example("alexnet");
    expect(code).toBe(1);
    expect(stderr).toContain("There is no example 'alexnet'");
    expect(stderr).toContain("vgg-block");
  });
}, 180_000);
