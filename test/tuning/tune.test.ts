/** Tuning as users call it, on the embedded CPU: what is chosen changes times, and results by rounding alone. */
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { compile, openDevice, tune, TuningRecords, UserError, type HostTensor } from "../../src/index.ts";
import { buildExecutable, passOptions, type CompileOptions } from "../../src/compile.ts";
import { deviceKey } from "../../src/tuning/records.ts";
import type { Measure } from "../../src/tuning/tune-decisions.ts";
import { tuneGraph } from "../../src/tuning/tune-graph.ts";
import { watchDevice } from "../api/watched-device.ts";
import { relativeError } from "../recordings/compare.ts";
import { separableImage, separableInputs, separableNetwork, SeparableNetwork } from "./networks.ts";

const opened = openDevice("cpu", { threads: 1 });
afterAll(async () => (await opened).device.dispose());

const net = new SeparableNetwork().eval();
const image = separableImage();

async function resultWith(options: CompileOptions): Promise<HostTensor> {
  await using compiled = await compile(net, separableInputs, { device: (await opened).device, ...options });
  return compiled.run(image);
}

/** Records that choose, of every decision's candidates, the one at a position. */
async function recordsChoosing(position: number): Promise<TuningRecords> {
  const { device } = await opened;
  const measure: Measure = async ({ candidates }) => {
    const wanted = candidates[position % candidates.length]!;
    return new Map(candidates.map((name) => [name, name === wanted ? 1 : 2]));
  };
  const passes = passOptions({});
  const records = new TuningRecords();
  const { graph } = separableNetwork();
  return (await tuneGraph(graph, { device, passes, build: buildExecutable, records, measure })).records;
}

describe("tune", () => {
  it("measures every candidate on the device, and gives records that compile takes, as a value or as text", async () => {
    const { device } = await opened;
    const signatures: string[] = [];
    const { records, decisions } = await tune(net, separableInputs, {
      device,
      onProgress: ({ signature }) => signatures.push(signature),
    });
    expect(new Set(decisions.map(({ kind }) => kind))).toEqual(
      new Set(["algorithm", "block", "rows", "join"]),
    );
    expect(new Set(signatures)).toEqual(new Set(decisions.map(({ signature }) => signature)));
    for (const { candidates, entry, measured } of decisions) {
      expect(measured).toBe(true);
      expect(Object.keys(entry.elapsedMs).sort()).toEqual([...candidates].sort());
      expect(Object.values(entry.elapsedMs).every((ms) => ms >= 0)).toBe(true);
      expect(candidates).toContain(entry.choice);
    }
    const plain = await resultWith({});
    for (const tuning of [records, String(records)]) {
      await using compiled = await compile(net, separableInputs, { device, tuning });
      const { tuning: report } = compiled.report().data;
      expect(report).toMatchObject({ decisions: decisions.length, used: decisions.length, measured: 0 });
      expect(relativeError(await compiled.run(image), plain)).toBeLessThanOrEqual(1e-5);
      expect(String(compiled.tuningRecords)).toBe(String(records));
    }
  });

  it.each([0, 1, 2, 3])(
    "changes results by rounding alone: candidate %i of every decision",
    async (position) => {
      const tuning = await recordsChoosing(position);
      expect(relativeError(await resultWith({ tuning }), await resultWith({}))).toBeLessThanOrEqual(1e-5);
    },
  );

  it("leaves out what the device cannot run", async () => {
    const device = watchDevice((await opened).device, { memoryBytes: 0 });
    const { decisions } = await tune(net, separableInputs, { device });
    expect(decisions.length).toBeGreaterThan(0);
    for (const { candidates, entry } of decisions)
      expect(entry).toEqual({ choice: candidates[0], elapsedMs: {} });
  });

  it("gives back the memory it used", async () => {
    const device = watchDevice((await opened).device);
    await tune(net, separableInputs, { device });
    expect(device.account.submissions).toBeGreaterThan(0);
    expect([device.account.bytes, device.account.buffers]).toEqual([0, 0]);
  });

  it("fails with the device, and gives back the memory it used", async () => {
    const device = watchDevice((await opened).device, {
      onSubmit: (submission) => {
        if (submission === 20) throw new UserError("device-lost", "the device is gone");
      },
    });
    await expect(tune(net, separableInputs, { device })).rejects.toThrow("the device is gone");
    expect([device.account.bytes, device.account.buffers]).toEqual([0, 0]);
  });

  it("refuses what compile refuses, under its own name", async () => {
    await expect(tune({} as never)).rejects.toThrow(
      "tune: expected an nn.Module or a model from importOnnx.",
    );
    await expect(tune(net, undefined as never)).rejects.toThrow("tune: expected a list of input shapes");
  });
});

describe("records of another device or version", () => {
  it("are not used, and the report says whose they are", async () => {
    const { device } = await opened;
    const records = await recordsChoosing(1);
    const [{ entries }] = records.devices as [(typeof records.devices)[number]];
    const others = [{ ...deviceKey(device), driver: "another engine" }, { ...deviceKey(device), compiler: "0.0.1" }]; // prettier-ignore
    const tuning = new TuningRecords(others.map((key) => ({ key, entries })));
    await using compiled = await compile(net, separableInputs, { device, tuning });
    await using plain = await compile(net, separableInputs, { device });
    expect(compiled.report().data.tuning).toMatchObject({ used: 0, overruled: 0, measured: 0 });
    expect(compiled.kernels).toEqual(plain.kernels);
    const text = String(compiled.report());
    expect(text).toMatch(/^Tuning: 0 of \d+ decisions by records \(0 other than the rules choose, 0 measured now\)$/m); // prettier-ignore
    expect(text).toMatch(
      /^ {2}not used: records of .* \(cpu: another engine; 1 compute units; heddle [\d.]+\)$/m,
    );
    expect(text).toMatch(/^ {2}not used: records of .* heddle 0\.0\.1\)$/m);
    expect(plain.report().data.tuning).toBeUndefined();
    expect(String(plain.report())).not.toContain("Tuning");
  });
});

describe("compile with tune: true", () => {
  let folder: string;
  const file = () => join(folder, "heddle", "tuning.json");
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "heddle-tuning-"));
    vi.stubEnv("XDG_CACHE_HOME", folder);
    vi.stubEnv("HEDDLE_CACHE", "");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  async function compileTuned(options: CompileOptions = {}) {
    const { device } = await opened;
    const measured = new Set<string>();
    const onTuning = ({ signature }: { readonly signature: string }): void => void measured.add(signature);
    const compiled = await compile(net, separableInputs, { device, tune: true, onTuning, ...options });
    const { tuning } = compiled.report().data;
    const records = compiled.tuningRecords!;
    compiled.dispose();
    return { measured: measured.size, tuning: tuning!, records };
  }

  it("measures the first time, and reads what it found from the user's cache the next time", async () => {
    const first = await compileTuned();
    expect(first.measured).toBe(first.tuning.decisions);
    expect(first.tuning).toMatchObject({ used: first.measured, measured: first.measured, note: undefined });
    expect(readFileSync(file(), "utf8")).toBe(String(first.records));
    const second = await compileTuned();
    expect(second.measured).toBe(0);
    expect(second.tuning).toMatchObject({ used: first.measured, measured: 0 });
  });

  it("prefers the records that are given, and measures what they leave open", async () => {
    const given = await recordsChoosing(1);
    expect((await compileTuned({ tuning: given })).measured).toBe(0);
    const { device } = await opened;
    const [first] = given.entriesFor(device);
    const one = new TuningRecords([{ key: deviceKey(device), entries: new Map([first!]) }]);
    const { measured, tuning, records } = await compileTuned({ tuning: one });
    expect(measured).toBe(tuning.decisions - 1);
    expect(records.entriesFor(device).get(first![0])).toEqual(first![1]);
    expect([...TuningRecords.parse(readFileSync(file(), "utf8")).entriesFor(device).keys()]).not.toContain(first![0]); // prettier-ignore
  });

  it("survives a file that is damaged, and keeps what others wrote", async () => {
    mkdirSync(join(folder, "heddle"));
    writeFileSync(file(), "{");
    expect((await compileTuned()).measured).toBeGreaterThan(0);
    expect((await compileTuned()).measured).toBe(0);
    const key = { kind: "cpu", name: "x", driver: "y", computeUnits: 1, compiler: "z" };
    writeFileSync(file(), String(new TuningRecords([{ key, entries: new Map() }])));
    const { tuning } = await compileTuned();
    const onFile = TuningRecords.parse(readFileSync(file(), "utf8"));
    expect(onFile.devices.map((device) => device.key)).toContainEqual(key);
    expect(onFile.entriesFor((await opened).device).size).toBe(tuning.measured);
  });

  it("keeps nothing where the cache is off, and says so where it cannot be written", async () => {
    vi.stubEnv("HEDDLE_CACHE", "off");
    expect((await compileTuned()).tuning.note).toBeUndefined();
    expect((await compileTuned()).measured).toBeGreaterThan(0);
    vi.stubEnv("HEDDLE_CACHE", "");
    writeFileSync(join(folder, "heddle"), "a file where the folder should be");
    expect((await compileTuned()).tuning.note).toMatch(/^tuning records .*tuning\.json: /);
  });
});
