import { describe, expect, it } from "vitest";
import { resnet18, resnet34, resnet50 } from "../../examples/resnet.ts";
import type { nn } from "../../src/index.ts";

const parameterCount = (net: nn.Module): number =>
  net.parameters().reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);

describe("ResNets", () => {
  // The counts of torchvision's models, and of the entries of their state dicts.
  it.each([
    ["resnet18", resnet18, 11_689_512, 122],
    ["resnet34", resnet34, 21_797_672, 218],
    ["resnet50", resnet50, 25_557_032, 320],
  ] as const)("%s has torchvision's parameters", (_, build, parameters, entries) => {
    const net = build();
    expect(parameterCount(net)).toBe(parameters);
    expect(Object.keys(net.stateDict())).toHaveLength(entries);
  });

  it("have torchvision's names", () => {
    const names = Object.keys(resnet50().stateDict());
    expect(names[0]).toBe("conv1.weight");
    expect(names).toContain("bn1.num_batches_tracked");
    expect(names).toContain("layer1.0.downsample.0.weight");
    expect(names).toContain("layer4.2.bn3.running_var");
    expect(names.slice(-2)).toEqual(["fc.weight", "fc.bias"]);
  });

  it("are the same for the same seed, and batch norms are not trivial", () => {
    const [one, same, other] = [1, 1, 2].map((seed) => resnet18({ seed, classes: 10 }).stateDict());
    expect(one!["fc.weight"]!.data).toEqual(same!["fc.weight"]!.data);
    expect(one!["fc.weight"]!.data).not.toEqual(other!["fc.weight"]!.data);
    const variances = Array.from(one!["layer2.0.bn1.running_var"]!.data, Number);
    expect(new Set(variances).size).toBeGreaterThan(100);
    expect(Math.min(...variances)).toBeGreaterThan(0.5);
  });
});
