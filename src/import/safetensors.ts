/**
 * Reads and writes safetensors files: eight bytes with the length of the header (little-endian), the header
 * (JSON: name → dtype, shape and the range its bytes have in the data), then the data.
 *
 *     {"fc.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"by": "us"}}
 *
 * A file comes from anywhere, so every statement in its header is checked against the bytes before anything
 * is allocated for it: tensors must cover the data exactly once, and their shapes must fit their bytes.
 */
import { UserError } from "../errors.ts";
import { givenBytes } from "../ir/given-bytes.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { shortText } from "../ir/short-text.ts";
import { elementCount, formatShape } from "../ir/shape.ts";
import { fileDTypeOf, fileDTypes } from "./safetensors-dtypes.ts";

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const lengthBytes = 8;
const largestSize = 2 ** 31 - 1;

/**
 * The tensors of a safetensors file by name, each with memory of its own.
 *
 * F16, BF16 and F64 become f32, the 8- and 16-bit integers i32; `__metadata__` is checked and left out.
 * @throws UserError (`file-format`) that names the tensor and what is wrong with it
 * @example model.loadStateDict(readSafetensors(await readFile("model.safetensors")))
 */
export function readSafetensors(bytes: Uint8Array | ArrayBuffer): Record<string, HostTensor> {
  const file = givenBytes("readSafetensors", bytes);
  const headerLength = readHeaderLength(file);
  const data = file.subarray(lengthBytes + headerLength);
  const entries = readEntries(readHeader(file.slice(lengthBytes, lengthBytes + headerLength)));
  checkCoverage(entries, data.length);
  return Object.fromEntries(entries.map((entry) => [entry.name, readTensor(entry, data)]));
}

function fail(problem: string, remedy = "The file is damaged or is not safetensors; fetch it again."): never {
  throw new UserError("file-format", `safetensors: ${problem} ${remedy}`);
}

function readHeaderLength(file: Uint8Array): number {
  if (file.length < lengthBytes) fail(`expected at least ${lengthBytes} bytes, got ${file.length}.`);
  const stated = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  const available = file.length - lengthBytes;
  if (stated > BigInt(available)) {
    fail(`the header is said to have ${stated} bytes, but only ${available} follow.`);
  }
  return Number(stated);
}

function readHeader(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    fail(`the header of ${bytes.length} bytes is not JSON (${(cause as Error).message.slice(0, 120)}).`);
  }
  if (!isRecord(header)) fail(`the header is ${describe(header)}, expected an object of tensors by name.`);
  return header;
}

function readEntries(header: Readonly<Record<string, unknown>>): Entry[] {
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") checkMetadata(value);
    else entries.push(readEntry(name, value));
  }
  return entries;
}

function checkMetadata(value: unknown): void {
  if (!isRecord(value) || Object.values(value).some((text) => typeof text !== "string")) {
    fail(`__metadata__ is ${describe(value)}, expected an object of strings.`);
  }
}

function readEntry(name: string, value: unknown): Entry {
  const tensor = `tensor ${shortText(name)}`;
  if (!isRecord(value)) fail(`${tensor} is ${describe(value)}, expected dtype, shape and data_offsets.`);
  const { dtype, shape, data_offsets: offsets } = value;
  const format = typeof dtype === "string" ? fileDTypes.get(dtype) : undefined;
  if (format === undefined) {
    fail(
      `${tensor} has dtype ${describe(dtype)}, expected ${[...fileDTypes.keys()].join(", ")}.`,
      "Convert it, for example with tensor.float(), before it is saved.",
    );
  }
  if (!isSizes(shape, largestSize)) {
    fail(`${tensor} has shape ${describe(shape)}, expected a list of integers from 0 to ${largestSize}.`);
  }
  if (!isSizes(offsets, Number.MAX_SAFE_INTEGER) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    fail(`${tensor} has data_offsets ${describe(offsets)}, expected [begin, end] with 0 ≤ begin ≤ end.`);
  }
  const [begin, end] = offsets as [number, number];
  const expected = elementCount(shape) * format.elementBytes;
  if (end - begin !== expected) {
    fail(
      `${tensor}, ${String(dtype)}${formatShape(shape)}, needs ${expected} bytes, but its data_offsets [${begin}, ${end}] give it ${end - begin}.`,
    );
  }
  return { name, dtype: dtype as string, shape, begin, end };
}

/** Every byte of the data belongs to exactly one tensor. */
function checkCoverage(entries: readonly Entry[], dataLength: number): void {
  let covered = 0;
  let before = "the start of the data";
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const tensor = `tensor ${shortText(name)}`;
    if (end > dataLength)
      fail(`${tensor} ends at byte ${end}, but the data has ${dataLength} bytes. The file may be cut short.`);
    if (begin < covered)
      fail(`${tensor} starts at byte ${begin} and overlaps ${before}, which ends at byte ${covered}.`);
    if (begin > covered)
      fail(`bytes ${covered} to ${begin}, between ${before} and ${tensor}, belong to no tensor.`);
    covered = end;
    before = tensor;
  }
  if (covered < dataLength)
    fail(`the last ${dataLength - covered} of ${dataLength} data bytes belong to no tensor.`);
}

function readTensor({ name, dtype, shape, begin, end }: Entry, data: Uint8Array): HostTensor {
  const format = fileDTypes.get(dtype)!;
  const elements = format.decode(data.slice(begin, end));
  if (format.hostDType === "bool") {
    const wrong = (elements as Uint8Array).findIndex((element) => element > 1);
    if (wrong >= 0)
      fail(
        `tensor ${shortText(name)}, BOOL, holds ${elements[wrong]} at position ${wrong}, expected 0 or 1.`,
      );
  }
  return { dtype: format.hostDType, shape: [...shape], data: elements } as HostTensor;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown, largest: number): value is readonly number[] {
  return (
    Array.isArray(value) && value.every((size) => Number.isInteger(size) && size >= 0 && size <= largest)
  );
}

/** A value of the header, short enough for a message. */
function describe(value: unknown): string {
  return value === undefined ? "missing" : shortText(value);
}

/**
 * A safetensors file of `tensors`; `readSafetensors` gives them back bit for bit.
 *
 * @param metadata free text by key
 * @throws UserError when a tensor's data does not fit its shape or a name is `__metadata__`
 * @example await writeFile("model.safetensors", writeSafetensors(model.stateDict()))
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  // Wide elements first, so that every tensor is aligned for readers that map the file.
  const placed = Object.entries(tensors).sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT,
  );
  const begins = new Map<string, number>();
  let dataLength = 0;
  for (const [name, { shape, data }] of placed) {
    if (name === "__metadata__")
      throw new UserError(
        "argument",
        "writeSafetensors: __metadata__ is not a tensor name; pass metadata as the second argument.",
      );
    if (elementCount(shape) !== data.length) {
      throw new UserError(
        "shape",
        `writeSafetensors: tensor ${shortText(name)} has shape ${formatShape(shape)}, but ${data.length} elements.`,
      );
    }
    begins.set(name, dataLength);
    dataLength += data.byteLength;
  }
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const begin = begins.get(name)!;
    const entry = { dtype: fileDTypeOf[dtype], shape, data_offsets: [begin, begin + data.byteLength] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (metadata !== undefined) entries.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerLength = Math.ceil(json.length / lengthBytes) * lengthBytes;
  const file = new Uint8Array(lengthBytes + headerLength + dataLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.fill(0x20, lengthBytes, lengthBytes + headerLength);
  file.set(json, lengthBytes);
  for (const [name, { data }] of placed) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    file.set(bytes, lengthBytes + headerLength + begins.get(name)!);
  }
  return file;
}
