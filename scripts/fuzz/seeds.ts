/** Sound files of each format, from the project's tests and examples; what mutations start from. */
import { readdirSync, readFileSync } from "node:fs";
import { encode as encodePng } from "fast-png";
import jpeg from "jpeg-js";
import { readPytorch } from "../../src/import/pytorch.ts";
import { readSafetensors, writeSafetensors } from "../../src/import/safetensors.ts";
import { TuningRecords, deviceKey } from "../../src/tuning/records.ts";
import { loadOnnxCases } from "../../test/recordings/onnx-cases.ts";
import type { Bytes } from "./byte-mutations.ts";
import type { Format } from "./formats.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): Bytes => new Uint8Array(readFileSync(new URL(path, root)));

function filesIn(folder: string, extension: string): readonly Bytes[] {
  return readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => read(`${folder}${name}`));
}

const makers: Readonly<Record<Format, () => readonly Bytes[]>> = {
  onnx: () => [
    ...loadOnnxCases().map(({ model }) => new Uint8Array(model)),
    ...filesIn("test/import/reported-models/", ".onnx"),
    read("examples/digits/data/digits-resnet.onnx"),
  ],
  safetensors: () => [
    new Uint8Array(writeSafetensors({})),
    new Uint8Array(writeSafetensors(readPytorch(read("test/import/data/dtypes.pt")), { by: "a test" })),
    new Uint8Array(writeSafetensors(readPytorch(read("test/import/data/state-dict.pt")))),
    new Uint8Array(writeSafetensors(readSafetensors(read("test/recordings/movement.safetensors")))),
    read("examples/digits/data/expected-logits.safetensors"),
  ],
  pt: () => [...filesIn("test/import/data/", ".pt"), ...filesIn("test/import/reported-models/", ".pt")],
  npy: () => filesIn("test/import/data/", ".npy"),
  png: () => [1, 2, 3, 4].flatMap((channels) => [8, 16].map((depth) => png(channels, depth as 8 | 16))),
  jpeg: () => [1, 9, 40].map(jpegOf),
  records: () => [new TextEncoder().encode(String(records()))],
};

/** The same every time, and never empty. */
export function seedsOf(format: Format): readonly Bytes[] {
  return makers[format]();
}

function png(channels: number, depth: 8 | 16): Bytes {
  const [width, height] = [13, 7];
  const length = width * height * channels;
  const data =
    depth === 8
      ? Uint8Array.from({ length }, (_, i) => (i * 37) % 256)
      : Uint16Array.from({ length }, (_, i) => (i * 3701) % 65536);
  return new Uint8Array(encodePng({ width, height, channels, depth, data }));
}

function jpegOf(size: number): Bytes {
  const data = Buffer.from(Array.from({ length: 4 * size * size }, (_, i) => (i * 11) % 256));
  return new Uint8Array(jpeg.encode({ width: size, height: size, data }, 70).data);
}

function records(): TuningRecords {
  const target = { computeUnits: 2 };
  const devices = (["cpu", "opencl"] as const).map((kind) => ({
    key: deviceKey({ kind, name: `a device of kind ${kind}`, driver: "1.2", target }),
    entries: new Map(
      Array.from({ length: 6 }, (_, i) => [
        `algorithm conv3x3 n1 c${i} 56x56 o64 pad1 f32`,
        { choice: "direct", elapsedMs: { direct: 0.5 + i, "winograd-4": 0.7 } },
      ]),
    ),
  }));
  return new TuningRecords(devices);
}
