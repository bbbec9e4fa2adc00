/** A worker of a thread pool: what it is asked, and that it has done it. */
import type { StartWorker, WorkerThread } from "./start-worker.ts";
import { workerProgram, type WorkerReply, type WorkerRequest } from "./worker-program.ts";

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class PoolWorker {
  readonly #onEnd: (reason: string) => void;
  readonly #pending = new Map<number, Pending>();
  #thread: WorkerThread | undefined;
  #asked = 0;
  #ended: string | undefined;

  private constructor(onEnd: (reason: string) => void) {
    this.#onEnd = onEnd;
  }

  /**
   * @param onEnd told once it ended by itself or cannot start
   * @throws what the host throws when it refuses
   */
  static async start(startWorker: StartWorker, onEnd: (reason: string) => void): Promise<PoolWorker> {
    const worker = new PoolWorker(onEnd);
    worker.#thread = await startWorker(workerProgram, {
      onMessage: (reply) => worker.#receive(reply as WorkerReply),
      onEnd: (reason) => worker.#end(reason),
    });
    return worker;
  }

  /** Resolves when it has done what is asked, for which the process is kept alive unless `inBackground`. */
  ask(request: Omit<WorkerRequest, "number">, inBackground = false): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(new Error(this.#ended));
    const number = this.#asked++;
    const done = new Promise<void>((resolve, reject) => this.#pending.set(number, { resolve, reject }));
    if (!inBackground) this.#thread!.keepAlive(true);
    this.#thread!.post({ number, ...request });
    return done;
  }

  async end(): Promise<void> {
    this.#reject("it was ended");
    await this.#thread!.end();
  }

  #receive({ number, error }: WorkerReply): void {
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    this.#pending.delete(number);
    if (this.#pending.size === 0) this.#thread!.keepAlive(false);
    if (error === undefined) pending.resolve();
    else pending.reject(new Error(error));
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#onEnd(reason);
    this.#reject(reason);
  }

  #reject(reason: string): void {
    this.#ended ??= reason;
    for (const { reject } of this.#pending.values()) reject(new Error(this.#ended));
    this.#pending.clear();
  }
}
