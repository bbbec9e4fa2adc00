/** The formats that are read from others: how files of each are changed, and what reading one takes. */
import { buildExecutable, passOptions } from "../../src/compile.ts";
import { wasmTarget } from "../../src/codegen/target.ts";
import { decodeImage, imageTensor } from "../../src/import/image.ts";
import { readNpy } from "../../src/import/npy.ts";
import { inspectOnnx } from "../../src/import/onnx/inspect.ts";
import { importOnnx, importParsed, type OnnxModel } from "../../src/import/onnx/model.ts";
import { parseWithoutWeights } from "../../src/import/onnx/parse-without-weights.ts";
import { leastLeftBytes } from "../../src/import/onnx/tensors.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { readPytorch } from "../../src/import/pytorch.ts";
import { readSafetensors } from "../../src/import/safetensors.ts";
import { MemoryBytes } from "../../src/ir/byte-source.ts";
import { verify } from "../../src/ir/verify.ts";
import { TuningRecords } from "../../src/tuning/records.ts";
import { lies, mutateBytes, numberBytes, replaced, concat, type Bytes } from "./byte-mutations.ts";
import { mutateJson } from "./json-mutations.ts";
import { mutatePickle } from "./pickle-mutations.ts";
import { mutateProtobuf } from "./protobuf-mutations.ts";
import type { Random } from "./random.ts";
import { mutateZip } from "./zip-mutations.ts";

export const formats = ["onnx", "safetensors", "pt", "npy", "png", "jpeg", "records"] as const;
export type Format = (typeof formats)[number];

export interface FormatRecord {
  /** A change that knows the format. */
  readonly mutate: (bytes: Bytes, random: Random) => Bytes;
  /** Reads the file as users do; throws what users get. */
  readonly read: (bytes: Bytes) => void | Promise<void>;
}

export const formatRecords: Readonly<Record<Format, FormatRecord>> = {
  onnx: { mutate: mutateProtobuf, read: readModel },
  safetensors: { mutate: mutateSafetensors, read: (bytes) => void readSafetensors(bytes) },
  pt: { mutate: mutateCheckpoint, read: (bytes) => void readPytorch(bytes) },
  npy: { mutate: mutateNpy, read: (bytes) => void readNpy(bytes) },
  png: { mutate: mutatePng, read: readImage },
  jpeg: { mutate: mutateJpeg, read: readImage },
  records: {
    mutate: mutateJson,
    read: (bytes) => void TuningRecords.parse(new TextDecoder().decode(bytes)),
  },
};

/** As far as `compile` goes without a device: all passes, and kernels for the embedded CPU. */
function readModel(bytes: Bytes): void {
  const model = importOnnx(bytes);
  const shapes = sizesOf(model);
  inspectOnnx(bytes, { shapes });
  const { graph } = traceOnnx(model, shapes);
  // As a file is opened, whose weights stay on disk.
  const opened = importParsed(parseWithoutWeights(new MemoryBytes(bytes), leastLeftBytes), undefined);
  traceOnnx(opened, shapes);
  verify(graph, "import");
  buildExecutable(graph, wasmTarget, passOptions({}));
}

/** Small sizes of what the file leaves open. */
function sizesOf(model: OnnxModel): Record<string, number> {
  const open = [...model.inputs, ...model.overridable].flatMap(({ shape }) => shape ?? []);
  return Object.fromEntries(open.flatMap((size) => (typeof size === "string" ? [[size, 2]] : [])));
}

async function readImage(bytes: Bytes): Promise<void> {
  const image = await decodeImage(bytes, "the image");
  imageTensor(image, { channels: 3, layout: "NCHW", scale: 1, mean: [0], std: [1] });
}

/** The header, whose length fits again more often than not. */
function mutateSafetensors(bytes: Bytes, random: Random): Bytes {
  if (bytes.length < 8) return mutateBytes(bytes, random);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (!(length <= bytes.length - 8) || random.chance(0.1)) return mutateBytes(bytes, random);
  const header = mutateJson(bytes.slice(8, 8 + length), random);
  const stated = random.chance(0.05) ? bytes.slice(0, 8) : numberBytes(header.length, 8);
  return concat(stated, header, bytes.subarray(8 + length));
}

function mutateCheckpoint(bytes: Bytes, random: Random): Bytes {
  if (bytes[0] === 0x50) return mutateZip(bytes, random);
  // Five pickles in a row; the storages behind them are taken for nothing.
  return mutatePickle(bytes, random);
}

/** The text of the header: sizes, names, and what is between them. */
function mutateNpy(bytes: Bytes, random: Random): Bytes {
  const end = bytes.indexOf(0x0a);
  if (end < 10) return mutateBytes(bytes, random);
  const text = new TextDecoder("latin1").decode(bytes.subarray(10, end));
  const parts = [...text.matchAll(/\d+|'[^']*'|[(){},:]|True|False/g)];
  if (parts.length === 0) return mutateBytes(bytes, random);
  const part = random.pick(parts);
  const by = random.chance(0.5)
    ? random.pick(parts)[0]
    : String(random.pick([0, 1, 2, 2 ** 31, 10 ** 15, "(", ")", "'<f8'"]));
  const start = 10 + part.index;
  const changed = replaced(
    bytes,
    start,
    start + part[0].length,
    new TextEncoder().encode(by.repeat(random.few(3))),
  );
  return replaced(changed, 8, 10, numberBytes(changed.indexOf(0x0a) + 1 - 10, 2));
}

/** A change inside of a chunk, whose length and checksum fit again. */
function mutatePng(bytes: Bytes, random: Random): Bytes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: { readonly start: number; readonly length: number }[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at))
    chunks.push({ start: at, length: view.getUint32(at) });
  if (chunks.length === 0) return mutateBytes(bytes, random);
  const { start, length } = random.pick(chunks);
  if (start + 12 + length > bytes.length) return mutateBytes(bytes, random);
  const whole = bytes.slice(start, start + 12 + length);
  if (random.chance(0.2)) return replaced(bytes, start, start, whole);
  const body = mutateBytes(bytes.slice(start + 4, start + 8 + length), random);
  const chunk = concat(numberBytes(body.length - 4, 4, false), body, numberBytes(crc32(body), 4, false));
  return replaced(bytes, start, start + 12 + length, chunk);
}

/** Another size in the frame header. */
function mutateJpeg(bytes: Bytes, random: Random): Bytes {
  const frame = bytes.findIndex((byte, at) => byte === 0xff && bytes[at + 1] === 0xc0);
  if (frame < 0 || random.chance(0.7)) return mutateBytes(bytes, random);
  const at = frame + random.pick([5, 7]);
  return replaced(bytes, at, at + 2, numberBytes(random.pick(lies), 2, false));
}

/** As PNG has it: the polynomial 0xedb88320 of ISO 3309. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
