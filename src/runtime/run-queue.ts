/**
 * Keeps runs from getting far ahead of the device: what they left there, results and tensors that were disposed of
 * meanwhile, stays in memory until the device has come as far. Runs start in the order in which they were asked for; one
 * that has to wait takes its inputs along.
 */
import { unlessAborted } from "./event-loop.ts";

/** What runs ahead of the device may hold. */
const mostBytes = 64 * 2 ** 20;
/** Runs ahead of the device, however small. */
const mostRuns = 32;

/** A run that may start or has started, and that the device is not known to have done. */
export interface Ticket {
  readonly bytes: number;
}

export class RunQueue {
  readonly #finish: () => Promise<void>;
  readonly #held = new Set<Ticket>();
  #heldBytes = 0;
  /** Runs that nobody waits for: the device is asked about them together. */
  #together: Ticket[] = [];
  /** Settled when the last run that waits has its ticket. */
  #waiting: Promise<unknown> | undefined;
  #onRelease: (() => void)[] = [];

  /** @param finish resolves when the device has done all that was enqueued before the call */
  constructor(finish: () => Promise<void>) {
    this.#finish = finish;
  }

  /**
   * The ticket of a run that holds so many bytes: at once where it may start, so that such runs are enqueued before the
   * call returns, else a promise of it. Throws, or rejects with, the signal's reason.
   */
  enter(bytes: number, signal?: AbortSignal): Ticket | Promise<Ticket> {
    signal?.throwIfAborted();
    if (this.#waiting === undefined && this.#hasRoom(bytes)) return this.#admit(bytes);
    const turn = (this.#waiting ?? Promise.resolve()).then(async () => {
      while (!this.#hasRoom(bytes) && signal?.aborted !== true) {
        this.#askForTogether();
        await new Promise<void>((resolve) => this.#onRelease.push(resolve));
      }
      signal?.throwIfAborted();
      return this.#admit(bytes);
    });
    const settled = turn.then(
      () => {},
      () => {},
    );
    this.#waiting = settled;
    void settled.then(() => {
      if (this.#waiting === settled) this.#waiting = undefined;
    });
    return unlessAborted(turn, signal, (ticket) => this.release(ticket));
  }

  /** The run was enqueued. `done` settles when the device has done it; without, the queue finds out. */
  started(ticket: Ticket, done?: Promise<unknown>): void {
    if (done !== undefined) {
      const gone = () => this.release(ticket);
      void done.then(gone, gone);
      return;
    }
    this.#together.push(ticket);
    const bytes = this.#together.reduce((sum, item) => sum + item.bytes, 0);
    if (bytes >= mostBytes / 2 || this.#together.length >= mostRuns / 2) this.#askForTogether();
  }

  #askForTogether(): void {
    if (this.#together.length === 0) return;
    const tickets = this.#together;
    this.#together = [];
    const gone = () => tickets.forEach((item) => this.release(item));
    // A device that is lost does nothing more; the runs themselves say so.
    void this.#finish().then(gone, gone);
  }

  /** The run is over, or was never enqueued. */
  release(ticket: Ticket): void {
    if (!this.#held.delete(ticket)) return;
    this.#heldBytes -= ticket.bytes;
    const resolvers = this.#onRelease;
    this.#onRelease = [];
    for (const resolve of resolvers) resolve();
  }

  /** A run that holds more than all may is alone. */
  #hasRoom(bytes: number): boolean {
    if (this.#held.size === 0) return true;
    return this.#held.size < mostRuns && this.#heldBytes + bytes <= mostBytes;
  }

  #admit(bytes: number): Ticket {
    const ticket = { bytes };
    this.#held.add(ticket);
    this.#heldBytes += bytes;
    return ticket;
  }
}
