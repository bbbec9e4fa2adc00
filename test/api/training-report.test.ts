/** A report's first lines say what is so only because `eval()` was not called. */
import { describe, expect, it } from "vitest";
import { compile, nn } from "../../src/index.ts";
import { Forward, SmallNet } from "./networks.ts";

const firstLines = async (net: nn.Module, shape: readonly number[]): Promise<string> => {
  await using compiled = await compile(net, [{ shape }], { device: "cpu" });
  return String(compiled.report()).split("\n").slice(0, 2).join("\n");
};

describe("the report of a network in training mode", () => {
  it("names the layers that take batch statistics", async () => {
    expect(await firstLines(new SmallNet(), [2, 3, 4, 4])).toMatch(
      /\nin training mode: batch statistics \(bn\)\. .*eval\(\)/,
    );
  });

  it("names some and counts the others, and tells random numbers from statistics", async () => {
    const layers = Array.from({ length: 5 }, () => new nn.BatchNorm1d(3));
    const net = new nn.Sequential(...layers, new nn.Dropout(0.5));
    expect(await firstLines(net, [2, 3])).toContain(
      "in training mode: batch statistics (0, 1, 2 and 2 more); random numbers (5).",
    );
  });

  it("says nothing where the mode changes nothing", async () => {
    expect(await firstLines(new SmallNet().eval(), [2, 3, 4, 4])).not.toContain("training");
    expect(await firstLines(new nn.Linear(3, 2), [1, 3])).not.toContain("training");
    expect(await firstLines(new nn.InstanceNorm1d(3), [2, 3, 5])).not.toContain("training");
    expect(await firstLines(new nn.BatchNorm1d(3, { trackRunningStats: false }), [2, 3])).not.toContain(
      "training",
    );
    expect(await firstLines(new Forward((x) => x!.relu()), [2])).not.toContain("training");
  });

  it("goes by each layer's own mode", async () => {
    const net = new nn.Sequential(new nn.BatchNorm1d(3), new nn.BatchNorm1d(3));
    net.children()[0]!.eval();
    expect(await firstLines(net, [2, 3])).toContain("batch statistics (1).");
  });
});
