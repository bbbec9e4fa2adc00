/** The modules of `scripts/recordings/extra_modules.py`, built the same way, by the id of their recording. */
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/nn/tensor.ts";
import { Each } from "./each.ts";
import { layersAndLosses } from "./layers-and-losses.ts";

class Attention extends nn.Module {
  readonly attention: nn.MultiheadAttention;

  constructor(embedDim: number, heads: number, options: nn.MultiheadAttentionOptions = {}) {
    super();
    this.attention = new nn.MultiheadAttention(embedDim, heads, options);
  }

  override forward(query: Tensor, key?: Tensor, value?: Tensor): Tensor {
    return this.attention.forward(query, key, value);
  }
}

class MaskedAttention extends nn.Module {
  readonly attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });

  override forward(x: Tensor, scores: Tensor): Tensor[] {
    const [batch, length] = x.shape as [number, number];
    const bool = (rows: number, columns: number, at: (row: number, column: number) => boolean) => ({
      dtype: "bool" as const,
      shape: [rows, columns],
      data: Uint8Array.from({ length: rows * columns }, (_, i) =>
        at(Math.floor(i / columns), i % columns) ? 1 : 0,
      ),
    });
    const causal = bool(length, length, (row, column) => column > row);
    const padding = bool(batch, length, (row, column) => row === 0 && column >= length - 2);
    return [
      this.attention.forward(x, x, x, { attnMask: causal }),
      this.attention.forward(x, x, x, { keyPaddingMask: padding }),
      this.attention.forward(x, x, x, { attnMask: scores }),
      this.attention.forward(x, x, x, { attnMask: causal, keyPaddingMask: padding }),
    ];
  }
}

/** Rearranges whole batches, and one item alone. */
class Rearranging extends nn.Module {
  override forward(x: Tensor): Tensor[] {
    const shuffle = new nn.PixelShuffle(2);
    return [
      shuffle.forward(x),
      new nn.PixelUnshuffle(2).forward(x),
      shuffle.forward(x.select(0, 0)),
      new nn.Unflatten(1, [2, -1]).forward(x),
    ];
  }
}

const [line, image, volume] = [0, 1, 2];
const resized = (input: number, options: nn.InterpolateOptions) => [input, new nn.Upsample(options)] as const;

export const extraModules: Readonly<Record<string, () => nn.Module>> = {
  "conv-transpose-1d": () =>
    new nn.ConvTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  "conv-transpose-2d": () =>
    new nn.ConvTranspose2d(3, 5, [4, 3], { stride: [2, 1], padding: [1, 2], dilation: [1, 2] }),
  "conv-transpose-2d-unbatched": () => new nn.ConvTranspose2d(3, 2, 2, { stride: 2, bias: false }),
  "conv-transpose-3d": () => new nn.ConvTranspose3d(2, 3, [1, 2, 3], { stride: 2, padding: [0, 1, 1] }),
  "layer-norm": () => new nn.LayerNorm(7),
  "layer-norm-2": () => new nn.LayerNorm([4, 5], { eps: 1e-3 }),
  "layer-norm-plain": () => new nn.LayerNorm(6, { elementwiseAffine: false }),
  "rms-norm": () => new nn.RMSNorm(7),
  "rms-norm-2": () => new nn.RMSNorm([4, 5], { eps: 1e-2 }),
  "group-norm": () => new nn.GroupNorm(3, 6),
  "group-norm-plain": () => new nn.GroupNorm(2, 4, { eps: 1e-2, affine: false }),
  "instance-norm-1d": () => new nn.InstanceNorm1d(3),
  "instance-norm-2d": () => new nn.InstanceNorm2d(3, { affine: true, eps: 1e-3 }),
  "instance-norm-2d-unbatched": () => new nn.InstanceNorm2d(3),
  "instance-norm-3d": () => new nn.InstanceNorm3d(2, { affine: true }),
  ...Object.fromEntries(
    ["eval", "train"].map((mode) => [
      `instance-norm-tracked-${mode}`,
      () => new nn.InstanceNorm2d(3, { affine: true, trackRunningStats: true, momentum: 0.3 }),
    ]),
  ),
  embedding: () => new nn.Embedding(9, 5),
  attention: () => new Attention(8, 2),
  "attention-batch-first": () => new Attention(12, 3, { batchFirst: true }),
  "attention-no-bias": () => new Attention(8, 4, { bias: false }),
  "attention-kdim": () => new Attention(8, 2, { kdim: 6, vdim: 5, batchFirst: true }),
  "attention-masked": () => new MaskedAttention(),
  prelu: () => new nn.PReLU(),
  "prelu-channels": () => new nn.PReLU(4),
  "smooth-activations": () =>
    new Each(
      ...[
        new nn.ELU(),
        new nn.ELU(0.7),
        new nn.SELU(),
        new nn.CELU(1.5),
        new nn.Softplus(),
        new nn.Softplus({ beta: 3, threshold: 1.5 }),
        new nn.Softsign(),
        new nn.Mish(),
        new nn.Hardtanh(),
        new nn.Hardtanh(-2, 0.5),
        new nn.LogSigmoid(),
      ].map((layer) => [0, layer] as const),
    ),
  resizing: () =>
    new Each(
      resized(line, { scaleFactor: 2 }),
      resized(line, { size: 4 }),
      resized(line, { scaleFactor: 1.7 }),
      resized(line, { size: 11, mode: "linear" }),
      resized(line, { size: 11, mode: "linear", alignCorners: true }),
      resized(image, { scaleFactor: 2 }),
      resized(image, { size: [7, 3] }),
      resized(image, { size: [7, 3], mode: "nearest-exact" }),
      resized(image, { scaleFactor: 2, mode: "bilinear" }),
      resized(image, { scaleFactor: 2, mode: "bilinear", alignCorners: true }),
      resized(image, { scaleFactor: [1.3, 0.6], mode: "bilinear" }),
      resized(image, { size: [3, 9], mode: "bilinear" }),
      resized(image, { size: [1, 9], mode: "bilinear", alignCorners: true }),
      resized(image, { size: [9, 4], mode: "bicubic" }),
      resized(image, { scaleFactor: 2, mode: "bicubic", alignCorners: true }),
      resized(volume, { scaleFactor: 2 }),
      resized(volume, { size: [4, 3, 5], mode: "trilinear" }),
    ),
  padding: () =>
    new Each(
      [line, new nn.ReflectionPad1d([3, 1])],
      [line, new nn.ReplicationPad1d(2)],
      [line, new nn.ConstantPad1d([1, 2], 3.5)],
      [image, new nn.ReflectionPad2d([1, 2, 3, 0])],
      [image, new nn.ReplicationPad2d([1, 2, 3, 7])],
      [image, new nn.ZeroPad2d([1, -1, 0, 2])],
      [image, new nn.ConstantPad2d(1, -1)],
      [volume, new nn.ReplicationPad3d(1)],
      [volume, new nn.ReflectionPad3d(1)],
      [volume, new nn.ConstantPad3d(1, 0.5)],
    ),
  rearranging: () => new Rearranging(),
  ...layersAndLosses,
};
