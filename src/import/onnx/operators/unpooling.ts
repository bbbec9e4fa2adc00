/** Positions of maxima, their inverse, and sums of overlapping blocks. */
import { checkElements, checkIs, checkList, natural, positive } from "./constraints.ts";
import { elementCount, rowMajorStrides } from "../../../ir/shape.ts";
import { addBlocks } from "../../../nn/fold.ts";
import { maximaPositions } from "../../../nn/max-positions.ts";
import { placed } from "../../../nn/max-unpool.ts";
import { arange } from "../../../nn/positions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { checkedLength } from "./checked-length.ts";
import { padsOf, type OnnxWindow } from "./windows.ts";

/**
 * Flat positions of the maxima of pooling windows in the whole tensor `x [N, C, …]`; `counts` windows along each
 * dimension. With column-major storage the positions inside a map count the other way round.
 */
export function positionsInTensor(
  x: Tensor,
  window: OnnxWindow,
  counts: readonly number[],
  isColumnMajor: boolean,
): Tensor {
  const spatial = x.shape.slice(2);
  const strides = isColumnMajor
    ? [...rowMajorStrides([...spatial].reverse())].reverse()
    : rowMajorStrides(spatial);
  return maximaPositions(x, window, counts, strides).add(mapStarts(x, elementCount(spatial)));
}

/** Where each map `[N, C]` of `size` elements begins. */
function mapStarts(x: Tensor, size: number): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const rank = x.rank;
  return arange(x, batch, 0, rank)
    .mul(channels)
    .add(arange(x, channels, 1, rank))
    .mul(size);
}

function maxUnpool(node: OperatorNode): Tensor {
  const [x, positions] = [node.input(0), node.input(1).to("i32")];
  const kernel = node.ints("kernel_shape") ?? node.fail("file-format", "kernel_shape is missing.");
  const stride = node.ints("strides") ?? kernel.map(() => 1);
  const pads = padsOf(node, kernel.length);
  checkList(node, "kernel_shape", kernel, x.rank - 2, positive);
  checkList(node, "strides", stride, kernel.length, positive);
  checkIs(node, "the positions", positions, x.shape);
  const pooled = kernel.map(
    (size, i) => (x.shape[i + 2]! - 1) * stride[i]! + size - pads[i]! - pads[i + kernel.length]!,
  );
  const maps = elementCount(x.shape.slice(0, 2));
  const [inside, size] = [elementCount(x.shape.slice(2)), elementCount(pooled)];
  checkedLength(node, maps * size, "the result");
  checkElements(node, 1, "the positions", [0, maps * size - 1]);
  const local = positions.sub(mapStarts(x, size)).reshape([maps, inside]);
  const result = placed(x.reshape([maps, inside]), local, size).reshape([...x.shape.slice(0, 2), ...pooled]);
  const whole = node.optionalNumbers(2, "the output's shape");
  if (whole === undefined) return result;
  checkList(node, "the output's shape", whole, x.rank, natural);
  const wanted = whole.slice(2);
  return result.pad(
    pooled.flatMap((_, i) => {
      const axis = pooled.length - 1 - i;
      return [0, wanted[axis]! - pooled[axis]!];
    }),
  );
}

/** Overlapping blocks added into an image. */
function col2Im(node: OperatorNode): Tensor {
  const x = node.input(0);
  const image = node.constantNumbers(1, "the image's shape");
  const block = node.constantNumbers(2, "the block's shape");
  const stride = node.ints("strides") ?? block.map(() => 1);
  const dilation = node.ints("dilations") ?? block.map(() => 1);
  const pads = padsOf(node, block.length);
  for (const [what, list] of Object.entries({ block, strides: stride, dilations: dilation, image }))
    checkList(node, what, list, image.length, positive);
  for (const size of [...image, ...block, elementCount(image)]) checkedLength(node, size, "the image");
  const padding = block.map((_, i) => [pads[i]!, pads[i + block.length]!] as const);
  return addBlocks(x, { image, block, stride, dilation, padding });
}

export const unpooling: OperatorFamily = { MaxUnpool: maxUnpool, Col2Im: col2Im };
