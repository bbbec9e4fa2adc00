/**
 * Cuts `prepare` into batches that bring what they read and take it away again. Raw weights and scratch that no
 * run touches are on the device only from the first command that uses them to the last; so the memory that
 * preparing takes beside the prepared weights is that of a batch, not of the model.
 */
import type { Executable, PlanCommand } from "../codegen/executable.ts";

export interface PrepareBatch {
  readonly commands: readonly PlanCommand[];
  /** Passing buffers that these commands are the first to use, and those they are the last to use. */
  readonly opens: readonly number[];
  readonly closes: readonly number[];
}

/** Buffers that commands use. */
export function buffersUsedBy(commands: readonly PlanCommand[]): ReadonlySet<number> {
  return new Set(commands.flatMap(buffersOf));
}

/** Kernels that commands run, by number. */
export function kernelsUsedBy(commands: readonly PlanCommand[]): ReadonlySet<number> {
  return new Set(commands.flatMap((command) => (command.kind === "dispatch" ? [command.kernel] : [])));
}

/**
 * @param batchBytes how much passing memory a batch may hold; one command may need more
 * @param preparedPasses prepared buffers are taken elsewhere when a batch is done with them
 */
export function prepareBatches(
  executable: Executable,
  batchBytes: number,
  preparedPasses = false,
): readonly PrepareBatch[] {
  const inRun = buffersUsedBy(executable.run);
  const isPassing = (buffer: number): boolean => {
    const { kind } = executable.buffers[buffer]!;
    if (kind === "prepared") return preparedPasses;
    return !inRun.has(buffer) && ["slot", "parameter", "state"].includes(kind);
  };
  const last = new Map<number, PlanCommand>();
  for (const command of executable.prepare)
    for (const buffer of buffersOf(command)) if (isPassing(buffer)) last.set(buffer, command);

  const batches: PrepareBatch[] = [];
  const seen = new Set<number>();
  let batch = { commands: [] as PlanCommand[], opens: [] as number[], closes: [] as number[] };
  let held = 0;
  const sizeOf = (buffers: readonly number[]): number =>
    buffers.reduce((sum, buffer) => sum + executable.buffers[buffer]!.sizeBytes, 0);
  for (const command of executable.prepare) {
    const used = [...new Set(buffersOf(command))].filter(isPassing);
    const opens = used.filter((buffer) => !seen.has(buffer));
    if (batch.commands.length > 0 && held + sizeOf(opens) > batchBytes) {
      batches.push(batch);
      held -= sizeOf(batch.closes);
      batch = { commands: [], opens: [], closes: [] };
    }
    held += sizeOf(opens);
    opens.forEach((buffer) => seen.add(buffer));
    batch.commands.push(command);
    batch.opens.push(...opens);
    batch.closes.push(...used.filter((buffer) => last.get(buffer) === command));
  }
  return batch.commands.length === 0 ? batches : [...batches, batch];
}

function buffersOf(command: PlanCommand): readonly number[] {
  return command.kind === "dispatch" ? command.buffers : [command.source, command.destination];
}
