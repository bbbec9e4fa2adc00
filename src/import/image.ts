/**
 * PNG and JPEG files to tensors: decoded pixels, then channels, scale, mean, deviation and layout as a network
 * expects them. The decoders are optional packages, loaded when an image is first read.
 */
import { UserError } from "../errors.ts";
import type { HostTensor } from "../ir/host-tensor.ts";

/** Rows of pixels, channels side by side: grey, grey and alpha, RGB, or RGB and alpha; values from 0 to 255. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly pixels: Uint8Array | Float32Array;
}

export interface ImageTensorOptions {
  /** Channels of the tensor: 1 (luminance), 3 (RGB) or 4 (RGB and alpha). */
  readonly channels: number;
  readonly layout: "NCHW" | "NHWC";
  /** What values from 0 to 255 are multiplied with, before mean and deviation. */
  readonly scale: number;
  /** Subtracted: one number, or one for each channel. */
  readonly mean: readonly number[];
  /** Divided by after that: one number, or one for each channel. */
  readonly std: readonly number[];
}

/** Images beyond this many pixels are refused before they are unpacked. */
const mostPixels = 2 ** 26;

/** @param name of the file, for errors */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Image> {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return decodePng(bytes, name);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return decodeJpeg(bytes, name);
  throw new UserError("file-format", `image: '${name}' is neither a PNG nor a JPEG file.`);
}

async function decodePng(bytes: Uint8Array, name: string): Promise<Image> {
  const { decode, convertIndexedToRgb } = await decoder("PNG", "fast-png", () => import("fast-png"));
  if (bytes.length < 24) throw new UserError("file-format", `image: '${name}' is cut short.`);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkSize(header.getUint32(16), header.getUint32(20), name);
  return decoded(name, () => {
    const png = decode(bytes, { checkCrc: true });
    const { width, height, data, depth } = png;
    if (png.palette !== undefined) {
      const pixels = convertIndexedToRgb(png);
      return { width, height, channels: pixels.length / (width * height), pixels };
    }
    if (depth < 8) return { width, height, channels: 1, pixels: unpackBits(data, depth, width, height) };
    const pixels = depth === 16 ? Float32Array.from(data, (value) => value / 257) : Uint8Array.from(data);
    return { width, height, channels: png.channels, pixels };
  });
}

/** Grey pixels of 1, 2 or 4 bits, each row starting with a byte. */
function unpackBits(data: ArrayLike<number>, depth: number, width: number, height: number): Uint8Array {
  const most = 2 ** depth - 1;
  const rowBytes = Math.ceil((width * depth) / 8);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth;
    const byte = data[Math.floor(i / width) * rowBytes + (bit >> 3)]!;
    return Math.round((((byte >> (8 - depth - (bit & 7))) & most) * 255) / most);
  });
}

async function decodeJpeg(bytes: Uint8Array, name: string): Promise<Image> {
  const { default: jpeg } = await decoder("JPEG", "jpeg-js", () => import("jpeg-js"));
  return decoded(name, () => {
    const { width, height, data } = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      maxResolutionInMP: mostPixels / 1e6,
      maxMemoryUsageInMB: 1024,
    });
    return { width, height, channels: 3, pixels: data };
  });
}

async function decoder<Module>(
  format: string,
  packageName: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    throw new UserError(
      "unsupported",
      `image: ${format} files need the package '${packageName}': npm install ${packageName}.`,
      {},
      { cause },
    );
  }
}

function decoded(name: string, decode: () => Image): Image {
  let image: Image;
  try {
    image = decode();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError("file-format", `image: '${name}' cannot be decoded (${reason}).`, {}, { cause });
  }
  checkSize(image.width, image.height, name);
  return image;
}

function checkSize(width: number, height: number, name: string): void {
  if (width < 1 || height < 1 || width * height > mostPixels)
    throw new UserError(
      "file-format",
      `image: '${name}' is ${width} by ${height}; expected at most ${mostPixels} pixels.`,
    );
}

/** One image as a batch: `[1, C, H, W]` or `[1, H, W, C]`. */
export function imageTensor(image: Image, options: ImageTensorOptions): HostTensor<"f32"> {
  const { width, height } = image;
  const { channels, layout, scale } = options;
  if (![1, 3, 4].includes(channels))
    throw new UserError("argument", `image: ${channels} channels are asked for; images have 1, 3 or 4.`);
  const [mean, std] = [perChannel("mean", options.mean, channels), perChannel("std", options.std, channels)];
  const data = new Float32Array(width * height * channels);
  for (let position = 0; position < width * height; position++) {
    for (let channel = 0; channel < channels; channel++) {
      const value = (channelOf(image, position, channel, channels) * scale - mean[channel]!) / std[channel]!;
      data[layout === "NCHW" ? channel * width * height + position : position * channels + channel] = value;
    }
  }
  const shape = layout === "NCHW" ? [1, channels, height, width] : [1, height, width, channels];
  return { dtype: "f32", shape, data };
}

function perChannel(name: string, values: readonly number[], channels: number): readonly number[] {
  if (values.length === 1) return new Array<number>(channels).fill(values[0]!);
  if (values.length !== channels)
    throw new UserError(
      "argument",
      `image: ${name} has ${values.length} numbers for ${channels} channel(s); give one, or one for each.`,
    );
  return values;
}

/** Grey is repeated as RGB; RGB becomes grey by the luminance of ITU-R BT.601; alpha is 255 where there is none. */
function channelOf(image: Image, position: number, channel: number, wanted: number): number {
  const { channels, pixels } = image;
  const at = position * channels;
  const isGrey = channels < 3;
  if (channel === 3) return channels % 2 === 0 ? pixels[at + channels - 1]! : 255;
  if (isGrey) return pixels[at]!;
  if (wanted === 1) return 0.299 * pixels[at]! + 0.587 * pixels[at + 1]! + 0.114 * pixels[at + 2]!;
  return pixels[at + channel]!;
}
