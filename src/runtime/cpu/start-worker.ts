/**
 * A thread of the host: Node's worker threads, Web Workers elsewhere. In: a program as text, which finds what
 * it talks to as `port`. Out: the little that a pool needs of a worker, the same on both. Fails with whatever
 * the host throws.
 */
import { importAtRuntime, isNode } from "../import-at-runtime.ts";

export interface WorkerEvents {
  onMessage(data: unknown): void;
  /** It ended or cannot start; may be told more than once. */
  onEnd(reason: string): void;
}

export interface WorkerThread {
  post(message: unknown): void;
  /** Whether the process must not exit because of it (Node); at first it may. */
  keepAlive(alive: boolean): void;
  end(): Promise<void>;
}

export type StartWorker = (program: string, events: WorkerEvents) => Promise<WorkerThread>;

export const startWorker: StartWorker = (program, events) =>
  isNode() ? startNodeWorker(program, events) : startWebWorker(program, events);

const nodeThreads = "node:worker_threads";

async function startNodeWorker(program: string, events: WorkerEvents): Promise<WorkerThread> {
  const { Worker } = await importAtRuntime<typeof import("node:worker_threads")>(nodeThreads);
  const text = `const port = require(${JSON.stringify(nodeThreads)}).parentPort; ${program}`;
  // Without the caller's own flags: loaders such as tsx would start once a worker.
  const worker = new Worker(text, { eval: true, execArgv: [], name: "heddle" });
  worker.on("message", (data) => events.onMessage(data));
  worker.on("error", (error) => events.onEnd(String(error)));
  worker.on("exit", (code) => events.onEnd(`it exited with code ${code}`));
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    keepAlive: (alive) => (alive ? worker.ref() : worker.unref()),
    end: async () => void (await worker.terminate()),
  };
}

async function startWebWorker(program: string, events: WorkerEvents): Promise<WorkerThread> {
  const address = URL.createObjectURL(
    new Blob([`const port = self; ${program}`], { type: "text/javascript" }),
  );
  const worker = new Worker(address, { name: "heddle" });
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(address);
    events.onMessage(data);
  };
  worker.onerror = (event) => events.onEnd(event.message ?? "the page's policy forbids it");
  worker.onmessageerror = () => events.onEnd("a message could not be read");
  return {
    post: (message) => worker.postMessage(message),
    keepAlive: () => {},
    end: async () => worker.terminate(),
  };
}
