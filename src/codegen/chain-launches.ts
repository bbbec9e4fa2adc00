/**
 * Joins short kernels that follow each other into one launch, where a launch is costly: a driver that puts its
 * threads to sleep after each kernel spends as long on waking them as a small layer takes.
 */
import { InternalError } from "../errors.ts";
import { cutLaunches, mostJoined } from "./cut-launches.ts";
import type { Executable, KernelSource, PlanBuffer, PlanCommand } from "./executable.ts";
import type { Kernel } from "./kernel-ir.ts";
import { laneOperations } from "./kernel-work.ts";
import { legalizeForOpencl } from "./opencl/legal.ts";
import { counterElements, writeOpenclChain, type ChainLink } from "./opencl/write-chain.ts";
import type { Plan } from "./plan.ts";
import type { Target } from "./target.ts";
import { writeKernel } from "./write.ts";

/** Of fewer kernels than this, launches are a small part of a run anyway; and reports stay plain. */
const shortestRun = 4;

/** What takes about a millisecond on two cores: beside more than that, a launch costs nothing. */
const shortWork = 250_000_000;

type Launches = Pick<Executable, "kernels" | "buffers" | "prepare" | "run" | "constants">;

export function hasCostlyLaunches(target: Target): boolean {
  return target.costlyLaunches === true && target.language === "opencl-c";
}

/** The commands of a plan with short launches joined, and the sources of what is launched then. */
export function chainLaunches(plan: Plan, kernels: readonly Kernel[], target: Target): Launches {
  const { buffers, prepare, run, constants } = plan;
  const sources: KernelSource[] = [];
  const known = new Map<string, number>();
  const numberOf = (key: string, write: () => KernelSource): number => {
    const number = known.get(key) ?? sources.push(write()) - 1;
    known.set(key, number);
    return number;
  };
  const plain = (command: Dispatch): PlanCommand => ({
    ...command,
    kernel: numberOf(`${command.kernel}`, () => writeKernel(kernels[command.kernel]!, target)),
  });
  const counters = buffers.length;
  const command = (part: readonly PlanCommand[]): PlanCommand => {
    const [first] = part;
    if (first === undefined) throw new InternalError("chain: an empty chain");
    if (first.kind === "copy") return first;
    const dispatches = part as readonly Dispatch[];
    if (dispatches.length === 1) return plain(first);
    const { links, bound } = join(dispatches, kernels);
    return {
      kind: "dispatch",
      kernel: numberOf(chainKey(dispatches, kernels), () => chainSource(links, target)),
      buffers: [...bound, counters],
      comment: dispatches.map(({ comment }) => comment).join("\n"),
    };
  };
  const parts = cut(run, kernels, target);
  const chains = parts.length < run.length;
  const counterBuffer: PlanBuffer = {
    kind: "constant",
    name: "counters",
    sizeBytes: counterElements(mostJoined, target.computeUnits) * 4,
  };
  return {
    kernels: sources,
    buffers: chains ? [...buffers, counterBuffer] : buffers,
    prepare: prepare.map((item) => (item.kind === "copy" ? item : plain(item))),
    run: parts.map(command),
    constants: chains
      ? [...constants, { buffer: counters, data: new Uint8Array(counterBuffer.sizeBytes) }]
      : constants,
  };
}

type Dispatch = Extract<PlanCommand, { kind: "dispatch" }>;

/** Commands that follow each other, in parts that become one launch each: long kernels and copies alone. */
function cut(
  commands: readonly PlanCommand[],
  kernels: readonly Kernel[],
  target: Target,
): readonly (readonly PlanCommand[])[] {
  if (commands.length < shortestRun) return commands.map((command) => [command]);
  const work = kernels.map(laneOperations);
  const isShort = (command: PlanCommand): command is Dispatch =>
    command.kind === "dispatch" && work[command.kernel]! < shortWork;
  return cutLaunches(commands, {
    // The counters are bound, too.
    mayShare: (part) => part.every(isShort) && join(part, kernels).bound.length < target.maxStorageBuffers,
    keyOf: (part) =>
      part.every((command) => command.kind === "dispatch") ? chainKey(part, kernels) : "copy",
  });
}

/** What a launch of several dispatches is compiled from. */
function chainKey(dispatches: readonly Dispatch[], kernels: readonly Kernel[]): string {
  const { links } = join(dispatches, kernels);
  return links.map((link, i) => `${dispatches[i]!.kernel}:${link.parameters.join()}`).join(" ");
}

/** Buffers that two kernels bind are one parameter, so that nothing is known by two names. */
function join(dispatches: readonly Dispatch[], kernels: readonly Kernel[]) {
  const bound: number[] = [];
  const links = dispatches.map(({ kernel, buffers }): ChainLink => ({
    kernel: kernels[kernel]!,
    parameters: buffers.map((buffer) => {
      const at = bound.indexOf(buffer);
      return at >= 0 ? at : bound.push(buffer) - 1;
    }),
  }));
  return { links, bound };
}

function chainSource(links: readonly ChainLink[], target: Target): KernelSource {
  const legal = links.map((link) => ({ ...link, kernel: legalizeForOpencl(link.kernel, target) }));
  const [first, ...others] = links.map(({ kernel }) => kernel.name);
  // Drivers make file names of it: the first in full, of the others the number.
  const name = [first, ...others.map((other) => other.split("_")[0])].join("_");
  const comment = links.map(({ kernel }) => kernel.comment).join("\n");
  const buffers: { access: "read" | "write" | "read_write"; sizeBytes: number }[] = [];
  for (const { kernel, parameters } of links) {
    kernel.buffers.forEach(({ access, elementCount }, i) => {
      const old = buffers[parameters[i]!];
      buffers[parameters[i]!] = {
        access: old === undefined || old.access === access ? access : "read_write",
        sizeBytes: Math.max(elementCount * 4, old?.sizeBytes ?? 0),
      };
    });
  }
  return {
    name,
    language: "opencl-c",
    source: writeOpenclChain(name, comment, legal, target.computeUnits),
    buffers: [
      ...buffers,
      { access: "read_write", sizeBytes: counterElements(links.length, target.computeUnits) * 4 },
    ],
    groups: target.computeUnits,
    groupSize: 1,
  };
}
