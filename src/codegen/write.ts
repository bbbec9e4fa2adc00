/** A kernel in its target's language. */
import type { KernelSource } from "./executable.ts";
import type { Kernel } from "./kernel-ir.ts";
import { legalizeForOpencl } from "./opencl/legal.ts";
import { writeOpenclC } from "./opencl/write.ts";
import { printKernel } from "./print-kernel.ts";
import type { Target } from "./target.ts";
import { legalizeForWasm } from "./wasm/legalize.ts";
import { writeWasm } from "./wasm/write.ts";
import { legalizeForWgsl } from "./wgsl/legal.ts";
import { writeWgsl } from "./wgsl/write.ts";

export function writeKernel(kernel: Kernel, target: Target): KernelSource {
  const interfaceOf = {
    name: kernel.name,
    language: target.language,
    buffers: kernel.buffers.map(({ access, elementCount }) => ({ access, sizeBytes: elementCount * 4 })),
    groups: kernel.groups,
    groupSize: kernel.groupSize,
  };
  switch (target.language) {
    case "wgsl":
      return { ...interfaceOf, source: writeWgsl(legalizeForWgsl(kernel, target), target) };
    case "opencl-c":
      return { ...interfaceOf, source: writeOpenclC(legalizeForOpencl(kernel, target), target) };
    case "wasm": {
      const legal = legalizeForWasm(kernel, target);
      return { ...interfaceOf, source: printKernel(legal), binary: writeWasm(legal, target) };
    }
    default:
      return target.language satisfies never;
  }
}
