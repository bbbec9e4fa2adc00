/** Sliding blocks of an image as columns, and columns added back into an image (im2col and col2im). */
import { windowCount } from "../ir/ops/window.ts";
import { checkOptions } from "../ir/check-options.ts";
import { elementCount, formatShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import { batched, expectSpatialRank } from "./pool-arguments.ts";
import { gatherWindows, takeAlong } from "./positions.ts";
import { settingsText } from "./python-text.ts";
import type { Tensor } from "./tensor.ts";

/** Where windows lie. */
export interface FoldOptions {
  /** 1 */
  readonly dilation?: PerDimension;
  /** Zeros around the image; 0. */
  readonly padding?: PerDimension;
  /** 1 */
  readonly stride?: PerDimension;
}

const foldArguments = {
  known: { dilation: "sizes", padding: "sizes", stride: "sizes" },
  order: ["dilation", "padding", "stride"],
} as const satisfies ArgumentNames<FoldOptions>;

/** Blocks over an image: where they are and how many. */
export interface Blocks {
  readonly image: readonly number[];
  readonly block: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

/** How many blocks there are along each dimension. */
function blockCounts({ image, block, stride, dilation, padding }: Blocks): number[] {
  return block.map((size, i) => windowCount(image[i]!, size, stride[i]!, padding[i]!, dilation[i]!));
}

function blocksOf(name: string, image: readonly number[], kernelSize: PerDimension, options: FoldOptions) {
  checkOptions<FoldOptions>(name, options, foldArguments.known);
  const list = (value: PerDimension | undefined, fallback: number, what: string) =>
    perDimension(value ?? fallback, 2, `${name}: ${what}`);
  return {
    image,
    block: perDimension(kernelSize, 2, `${name}: kernel size`),
    stride: list(options.stride, 1, "stride"),
    dilation: list(options.dilation, 1, "dilation"),
    padding: list(options.padding, 0, "padding").map((size) => [size, size] as const),
  } satisfies Blocks;
}

/**
 * Every block of `x [N, C, H, W]` (or `[C, H, W]`) as a column: `[N, C · kH · kW, L]`, with L blocks in the order of
 * their rows.
 */
export function unfold(x: Tensor, kernelSize: PerDimension, options: FoldOptions = {}): Tensor {
  expectSpatialRank("unfold", x, 2);
  const blocks = blocksOf("unfold", x.shape.slice(-2), kernelSize, options);
  const counts = blockCounts(blocks);
  if (counts.some((count) => count < 1))
    x.trace.fail(
      "shape",
      `unfold: no block of ${formatShape(blocks.block)} fits into ${formatShape(x.shape)} with its padding.`,
    );
  return batched(x, 2, (input) => {
    const [batch, channels] = input.shape as [number, number];
    const [rows, columns] = blocks.padding as [readonly [number, number], readonly [number, number]];
    const padded = input.pad([...columns, ...rows]);
    const windows = gatherWindows(padded, { ...blocks, kernel: blocks.block }, counts);
    return windows
      .permute([0, 1, 4, 5, 2, 3])
      .reshape([batch, channels * elementCount(blocks.block), elementCount(counts)]);
  });
}

/**
 * Columns `x [N, C · kH · kW, L]` (or without N) added into an image `[N, C, …outputSize]`: what blocks share is the
 * sum of what they say.
 */
export function fold(
  x: Tensor,
  outputSize: PerDimension,
  kernelSize: PerDimension,
  options: FoldOptions = {},
): Tensor {
  const blocks = blocksOf("fold", perDimension(outputSize, 2, "fold: output size"), kernelSize, options);
  const counts = blockCounts(blocks);
  const [perBlock, count] = [elementCount(blocks.block), elementCount(counts)];
  if ((x.rank !== 2 && x.rank !== 3) || x.shape.at(-1) !== count || x.shape.at(-2)! % perBlock !== 0)
    x.trace.fail(
      "shape",
      `fold: input ${formatShape(x.shape)}, expected [N, C · ${perBlock}, ${count}] (or without N) for blocks of ${formatShape(blocks.block)} in ${formatShape(blocks.image)}.`,
    );
  return batched(x, 1, (input) => addBlocks(input, blocks));
}

/** The same for any number of spatial dimensions: `x [N, C · ∏ block, ∏ counts]` to `[N, C, …image]`. */
export function addBlocks(x: Tensor, blocks: Blocks): Tensor {
  const { image, block, stride, dilation, padding } = blocks;
  const counts = blockCounts(blocks);
  const channels = x.shape[1]! / elementCount(block);
  // Dimension by dimension: [N, C, b₀, b₁, …, n₀, n₁, …] → image rows in the place of n₀, b₀ gone, and so on.
  return block.reduce<Tensor>(
    (y, size, i) => {
      const terms = Array.from({ length: size }, (_, k) => {
        const part = y.select(2, k);
        const at = part.rank - (block.length - i);
        const withZero = part.pad([...new Array<number>(2 * (part.rank - 1 - at)).fill(0), 0, 1]);
        const positions = Array.from({ length: image[i]! }, (_, p) => {
          const from = (p + padding[i]![0] - k * dilation[i]!) / stride[i]!;
          return Number.isInteger(from) && from >= 0 && from < counts[i]! ? from : counts[i]!;
        });
        return takeAlong(withZero, at, positions);
      });
      return terms.reduce((sum, term) => sum.add(term));
    },
    x.reshape([x.shape[0]!, channels, ...block, ...counts]),
  );
}

/** Blocks of images as columns. */
export class Unfold extends Module {
  /** As given. */
  readonly options: FoldOptions;
  constructor(
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    ...rest: OptionArguments<FoldOptions, typeof foldArguments.order>
  ) {
    super();
    this.options = readOptions<FoldOptions>("Unfold", ["kernelSize"], foldArguments, rest);
  }
  protected override settings(): string {
    const { dilation = 1, padding = 0, stride = 1 } = this.options;
    return settingsText({ kernel_size: this.kernelSize, dilation, padding, stride });
  }
  override forward(x: Tensor): Tensor {
    return unfold(x, this.kernelSize, this.options);
  }
}

/** Columns added into images of `outputSize`. */
export class Fold extends Module {
  /** As given. */
  readonly options: FoldOptions;
  constructor(
    /** Size of the image that windows are added up to. */
    readonly outputSize: PerDimension,
    /** Size of the windows. */
    readonly kernelSize: PerDimension,
    ...rest: OptionArguments<FoldOptions, typeof foldArguments.order>
  ) {
    super();
    this.options = readOptions<FoldOptions>("Fold", ["outputSize", "kernelSize"], foldArguments, rest);
  }
  protected override settings(): string {
    const { outputSize, kernelSize } = this;
    const { dilation = 1, padding = 0, stride = 1 } = this.options;
    return settingsText({ output_size: outputSize, kernel_size: kernelSize, dilation, padding, stride });
  }
  override forward(x: Tensor): Tensor {
    return fold(x, this.outputSize, this.kernelSize, this.options);
  }
}
