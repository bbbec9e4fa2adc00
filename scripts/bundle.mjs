/**
 * Writes the package's code: all of Heddle and of the packages it always needs, in a few files that Node and bundlers
 * load alike. Node loads them in a quarter of the time, and with half of the memory, that a file for every module
 * takes. Packages that only some hosts need, and modules of Node's, stay imports at run time, which bundlers for
 * browsers leave alone.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { licencesOf } from "./licences.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { optionalDependencies } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);

/**
 * Two things that bundlers of a user's need to be told. A layer is called what its class is called, in reports and in
 * messages, also where its class is renamed. And tables of ONNX's operators, whose entries are made by calls, may go
 * where nothing reads them: no module of Heddle does anything but define.
 */
const forBundlers = {
  name: "for-bundlers",
  setup({ onLoad }) {
    const rewrite = (filter, pattern, replacement) =>
      onLoad({ filter }, ({ path }) => ({
        loader: "ts",
        contents: readFileSync(path, "utf8").replace(pattern, replacement),
      }));
    rewrite(
      /[\\/]src[\\/](?:nn[\\/][^\\/]+|ir[\\/]stored-tensor)\.ts$/,
      /^export (?:abstract )?class (\w+)[^{]*\{/gm,
      '$& static readonly name: string = "$1";',
    );
    // As prettier lays them out: from `const` to the first line that closes at its beginning.
    rewrite(
      /[\\/]src[\\/]import[\\/]onnx[\\/].*[^b]\.ts$/,
      /^((?:export )?const \w+(?:: [^=\n]+)? = )((?:\{|new |[\w.]+\()[^\n]*(?:\n(?:[ \t][^\n]*)?)*(?:\n[}\])][^\n]*)?);$/gm,
      "$1/* @__PURE__ */ (() => ($2))();",
    );
  },
};

const options = {
  absWorkingDir: root,
  entryPoints: {
    index: "src/index.ts",
    cli: "src/cli/main.ts",
    // Started by its file's name, beside the file that starts it.
    "build-process": "src/runtime/opencl/build-process.ts",
  },
  outdir: "dist",
  bundle: true,
  splitting: true,
  external: ["node:*", ...Object.keys(optionalDependencies)],
  format: "esm",
  // What the bundled packages offer to hosts other than Node runs in all.
  platform: "browser",
  // Immer's long messages are for those who use it themselves.
  define: { "process.env.NODE_ENV": '"production"' },
  target: "es2022",
  legalComments: "none",
  lineLimit: 120,
  metafile: true,
  write: false,
  plugins: [forBundlers],
};

// Whitespace and comments would make V8 keep 4 MiB more. Two kinds of comment are for bundlers, which read them where
// esbuild leaves them away: which calls may go when nothing uses their result, and that an import is none of theirs.
const readable = await build(options);
const { outputFiles, metafile } = await build({ ...options, minifyWhitespace: true });
const pure = new Set(
  readable.outputFiles.flatMap(({ text }) =>
    Array.from(text.matchAll(/^var (\w+) = \/\* @__PURE__ \*\//gm), ([, name]) => name),
  ),
);
let importsAtRuntime = 0;
const texts = new Map(
  outputFiles.map(({ path, text }) => [
    path,
    text
      .replace(/\bvar (\w+)=(?=[\w(])/g, (head, name) => (pure.has(name) ? `${head}/* @__PURE__ */` : head))
      .replace(/\bimport\(specifier\)/g, () => {
        importsAtRuntime++;
        return "import(/* @vite-ignore */ /* webpackIgnore: true */ specifier)";
      }),
  ]),
);
if (importsAtRuntime !== 1) throw new Error(`import-at-runtime.ts became ${importsAtRuntime} imports, not 1`);

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
mkdirSync(new URL("../dist", import.meta.url));
for (const [path, text] of texts) writeFileSync(path, text);
// Where Node's build was before there was one for all: scripts that try a checkout load it from there. Not in the package.
mkdirSync(new URL("../dist/node", import.meta.url));
writeFileSync(new URL("../dist/node/index.js", import.meta.url), 'export * from "../index.js";\n');
chmodSync(new URL("../dist/cli.js", import.meta.url), 0o755);
writeFileSync(
  new URL("../dist/THIRD-PARTY-LICENCES.txt", import.meta.url),
  licencesOf(root, Object.keys(metafile.inputs)),
);
