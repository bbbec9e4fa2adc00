/**
 * PNG and JPEG files to tensors: decoded pixels, then channels, scale, mean, deviation and layout as a network
 * expects them. The decoders are optional packages, loaded when an image is first read.
 */
import { UserError } from "../errors.ts";
import { givenBytes } from "../ir/given-bytes.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { overfullPng } from "./png-size.ts";

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

/**
 * A block of 64 pixels takes at least one bit of a JPEG file, its difference to the block before: what says that it holds
 * more is cut short, or lies, and would be given memory before that shows.
 */
const mostPixelsOfByte = 8 * 64;

/** @param name of the file, for errors */
export async function decodeImage(given: Uint8Array | ArrayBuffer, name: string): Promise<Image> {
  const bytes = givenBytes("decodeImage", given);
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return decodePng(bytes, name);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return decodeJpeg(bytes, name);
  throw new UserError("file-format", `image: '${name}' is neither a PNG nor a JPEG file.`);
}

async function decodePng(bytes: Uint8Array, name: string): Promise<Image> {
  const { decode, convertIndexedToRgb } = await decoder("PNG", "fast-png", () => import("fast-png"));
  if (bytes.length < 24) throw new UserError("file-format", `image: '${name}' is cut short.`);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkSize(header.getUint32(16), header.getUint32(20), name);
  const problem = overfullPng(bytes);
  if (problem !== undefined) throw new UserError("file-format", `image: '${name}' ${problem}.`);
  return decoded(name, () => {
    const png = decode(bytes, { checkCrc: true });
    const { width, height, data, depth } = png;
    if (png.palette !== undefined) {
      const pixels = convertIndexedToRgb(png);
      return { width, height, channels: pixels.length / (width * height), pixels };
    }
    if (depth < 8) return { width, height, channels: 1, pixels: unpackBits(data, depth, width, height) };
    const pixels = depth === 16 ? Float32Array.from(data, (value) => value / 257) : new Uint8Array(data);
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
  const size = jpegSize(bytes);
  if (size !== undefined) {
    checkSize(size.width, size.height, name);
    if (size.width * size.height > mostPixelsOfByte * bytes.length)
      throw new UserError(
        "file-format",
        `image: '${name}' is said to be ${size.width} by ${size.height}, which its ${bytes.length} bytes cannot hold; it may be cut short.`,
      );
  }
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

/** The size in a JPEG file's frame header (SOF, ITU-T T.81 B.2.2); undefined where there is none to be found. */
function jpegSize(bytes: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  const word = (at: number): number => (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  let largest: { readonly width: number; readonly height: number } | undefined;
  for (let at = 2; at + 9 <= bytes.length;) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0xff || marker === 0) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    const found = { height: word(at + 5), width: word(at + 7) };
    if (isFrame && found.width * found.height > (largest ? largest.width * largest.height : -1))
      largest = found;
    // Markers without contents: restarts, begin and end.
    at += marker >= 0xd0 && marker <= 0xd9 ? 2 : 2 + Math.max(2, word(at + 2));
  }
  return largest;
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
