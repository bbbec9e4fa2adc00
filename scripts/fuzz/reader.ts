/** Reads cases in a process of its own, with limits on time and memory, and starts another where it is gone. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CaseAnswer, CaseRequest } from "./reading-process.ts";

export type CaseResult =
  CaseAnswer | { readonly outcome: "crashed" | "hung"; readonly problem: string; readonly elapsedMs: number };

export interface ReaderLimits {
  readonly timeMs: number;
  /** Of V8's heap. */
  readonly heapMiB: number;
}

/** Until a process is ready it loads the project's sources. */
const startMs = 120_000;

export class Reader {
  readonly #limits: ReaderLimits;
  #child: ChildProcess | undefined;

  constructor(limits: ReaderLimits) {
    this.#limits = limits;
  }

  async read(request: CaseRequest): Promise<CaseResult> {
    const child = (this.#child ??= await this.#start());
    const start = performance.now();
    return new Promise((resolve) => {
      const gone = (outcome: "crashed" | "hung", problem: string): void => {
        this.#child = undefined;
        settle({ outcome, problem, elapsedMs: performance.now() - start });
      };
      const timer = setTimeout(() => {
        child.removeAllListeners("exit");
        child.kill("SIGKILL");
        gone("hung", `no answer after ${this.#limits.timeMs} ms`);
      }, this.#limits.timeMs);
      const settle = (result: CaseResult): void => {
        clearTimeout(timer);
        child.removeAllListeners("exit").removeAllListeners("message");
        resolve(result);
      };
      child.once("message", (answer) => settle(answer as CaseAnswer));
      child.once("exit", (code, signal) =>
        gone("crashed", `exit code ${code}, signal ${signal}\n${this.#said}`),
      );
      child.send(request);
    });
  }

  close(): void {
    this.#child?.removeAllListeners("exit").kill();
    this.#child = undefined;
  }

  /** What the process wrote last. */
  #said = "";

  async #start(): Promise<ChildProcess> {
    const flags = ["--expose-gc", "--max-semi-space-size=4", `--max-old-space-size=${this.#limits.heapMiB}`];
    const child = fork(fileURLToPath(new URL("./reading-process.ts", import.meta.url)), [], {
      execArgv: ["--import", "tsx", ...flags],
      cwd: fileURLToPath(new URL("../../", import.meta.url)),
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      serialization: "advanced",
    });
    this.#said = "";
    child
      .stderr!.setEncoding("utf8")
      .on("data", (text: string) => (this.#said = (this.#said + text).slice(-4000)));
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the reading process did not start")), startMs);
      child.once("message", () => (clearTimeout(timer), resolve()));
      child.once(
        "exit",
        (code) => (
          clearTimeout(timer),
          reject(new Error(`the reading process ended: ${code}\n${this.#said}`))
        ),
      );
    });
    child.removeAllListeners("exit");
    return child;
  }
}
