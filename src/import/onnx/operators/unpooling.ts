/** Positions of maxima, their inverse, and sums of overlapping blocks. */
import { elementCount, rowMajorStrides } from "../../../ir/shape.ts";
import { arange, gatherAt, gatherWindows, integerTable } from "../../../nn/positions.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { checkedLength } from "./checked-length.ts";
import { scatterAlong } from "../../../nn/scattering.ts";
import { takeAlong } from "../../../nn/take-along.ts";
import type { OnnxWindow } from "./windows.ts";

/**
 * Flat positions of the maxima of pooling windows in the whole tensor `x [N, C, …]`; `counts` windows along each
 * dimension. With column-major storage the positions inside a map count the other way round.
 */
export function maximaPositions(
  x: Tensor,
  { kernel, stride, dilation, padding }: OnnxWindow,
  counts: readonly number[],
  isColumnMajor: boolean,
): Tensor {
  const spatial = x.shape.slice(2);
  // Far enough for windows that begin inside but end outside (ceil_mode).
  const reach = kernel.map((size, i) => (counts[i]! - 1) * stride[i]! + dilation[i]! * (size - 1) + 1);
  const after = spatial.map((size, i) => Math.max(0, reach[i]! - size - padding[i]![0]));
  const padded = x.pad(
    padding.flatMap((_, i) => [padding[padding.length - 1 - i]![0], after[after.length - 1 - i]!]),
    -Infinity,
  );
  const ordered = gatherWindows(padded, { kernel, stride, dilation }, counts);
  const tap = ordered
    .reshape([...ordered.shape.slice(0, 2 + kernel.length), elementCount(kernel)])
    .argMax(-1);
  const strides = isColumnMajor
    ? [...rowMajorStrides([...spatial].reverse())].reverse()
    : rowMajorStrides(spatial);
  const tapStrides = rowMajorStrides(kernel);
  const offsets = Array.from({ length: elementCount(kernel) }, (_, at) =>
    kernel.reduce((sum, size, i) => {
      const k = Math.floor(at / tapStrides[i]!) % size;
      return sum + k * dilation[i]! * strides[i]!;
    }, 0),
  );
  const rank = 2 + kernel.length;
  const starts = counts.reduce<Tensor>(
    (sum, count, i) =>
      sum.add(
        arange(x, count, i + 2, rank)
          .mul(stride[i]!)
          .sub(padding[i]![0])
          .mul(strides[i]!),
      ),
    mapStarts(x, elementCount(spatial)),
  );
  return gatherAt(integerTable(x, offsets, [offsets.length]), 0, tap).add(starts);
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
  const pads = node.ints("pads") ?? kernel.flatMap(() => [0, 0]);
  const pooled = kernel.map(
    (size, i) => (x.shape[i + 2]! - 1) * stride[i]! + size - pads[i]! - pads[i + kernel.length]!,
  );
  const maps = elementCount(x.shape.slice(0, 2));
  const [inside, size] = [elementCount(x.shape.slice(2)), elementCount(pooled)];
  checkedLength(node, maps * size, "the result");
  const local = positions.sub(mapStarts(x, size)).reshape([maps, inside]);
  const empty = new Tensor(x.trace, x.trace.scalar(0, x.dtype)).expand(maps, size);
  const result = scatterAlong(empty, 1, local, x.reshape([maps, inside])).reshape([
    ...x.shape.slice(0, 2),
    ...pooled,
  ]);
  const wanted = node.optionalNumbers(2, "the output's shape")?.slice(2);
  if (wanted === undefined) return result;
  return result.pad(
    pooled.flatMap((_, i) => {
      const axis = pooled.length - 1 - i;
      return [0, wanted[axis]! - pooled[axis]!];
    }),
  );
}

/** Overlapping blocks added into an image; one dimension at a time, each as a sum over the block's positions. */
function col2Im(node: OperatorNode): Tensor {
  const x = node.input(0);
  const image = node.constantNumbers(1, "the image's shape");
  const block = node.constantNumbers(2, "the block's shape");
  const stride = node.ints("strides") ?? block.map(() => 1);
  const dilation = node.ints("dilations") ?? block.map(() => 1);
  const pads = node.ints("pads") ?? block.flatMap(() => [0, 0]);
  const counts = image.map((size, i) => {
    const room = size + pads[i]! + pads[i + block.length]! - (dilation[i]! * (block[i]! - 1) + 1);
    return Math.floor(room / stride[i]!) + 1;
  });
  for (const size of [...image, ...block, elementCount(image)]) checkedLength(node, size, "the image");
  const channels = x.shape[1]! / elementCount(block);
  const blocks = x.reshape([x.shape[0]!, channels, ...block, ...counts]);
  // Dimension by dimension: [N, C, b₀, b₁, …, n₀, n₁, …] → image rows in the place of n₀, b₀ gone, and so on.
  return block.reduce<Tensor>((y, size, i) => {
    const terms = Array.from({ length: size }, (_, k) => {
      const part = y.select(2, k);
      const at = part.rank - (block.length - i);
      const withZero = part.pad([...new Array<number>(2 * (part.rank - 1 - at)).fill(0), 0, 1]);
      const positions = Array.from({ length: image[i]! }, (_, p) => {
        const from = (p + pads[i]! - k * dilation[i]!) / stride[i]!;
        return Number.isInteger(from) && from >= 0 && from < counts[i]! ? from : counts[i]!;
      });
      return takeAlong(withZero, at, positions);
    });
    return terms.reduce((sum, term) => sum.add(term));
  }, blocks);
}

export const unpooling: OperatorFamily = { MaxUnpool: maxUnpool, Col2Im: col2Im };
