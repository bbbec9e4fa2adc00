/** Sampling images at computed coordinates, and the coordinates of an affine map. */
import { checkIs, checkList, natural } from "./constraints.ts";
import { elementCount } from "../../../ir/shape.ts";
import { affineGrid, gridSample, type GridSampleOptions } from "../../../nn/grid-sample.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { checkedLength } from "./checked-length.ts";

/** Names of modes since operator set 20, and before. */
const modes = {
  linear: "bilinear",
  bilinear: "bilinear",
  nearest: "nearest",
  cubic: "bicubic",
  bicubic: "bicubic",
} as const satisfies Readonly<Record<string, GridSampleOptions["mode"]>>;
const modeNames = Object.keys(modes) as readonly (keyof typeof modes)[];

function sampled(node: OperatorNode): Tensor {
  const mode = modes[node.choice("mode", modeNames, "linear")];
  const paddingMode = node.choice("padding_mode", ["zeros", "border", "reflection"], "zeros");
  return gridSample(node.input(0), node.input(1), {
    mode,
    paddingMode,
    alignCorners: node.flag("align_corners", false),
  });
}

function grid(node: OperatorNode): Tensor {
  const size = node.constantNumbers(1, "the size");
  if (size.length !== 4 && size.length !== 5)
    return node.fail("shape", `the size [${size.join(", ")}] has ${size.length} numbers, expected 4 or 5.`);
  checkList(node, "the size", size, size.length, natural);
  checkIs(node, "theta", node.input(0), [size[0]!, size.length - 2, size.length - 1]);
  checkedLength(node, elementCount(size.slice(2)), "the grid");
  return affineGrid(node.input(0), size, node.flag("align_corners", false));
}

export const sampling: OperatorFamily = { GridSample: sampled, AffineGrid: grid };
