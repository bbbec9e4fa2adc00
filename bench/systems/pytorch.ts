/** PyTorch, as a child process that runs when asked; it times itself, so that the way there costs nothing. */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Network } from "../networks.ts";
import { NotHere, type Contender } from "./system.ts";

const runner = fileURLToPath(new URL("pytorch_runner.py", import.meta.url));

/** Debian's python3 has Debian's torch, whatever `python3` is on the path. */
const pythons = ["/usr/bin/python3", "python3"];

/** A Python that has torch and torchvision; undefined where none does. */
export function findPython(): string | undefined {
  return pythons.find((python) => spawnSync(python, ["-c", "import torch, torchvision"]).status === 0);
}

/** What the runner answers, a line of JSON each. */
interface Answer {
  readonly ready?: string;
  readonly threads?: number;
  readonly blas?: readonly string[];
  readonly ms?: number;
  readonly result?: string;
}

export async function pytorchContender(
  mode: "eager" | "frozen",
  network: Network,
  threads: number,
): Promise<Contender> {
  if (!network.inTorchvision) throw new NotHere("torchvision does not have this network");
  const python = findPython();
  if (python === undefined) throw new NotHere("no python3 here imports torch and torchvision");
  const child = spawn(python, [runner, mode, network.name, String(threads)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaints = "";
  child.stderr.on("data", (text: Buffer) => (complaints = (complaints + text.toString()).slice(-2000)));
  // A runner that ended says so by ending its answers; a broken pipe adds nothing.
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Answer> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`PyTorch's process ended: ${complaints.trim()}`);
    return JSON.parse(value) as Answer;
  };
  const ask = (command: string): Promise<Answer> => {
    child.stdin.write(`${command}\n`);
    return next();
  };
  const { ready, threads: used, blas } = await next();
  const library = blas === undefined || blas.length === 0 ? "" : `, BLAS: ${blas.join(", ")}`;
  const how = mode === "eager" ? "eager" : "frozen TorchScript";
  return {
    description: `PyTorch ${ready}, ${how}, ${used} thread${used === 1 ? "" : "s"}${library}`,
    run: async () => (await ask("run")).ms!,
    result: async () => {
      const bytes = new Uint8Array(Buffer.from((await ask("result")).result!, "base64"));
      return new Float32Array(bytes.buffer);
    },
    dispose: async () => void child.stdin.end(),
  };
}
