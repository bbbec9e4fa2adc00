/**
 * Reads and writes NumPy's `.npy` files: magic, version, the length of the header, the header (a Python
 * dictionary of `descr`, `fortran_order` and `shape`, padded to 64 bytes), then the elements.
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *
 * The header is read by a grammar of its own, and what it says is checked against the bytes that follow.
 */
import { UserError } from "../errors.ts";
import { givenBytes } from "../ir/given-bytes.ts";
import { allocateArray, type HostArray, type HostDType } from "../ir/dtype.ts";
import { checkHostTensor, type HostTensor } from "../ir/host-tensor.ts";
import { elementCount, formatShape, rowMajorStrides } from "../ir/shape.ts";
import { parseNpyHeader, type NpyHeader } from "./npy-header.ts";
import { fileDTypes } from "./safetensors-dtypes.ts";

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // "\x93NUMPY"

/** NumPy's letter and bytes of an element → the element type as safetensors names it. */
const elementTypes: Readonly<Record<string, string>> = {
  f2: "F16",
  f4: "F32",
  f8: "F64",
  i1: "I8",
  i2: "I16",
  i4: "I32",
  i8: "I64",
  u1: "U8",
  u2: "U16",
  u4: "U32",
  u8: "U64",
  b1: "BOOL",
};

/**
 * The array of an `.npy` file. f2 and f8 become f32, the 8- and 16-bit integers i32; Fortran order and
 * big-endian elements are rearranged.
 * @throws UserError (`file-format`) that says what does not hold
 * @example await compiled.run({ image: readNpy(await readFile("image.npy")) })
 */
export function readNpy(bytes: Uint8Array | ArrayBuffer): HostTensor {
  const { header, data } = splitFile(givenBytes("readNpy", bytes));
  const { descr, fortranOrder, shape } = parseNpyHeader(header, fail);
  const [, order, type] = /^([<>|=])([a-z]\d)$/.exec(descr) ?? [];
  const format =
    type !== undefined && Object.hasOwn(elementTypes, type) ? fileDTypes.get(elementTypes[type]!) : undefined;
  if (format === undefined)
    fail(
      `elements are '${descr}', expected one of ${Object.keys(elementTypes).join(", ")}.`,
      "Convert the array with astype.",
    );
  const count = elementCount(shape);
  // A shape with a zero may hold any other size; no array is that large.
  if (count >= 2 ** 31 || shape.some((size) => size >= 2 ** 31))
    fail(`shape ${formatShape(shape)} has 2^31 elements or more.`);
  if (data.length !== count * format.elementBytes) {
    fail(
      `${descr} with shape ${formatShape(shape)} needs ${count * format.elementBytes} bytes, but ${data.length} follow the header.`,
    );
  }
  // A copy, so that the bytes may be turned around and the result shares no memory with the file.
  const elements = format.decode(order === ">" ? reversedElements(data, format.elementBytes) : data.slice());
  if (format.hostDType === "bool" && (elements as Uint8Array).some((element) => element > 1))
    fail("a bool element is neither 0 nor 1.");
  const result = { dtype: format.hostDType, shape, data: elements } as HostTensor;
  return fortranOrder ? rowMajor(result) : result;
}

function fail(
  problem: string,
  remedy = "The file is damaged or is not an .npy file; write it again with numpy.save.",
): never {
  throw new UserError("file-format", `npy: ${problem} ${remedy}`);
}

function splitFile(bytes: Uint8Array): { readonly header: string; readonly data: Uint8Array } {
  if (bytes.length < 10 || magic.some((byte, i) => bytes[i] !== byte))
    fail(`the file of ${bytes.length} bytes does not start with NumPy's signature.`);
  const major = bytes[6]!;
  if (major < 1 || major > 3) fail(`version ${major} of the format is not known; expected 1 to 3.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) fail("the file ends before its header.");
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > bytes.length)
    fail(`the header is said to have ${length} bytes, but only ${bytes.length - start} follow.`);
  const header = bytes.subarray(start, start + length);
  return { header: decodeText(header), data: bytes.subarray(start + length) };
}

/** Versions 1 and 2 are Latin-1, 3 is UTF-8; what is supported is ASCII. */
function decodeText(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 127)) fail("the header has characters outside ASCII.");
  return new TextDecoder().decode(bytes);
}

function reversedElements(data: Uint8Array, elementBytes: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += elementBytes)
    for (let byte = 0; byte < elementBytes; byte++) result[i + byte] = data[i + elementBytes - 1 - byte]!;
  return result;
}

/** Elements stored with the first dimension fastest, in row-major order. */
function rowMajor({ dtype, shape, data }: HostTensor): HostTensor {
  const result: HostArray = allocateArray(dtype as HostDType, data.length);
  const strides = rowMajorStrides([...shape].reverse()).reverse();
  const index = shape.map(() => 0);
  let source = 0;
  for (let i = 0; i < data.length; i++) {
    result[i] = data[source] as never;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { dtype, shape, data: result } as HostTensor;
}

const descrOf: Readonly<Record<HostDType, string>> = {
  f32: "<f4",
  i32: "<i4",
  u32: "<u4",
  bool: "|b1",
  f16: "<f2",
  f64: "<f8",
  i8: "|i1",
  u8: "|u1",
  i16: "<i2",
  u16: "<u2",
  i64: "<i8",
  u64: "<u8",
};

/**
 * An `.npy` file (version 1.0) that `numpy.load` reads back bit for bit, and so does `readNpy` but for the dtypes
 * that it widens.
 * @throws UserError when the data does not fit the shape
 */
export function writeNpy(tensor: HostTensor): Uint8Array<ArrayBuffer> {
  checkHostTensor(tensor, "writeNpy");
  const header: NpyHeader = { descr: descrOf[tensor.dtype], fortranOrder: false, shape: tensor.shape };
  const sizes = header.shape.map((size) => `${size},`).join(" ");
  const dictionary = `{'descr': '${header.descr}', 'fortran_order': False, 'shape': (${header.shape.length === 1 ? sizes : sizes.slice(0, -1)}), }`;
  // Elements start at a multiple of 64 bytes; the header ends in a newline.
  const start = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const text = `${dictionary.padEnd(start - 10 - 1)}\n`;
  const file = new Uint8Array(start + tensor.data.byteLength);
  file.set([...magic, 1, 0]);
  new DataView(file.buffer).setUint16(8, text.length, true);
  file.set(new TextEncoder().encode(text), 10);
  file.set(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength), start);
  return file;
}
