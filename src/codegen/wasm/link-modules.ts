/**
 * Many kernels in one module: engines keep pages of code and tables for each module, and an instance for each and
 * each thread. In: modules of `writeWasm`, which are data of others (executables are files, too), and the memory
 * they run on; a kernel is written without knowing whether threads share it. Out: one module with the same
 * functions, exported as `run0`, `run1` …
 *
 * Bodies are copied as they are: they name locals and the one memory, and nothing else of their module.
 */
import { entryPoint } from "./abi.ts";
import { assembleModule, header, sectionIds, type EncodedFunction, type MemoryImport } from "./encoder.ts";

/** The export that is the `i`-th linked kernel. */
export function linkedEntryPoint(i: number): string {
  return `${entryPoint}${i}`;
}

/** undefined where one is no module of `writeWasm`. */
export function linkModules(modules: readonly Uint8Array[], memory: MemoryImport): Uint8Array | undefined {
  const functions: (EncodedFunction & { readonly name: string })[] = [];
  for (const module of modules) {
    const found = functionOf(module);
    if (found === undefined) return undefined;
    functions.push({ name: linkedEntryPoint(functions.length), ...found });
  }
  return assembleModule(functions, memory);
}

/** The only function of a module; undefined unless the module is what `encodeModule` makes of that function. */
function functionOf(module: Uint8Array): EncodedFunction | undefined {
  const sections = sectionsOf(module);
  const type = onlyItem(sections?.get(sectionIds.type));
  const code = onlyItem(sections?.get(sectionIds.code));
  if (type === undefined || code === undefined) return undefined;
  const again = assembleModule([{ name: entryPoint, type, code }], { shared: false });
  return isOneType(type) && isOneBody(code) && isEqual(again, module) ? { type, code } : undefined;
}

/** A function's type, without anything behind it that another one's place could be taken with. */
function isOneType(type: Uint8Array): boolean {
  const parameters = readUnsigned(type, 1);
  return type.length === parameters.end + parameters.value + 1;
}

function isOneBody(code: Uint8Array): boolean {
  const size = readUnsigned(code, 0);
  return code.length === size.end + size.value;
}

/** The contents of sections by their ids. */
function sectionsOf(module: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const sections = new Map<number, Uint8Array>();
  for (let at = header.length; at < module.length;) {
    const size = readUnsigned(module, at + 1);
    const end = size.end + size.value;
    if (end > module.length) return undefined;
    sections.set(module[at]!, module.subarray(size.end, end));
    at = end;
  }
  return sections;
}

/** The one item of a section that is a list of one. */
function onlyItem(section: Uint8Array | undefined): Uint8Array | undefined {
  return section?.[0] === 1 ? section.subarray(1) : undefined;
}

/** LEB128 of at most 32 bits. */
function readUnsigned(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let at = start;
  for (let shift = 0; shift < 32; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return { value: value >>> 0, end: at };
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
