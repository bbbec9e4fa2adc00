/** Which buffers come and go with which commands of `prepare`. */
import { describe, expect, it } from "vitest";
import type { Executable, PlanBuffer, PlanCommand } from "../../src/codegen/executable.ts";
import { prepareBatches } from "../../src/runtime/prepare-batches.ts";

const dispatch = (...buffers: number[]): PlanCommand => ({
  kind: "dispatch",
  kernel: 0,
  buffers,
  comment: "",
});

function executable(
  kinds: readonly PlanBuffer["kind"][],
  prepare: readonly PlanCommand[],
  run: readonly PlanCommand[] = [],
): Executable {
  return {
    name: "test",
    language: "wgsl",
    kernels: [],
    buffers: kinds.map((kind, i) => ({ kind, name: `b${i}`, sizeBytes: 100 })),
    prepare,
    run,
    inputs: [],
    outputs: [],
    parameters: [],
    state: [],
    constants: [],
  };
}

describe("batches of prepare", () => {
  it("are none where nothing is prepared", () => {
    expect(prepareBatches(executable([], []), 1000)).toEqual([]);
  });

  it("are one where all fits", () => {
    const commands = [dispatch(0, 2), dispatch(1, 3)];
    const batches = prepareBatches(executable(["parameter", "state", "prepared", "prepared"], commands), 200);
    expect(batches).toEqual([{ commands, opens: [0, 1], closes: [0, 1] }]);
  });

  it("begin anew before a command that would make one too large", () => {
    const commands = [dispatch(0, 2), dispatch(1, 3)];
    const batches = prepareBatches(
      executable(["parameter", "parameter", "prepared", "prepared"], commands),
      150,
    );
    expect(batches.map(({ opens, closes }) => ({ opens, closes }))).toEqual([
      { opens: [0], closes: [0] },
      { opens: [1], closes: [1] },
    ]);
  });

  it("hold one command at least, however large", () => {
    const batches = prepareBatches(executable(["parameter", "slot", "prepared"], [dispatch(0, 1, 2)]), 1);
    expect(batches.map(({ opens }) => opens)).toEqual([[0, 1]]);
  });

  it("keep what a later batch reads until that one is done", () => {
    const commands = [dispatch(0, 1), dispatch(2, 3), dispatch(1, 4)];
    const batches = prepareBatches(
      executable(["parameter", "slot", "parameter", "prepared", "prepared"], commands),
      200,
    );
    expect(batches).toEqual([
      { commands: [commands[0]], opens: [0, 1], closes: [0] },
      { commands: [commands[1], commands[2]], opens: [2], closes: [2, 1] },
    ]);
  });

  it("leave alone what runs use, constants and prepared weights", () => {
    const commands = [dispatch(0, 1, 2, 3, 4)];
    const run = [dispatch(3, 0), { kind: "copy", source: 4, destination: 2, sizeBytes: 4 } as const];
    const kinds = ["parameter", "constant", "prepared", "slot", "state"] as const;
    expect(prepareBatches(executable(kinds, commands, run), 1000)).toEqual([
      { commands, opens: [], closes: [] },
    ]);
  });

  it("open and close the buffers of a copy", () => {
    const copy = { kind: "copy", source: 0, destination: 1, sizeBytes: 100 } as const;
    expect(prepareBatches(executable(["parameter", "prepared"], [copy]), 1000)).toEqual([
      { commands: [copy], opens: [0], closes: [0] },
    ]);
  });
});
