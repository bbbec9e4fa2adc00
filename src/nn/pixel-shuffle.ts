/** Channels to positions and back (Shi et al., 2016). */
import { formatShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** `[…, C · r², H, W]` to `[…, C, H · r, W · r]`. */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  const [channels, height, width] = imageSizes("pixelShuffle", x);
  if (!Number.isInteger(factor) || factor < 1 || channels % factor ** 2 !== 0) {
    x.trace.fail(
      "shape",
      `pixelShuffle: ${channels} channels of ${formatShape(x.shape)} do not divide by ${factor}².`,
    );
  }
  const batch = x.shape.slice(0, -3);
  const outputs = channels / factor ** 2;
  const split = x.reshape([...batch, outputs, factor, factor, height, width]);
  const at = batch.length;
  const order = [...batch.keys(), at, at + 3, at + 1, at + 4, at + 2];
  return split.permute(order).reshape([...batch, outputs, height * factor, width * factor]);
}

/** `[…, C, H · r, W · r]` to `[…, C · r², H, W]`. */
export function pixelUnshuffle(x: Tensor, factor: number): Tensor {
  const [channels, height, width] = imageSizes("pixelUnshuffle", x);
  if (!Number.isInteger(factor) || factor < 1 || height % factor !== 0 || width % factor !== 0) {
    x.trace.fail(
      "shape",
      `pixelUnshuffle: height and width of ${formatShape(x.shape)} do not divide by ${factor}.`,
    );
  }
  const batch = x.shape.slice(0, -3);
  const split = x.reshape([...batch, channels, height / factor, factor, width / factor, factor]);
  const at = batch.length;
  const order = [...batch.keys(), at, at + 2, at + 4, at + 1, at + 3];
  return split.permute(order).reshape([...batch, channels * factor ** 2, height / factor, width / factor]);
}

function imageSizes(name: string, x: Tensor): readonly [number, number, number] {
  const [channels, height, width] = x.shape.slice(-3);
  if (channels === undefined || height === undefined || width === undefined)
    return x.trace.fail(
      "shape",
      `${name}: input ${formatShape(x.shape)} needs channels, height and width as its last dimensions.`,
    );
  return [channels, height, width];
}

/** `(N, C r², H, W)` to `(N, C, H r, W r)`: channels become pixels */
export class PixelShuffle extends Module {
  /** @param upscaleFactor The factor r. */
  constructor(readonly upscaleFactor: number) {
    super();
  }
  protected override settings(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
  override forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }
}

/** `(N, C, H r, W r)` to `(N, C r², H, W)`: pixels become channels */
export class PixelUnshuffle extends Module {
  /** @param downscaleFactor The factor r. */
  constructor(readonly downscaleFactor: number) {
    super();
  }
  protected override settings(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
  override forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }
}
