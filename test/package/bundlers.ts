/**
 * Bundlers as users run them, with their defaults. In: a folder with `fixture`'s programs and the package. Out: what a
 * page is served, or the file that Node runs, and every warning that was given.
 */
import { build as esbuild, type BuildOptions } from "esbuild";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { rollup, type ModuleFormat } from "rollup";
import { build as viteBuild, createLogger, createServer, type Logger, type ViteDevServer } from "vite";
import webpack from "webpack";
import type { Served } from "../browser/open-in-chromium.ts";

/** A page in a folder, and what the bundler warned of. */
export interface BundledPage {
  readonly served: Served;
  readonly warnings: readonly string[];
}

export interface BundledProgram {
  readonly file: string;
  readonly warnings: readonly string[];
}

/** So that pages have threads. */
export const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
};

/** Everything in a folder, and at `/` a page with the script. */
function serve(folder: string, script?: string): Served {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((path) => {
    const type = types[extname(path)];
    return type === undefined
      ? []
      : [[`/${path}`, { type, body: readFileSync(join(folder, path)), headers: isolation }] as const];
  });
  const served = Object.fromEntries(files);
  const page = { type: "text/html", body: `<!doctype html>${script}`, headers: isolation };
  return script === undefined ? served : { ...served, "/": page };
}

const moduleScript = (file: string): string => `<script type="module" src="/${file}"></script>`;
const classicScript = (file: string): string => `<body><script src="/${file}"></script>`;

async function withEsbuild(options: BuildOptions): Promise<readonly string[]> {
  const { warnings } = await esbuild({ bundle: true, logLevel: "silent", ...options });
  return warnings.map(({ text }) => text);
}

export async function esbuildPage(folder: string, format: "esm" | "iife"): Promise<BundledPage> {
  const outdir = join(folder, `esbuild-${format}`);
  const warnings = await withEsbuild({
    entryPoints: [join(folder, "page.js")],
    format,
    outdir,
    minify: true,
  });
  return { served: serve(outdir, (format === "esm" ? moduleScript : classicScript)("page.js")), warnings };
}

export async function esbuildProgram(
  folder: string,
  format: "esm" | "cjs" | "iife",
): Promise<BundledProgram> {
  const file = join(folder, `esbuild-${format}`, format === "esm" ? "program.mjs" : "program.cjs");
  const entryPoints = [join(folder, "program.js")];
  const warnings = await withEsbuild({ entryPoints, format, platform: "node", outfile: file });
  return { file, warnings };
}

async function withRollup(folder: string, entry: string, format: ModuleFormat, file: string) {
  const warnings: string[] = [];
  const bundle = await rollup({
    input: join(folder, entry),
    plugins: [nodeResolve({ browser: format !== "cjs" })],
    onwarn: ({ message }) => void warnings.push(message),
  });
  await bundle.write({ format, file, name: "page" });
  await bundle.close();
  return warnings;
}

export async function rollupPage(folder: string, format: "es" | "iife"): Promise<BundledPage> {
  const out = join(folder, `rollup-${format}`);
  const warnings = await withRollup(folder, "page.js", format, join(out, "page.js"));
  return { served: serve(out, (format === "es" ? moduleScript : classicScript)("page.js")), warnings };
}

export async function rollupProgram(folder: string): Promise<BundledProgram> {
  const file = join(folder, "rollup-cjs/program.cjs");
  return { file, warnings: await withRollup(folder, "program.js", "cjs", file) };
}

/** Its hints about sizes are left out: they are about every page of more than 244 KiB. */
async function withWebpack(configuration: webpack.Configuration): Promise<readonly string[]> {
  const compiler = webpack({ performance: false, ...configuration });
  const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) =>
    compiler!.run((error, result) => (error === null ? resolve(result) : reject(error))),
  );
  await new Promise<void>((resolve) => compiler!.close(() => resolve()));
  const { errors = [], warnings = [] } = stats!.toJson({ errors: true, warnings: true });
  return [...errors, ...warnings].map(({ message }) => message);
}

export async function webpackPage(
  folder: string,
  mode: "development" | "production",
  entry = "page.js",
): Promise<BundledPage> {
  const path = join(folder, `webpack-${mode}-${entry}`);
  const warnings = await withWebpack({
    mode,
    context: folder,
    entry: `./${entry}`,
    output: { path, filename: "page.js", publicPath: "/" },
  });
  return { served: serve(path, classicScript("page.js")), warnings };
}

export async function webpackProgram(folder: string): Promise<BundledProgram> {
  const path = join(folder, "webpack-node");
  const warnings = await withWebpack({
    mode: "development",
    target: "node",
    context: folder,
    entry: "./program.js",
    output: { path, filename: "program.cjs" },
  });
  return { file: join(path, "program.cjs"), warnings };
}

function listening(warnings: string[]): Logger {
  const logger = createLogger("silent");
  const note = (message: string) => void warnings.push(message);
  return { ...logger, warn: note, warnOnce: note, error: note };
}

export async function vitePage(folder: string, page: string): Promise<BundledPage> {
  const warnings: string[] = [];
  const outDir = join(folder, `vite-${page}`);
  await viteBuild({
    root: folder,
    configFile: false,
    logLevel: "warn",
    customLogger: listening(warnings),
    worker: { format: "es" },
    // The page lists every layer there is, which keeps them all: a notice of 500 kB is about the page, as webpack's is.
    build: { outDir, chunkSizeWarningLimit: 600, rolldownOptions: { input: join(folder, page) } },
  });
  const served = serve(outDir);
  return { served: { ...served, "/": served[`/${page}`]! }, warnings };
}

/** The caller closes it. */
export async function viteDevelopment(
  folder: string,
): Promise<{ readonly server: ViteDevServer; readonly warnings: readonly string[] }> {
  const warnings: string[] = [];
  const server = await createServer({
    root: folder,
    configFile: false,
    appType: "mpa",
    customLogger: listening(warnings),
    server: { middlewareMode: true, ws: false, hmr: false, headers: isolation },
  });
  return { server, warnings };
}
