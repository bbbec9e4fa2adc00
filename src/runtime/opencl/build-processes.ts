/**
 * Compiles kernels in other processes, for two reasons. PoCL takes turns behind one lock inside a process, so builds
 * in parallel threads gain nothing; other processes have locks of their own. And a compiler that has run leaves
 * some 200 MiB behind, which a process that ends gives back before weights are loaded. Each runs `build-process.ts`,
 * gets kernels and answers with binaries. A process that cannot be started or dies costs nothing but time and that
 * memory: this process builds what no other does.
 */
import type { ChildProcess } from "node:child_process";
import type { KernelSource } from "../../codegen/executable.ts";
import { ownPlace } from "../../ir/code-place.ts";
import { importAtRuntime } from "../import-at-runtime.ts";

/** What a build process is asked and what it answers; `binary` is undefined where it could not build. */
export interface BuildRequest {
  readonly driver: string;
  readonly kernel: Pick<KernelSource, "name" | "source">;
}
export interface BuildAnswer {
  readonly binary: Uint8Array | undefined;
}

/** Fewer kernels are built here: a process takes as long to start as two of them. */
const worthAProcess = 6;
/** Unless one works on so many bytes: then the memory that a compiler leaves behind is missed. */
const largeBytes = 2 ** 24;
/** Builds that must wait before another process is worth its start. */
const worthAnother = 6;

type Builder = "here" | BuildProcess;

export class BuildProcesses {
  readonly #driver: string;
  readonly #idle: Builder[] = [];
  readonly #waiting: ((builder: Builder) => void)[] = [];
  readonly #processes = new Set<BuildProcess>();
  #left: number;
  #starting = 0;

  /**
   * @param most processes to start
   * @param kernels those there may be to build
   */
  constructor(driver: string, most: number, kernels: readonly Pick<KernelSource, "buffers">[]) {
    this.#driver = driver;
    const isLarge = kernels.some(({ buffers }) => buffers.some(({ sizeBytes }) => sizeBytes >= largeBytes));
    this.#left = kernels.length < worthAProcess && !isLarge ? 0 : most;
    if (this.#left <= 0) this.#idle.push("here");
  }

  /** Builds in the first process that is free: `here` in this one, from the other's binary otherwise. */
  async build<Program>(
    kernel: KernelSource,
    here: () => Promise<Program>,
    fromBinary: (binary: Uint8Array) => Promise<Program | undefined>,
  ): Promise<Program> {
    const builder = await this.#next();
    try {
      if (builder !== "here") {
        const binary = await builder.build({ driver: this.#driver, kernel });
        const program = binary && (await fromBinary(binary));
        if (program !== undefined) return program;
      }
      return await here();
    } finally {
      this.#release(builder);
    }
  }

  /** Ends the processes. */
  close(): void {
    this.#left = -1;
    for (const process of this.#processes) process.kill();
  }

  #next(): Promise<Builder> | Builder {
    const idle = this.#idle.shift();
    if (idle !== undefined) return idle;
    const isWorthIt = this.#processes.size + this.#starting === 0 || this.#waiting.length + 1 >= worthAnother;
    if (isWorthIt && this.#left > 0) {
      this.#left--;
      this.#starting++;
      void this.#start();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #start(): Promise<void> {
    const process = await startProcess().catch(() => undefined);
    this.#starting--;
    if (process === undefined) return this.#lost();
    this.#processes.add(process);
    if (this.#left < 0) process.kill();
    this.#release(process);
  }

  #release(builder: Builder): void {
    if (builder !== "here" && builder.ended) {
      this.#processes.delete(builder);
      return this.#lost();
    }
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(builder);
    else next(builder);
  }

  /** A process is no more: with the last of them this one takes over. */
  #lost(): void {
    if (this.#processes.size + this.#starting === 0) this.#release("here");
  }
}

/** One process, with at most one build under way. */
class BuildProcess {
  readonly #child: ChildProcess;
  #answer: ((binary: Uint8Array | undefined) => void) | undefined;
  ended = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message) => this.#settle((message as BuildAnswer).binary));
    for (const event of ["exit", "error", "disconnect"])
      child.on(event, () => {
        this.ended = true;
        this.#settle(undefined);
      });
  }

  build(request: BuildRequest): Promise<Uint8Array | undefined> {
    if (this.ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#answer = resolve;
      const { name, source } = request.kernel;
      this.#child.send({ driver: request.driver, kernel: { name, source } }, (error) => {
        if (error !== null) this.#settle(undefined);
      });
    });
  }

  kill(): void {
    this.ended = true;
    this.#child.kill();
  }

  #settle(binary: Uint8Array | undefined): void {
    this.#answer?.(binary);
    this.#answer = undefined;
  }
}

async function startProcess(): Promise<BuildProcess> {
  const { fork } = await importAtRuntime<typeof import("node:child_process")>("node:child_process");
  const { pathToFileURL, fileURLToPath } = await importAtRuntime<typeof import("node:url")>("node:url");
  const { readFile } = await importAtRuntime<typeof import("node:fs/promises")>("node:fs/promises");
  if (ownPlace === undefined) throw new Error("this engine does not say where code is");
  const { folder, isSource } = ownPlace;
  const own = folder.startsWith("file:") ? new URL(folder) : pathToFileURL(folder);
  const root = new URL("../", own);
  // A user's bundle may hold these lines, and beside it lies what is none of ours.
  const { name } = JSON.parse(await readFile(new URL("package.json", root), "utf8")) as { name?: unknown };
  if (name !== "heddle") throw new Error("bundled into another package");
  // In a checkout the sources run as they are, through tsx; an installed package holds JavaScript.
  const entry = fileURLToPath(
    new URL(isSource ? "runtime/opencl/build-process.ts" : "build-process.js", own),
  );
  const child = fork(entry, [], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    ...(isSource ? { execArgv: ["--import", "tsx"], cwd: fileURLToPath(root) } : { execArgv: [] }),
  });
  return new BuildProcess(child);
}
