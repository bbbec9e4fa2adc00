/** What README, docs and docstrings show compiles, strictly, and runs. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as heddle from "../../src/index.ts";
import { repository } from "./packed.ts";
import { docstringExamples, documentSnippets } from "./snippets.ts";

const documents = documentSnippets(repository);
const examples = docstringExamples(repository, Object.keys(heddle));
const snippets = [...documents, ...examples];
const at = (path: string): string => join(repository, path);
const tsx = import.meta.resolve("tsx");

/** Two levels below the repository: examples import by relative paths. */
let folder: string;

beforeAll(() => {
  mkdirSync(at(".cache"), { recursive: true });
  folder = mkdtempSync(at(".cache/snippets-"));
  snippets.forEach(({ program }, i) => writeFileSync(join(folder, `snippet${i}.ts`), program));
  const compilerOptions = { noUnusedLocals: false, noUncheckedIndexedAccess: true };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: ["*.ts"] }),
  );
  copyFileSync(at("examples/digits/data/digits-resnet.onnx"), join(folder, "resnet18.onnx"));
  copyFileSync(at("examples/digits/data/digits-resnet.safetensors"), join(folder, "model.safetensors"));
  copyFileSync(at("test/import/data/state-dict.pt"), join(folder, "resnet18.pth"));
  const image = heddle.tensor(new Float32Array(8 * 64).fill(0.5), [8, 1, 8, 8]);
  writeFileSync(join(folder, "image.npy"), heddle.writeNpy(image));
  writeFileSync(join(folder, "model.tuning.json"), String(new heddle.TuningRecords()));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("what documentation shows", () => {
  it("is there", () => {
    expect(documents.length).toBeGreaterThanOrEqual(6);
    expect(examples.length).toBeGreaterThanOrEqual(15);
  });

  it("compiles", () => {
    const tsc = at("node_modules/typescript/bin/tsc");
    const { stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
    const named = stdout.replace(/snippet(\d+)\.ts/g, (_, i) => snippets[Number(i)]!.place);
    expect(named).toBe("");
  });

  it("runs", () => {
    const all = snippets.map(({ place }, i) => ({ place, file: `./snippet${i}.ts` }));
    const runner = `
      for (const { place, file } of ${JSON.stringify(all)})
        await import(file).catch((error) => console.log("failed: " + place + ": " + (error.stack ?? error)));
      console.log("all were run");
    `;
    writeFileSync(join(folder, "run.ts"), runner);
    const env = { ...process.env, HEDDLE_CACHE: "off" };
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--import", tsx, "run.ts"], {
      ...{ cwd: folder, encoding: "utf8", env },
    });
    expect(stdout.match(/^failed: .*$/gm) ?? []).toEqual([]);
    expect(stdout, stderr).toMatch(/^all were run$/m);
    expect(status, stderr).toBe(0);
  });
});
