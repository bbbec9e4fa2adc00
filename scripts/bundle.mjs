/**
 * Writes what Node loads of the package: all of Heddle and of the packages it always needs, in a few files. Loading
 * takes a quarter of the time so, and half of the memory, compared with a file for every module, which are what bundlers
 * for browsers take: they leave out what a page does not use. Optional packages stay imports.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { licencesOf } from "./licences.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { optionalDependencies } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
// Files that several entry points share are named by their content: what an earlier build left is never replaced.
rmSync(new URL("../dist/node", import.meta.url), { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    index: "src/index.ts",
    cli: "src/cli/main.ts",
    // Started by its file's name, beside the file that starts it.
    "build-process": "src/runtime/opencl/build-process.ts",
  },
  outdir: "dist/node",
  bundle: true,
  splitting: true,
  external: Object.keys(optionalDependencies),
  format: "esm",
  platform: "node",
  target: "es2022",
  // Comments, some not in ASCII, would make V8 keep the text at two bytes a character.
  minifyWhitespace: true,
  legalComments: "none",
  lineLimit: 120,
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
});
const licences = licencesOf(root, Object.keys(metafile.inputs));
writeFileSync(new URL("../dist/node/THIRD-PARTY-LICENCES.txt", import.meta.url), licences);
