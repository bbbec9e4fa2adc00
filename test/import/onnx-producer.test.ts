/** Where programs read the ONNX standard differently, a file means what the program that wrote it does. */
import { describe, expect, it } from "vitest";
import { compile, importOnnx, tensor } from "../../src/index.ts";
import { floats, modelBytes, node, value } from "./onnx/build-model.ts";

describe("align_corners with a scale that does not divide", () => {
  const resized = async (producer: string, scale: number): Promise<number[]> => {
    const attributes = { mode: "linear", coordinate_transformation_mode: "align_corners" };
    const model = importOnnx(
      modelBytes({
        producer,
        nodes: [node("Resize", ["x", "", "scales"], ["y"], attributes)],
        inputs: [value("x", [1, 1, 4])],
        outputs: [value("y", [1, 1, "W"])],
        initializers: [floats("scales", [3], [1, 1, scale])],
      }),
    );
    await using compiled = await compile(model, { device: "cpu" });
    const { y } = await compiled.run<{ y: { data: Float32Array } }>({ x: tensor([0, 1, 2, 3], [1, 1, 4]) });
    return [...y.data];
  };
  const closeTo = (values: readonly number[]): unknown =>
    values.map((expected) => expect.closeTo(expected, 6) as number);

  // torch.nn.functional.interpolate(torch.arange(4.).view(1, 1, 4), scale_factor=…, mode="linear", align_corners=True)
  it("goes by the whole length, as PyTorch does, in PyTorch's files", async () => {
    expect(await resized("pytorch", 1.7)).toEqual(closeTo([0, 0.6, 1.2, 1.8, 2.4, 3]));
    expect(await resized("pytorch", 0.6)).toEqual(closeTo([0, 3]));
  });

  // ONNX's own test resize_downsample_scales_linear_align_corners: 1 + 3 / (4 · 0.6 − 1) = 3.142857.
  it("goes by the length before rounding, as ONNX's tests do, in others", async () => {
    expect(await resized("", 0.6)).toEqual(closeTo([0, 2.142857]));
  });
});
