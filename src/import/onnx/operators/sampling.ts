/** Sampling images at computed coordinates, and the coordinates of an affine map. */
import { elementCount } from "../../../ir/shape.ts";
import { affineGrid, gridSample, type GridSampleOptions } from "../../../nn/grid-sample.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { checkedLength } from "./checked-length.ts";

/** Names of modes since operator set 20, and before. */
const modes: Readonly<Record<string, GridSampleOptions["mode"]>> = {
  linear: "bilinear",
  bilinear: "bilinear",
  nearest: "nearest",
  cubic: "bicubic",
  bicubic: "bicubic",
};
const paddings = ["zeros", "border", "reflection"] as const;

function sampled(node: OperatorNode): Tensor {
  const [given, wanted] = [node.string("mode", "linear"), node.string("padding_mode", "zeros")];
  const mode = modes[given] ?? node.fail("unsupported", `mode ${given} is not known.`);
  const paddingMode =
    paddings.find((name) => name === wanted) ??
    node.fail("unsupported", `padding_mode ${wanted} is not known.`);
  return gridSample(node.input(0), node.input(1), {
    mode,
    paddingMode,
    alignCorners: node.flag("align_corners", false),
  });
}

function grid(node: OperatorNode): Tensor {
  const size = node.constantNumbers(1, "the size");
  checkedLength(node, elementCount(size.slice(2)), "the grid");
  return affineGrid(node.input(0), size, node.flag("align_corners", false));
}

export const sampling: OperatorFamily = { GridSample: sampled, AffineGrid: grid };
