/**
 * Tuning records: which way of computing was measured to be the fastest, by device, compiler version and signature.
 * A value; as text it is a JSON file that can be committed, with one line a decision in a fixed order, so that a
 * new measurement changes one line.
 *
 *     {"format": "heddle-tuning", "version": 1, "devices": [
 *      {"kind": "cpu", "name": "WebAssembly on 2 threads", "driver": "V8 12.4 on …", "computeUnits": 2, "compiler": "0.1.0", "choices": {
 *       "algorithm conv3x3 n1 c64 56x56 o64 pad1 f32": {"choice": "winograd-4", "ms": {"winograd-4": 0.41, "direct": 0.93}}
 *      }}
 *     ]}
 */
import type { Target } from "../codegen/target.ts";
import type { Choices } from "../passes/decision.ts";
import type { Device } from "../runtime/device.ts";
import { compilerVersion } from "./compiler-version.ts";
import { parseRecords } from "./parse-records.ts";

/** What measured times depend on besides the signature. */
export interface DeviceKey {
  readonly kind: string;
  readonly name: string;
  readonly driver: string;
  /** Cores, where the device is a processor: drivers do not name them. */
  readonly computeUnits: number;
  /** The version of Heddle. */
  readonly compiler: string;
}

/** What of a device makes its key. */
export type KeyedDevice = Pick<Device, "kind" | "name" | "driver"> & {
  readonly target: Pick<Target, "computeUnits">;
};

/** One decision that was measured. */
export interface TuningEntry {
  /** What was fastest. */
  readonly choice: string;
  /** Median time of each candidate that ran, in milliseconds. */
  readonly elapsedMs: Readonly<Record<string, number>>;
}

/** What was measured on one device. */
export interface DeviceRecords {
  /** The device, its driver, its cores and the version of Heddle. */
  readonly key: DeviceKey;
  /** What was measured. */
  readonly entries: ReadonlyMap<string, TuningEntry>;
}

export function deviceKey({ kind, name, driver, target }: KeyedDevice): DeviceKey {
  return { kind, name, driver, computeUnits: target.computeUnits, compiler: compilerVersion };
}

/** What was measured, on any number of devices; `String(records)` is the text of a records file. */
export class TuningRecords {
  /** One for each key, ordered by it. */
  readonly devices: readonly DeviceRecords[];

  /** Of devices with the same key, and of entries with the same signature, the later one counts. */
  constructor(devices: readonly DeviceRecords[] = []) {
    const merged = new Map<string, DeviceRecords>();
    for (const { key, entries } of devices) {
      const known = merged.get(textOfKey(key))?.entries ?? [];
      merged.set(textOfKey(key), { key, entries: new Map([...known, ...entries]) });
    }
    this.devices = [...merged.entries()].sort(byText).map(([, device]) => device);
  }

  /**
   * Reads a records file. Fields that are not known are ignored.
   *
   * @throws UserError (`file-format`) where the text is not a records file of this version
   * @example
   * const records = TuningRecords.parse(readFileSync("model.tuning.json", "utf8"));
   */
  static parse(text: string): TuningRecords {
    return new TuningRecords(parseRecords(text));
  }

  /** Both; where both have an entry, that of `newer`. */
  merge(newer: TuningRecords): TuningRecords {
    return new TuningRecords([...this.devices, ...newer.devices]);
  }

  /** Entries by signature that were measured on this device, with its driver and this version of Heddle. */
  entriesFor(device: KeyedDevice): ReadonlyMap<string, TuningEntry> {
    const key = textOfKey(deviceKey(device));
    return this.devices.find((records) => textOfKey(records.key) === key)?.entries ?? new Map();
  }

  /** The choices of `entriesFor`, as passes take them. */
  choicesFor(device: KeyedDevice): Choices {
    return new Map(Array.from(this.entriesFor(device), ([signature, { choice }]) => [signature, choice]));
  }

  /** The devices, by name and what tells them from `device`, whose records say nothing about it. */
  othersThan(device: KeyedDevice): readonly DeviceKey[] {
    const own = textOfKey(deviceKey(device));
    return this.devices.map(({ key }) => key).filter((key) => textOfKey(key) !== own);
  }

  /** The text of a records file; equal records give equal texts. */
  toString(): string {
    const devices = this.devices.map(({ key, entries }) => {
      const head = Object.entries(inOrder(key)).map(([name, value]) => field(name, value));
      const lines = [...entries].sort(byText).map(([signature, entry]) => `   ${lineOf(signature, entry)}`);
      return `  {${head.join(", ")}, "choices": {\n${lines.join(",\n")}\n  }}`;
    });
    const list = devices.length === 0 ? "[]" : `[\n${devices.join(",\n")}\n]`;
    return `{"format": "heddle-tuning", "version": 1, "devices": ${list}}\n`;
  }
}

/** Records as options give them: a value, the text of a file, or none. */
export function recordsOf(given: TuningRecords | string | undefined): TuningRecords {
  if (given === undefined) return new TuningRecords();
  return given instanceof TuningRecords ? given : TuningRecords.parse(given);
}

function lineOf(signature: string, { choice, elapsedMs }: TuningEntry): string {
  const times = Object.entries(elapsedMs)
    .sort(byText)
    .map(([candidate, ms]) => field(candidate, Number(ms.toPrecision(3))));
  return `${JSON.stringify(signature)}: {${field("choice", choice)}, "ms": {${times.join(", ")}}}`;
}

function field(name: string, value: unknown): string {
  return `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
}

function inOrder({ kind, name, driver, computeUnits, compiler }: DeviceKey): DeviceKey {
  return { kind, name, driver, computeUnits, compiler };
}

function textOfKey(key: DeviceKey): string {
  return JSON.stringify(inOrder(key));
}

/** By code units, so that the order is the same everywhere. */
function byText([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
