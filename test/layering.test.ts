/** Who may import whom, and the rules of the house that a machine can check. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));

function filesIn(folder: string, extension = ".ts"): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(extension))
    .map((path) => join(folder, path).replaceAll("\\", "/"))
    .sort();
}

/** Written by a generator from a schema: its style is not ours, its imports are. */
const isGenerated = (path: string) => path.endsWith("_pb.ts");

interface Source {
  readonly path: string;
  readonly text: string;
}

const sources: readonly Source[] = filesIn("src").map((path) => ({ path, text: readFileSync(join(root, path), "utf8") })); // prettier-ignore

interface Import {
  readonly from: string;
  readonly to: string;
}

const imports: readonly Import[] = sources.flatMap(({ path, text }) =>
  [...text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*"(\.[^"]+)"/gm)].map(([, target]) => ({
    from: path.slice("src/".length),
    to: relative("src", join(dirname(path), target!)).replaceAll("\\", "/"),
  })),
);

/** The folder of a source, or the file itself where it lies at the top. */
const layerOf = (path: string) => path.split("/")[0]!;

/**
 * What each layer may import besides itself. `errors.ts` is below everything. What code generation and the layers
 * around it share is data: `codegen/target.ts` says what a device can do, `codegen/executable.ts` what it runs.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  ir: ["errors.ts"],
  nn: ["errors.ts", "ir"],
  train: ["errors.ts", "ir", "nn"],
  import: ["errors.ts", "ir", "nn"],
  export: ["errors.ts", "ir", "codegen", "runtime"],
  passes: ["errors.ts", "ir"],
  codegen: ["errors.ts", "ir"],
  runtime: ["errors.ts", "ir", "codegen"],
  tuning: ["errors.ts", "ir", "passes", "codegen", "runtime"],
};

/** Single files that a layer may import from one it may not. */
const exceptions: readonly { readonly from: string; readonly to: string; readonly because: string }[] = [
  { from: "passes", to: "codegen/target.ts", because: "passes decide by what the target can do" },
  { from: "passes", to: "codegen/concat-slices.ts", because: "a pass marks what the planner can place" },
  { from: "passes", to: "codegen/read-slices.ts", because: "a pass marks what kernels can read in place" },
  { from: "import", to: "runtime/import-at-runtime.ts", because: "paths are opened where there is Node" },
];

/** Folders that know each other. */
const mutualFolders: Readonly<Record<string, string>> = {
  "codegen/lower ↔ codegen/schedule":
    "lower-node picks a schedule; schedules emit what is fused with lower's emitter",
};

/** Files that call each other, after all of them are loaded. */
const mutualFiles: Readonly<Record<string, string>> = {
  "ir/ops/registry.ts → ir/ops/fusion.ts → ir/evaluate.ts → ir/ops/registry.ts":
    "a fusion means what its body means, and evaluating a body takes every op",
};

const onTop = [
  "bisect.ts",
  "cli",
  "compile.ts",
  "compiled-variants.ts",
  "compiled.ts",
  "dump.ts",
  "index.ts",
  "memory-limit.ts",
  "read-model.ts",
  "report.ts",
  "training-effects.ts",
  "tune.ts",
];

describe("layers", () => {
  it("are all known", () => {
    const known = new Set([...Object.keys(mayImport), ...onTop]);
    expect([...new Set(sources.map(({ path }) => layerOf(path.slice("src/".length))))].filter((layer) => !known.has(layer))).toEqual([]); // prettier-ignore
  });

  it("import only what lies below them", () => {
    const forbidden = imports.filter(({ from, to }) => {
      const [layer, target] = [layerOf(from), layerOf(to)];
      if (layer === target || onTop.includes(layer)) return false;
      if (exceptions.some((exception) => exception.from === layer && exception.to === to)) return false;
      return !mayImport[layer]!.includes(target);
    });
    expect(forbidden.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("need every exception that is listed", () => {
    const unused = exceptions.filter(({ from, to }) => !imports.some((item) => layerOf(item.from) === from && item.to === to)); // prettier-ignore
    expect(unused).toEqual([]);
  });

  it("share a target and an executable that depend on nothing else", () => {
    for (const leaf of ["codegen/target.ts", "codegen/executable.ts"]) {
      const taken = imports.filter(({ from }) => from === leaf).map(({ to }) => to);
      expect(
        taken.filter((to) => to !== "codegen/target.ts"),
        leaf,
      ).toEqual([]);
    }
  });

  it("import files that exist", () => {
    const known = new Set(sources.map(({ path }) => path.slice("src/".length)));
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.filter(({ to }) => !known.has(to))).toEqual([]);
  });

  it("have no cycles between folders", () => {
    const edges = new Map<string, Set<string>>();
    for (const { from, to } of imports) {
      const [a, b] = [dirname(from), dirname(to)];
      if (a === b || a === "." || b === ".") continue;
      // A folder and the folders inside it are one part: they may know each other.
      if (a.startsWith(`${b}/`) || b.startsWith(`${a}/`)) continue;
      edges.set(a, (edges.get(a) ?? new Set<string>()).add(b));
    }
    const cycles: string[] = [];
    for (const [a, targets] of edges) {
      for (const b of targets) if (a < b && edges.get(b)?.has(a)) cycles.push(`${a} ↔ ${b}`);
    }
    expect(cycles).toEqual(Object.keys(mutualFolders));
  });

  it("have no cycles between files, but through types", () => {
    const valueImports = sources.flatMap(({ path, text }) => {
      const from = path.slice("src/".length);
      return [...text.matchAll(/^import (?!type\b)[^;]*?from "(\.[^"]+)"/gm)].map(([, target]) => ({
        from,
        to: relative("src", join(dirname(path), target!)).replaceAll("\\", "/"),
      }));
    });
    const targets = new Map<string, string[]>();
    for (const { from, to } of valueImports) targets.set(from, [...(targets.get(from) ?? []), to]);
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      if (done.has(file)) return;
      for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of [...targets.keys()].sort().reverse()) visit(file, []);
    expect(cycles).toEqual(Object.keys(mutualFiles));
  });
});

describe("the rules of the house", () => {
  const written = sources.filter(({ path }) => !isGenerated(path));
  const everything: readonly Source[] = [
    ...written,
    ...["test", "examples"].flatMap((folder) =>
      // This file spells out what no other may say.
      filesIn(folder)
        .filter((path) => path !== "test/layering.test.ts")
        .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") })),
    ),
  ];
  const offenders = (files: readonly Source[], pattern: RegExp) =>
    files.filter(({ text }) => pattern.test(withoutComments(text))).map(({ path }) => path);

  it("files are named for a concept, in kebab-case", () => {
    const names = everything.map(({ path }) => path);
    expect(names.filter((path) => /(^|-)(utils?|helpers?|common|misc)\.(test\.)?ts$/.test(basename(path)))).toEqual([]);
    expect(names.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench))?\.ts$/.test(basename(path)))).toEqual([]);
  }); // prettier-ignore

  it("files say what they are for before they begin", () => {
    expect(written.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it("there is no any", () => {
    expect(offenders(everything, /\bas any\b|<any\b|\bany>|\bany\[\]|: any\s*[;)=|[&]/)).toEqual([]);
  });

  it("there are no default exports", () => {
    expect(offenders(everything, /^export default\b/m)).toEqual([]);
  });

  it("there are no enums and no suppressed type errors", () => {
    expect(offenders(everything, /^(export )?(const )?enum\b/m)).toEqual([]);
    expect(everything.filter(({ text }) => /^\s*\/\/ @ts-(ignore|nocheck)/m.test(text)).map(({ path }) => path)).toEqual([]); // prettier-ignore
  });

  it("the environment is read by devices, by what opens them, and by programs", () => {
    const allowed = /^src\/(runtime|cli)\//;
    expect(offenders(written, /\bprocess\.env\b/).filter((path) => !allowed.test(path))).toEqual([]);
  });

  it("files of source stay within 500 lines", () => {
    expect(written.filter(({ text }) => text.split("\n").length > 500).map(({ path }) => path)).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}
