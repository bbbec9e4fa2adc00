/** Reads the text of a records file, which anyone may have written: everything is checked before it is believed. */
import { UserError } from "../errors.ts";
import { shortText } from "../ir/short-text.ts";
import type { DeviceRecords, TuningEntry } from "./records.ts";

/** What no file that `tune` wrote comes near. */
const limits = { characters: 16 * 2 ** 20, devices: 1000, entries: 100_000, candidates: 16, name: 1000 };

/** @throws UserError (`file-format`) that says where the text differs from what is expected */
export function parseRecords(text: string): readonly DeviceRecords[] {
  if (typeof text !== "string") fail("", "a text", text);
  if (text.length > limits.characters)
    fail("", `at most ${limits.characters} characters`, `${text.length} of them`);
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    return fail("", "JSON", cause instanceof Error ? cause.message : String(cause));
  }
  const { format, version, devices } = recordOf(file, "");
  if (format !== "heddle-tuning") fail(".format", `"heddle-tuning"`, format);
  if (version !== 1) fail(".version", "1", version);
  if (!Array.isArray(devices) || devices.length > limits.devices) {
    return fail(".devices", `a list of at most ${limits.devices}`, devices);
  }
  return devices.map((device: unknown, i) => parseDevice(device, `.devices[${i}]`));
}

function parseDevice(value: unknown, at: string): DeviceRecords {
  const device = recordOf(value, at);
  const textAt = (name: "kind" | "name" | "driver" | "compiler") => nameOf(device[name], `${at}.${name}`);
  const { computeUnits } = device;
  if (typeof computeUnits !== "number" || !Number.isInteger(computeUnits) || computeUnits < 1)
    return fail(`${at}.computeUnits`, "a number of compute units", computeUnits);
  const key = {
    kind: textAt("kind"),
    name: textAt("name"),
    driver: textAt("driver"),
    computeUnits,
    compiler: textAt("compiler"),
  };
  const entries = entriesOf(device["choices"], `${at}.choices`, limits.entries).map(
    ([signature, entry]) =>
      [
        nameOf(signature, `${at}.choices`),
        parseEntry(entry, `${at}.choices[${shortText(signature)}]`),
      ] as const,
  );
  return { key, entries: new Map(entries) };
}

function parseEntry(value: unknown, at: string): TuningEntry {
  const entry = recordOf(value, at);
  const times = entriesOf(entry["ms"], `${at}.ms`, limits.candidates).map(([candidate, ms]) => {
    if (typeof ms !== "number" || !Number.isFinite(ms) || ms < 0)
      fail(`${at}.ms[${shortText(candidate)}]`, "a time in milliseconds", ms);
    return [nameOf(candidate, `${at}.ms`), ms as number] as const;
  });
  return { choice: nameOf(entry["choice"], `${at}.choice`), elapsedMs: Object.fromEntries(times) };
}

function recordOf(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  return fail(at, "an object", value);
}

function entriesOf(value: unknown, at: string, limit: number): readonly [string, unknown][] {
  const entries = Object.entries(recordOf(value, at));
  if (entries.length > limit) fail(at, `at most ${limit} entries`, `${entries.length} of them`);
  return entries;
}

function nameOf(value: unknown, at: string): string {
  const isName = typeof value === "string" && value !== "" && value.length <= limits.name;
  return isName ? value : fail(at, `a text of 1 to ${limits.name} characters`, value);
}

function fail(at: string, expected: string, got: unknown): never {
  const place = at === "" ? "" : `${at} `;
  throw new UserError(
    "file-format",
    `tuning records: ${place}should be ${expected}, got ${shortText(got)}. Write the file anew with 'heddle tune'.`,
  );
}
