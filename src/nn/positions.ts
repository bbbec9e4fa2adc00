/** Indices as tensors: positions along an axis, gathering by computed positions, negative ones wrapped. */
import { elementCount, formatShape, rowMajorStrides } from "../ir/shape.ts";
import { formatType } from "../ir/tensor-type.ts";
import type { Tensor } from "./tensor.ts";

/** Tables of positions made while a graph is built hold at most this many elements. */
export const longestTable = 2 ** 22;

/** An i32 constant in the trace of `x`. */
export function integerTable(x: Tensor, values: Iterable<number>, shape: readonly number[]): Tensor {
  if (values instanceof Int32Array) return x.operand({ dtype: "i32", shape, data: values });
  const numbers = Array.isArray(values) ? (values as readonly number[]) : [...values];
  const data = Int32Array.from(numbers);
  const cut = numbers.find((value, i) => value !== data[i]);
  if (cut !== undefined) x.trace.fail("dtype", `a table of 32-bit integers cannot hold ${cut}.`);
  return x.operand({ dtype: "i32", shape, data });
}

/** `0, 1, … size − 1` along `axis` of a tensor of `rank` dimensions whose others have size 1, in the trace of `x`. */
export function arange(x: Tensor, size: number, axis: number, rank: number): Tensor {
  if (size > longestTable)
    x.trace.fail("unsupported", `a table of ${size} positions; at most ${longestTable} can be.`);
  const shape = Array.from({ length: rank }, (_, i) => (i === axis ? size : 1));
  return integerTable(
    x,
    new Int32Array(size).map((_, i) => i),
    shape,
  );
}

/** Slices of `x` along `axis` at computed positions. */
export function gatherAt(x: Tensor, axis: number, indices: Tensor): Tensor {
  return x.symbol(x.trace.add("gather", [x.id, indices.id], { axis }));
}

/** Says that `indices` are positions along `axis` of `x`, negative ones counted from the end; `asked` reads them. */
export function notePositions(asked: string, indices: Tensor, x: Tensor, axis: number): void {
  const size = x.shape[axis]!;
  const what = `${asked}: an index along dimension ${axis} of ${formatType(x.trace.typeOf(x.id))}`;
  indices.trace.noteIndex(indices.id, { least: -size, greatest: size - 1 }, what);
}

/** Slices of `x` along `axis` at positions that are known while tracing. */
export function takeAlong(x: Tensor, axis: number, positions: readonly number[]): Tensor {
  return gatherAt(x, axis, integerTable(x, positions, [positions.length]));
}

/** Negative positions count from the end; those outside become the nearest one inside. */
export function wrapped(indices: Tensor, size: number): Tensor {
  const i = indices.to("i32");
  return i
    .add(size)
    .where(i.lt(0), i)
    .clamp(0, Math.max(size - 1, 0));
}

/** `y[i] = x[i₀, …, indices[i], …]`, the index in the place of `axis`. */
export function gatherElements(x: Tensor, axis: number, indices: Tensor): Tensor {
  const strides = rowMajorStrides(x.shape);
  const position = indices.shape.reduce<Tensor>(
    (sum, size, i) => (i === axis || size === 1 ? sum : sum.add(arange(x, size, i, x.rank).mul(strides[i]!))),
    wrapped(indices, x.shape[axis]!).mul(strides[axis]!),
  );
  return gatherAt(x.reshape([elementCount(x.shape)]), 0, position);
}

/** Row numbers from index vectors in the last dimension of `indices`, for the first dimensions `sizes` of a tensor. */
export function rowNumbers(indices: Tensor, sizes: readonly number[]): Tensor {
  const strides = rowMajorStrides(sizes);
  const parts = sizes.map((size, i) => {
    const part = indices.select(-1, i);
    const what = `an index into dimension ${i} of ${formatShape(sizes)}`;
    indices.trace.noteIndex(part.id, { least: -size, greatest: size - 1 }, what);
    return wrapped(part, size).mul(strides[i]!);
  });
  return parts.length === 0
    ? integerTable(indices, [0], []).expand(indices.shape.slice(0, -1))
    : parts.reduce((sum, part) => sum.add(part));
}

/** The elements of every window over the spatial dimensions of `x [N, C, …]`: `[N, C, …windows, …kernel]`. */
export function gatherWindows(
  x: Tensor,
  {
    kernel,
    stride,
    dilation,
  }: {
    readonly kernel: readonly number[];
    readonly stride: readonly number[];
    readonly dilation: readonly number[];
  },
  counts: readonly number[],
): Tensor {
  const windows = kernel.reduce<Tensor>((y, size, i) => {
    if (counts[i]! * size > longestTable)
      x.trace.fail(
        "unsupported",
        `a table of ${counts[i]} windows of ${size}; at most ${longestTable} positions can be.`,
      );
    const table = Array.from({ length: counts[i]! * size }, (_, at) => {
      const [o, k] = [Math.floor(at / size), at % size];
      return o * stride[i]! + k * dilation[i]!;
    });
    return gatherAt(y, 2 + 2 * i, integerTable(x, table, [counts[i]!, size]));
  }, x);
  const dimensions = kernel.map((_, i) => i);
  return windows.permute([0, 1, ...dimensions.map((i) => 2 + 2 * i), ...dimensions.map((i) => 3 + 2 * i)]);
}

/** Elements in reverse order along `axis`. */
export function reversed(x: Tensor, axis: number): Tensor {
  const start = x.shape.map((size, i) => (i === axis ? Math.max(size - 1, 0) : 0));
  const step = x.shape.map((_, i) => (i === axis ? -1 : 1));
  return x.symbol(x.trace.add("slice", [x.id], { start, size: [...x.shape], step }));
}
