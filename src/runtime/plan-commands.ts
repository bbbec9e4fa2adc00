/** A plan's commands with kernels and buffers in place of their numbers. */
import type { PlanCommand } from "../codegen/executable.ts";
import type { Command, CompiledKernel, DeviceBuffer } from "./device.ts";

export function commandsOf(
  plan: readonly PlanCommand[],
  kernels: readonly CompiledKernel[],
  buffers: readonly (DeviceBuffer | undefined)[],
): Command[] {
  return plan.map((command) =>
    command.kind === "dispatch"
      ? {
          kind: "dispatch",
          kernel: kernels[command.kernel]!,
          buffers: command.buffers.map((i) => buffers[i]!),
        }
      : {
          kind: "copy",
          source: buffers[command.source]!,
          destination: buffers[command.destination]!,
          sizeBytes: command.sizeBytes,
        },
  );
}
