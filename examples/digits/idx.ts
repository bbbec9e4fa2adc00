/** Reads the IDX format of the MNIST files: big-endian sizes, then bytes. */

export interface IdxImages {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  readonly pixels: Uint8Array;
}

/** Images: magic 0x00000803, then count, rows and columns. */
export function readIdxImages(bytes: Uint8Array): IdxImages {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 16 || view.getUint32(0) !== 0x803) throw new Error("not an IDX file of images");
  const [count, rows, columns] = [4, 8, 12].map((offset) => view.getUint32(offset)) as [
    number,
    number,
    number,
  ];
  const pixels = bytes.subarray(16);
  if (pixels.length !== count * rows * columns) throw new Error("the IDX file of images is truncated");
  return { count, rows, columns, pixels };
}

/** Labels: magic 0x00000801, then count. */
export function readIdxLabels(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(0) !== 0x801) throw new Error("not an IDX file of labels");
  if (bytes.length - 8 !== view.getUint32(4)) throw new Error("the IDX file of labels is truncated");
  return bytes.subarray(8);
}
