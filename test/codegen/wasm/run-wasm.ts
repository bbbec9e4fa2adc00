/**
 * Runs a kernel through the WebAssembly writer. In: any CPU-family kernel and its buffers. Out: the buffers,
 * written.
 */
import { wasmTarget } from "../../../src/codegen/target.ts";
import type { Kernel } from "../../../src/codegen/kernel-ir.ts";
import { guardBytes } from "../../../src/codegen/wasm/abi.ts";
import { legalizeForWasm } from "../../../src/codegen/wasm/legalize.ts";
import { writeWasm } from "../../../src/codegen/wasm/write.ts";
import type { BufferData } from "../interpret-kernel.ts";

export function runWasm(kernel: Kernel, buffers: Readonly<Record<string, BufferData>>): void {
  const legal = legalizeForWasm(kernel, wasmTarget);
  const binary = writeWasm(legal, wasmTarget);
  const memory = new WebAssembly.Memory({ initial: 2 });
  const module = new WebAssembly.Module(new Uint8Array(binary));
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports as {
    readonly run: (start: number, end: number, ...addresses: readonly number[]) => void;
  };
  let address = guardBytes;
  const placed = kernel.buffers.map(({ name }) => {
    const data = buffers[name];
    if (data === undefined) throw new Error(`run-wasm: no buffer '${name}'`);
    const start = address;
    address += Math.ceil(data.byteLength / 64) * 64;
    return { data, start };
  });
  memory.grow(Math.ceil(Math.max(0, address - memory.buffer.byteLength) / 65536));
  for (const { data, start } of placed)
    new Uint8Array(memory.buffer, start, data.byteLength).set(bytesOf(data));
  run(0, kernel.groups, ...placed.map(({ start }) => start));
  for (const { data, start } of placed)
    bytesOf(data).set(new Uint8Array(memory.buffer, start, data.byteLength));
}

function bytesOf(data: BufferData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
