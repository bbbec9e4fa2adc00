/** Compiles any graph for a device and runs it once: what the tests of ops, passes and lowerings share. */
import { afterAll } from "vitest";
import {
  buildExecutable,
  passOptions,
  type BuiltExecutable,
  type CompileOptions,
} from "../../src/compile.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { Parameter, StateBuffer, type Stored } from "../../src/ir/stored-tensor.ts";
import type { Device, DeviceKind } from "../../src/runtime/device.ts";
import type { Choices } from "../../src/passes/decision.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { Session } from "../../src/runtime/session.ts";
import { isTested } from "../runtime/device-contract.ts";

/** The devices to test, in the order of their speed at compiling. */
export const testedDevices: readonly DeviceKind[] = (["cpu", "webgpu", "opencl"] as const).filter(isTested);

export interface GraphRun {
  /** Outputs and updated state by name. */
  readonly results: Readonly<Record<string, HostTensor>>;
  readonly built: BuiltExecutable;
}

export async function runGraph(
  device: Device,
  graph: Graph,
  values: Readonly<Record<string, HostTensor>>,
  { choices, ...options }: CompileOptions & { readonly choices?: Choices } = {},
): Promise<GraphRun> {
  const passes = passOptions(options);
  const built = buildExecutable(
    graph,
    device.target,
    choices === undefined ? passes : { ...passes, choices },
  );
  const stored = new Map<string, Stored>();
  for (const input of graph.inputs) {
    const value = values[input.name]!;
    if (input.role === "parameter") stored.set(input.name, new Parameter(value));
    if (input.role === "state") stored.set(input.name, new StateBuffer(value));
  }
  const session = await Session.load(device, built.executable, stored);
  try {
    const inputs = built.executable.inputs.map((input) => values[input.name]!);
    const { outputs } = await session.run(inputs);
    const state = await session.readState();
    const updates = graph.outputs
      .filter((output) => output.updates !== undefined)
      .map((output) => output.name);
    const results: Record<string, HostTensor> = {};
    built.executable.outputs.forEach((output, i) => (results[output.name] = outputs[i] as HostTensor));
    for (const name of updates) results[name] = state.get(name)!;
    return { results, built };
  } finally {
    session.dispose();
  }
}

/** The shared device of a kind, opened on first use. */
export function lazyDevice(kind: DeviceKind): () => Promise<Device> {
  let opened: Promise<Device> | undefined;
  afterAll(async () => {
    await (await opened)?.finish();
  });
  return () => (opened ??= openDevice(kind).then(({ device }) => device));
}
