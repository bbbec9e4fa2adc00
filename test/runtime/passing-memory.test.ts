/** Buffers that are used again while weights are prepared. */
import { describe, expect, it } from "vitest";
import { wasmTarget } from "../../src/codegen/target.ts";
import type { Device, DeviceBuffer } from "../../src/runtime/device.ts";
import { PassingMemory } from "../../src/runtime/passing-memory.ts";

/** A device of which only `allocate` is asked; remembers which buffers are there. */
function allocator(): { readonly device: Device; readonly live: Set<DeviceBuffer> } {
  const live = new Set<DeviceBuffer>();
  const allocate = (sizeBytes: number): DeviceBuffer => {
    const buffer = { sizeBytes, destroy: () => void live.delete(buffer) };
    live.add(buffer);
    return buffer;
  };
  return { device: { target: wasmTarget, allocate } as unknown as Device, live };
}

describe("passing memory", () => {
  it("gives a buffer again that is large enough, but not more than twice as large", () => {
    const { device } = allocator();
    const memory = new PassingMemory(device);
    const first = memory.take(100, "first");
    memory.giveBack(first);
    expect(memory.take(50, "half")).toBe(first);
    memory.giveBack(first);
    expect(memory.take(101, "larger")).not.toBe(first);
    memory.giveBack(first);
    expect(memory.take(49, "small")).not.toBe(first);
  });

  it("gives the smallest that fits", () => {
    const { device } = allocator();
    const memory = new PassingMemory(device);
    const [large, small] = [memory.take(100, "large"), memory.take(80, "small")];
    memory.giveBack(large);
    memory.giveBack(small);
    expect(memory.take(70, "again")).toBe(small);
    expect(memory.take(70, "again")).toBe(large);
  });

  it("destroys what is idle before it allocates", () => {
    const { device, live } = allocator();
    const memory = new PassingMemory(device);
    memory.giveBack(memory.take(100, "first"));
    const second = memory.take(200, "second");
    expect([...live]).toEqual([second]);
  });

  it("destroys everything at the end: what is idle at once, the rest when it is given back", () => {
    const { device, live } = allocator();
    const memory = new PassingMemory(device);
    const [idle, busy] = [memory.take(100, "idle"), memory.take(100, "busy")];
    memory.giveBack(idle);
    memory.dispose();
    expect([...live]).toEqual([busy]);
    memory.giveBack(busy);
    expect(live.size).toBe(0);
  });
});
