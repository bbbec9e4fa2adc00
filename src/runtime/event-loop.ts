/** Turns of the event loop: what runs between them starves timers, sockets and a page's frames. */

/** Resolves once timers, sockets and messages that wait have had their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else {
      // Not a timer: browsers make nested ones wait for 4 ms.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    }
  });
}

/** Longer than this no chain of awaited calls should keep the loop. */
const longestMs = 4;

/** Gives the event loop a turn now and then: of a device that computes on the thread that calls it. */
export class Breather {
  #last = performance.now();

  /** Resolves at once, or after a turn where the last one is some milliseconds ago. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#last < longestMs) return;
    await nextTurn();
    this.#last = performance.now();
  }
}

/**
 * The work's result, unless the signal is aborted first; then it rejects with the signal's reason at once, and what the
 * work still gives is handed to `discard`.
 */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  discard: (result: T) => void = () => {},
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (settle: () => void): void => {
      isOver = true;
      signal.removeEventListener("abort", stop);
      settle();
    };
    const stop = (): void => end(() => reject(signal.reason as Error));
    work.then(
      (result) => (isOver ? discard(result) : end(() => resolve(result))),
      (error: unknown) => (isOver ? undefined : end(() => reject(error as Error))),
    );
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
