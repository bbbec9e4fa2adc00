/** The package as it is published: what is in it, what bundlers make of it, and whether compilers can read its types. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeBundlers } from "./describe-bundlers.ts";
import { pack, repository, type Packed } from "./packed.ts";

let packed: Packed;
beforeAll(() => {
  packed = pack();
});
afterAll(() => rmSync(packed.folder, { recursive: true, force: true }));

describe("the package", () => {
  it("holds its code once, its types in one file, licences, and nothing that only its authors use", () => {
    const paths = packed.files.map(({ path }) => path.replace(/-[A-Z0-9]{8}\.js$/, "-….js"));
    expect([...new Set(paths)].sort()).toEqual([
      "LICENSE",
      "README.md",
      "dist/THIRD-PARTY-LICENCES.txt",
      "dist/build-process.js",
      "dist/chunk-….js",
      "dist/cli.js",
      "dist/index.d.ts",
      "dist/index.js",
      "package.json",
    ]);
    expect(packed.unpackedSize).toBeLessThan(2 * 2 ** 20);
  });

  it("needs no other package, and says where it comes from", () => {
    const file = readFileSync(join(packed.folder, "node_modules/heddle/package.json"), "utf8");
    const manifest = JSON.parse(file) as Readonly<Record<string, unknown>>;
    expect(manifest["dependencies"]).toBeUndefined();
    for (const field of ["repository", "keywords", "license", "description", "homepage", "bugs"])
      expect(manifest[field], field).toBeTruthy();
  });

  it("has a command that says its version", () => {
    const run = (...args: string[]): string =>
      execFileSync(process.execPath, [join(packed.folder, "node_modules/heddle/dist/cli.js"), ...args], {
        encoding: "utf8",
      });
    expect(run("--version").trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect(run("devices")).toMatch(/embedded CPU/);
  });

  it("has a README whose links lead somewhere outside of the repository, too", () => {
    const readme = readFileSync(join(packed.folder, "node_modules/heddle/README.md"), "utf8");
    const links = Array.from(readme.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((link) => !/^(?:https:\/\/|#)/.test(link))).toEqual([]);
  });

  it("is found in order by publint", async () => {
    const { messages, pkg } = await publint({
      pkgDir: join(packed.folder, "node_modules/heddle"),
      strict: true,
    });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it("has types that are not wrong: it is a module, and that is all there is to find", async () => {
    const data = createPackageFromTarballData(new Uint8Array(readFileSync(packed.tarball)));
    const result = await checkPackage(data);
    if (result.types === false) throw new Error("no types were found");
    // CommonJS loads it by import(), or by require() where Node can.
    const kinds = new Set(result.problems.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(["CJSResolvesToESM"]);
  });
});

describeBundlers(() => packed);

describe("types", () => {
  const compilers = {
    "TypeScript 7": join(repository, "node_modules/typescript/bin/tsc"),
    "TypeScript 6": join(repository, "scripts/reference/node_modules/typescript/bin/tsc"),
  };
  const resolutions = [
    ["bundler", "ES2022"],
    ["nodenext", "nodenext"],
  ] as const;
  const cases = Object.keys(compilers).flatMap((compiler) =>
    resolutions.map(
      ([moduleResolution, module]) => [compiler as keyof typeof compilers, moduleResolution, module] as const,
    ),
  );

  it.each(cases)(
    "are read by %s with moduleResolution %s, strictly, without the types of Node or WebGPU",
    (compiler, moduleResolution, module) => {
      const config = join(packed.folder, `tsconfig.${moduleResolution}.json`);
      const compilerOptions = {
        ...{ strict: true, noEmit: true, skipLibCheck: false, types: [], target: "ES2022" },
        ...{ lib: ["ES2022", "DOM"], module, moduleResolution, exactOptionalPropertyTypes: true },
      };
      writeFileSync(config, JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
      const { stdout, status } = spawnSync(process.execPath, [compilers[compiler], "-p", config], {
        encoding: "utf8",
      });
      expect(stdout).toBe("");
      expect(status).toBe(0);
    },
  );
});
