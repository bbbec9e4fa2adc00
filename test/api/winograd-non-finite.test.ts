/** What Winograd's method does to one NaN is what its documentation says, and the report names the layers. */
import { describe, expect, it } from "vitest";
import { compile, nn, tensor } from "../../src/index.ts";

class Net extends nn.Module {
  first = new nn.Conv2d(32, 64, 3, { padding: 1 });
  second = new nn.Conv2d(64, 16, 1);
  override forward(x: nn.Tensor): nn.Tensor {
    return this.second.forward(this.first.forward(x).relu());
  }
}

const [size, at] = [20, { row: 9, column: 10 }];

async function spreadOf(winograd: boolean) {
  const compiled = await compile(new Net().eval(), [{ shape: [1, 32, size, size] }], {
    device: "cpu",
    winograd,
  });
  const data = new Float32Array(32 * size * size).fill(0.5);
  data[at.row * size + at.column] = NaN;
  const { data: result } = await compiled.run(tensor(data, [1, 32, size, size]));
  const places = [...result.keys()].filter((i) => i < size * size && Number.isNaN(result[i]));
  const report = String(compiled.report());
  compiled.dispose();
  return { places: places.map((i) => ({ row: Math.floor(i / size), column: i % size })), report };
}

describe("one NaN in the input of a 3×3 convolution", () => {
  it("reaches the nine results whose windows hold it, by the direct method", async () => {
    const { places, report } = await spreadOf(false);
    expect(places).toHaveLength(9);
    for (const { row, column } of places) {
      expect(Math.abs(row - at.row)).toBeLessThanOrEqual(1);
      expect(Math.abs(column - at.column)).toBeLessThanOrEqual(1);
    }
    expect(report).not.toMatch(/Winograd/);
  });

  it("reaches the tiles that it is in, by Winograd's, and the report names the layer", async () => {
    const { places, report } = await spreadOf(true);
    expect(report).toMatch(
      /choose-conv-algorithm: .*NaN and infinities spread over its tiles; winograd: false/,
    );
    expect(report).toMatch(/F\(\d×\d, 3×3\).*\(first\)/);
    expect(places.length).toBeGreaterThan(9);
    for (const { row, column } of places) {
      expect(Math.abs(row - at.row)).toBeLessThanOrEqual(5);
      expect(Math.abs(column - at.column)).toBeLessThanOrEqual(5);
    }
  });
});
