/** The machine that measures: what a number without it would not mean. */
import { availableParallelism, cpus, loadavg, totalmem, type as systemType, release } from "node:os";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { listDevices } from "../src/index.ts";

export interface Machine {
  readonly processor: string;
  /** What the operating system lets this process use; every system gets as many threads. */
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** Heddle's version and commit. */
  readonly heddle: string;
  readonly date: string;
  /** Processes that wanted to run in the minute before. */
  readonly loadBefore: number;
  /** Heddle's devices by kind, as their drivers name them, or why they are missing. */
  readonly devices: readonly { readonly kind: string; readonly name: string }[];
}

export async function describeMachine(): Promise<Machine> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { version: string };
  return {
    processor: cpus()[0]?.model.trim() ?? process.arch,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${systemType()} ${release()} ${process.arch}`,
    node: `${process.version} (V8 ${process.versions.v8})`,
    heddle: [version, commit(root)].filter(Boolean).join(" at "),
    date: new Date().toISOString(),
    loadBefore: loadavg()[0]!,
    devices: (await listDevices()).map(({ kind, name, missing }) => ({
      kind,
      name: name ?? `missing: ${missing}`,
    })),
  };
}

/** From this load on, what else runs here is seen in the results. */
const disturbingLoad = 0.5;

export function machineLines(machine: Machine): readonly string[] {
  const { processor, cores, memoryGiB, system, node, heddle, devices, loadBefore } = machine;
  return [
    `${processor}, ${cores} cores, ${memoryGiB} GiB; ${system}; Node ${node}; Heddle ${heddle}`,
    ...devices.map(({ kind, name }) => `  ${kind.padEnd(7)} ${name}`),
    ...(loadBefore < disturbingLoad
      ? []
      : [`The machine is not idle (load average ${loadBefore.toFixed(1)}): systems whose threads wait for each other suffer most, so ratios are disturbed, too.`]), // prettier-ignore
  ];
}

/** The commit, with a mark where files differ from it; empty outside a repository. */
function commit(root: string): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : " (changed)");
  } catch {
    return "";
  }
}
