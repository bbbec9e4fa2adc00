/**
 * What `prepare` makes of a model's weights, kept in a file: made once, mapped by every later process. For devices
 * whose memory is the host's (`Device.files`) and for models from files, whose weights are the same the next time.
 * The file's name is a digest of everything its contents depend on, so it cannot be out of date.
 */
import type { Executable } from "../codegen/executable.ts";
import type { Device, DeviceBuffer, DeviceFiles } from "./device.ts";
import type { DeviceParameter } from "./parameter-store.ts";
import { buffersUsedBy, kernelsUsedBy } from "./prepare-batches.ts";
import { payloadOffset, type WeightFile } from "./weight-files.ts";

/** Fewer bytes are prepared as fast as they are checked. */
const leastBytes = 32 * 2 ** 20;
/** So many bytes are hashed before the event loop gets a turn, or one parameter's. */
const eventLoopBytes = 2 ** 20;
/** Where vectors are aligned and a cache line begins. */
const alignmentBytes = 128;

export interface PreparedFileParts {
  readonly device: Device;
  readonly executable: Executable;
  /** Parameters and state by the number of their buffer. */
  readonly parameters: ReadonlyMap<number, DeviceParameter>;
}

/** Takes a prepared buffer's contents before its memory is used for another. */
export type TakePrepared = (buffer: number, contents: DeviceBuffer) => void;

interface Place {
  readonly buffer: number;
  /** In the payload. */
  readonly offset: number;
  readonly sizeBytes: number;
}

export class PreparedFile {
  readonly #parts: PreparedFileParts;
  readonly #files: DeviceFiles;
  readonly #places: readonly Place[];
  readonly #payloadBytes: number;
  readonly #key: Uint8Array;

  private constructor(
    parts: PreparedFileParts,
    files: DeviceFiles,
    places: readonly Place[],
    key: Uint8Array,
  ) {
    this.#parts = parts;
    this.#files = files;
    this.#places = places;
    this.#payloadBytes = payloadBytes(places);
    this.#key = key;
  }

  /** undefined where a file cannot serve, or is not worth it. */
  static async for(parts: PreparedFileParts): Promise<PreparedFile | undefined> {
    const { device, executable } = parts;
    const places = placesOf(executable);
    if (device.files === undefined || payloadBytes(places) < leastBytes) return undefined;
    const key = await keyOf(parts, device.files);
    return key === undefined ? undefined : new PreparedFile(parts, device.files, places, key);
  }

  /** The file as an earlier process left it. */
  async find(): Promise<WeightFile | undefined> {
    return this.#files.store.find(this.#key, this.#payloadBytes);
  }

  /** Prepared buffers by their numbers; undefined where the file is not whole. Closes it. */
  async load(file: WeightFile): Promise<ReadonlyMap<number, DeviceBuffer> | undefined> {
    if (await file.isWhole()) return this.#map(file);
    await file.close();
    return undefined;
  }

  /**
   * Writes the file and then maps it; undefined where that failed.
   * @param prepare prepares everything, and hands out each prepared buffer when nothing else will be done to it
   */
  async store(
    prepare: (take: TakePrepared) => Promise<void>,
  ): Promise<ReadonlyMap<number, DeviceBuffer> | undefined> {
    const draft = await this.#files.store.create(this.#key, this.#payloadBytes);
    if (draft === undefined) return undefined;
    const places = new Map(this.#places.map((place) => [place.buffer, place]));
    try {
      await prepare((buffer, contents) => {
        const { offset, sizeBytes } = places.get(buffer)!;
        draft.append(new Uint8Array(offset - draft.written));
        this.#files.copyOut(contents, sizeBytes, (part) => draft.append(part));
      });
    } catch (error) {
      await draft.abandon();
      throw error;
    }
    // Weights are views of memory that its owner may have changed meanwhile.
    const key = await keyOf(this.#parts, this.#files);
    if (key !== undefined && Buffer.compare(key, this.#key) === 0) return this.#map(await draft.commit());
    await draft.abandon();
    return undefined;
  }

  async #map(file: WeightFile | undefined): Promise<ReadonlyMap<number, DeviceBuffer> | undefined> {
    if (file === undefined) return undefined;
    const { name, buffers: planned } = this.#parts.executable;
    try {
      const parts = this.#places.map(({ buffer, offset, sizeBytes }) => ({
        offset: payloadOffset + offset,
        sizeBytes,
        label: `${name}.${planned[buffer]!.name}`,
      }));
      const buffers = this.#files.map(file.descriptor, file.sizeBytes, parts);
      return buffers && new Map(this.#places.map(({ buffer }, i) => [buffer, buffers[i]!]));
    } finally {
      await file.close();
    }
  }
}

/** In the order in which `prepare` is done with them, so that a file is written from its begin to its end. */
function placesOf(executable: Executable): readonly Place[] {
  const byLastUse = new Set<number>();
  for (const command of executable.prepare) {
    for (const buffer of buffersUsedBy([command])) {
      if (executable.buffers[buffer]!.kind !== "prepared") continue;
      byLastUse.delete(buffer);
      byLastUse.add(buffer);
    }
  }
  let end = 0;
  return [...byLastUse].map((buffer) => {
    const { sizeBytes } = executable.buffers[buffer]!;
    const offset = Math.ceil(end / alignmentBytes) * alignmentBytes;
    end = offset + sizeBytes;
    return { buffer, offset, sizeBytes };
  });
}

function payloadBytes(places: readonly Place[]): number {
  const last = places.at(-1);
  return last === undefined ? 0 : last.offset + last.sizeBytes;
}

/**
 * A digest of the program that prepares and of all it reads; undefined where the device knows better than the host
 * what a parameter is. The event loop goes on between parameters.
 */
async function keyOf(
  { device, executable, parameters }: PreparedFileParts,
  files: DeviceFiles,
): Promise<Uint8Array | undefined> {
  if (executable.state.some(({ updated }) => updated)) return undefined;
  const used = [...buffersUsedBy(executable.prepare)].sort((a, b) => a - b);
  const program = {
    device: [device.name, device.driver],
    commands: executable.prepare,
    buffers: used.map((buffer) => [buffer, executable.buffers[buffer]]),
    kernels: [...kernelsUsedBy(executable.prepare)].map((number) => [number, executable.kernels[number]]),
  };
  const hash = files.store.hash().update(JSON.stringify(program));
  for (const { buffer, data } of executable.constants) if (used.includes(buffer)) hash.update(data);
  for (const buffer of used) {
    const parameter = parameters.get(buffer);
    if (parameter === undefined) continue;
    const contents = parameter.hostContents;
    if (contents === undefined) return undefined;
    for (const part of contents.parts()) hash.update(part);
    if (contents.byteLength > eventLoopBytes) await new Promise(setImmediate);
  }
  return hash.digest();
}
