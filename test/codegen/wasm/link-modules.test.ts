import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { i32, type Kernel } from "../../../src/codegen/kernel-ir.ts";
import { add, constant, convert } from "../../../src/codegen/legalize/build-expr.ts";
import { wasmTarget } from "../../../src/codegen/target.ts";
import { linkedEntryPoint, linkModules } from "../../../src/codegen/wasm/link-modules.ts";
import { writeWasm } from "../../../src/codegen/wasm/write.ts";

type Run = (...xs: number[]) => void;

/** Writes `base + group` to the last of its buffers. */
function writer(base: number, buffers: number): Uint8Array {
  const group = { kind: "group", type: i32 } as const;
  const names = Array.from({ length: buffers }, (_, i) => `b${i}`);
  const kernel: Kernel = {
    name: "writer",
    comment: "",
    buffers: names.map((name) => ({ name, scalar: "f32", access: "read_write", elementCount: 16 })),
    shared: [],
    groups: 16,
    groupSize: 1,
    body: [
      {
        kind: "store",
        buffer: names.at(-1)!,
        index: group,
        value: convert("f32", add(group, constant(i32, base))),
      },
    ],
  };
  return writeWasm(kernel, wasmTarget);
}

function exportsOf(bytes: Uint8Array | undefined, memory: WebAssembly.Memory): Record<string, Run> {
  const module = new WebAssembly.Module(new Uint8Array(bytes!));
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Record<string, Run>;
}

describe("linking", () => {
  it.each([{ shared: false } as const, { shared: true, maxPages: 16 } as const])(
    "gives one module with every kernel, for a memory with shared = $shared",
    (memoryImport) => {
      const { shared } = memoryImport;
      const memory = new WebAssembly.Memory({ initial: 2, maximum: 16, shared });
      // More than 127, so that numbers take two bytes; and functions of different types.
      const modules = Array.from({ length: 200 }, (_, i) => writer(i, 1 + (i % 3)));
      const exports = exportsOf(linkModules(modules, memoryImport), memory);
      expect(Object.keys(exports)).toHaveLength(200);
      modules.forEach((_, i) => {
        const addresses = [0, 4096, 8192].slice(0, 1 + (i % 3)).map((offset) => 65536 + offset);
        exports[linkedEntryPoint(i)]!(2, 4, ...addresses);
        expect([...new Float32Array(memory.buffer, addresses.at(-1)! + 8, 2)]).toEqual([i + 2, i + 3]);
      });
    },
  );

  it("takes nothing but what the writer writes", () => {
    const good = writer(1, 2);
    const link = (module: Uint8Array) => linkModules([good, module], { shared: false });
    expect(link(good)).toBeDefined();
    expect(link(new Uint8Array())).toBeUndefined();
    expect(link(good.subarray(0, -1))).toBeUndefined();
    expect(link(Uint8Array.of(...good, 0, 0))).toBeUndefined();
    // An empty custom section is valid, but not ours.
    const custom = Uint8Array.of(...good.subarray(0, 8), 0, 1, 0, ...good.subarray(8));
    expect(WebAssembly.validate(custom)).toBe(true);
    expect(link(custom)).toBeUndefined();
  });

  it("never takes the place of another kernel: a module that it accepts is valid alone exactly if it is linked", () => {
    const good = writer(1, 2);
    const edit = fc.record({
      at: fc.nat({ max: good.length - 1 }),
      byte: fc.nat({ max: 255 }),
      insert: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const bytes = [...good];
        for (const { at, byte, insert } of edits) bytes.splice(at, insert ? 0 : 1, byte);
        const module = Uint8Array.from(bytes);
        const linked = linkModules([module, good], { shared: false });
        if (linked === undefined) return;
        expect(WebAssembly.validate(new Uint8Array(linked))).toBe(WebAssembly.validate(module));
      }),
      { numRuns: 5000 },
    );
  });
});
