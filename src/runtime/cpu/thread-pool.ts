/**
 * Threads that share one WebAssembly memory. In: compiled modules once, then dispatches. Out: all groups of a
 * dispatch run, on whichever threads are awake; the calling thread takes its share, and `run` returns when
 * the last group is done. How threads agree is told in `thread-control.ts`.
 *
 * Workers sleep between runs and never keep a process alive.
 */
import { InternalError, UserError } from "../../errors.ts";
import type { RunGroups } from "./kernel-function.ts";
import { startWorker, type StartWorker, type WorkerThread } from "./start-worker.ts";
import { maxArguments, spinMs, wordCount, words } from "./thread-control.ts";
import { workerProgram, type WorkerReply, type WorkerRequest } from "./worker-program.ts";

/** Chunks of a dispatch a thread: as many groups as schedules make. */
const chunksPerThread = 8;
/** A worker that takes longer to come up, or over one chunk, is taken for dead. */
const patienceMs = 60_000;
/** Sleeps of the caller end after so long to see whether anything still moves. */
const sleepMs = 100;

export interface ThreadPoolOptions {
  readonly startWorker?: StartWorker;
  readonly patienceMs?: number;
}

interface Pending {
  waitingFor: number;
  error: string | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class ThreadPool {
  readonly #control = new Int32Array(new SharedArrayBuffer(wordCount * 4));
  readonly #workers: WorkerThread[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #patienceMs: number;
  /** The page's main thread may not sleep, so it spins. */
  readonly #maySleep = maySleep();
  #posted = 0;
  #failure: string | undefined;
  #disposed = false;

  private constructor(options: ThreadPoolOptions) {
    this.#patienceMs = options.patienceMs ?? patienceMs;
  }

  /** Starts `threads − 1` workers beside the calling thread. Fails where the host refuses one of them. */
  static async start(
    memory: WebAssembly.Memory,
    threads: number,
    options: ThreadPoolOptions = {},
  ): Promise<ThreadPool> {
    const pool = new ThreadPool(options);
    const start = options.startWorker ?? startWorker;
    try {
      for (let worker = 1; worker < threads; worker++) {
        const onEnd = (reason: string): void => pool.#fail(`worker ${worker} ended: ${reason}`);
        const events = { onMessage: (reply: unknown) => pool.#receive(reply as WorkerReply), onEnd };
        pool.#workers.push(await start(workerProgram, events));
      }
      const control = pool.#control.buffer as SharedArrayBuffer;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<never>((_, reject) => {
        const text = `the workers did not start in ${pool.#patienceMs} ms`;
        timer = setTimeout(() => reject(new Error(text)), pool.#patienceMs);
      });
      const ready = pool.#post({ memory, control, kernels: [] });
      await Promise.race([ready, late]).finally(() => clearTimeout(timer));
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    return pool;
  }

  get threads(): number {
    return this.#workers.length + 1;
  }

  /** Why the pool cannot be used any more. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves when every worker can run the module's exports as the kernels of these numbers. */
  addModule(module: WebAssembly.Module, kernels: WorkerRequest["kernels"]): Promise<void> {
    return this.#post({ module, kernels });
  }

  /** Runs groups [0, groups) of a kernel that was added; `run` is the calling thread's instance. */
  run(id: number, run: RunGroups, groups: number, addresses: readonly number[]): void {
    if (addresses.length > maxArguments)
      throw new InternalError(`thread-pool: a kernel with ${addresses.length} buffers`);
    const control = this.#control;
    const chunks = Math.min(groups, this.threads * chunksPerThread);
    const first = control[words.limit]!;
    const limit = (first + chunks) | 0;
    control[words.kernel] = id;
    control[words.groups] = groups;
    control[words.chunks] = chunks;
    control[words.firstTicket] = first;
    control[words.argumentCount] = addresses.length;
    control.set(addresses, words.arguments);
    Atomics.store(control, words.limit, limit);
    this.#wake(chunks - 1);

    let failed: { readonly error: unknown } | undefined;
    for (;;) {
      const ticket = Atomics.load(control, words.ticket);
      if (ticket === limit) break;
      if (Atomics.compareExchange(control, words.ticket, ticket, ticket + 1) !== ticket) continue;
      const chunk = (ticket - first) | 0;
      try {
        run(Math.floor((groups * chunk) / chunks), Math.floor((groups * (chunk + 1)) / chunks), ...addresses);
      } catch (error) {
        failed ??= { error };
      }
      Atomics.add(control, words.completed, 1);
    }
    this.#awaitCompletion(limit);
    if (Atomics.exchange(control, words.failed, 0) !== 0) failed ??= { error: this.#workerError() };
    if (failed !== undefined) throw failed.error;
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const ended = this.#workers.map((worker) => worker.end());
    this.#rejectPending("the device was disposed");
    await Promise.all(ended);
  }

  #wake(most: number): void {
    Atomics.add(this.#control, words.wake, 1);
    if (Atomics.load(this.#control, words.sleepers) > 0) Atomics.notify(this.#control, words.wake, most);
  }

  #awaitCompletion(limit: number): void {
    const control = this.#control;
    let spinEnd: number | undefined;
    let stillMs = 0;
    for (let last: number | undefined; ;) {
      const completed = Atomics.load(control, words.completed);
      if (completed === limit) return;
      const now = performance.now();
      if (completed !== last) {
        last = completed;
        spinEnd = now + spinMs * 4;
        stillMs = 0;
      }
      if (now < spinEnd!) continue;
      if (this.#maySleep) {
        Atomics.store(control, words.callerSleeps, 1);
        Atomics.wait(control, words.completed, completed, sleepMs);
        Atomics.store(control, words.callerSleeps, 0);
      }
      // Counted in steps, so that a computer that slept meanwhile does not look like a dead worker.
      const elapsed = performance.now() - now;
      stillMs += Math.min(elapsed, sleepMs);
      if (stillMs >= this.#patienceMs) {
        this.#fail(`a worker did not finish its part of a kernel in ${this.#patienceMs} ms`);
        throw new UserError("device-lost", `The embedded CPU device is lost: ${this.#failure}.`);
      }
    }
  }

  #workerError(): Error {
    const length = this.#control[words.errorLength]!;
    const units = this.#control.subarray(words.error, words.error + length);
    return new Error(String.fromCharCode(...units));
  }

  #post(request: Omit<WorkerRequest, "number">): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#lost());
    const number = ++this.#posted;
    const sent = new Promise<void>((resolve, reject) => {
      this.#pending.set(number, { waitingFor: this.#workers.length, error: undefined, resolve, reject });
    });
    for (const worker of this.#workers) worker.keepAlive(true);
    Atomics.add(this.#control, words.posted, 1);
    this.#wake(Infinity);
    for (const worker of this.#workers) worker.post({ number, ...request });
    return sent;
  }

  #receive(reply: WorkerReply): void {
    const pending = this.#pending.get(reply.number);
    if (pending === undefined) return;
    pending.error ??= reply.error;
    if (--pending.waitingFor > 0) return;
    this.#pending.delete(reply.number);
    if (this.#pending.size === 0) for (const worker of this.#workers) worker.keepAlive(false);
    if (pending.error === undefined) pending.resolve();
    else pending.reject(new Error(pending.error));
  }

  #fail(reason: string): void {
    if (this.#disposed || this.#failure !== undefined) return;
    this.#failure = reason;
    for (const worker of this.#workers) void worker.end();
    this.#rejectPending(reason);
  }

  #rejectPending(reason: string): void {
    this.#failure ??= reason;
    for (const { reject } of this.#pending.values()) reject(this.#lost());
    this.#pending.clear();
  }

  #lost(): UserError {
    return new UserError("device-lost", `The embedded CPU device is lost: ${this.#failure}.`);
  }
}

function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}
