/** The bytes of a file as callers give them: any view of memory, or the memory itself; anything else by its remedy. */
import { UserError } from "../errors.ts";
import { describeValue } from "./check-options.ts";

/** A file in memory: a `Uint8Array` (a Buffer of Node's is one) or an `ArrayBuffer`. */
export type FileBytesLike = Uint8Array | ArrayBuffer;

/**
 * @param asked what reads them, as messages begin
 * @param byPath what takes a path instead, if anything does
 * @throws UserError (`argument`) for what is no bytes
 */
export function givenBytes(asked: string, value: unknown, byPath?: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  // Those of another realm, such as a page's frame, are no instances of this one's.
  const tag = Object.prototype.toString.call(value);
  if (tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]")
    return new Uint8Array(value as ArrayBuffer);
  throw new UserError(
    "argument",
    `${asked}: expected the bytes of a file (a Uint8Array, a Buffer or an ArrayBuffer), got ${isPromise(value) ? "a promise" : describeValue(value)}.${remedy(asked, value, tag, byPath)}`,
  );
}

function isPromise(value: unknown): boolean {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === "function";
}

function remedy(asked: string, value: unknown, tag: string, byPath: string | undefined): string {
  if (typeof value === "string") {
    const other = byPath === undefined ? "" : `, or call ${byPath}(path)`;
    return ` Is it a path? Read the file first: ${asked}(await readFile(path)) with readFile of node:fs/promises, in a page (await fetch(url)).arrayBuffer()${other}.`;
  }
  if (isPromise(value)) return ` Await it: ${asked}(await …).`;
  if (tag === "[object Response]" || tag === "[object Blob]" || tag === "[object File]")
    return ` Take its bytes: ${asked}(await it.arrayBuffer()).`;
  return "";
}
