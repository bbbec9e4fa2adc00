/**
 * The words through which threads share out the groups of a dispatch: what each index of one shared
 * `Int32Array` means. `ThreadPool` is the calling thread's side, `worker-program.ts` the workers'.
 *
 * A dispatch is divided into chunks of groups, and each chunk has a ticket. Tickets are numbered on and on
 * (modulo 2³²), over all dispatches:
 *
 * - `[…, completed)` chunks done, in any order; `[…, ticket)` taken; `[…, limit)` may be taken.
 * - The caller describes a dispatch (`kernel` …), raises `limit`, and takes chunks like everyone else. Once
 *   `completed` has reached `limit` the dispatch is over; only then is the next one described. That is the
 *   barrier between dispatches, and it never waits for a thread that took nothing, asleep or starved.
 * - A thread takes a chunk by compare-and-exchange of `ticket`. Where that succeeds the description is that
 *   of the chunk's dispatch: it was complete before `limit` rose, and stays until the chunk is done.
 *
 * `wake` changes whenever there is something to look at: chunks, or messages. Workers wait on it, first
 * spinning, then asleep. A worker sees messages only between turns of its event loop, so `posted` counts
 * those that went to all of them, and a worker that knows of fewer goes there.
 */

/** Longest argument list of a kernel (`maxStorageBuffers` of the target). */
export const maxArguments = 64;
/** A worker's error is cut to this length. */
const maxErrorLength = 240;

/** Words that different threads write lie on cache lines (16 words) of their own. */
export const words = {
  wake: 0,
  ticket: 16,
  completed: 32,
  /** Workers asleep on `wake`: without any, waking costs nothing. */
  sleepers: 48,
  /** 1 while the caller sleeps on `completed`. */
  callerSleeps: 49,
  posted: 50,
  limit: 64,
  kernel: 65,
  groups: 66,
  chunks: 67,
  /** The dispatch's first ticket. */
  firstTicket: 68,
  argumentCount: 69,
  arguments: 70,
  /** 1 once a worker failed in a dispatch; then the message, one UTF-16 unit a word. */
  failed: 144,
  errorLength: 145,
  error: 146,
} as const;

export const wordCount = words.error + maxErrorLength;

/** How long a worker looks for the next dispatch of a run before it sleeps. */
export const spinMs = 0.05;
