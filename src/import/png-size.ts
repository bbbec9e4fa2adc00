/**
 * Whether a PNG file unpacks to what its header says. In: the file. Out: nothing, or what is wrong: a few bytes can unpack
 * to a thousand times as many, and decoders unpack all before they look how many there are.
 */
import { Unzlib } from "fflate";

/** DEFLATE makes at most 1032 bytes of one. */
const mostFactor = 1032;
/** So much may be unpacked whatever the header says. */
const freeBytes = 2 ** 24;
const partBytes = 2 ** 14;

/** Samples of a pixel by colour type. */
const samples: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** What is wrong with the file, if that is its length; whoever decodes it finds all else. */
export function overfullPng(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const bits = (bytes[24] ?? 0) * (samples[bytes[25] ?? 0] ?? 0);
  // A filter's byte a row, and with interlacing seven images that are rounded up.
  const expected = 2 * height * (2 + Math.ceil((width * bits) / 8)) + freeBytes;
  const parts: Uint8Array[] = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  if (parts.reduce((sum, part) => sum + part.length, 0) * mostFactor <= expected) return undefined;
  let total = 0;
  const inflate = new Unzlib((part) => (total += part.length));
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length; at += partBytes) {
        inflate.push(part.subarray(at, at + partBytes));
        if (total > expected)
          return `unpacks to more than ${total} bytes, but is said to be ${width} by ${height}`;
      }
    }
  } catch {
    return undefined; // Told by the decoder.
  }
  return undefined;
}
