/**
 * How long until the device is done, judged by how long the same command lists took before. Waking the event
 * loop by way of a worker thread takes about a tenth of a millisecond longer than waiting in it, so where little
 * is left to do the event loop waits itself.
 */

interface Submission {
  readonly list: object;
  /** Of the command that ends it. */
  readonly command: number;
  readonly startMs: number;
}

export class Forecast {
  /** How long a list took when nothing else was under way. */
  readonly #durations = new WeakMap<object, number>();
  #pending: Submission[] = [];
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  submitted(list: object, command: number): void {
    this.#pending.push({ list, command, startMs: this.#now() });
  }

  /** The device is done with every command up to this one. */
  finished(command: number): void {
    const done = this.#pending.filter((submission) => submission.command <= command);
    const [only] = done;
    if (only !== undefined && done.length === 1) this.#durations.set(only.list, this.#now() - only.startMs);
    this.#pending = this.#pending.filter((submission) => submission.command > command);
  }

  /** Milliseconds until all that was submitted has finished; infinite where something never ran by itself. */
  get remainingMs(): number {
    const [first] = this.#pending;
    if (first === undefined) return 0;
    const total = this.#pending.reduce((sum, { list }) => sum + (this.#durations.get(list) ?? Infinity), 0);
    return Math.max(0, total - (this.#now() - first.startMs));
  }
}
