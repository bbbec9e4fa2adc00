/**
 * Threads that share one WebAssembly memory. In: compiled modules once, then dispatches. Out: all groups of a
 * dispatch run, on whichever threads are awake; the calling thread takes its share, and `run` returns when
 * the last group is done. How threads agree is told in `thread-control.ts`.
 *
 * Workers sleep between runs and never keep a process alive.
 */
import { InternalError, UserError } from "../../errors.ts";
import type { RunGroups } from "./kernel-function.ts";
import { PoolWorker } from "./pool-worker.ts";
import { startWorker, type StartWorker } from "./start-worker.ts";
import { maxArguments, spinMs, wordCount, words } from "./thread-control.ts";
import type { WorkerModule, WorkerRequest } from "./worker-program.ts";

/**
 * Threads there are from the start; the others are summoned for the first run. Each is 8.5 MiB in Node, before it
 * does anything, and preparing weights, which waits for memory, gains little from more.
 */
const threadsAtFirst = 2;
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

export class ThreadPool {
  /** How many there are once all have joined, the calling thread included. */
  readonly threads: number;
  readonly #memory: WebAssembly.Memory;
  readonly #control = new Int32Array(new SharedArrayBuffer(wordCount * 4));
  readonly #startWorker: StartWorker;
  readonly #patienceMs: number;
  /** Those that know everything. */
  readonly #workers: PoolWorker[] = [];
  readonly #arriving = new Set<PoolWorker>();
  /** What those that join later have to be told. */
  readonly #modules: WorkerModule[] = [];
  /** The page's main thread may not sleep, so it spins. */
  readonly #maySleep = maySleep();
  #posted = 0;
  #summoned = false;
  #failure: string | undefined;
  #disposed = false;

  private constructor(memory: WebAssembly.Memory, threads: number, options: ThreadPoolOptions) {
    this.#memory = memory;
    this.threads = threads;
    this.#startWorker = options.startWorker ?? startWorker;
    this.#patienceMs = options.patienceMs ?? patienceMs;
  }

  /** Starts the first of `threads − 1` workers beside the calling thread. Fails where the host refuses it. */
  static async start(
    memory: WebAssembly.Memory,
    threads: number,
    options: ThreadPoolOptions = {},
  ): Promise<ThreadPool> {
    const pool = new ThreadPool(memory, threads, options);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const text = `the workers did not start in ${pool.#patienceMs} ms`;
      timer = setTimeout(() => reject(new Error(text)), pool.#patienceMs);
    });
    const first = Array.from({ length: Math.min(threads, threadsAtFirst) - 1 }, (_, i) => pool.#join(i + 1));
    try {
      await Promise.race([Promise.all(first), late]);
    } catch (error) {
      await pool.dispose();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return pool;
  }

  /** Why the pool cannot be used any more. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Has the other workers join. Nothing waits for them, and those that the host refuses are not missed. */
  summonAll(): void {
    if (this.#summoned) return;
    this.#summoned = true;
    for (let worker = threadsAtFirst; worker < this.threads; worker++)
      this.#join(worker, true).catch(() => undefined);
  }

  /** Resolves when every worker can run the module's exports as the kernels of these numbers. */
  async addModule(module: WebAssembly.Module, kernels: WorkerModule["kernels"]): Promise<void> {
    const added: WorkerModule = { module, kernels };
    this.#modules.push(added);
    await this.#post({ modules: [added] });
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
    this.#failure ??= "the device was disposed";
    await this.#endAll();
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

  /** Starts a worker, which is one of the pool's once it knows everything that the others know. */
  async #join(number: number, inBackground = false): Promise<void> {
    // One that has kernels may have taken a part of what runs.
    let hasKernels = false;
    const worker = await PoolWorker.start(this.#startWorker, (reason) => {
      if (hasKernels) this.#fail(`worker ${number} ended: ${reason}`);
    });
    this.#arriving.add(worker);
    try {
      let news: Partial<WorkerRequest> = {
        memory: this.#memory,
        control: this.#control.buffer as SharedArrayBuffer,
      };
      // While it takes in what there is, there may come more; then `posted` grows, and it looks for messages again.
      let known = 0;
      do {
        if (this.#failure !== undefined) throw this.#lost();
        const modules = this.#modules.slice(known);
        known += modules.length;
        hasKernels ||= modules.length > 0;
        await worker.ask({ received: this.#posted, modules, ...news }, inBackground);
        news = {};
      } while (known < this.#modules.length);
      hasKernels = true;
      this.#workers.push(worker);
    } catch (error) {
      await worker.end();
      throw error;
    } finally {
      this.#arriving.delete(worker);
    }
  }

  async #post(request: Pick<WorkerRequest, "modules">): Promise<void> {
    if (this.#failure !== undefined) throw this.#lost();
    const received = ++this.#posted;
    Atomics.store(this.#control, words.posted, received);
    this.#wake(Infinity);
    try {
      await Promise.all(this.#workers.map((worker) => worker.ask({ received, ...request })));
    } catch (error) {
      throw this.#failure === undefined ? error : this.#lost();
    }
  }

  #fail(reason: string): void {
    if (this.#disposed || this.#failure !== undefined) return;
    this.#failure = reason;
    void this.#endAll();
  }

  async #endAll(): Promise<void> {
    await Promise.all([...this.#workers, ...this.#arriving].map((worker) => worker.end()));
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
