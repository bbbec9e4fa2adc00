/** Tuning records: a value and a file that anyone may have written. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TuningRecords, UserError, type DeviceRecords, type TuningEntry } from "../../src/index.ts";
import { compilerVersion } from "../../src/tuning/compiler-version.ts";
import { deviceKey } from "../../src/tuning/records.ts";

const cpu = {
  kind: "cpu",
  name: "WebAssembly on 2 threads",
  driver: "V8 12.4 on Some CPU",
  target: { computeUnits: 2 },
} as const;
const gpu = { kind: "opencl", name: "Some GPU", driver: "1.2.3", target: { computeUnits: 32 } } as const;

function recordsOf(device: typeof cpu | typeof gpu, entries: Readonly<Record<string, TuningEntry>>) {
  return new TuningRecords([{ key: deviceKey(device), entries: new Map(Object.entries(entries)) }]);
}

const direct: TuningEntry = { choice: "direct", elapsedMs: { direct: 1, "winograd-4": 1.5 } };
const winograd: TuningEntry = { choice: "winograd-4", elapsedMs: { direct: 2, "winograd-4": 0.25 } };

describe("tuning records", () => {
  it("are a file with one line a decision, in an order that does not depend on how they came about", () => {
    const forwards = recordsOf(gpu, { b: direct, a: winograd }).merge(recordsOf(cpu, { a: direct }));
    const backwards = recordsOf(cpu, { a: direct }).merge(recordsOf(gpu, { a: winograd, b: direct }));
    expect(String(forwards)).toBe(String(backwards));
    expect(String(forwards)).toBe(`{"format": "heddle-tuning", "version": 1, "devices": [
  {"kind": "cpu", "name": "WebAssembly on 2 threads", "driver": "V8 12.4 on Some CPU", "computeUnits": 2, "compiler": "${compilerVersion}", "choices": {
   "a": {"choice": "direct", "ms": {"direct": 1, "winograd-4": 1.5}}
  }},
  {"kind": "opencl", "name": "Some GPU", "driver": "1.2.3", "computeUnits": 32, "compiler": "${compilerVersion}", "choices": {
   "a": {"choice": "winograd-4", "ms": {"direct": 2, "winograd-4": 0.25}},
   "b": {"choice": "direct", "ms": {"direct": 1, "winograd-4": 1.5}}
  }}
]}
`);
    expect(String(TuningRecords.parse(String(forwards)))).toBe(String(forwards));
    expect(String(TuningRecords.parse(String(new TuningRecords())))).toBe(String(new TuningRecords()));
  });

  it("are merged entry by entry, the newer one counting", () => {
    const merged = recordsOf(cpu, { a: direct, b: direct }).merge(
      recordsOf(cpu, { b: winograd, c: winograd }),
    );
    expect(Object.fromEntries(merged.choicesFor(cpu))).toEqual({
      a: "direct",
      b: "winograd-4",
      c: "winograd-4",
    });
    expect(merged.devices).toHaveLength(1);
  });

  it("count for the device, the driver and the version they were measured with, and no other", () => {
    const records = recordsOf(cpu, { a: direct }).merge(recordsOf(gpu, { a: winograd }));
    expect(records.choicesFor(gpu).get("a")).toBe("winograd-4");
    expect(records.othersThan(gpu)).toEqual([deviceKey(cpu)]);
    for (const other of [
      { ...gpu, driver: "1.2.4" },
      { ...gpu, name: "Other GPU" },
      { ...gpu, kind: "webgpu" },
      { ...gpu, target: { computeUnits: 16 } },
    ] as const) {
      expect(records.choicesFor(other).size).toBe(0);
      expect(records.othersThan(other)).toHaveLength(2);
    }
    const { key, entries } = records.devices[0]!;
    const older = new TuningRecords([{ key: { ...key, compiler: "0.0.1" }, entries }]);
    expect(older.choicesFor(cpu).size).toBe(0);
  });

  it("are for the version in package.json", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };
    expect(compilerVersion).toBe(version);
  });
});

const entry = { choice: "direct", ms: { direct: 1 } };
const device = {
  kind: "cpu",
  name: "n",
  driver: "d",
  computeUnits: 1,
  compiler: "0.1.0",
  choices: { a: entry },
};
const file = (change: object) =>
  JSON.stringify({ format: "heddle-tuning", version: 1, devices: [], ...change });
const withDevice = (change: object) => file({ devices: [{ ...device, ...change }] });
const withEntry = (change: object) => withDevice({ choices: { a: { ...entry, ...change } } });

describe("a records file", () => {
  it("may have fields that are not known", () => {
    const more = { more: { x: [1] } };
    const text = file({ ...more, devices: [{ ...device, ...more, choices: { a: { ...entry, ...more } } }] });
    expect(String(TuningRecords.parse(text))).toBe(String(TuningRecords.parse(withDevice({}))));
  });

  it("may have names that objects have, too", () => {
    const text = withDevice({}).replace(`"a"`, `"__proto__"`).replace(`{"direct":1}`, `{"__proto__":1}`);
    const records = TuningRecords.parse(text);
    expect([...records.devices[0]!.entries.keys()]).toEqual(["__proto__"]);
    expect(String(records)).toContain(`"ms": {"__proto__": 1}`);
  });

  it.each([
    ["no JSON", "{", "should be JSON"],
    ["no object", "[]", "should be an object, got []"],
    ["another format", file({ format: "x" }), `.format should be "heddle-tuning", got "x"`],
    ["another version", file({ version: 2 }), ".version should be 1, got 2"],
    ["no devices", file({ devices: {} }), ".devices should be a list"],
    ["a device that is none", file({ devices: [1] }), ".devices[0] should be an object, got 1"],
    ["no kind", withDevice({ kind: 3 }), ".devices[0].kind should be a text"],
    ["an empty name", withDevice({ name: "" }), ".devices[0].name should be a text"],
    ["a driver of great length", withDevice({ driver: "x".repeat(1001) }), ".devices[0].driver should be"],
    ["half a compute unit", withDevice({ computeUnits: 0.5 }), ".devices[0].computeUnits should be a number"],
    ["no version", withDevice({ compiler: null }), ".devices[0].compiler should be a text"],
    ["choices that are none", withDevice({ choices: [] }), ".devices[0].choices should be an object"],
    ["no choice", withEntry({ choice: 4 }), `.devices[0].choices["a"].choice should be a text`],
    ["no times", withEntry({ ms: 1 }), `.devices[0].choices["a"].ms should be an object`],
    ["a time that is none", withEntry({ ms: { direct: -1 } }), `.ms["direct"] should be a time in milliseconds, got -1`], // prettier-ignore
    ["too many candidates", withEntry({ ms: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, 1])) }), "should be at most 16 entries"], // prettier-ignore
    ["too many devices", file({ devices: Array.from({ length: 1001 }, () => device) }), ".devices should be a list of at most 1000"], // prettier-ignore
    ["too long a text", " ".repeat(16 * 2 ** 20 + 1), "should be at most 16777216 characters"],
  ])("is refused with %s", (_, text, message) => {
    let thrown: unknown;
    try {
      TuningRecords.parse(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UserError);
    expect((thrown as UserError).code).toBe("file-format");
    expect((thrown as UserError).message).toContain(message);
    expect((thrown as UserError).message).toContain("Write the file anew with 'heddle tune'.");
    expect((thrown as UserError).message.length).toBeLessThan(400);
  });

  const name = fc.string({ minLength: 1, maxLength: 12 });
  const time = fc.double({ min: 0, max: 1e6, noNaN: true });
  const anyEntry = fc.record({ choice: name, elapsedMs: fc.dictionary(name, time, { maxKeys: 4 }) });
  const anyDevice: fc.Arbitrary<DeviceRecords> = fc.record({
    key: fc.record({
      kind: name,
      name,
      driver: name,
      computeUnits: fc.nat().map((n) => n + 1),
      compiler: name,
    }),
    entries: fc.array(fc.tuple(name, anyEntry), { maxLength: 6 }).map((entries) => new Map(entries)),
  });
  const anyRecords = fc.array(anyDevice, { maxLength: 4 }).map((devices) => new TuningRecords(devices));

  it("says what the records say, whatever they hold", () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const text = String(records);
        const read = TuningRecords.parse(text);
        expect(String(read)).toBe(text);
        const choices = ({ devices }: TuningRecords) =>
          devices.map(({ key, entries }) => [
            key,
            [...entries].map(([signature, { choice }]) => [signature, choice]).sort(),
          ]);
        expect(choices(read)).toEqual(choices(records));
      }),
      { numRuns: 200 },
    );
  });

  it("is read or refused with a UserError, however it is damaged", () => {
    const expectReadOrRefused = (text: string): void => {
      try {
        expect(TuningRecords.parse(text)).toBeInstanceOf(TuningRecords);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    };
    const cut = fc.tuple(anyRecords, fc.nat(), fc.nat({ max: 20 }), fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(cut, ([records, at, length, insert]) => {
        const text = String(records);
        const from = at % text.length;
        expectReadOrRefused(text.slice(0, from) + insert + text.slice(from + length));
      }),
      { numRuns: 500 },
    );
    const anything = fc.jsonValue().map((devices) => file({ devices }));
    fc.assert(fc.property(fc.oneof(anything, fc.json(), fc.string()), expectReadOrRefused), { numRuns: 500 });
  });
});
