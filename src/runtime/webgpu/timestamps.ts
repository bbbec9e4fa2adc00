/**
 * Times of the dispatches of one submission, by timestamp queries: two a dispatch, in as many query sets as
 * the limit of 4096 queries a set needs.
 */
import type { TimestampsOf } from "./command-list.ts";
import { bufferUsage, mapModeRead } from "./usage.ts";

const dispatchesPerSet = 2048;
const bytesPerDispatch = 16;

export class DispatchTimestamps {
  readonly #sets: readonly GPUQuerySet[];
  readonly #resolved: GPUBuffer;
  readonly #readable: GPUBuffer;
  readonly #dispatches: number;

  constructor(gpu: GPUDevice, dispatches: number) {
    this.#dispatches = dispatches;
    this.#sets = Array.from({ length: Math.ceil(dispatches / dispatchesPerSet) }, (_, set) =>
      gpu.createQuerySet({
        type: "timestamp",
        count: 2 * Math.min(dispatchesPerSet, dispatches - set * dispatchesPerSet),
      }),
    );
    const size = dispatches * bytesPerDispatch;
    this.#resolved = gpu.createBuffer({ size, usage: bufferUsage.queryResolve | bufferUsage.copySource });
    this.#readable = gpu.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyDestination });
  }

  readonly of: TimestampsOf = (dispatch) => {
    const querySet = this.#sets[Math.floor(dispatch / dispatchesPerSet)];
    const first = 2 * (dispatch % dispatchesPerSet);
    return {
      querySet: querySet as GPUQuerySet,
      beginningOfPassWriteIndex: first,
      endOfPassWriteIndex: first + 1,
    };
  };

  resolve(encoder: GPUCommandEncoder): void {
    this.#sets.forEach((set, i) => {
      encoder.resolveQuerySet(set, 0, set.count, this.#resolved, i * dispatchesPerSet * bytesPerDispatch);
    });
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, this.#dispatches * bytesPerDispatch);
  }

  /** Milliseconds of each dispatch; to be called once, after the encoder was submitted. */
  async read(): Promise<readonly number[]> {
    await this.#readable.mapAsync(mapModeRead);
    const stamps = new BigUint64Array(this.#readable.getMappedRange().slice(0));
    this.#readable.destroy();
    this.#resolved.destroy();
    for (const set of this.#sets) set.destroy();
    return Array.from({ length: this.#dispatches }, (_, i) => {
      const elapsedNs = (stamps[2 * i + 1] ?? 0n) - (stamps[2 * i] ?? 0n);
      return Math.max(0, Number(elapsedNs) / 1e6);
    });
  }
}
