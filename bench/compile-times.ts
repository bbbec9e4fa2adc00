/** How long Heddle takes to compile, in processes of their own: with an empty kernel cache, and again with what is kept. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { HeddleSystem } from "./systems/system.ts";

/** In ms. */
export interface CompileTimes {
  readonly import: number;
  readonly trace: number;
  readonly passes: number;
  readonly lower: number;
  readonly load: number;
}

export interface CompileRecord {
  readonly network: string;
  readonly system: HeddleSystem;
  readonly kernels: number;
  readonly first: CompileTimes;
  readonly cached: CompileTimes;
}

/** What `compile-once.ts` prints. */
export interface CompiledOnce {
  readonly kernels: number;
  readonly times: CompileTimes;
}

/** `cacheFolder` holds no kernels of this network yet, and holds them afterwards. */
export function measureCompile(network: string, system: HeddleSystem, cacheFolder: string): CompileRecord {
  const first = compileOnce(network, system, cacheFolder);
  const cached = compileOnce(network, system, cacheFolder);
  return { network, system, kernels: first.kernels, first: first.times, cached: cached.times };
}

function compileOnce(network: string, system: HeddleSystem, cacheFolder: string): CompiledOnce {
  const script = fileURLToPath(new URL("compile-once.ts", import.meta.url));
  const output = execFileSync(process.execPath, ["--import", "tsx", script, network, system], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...cacheVariables(cacheFolder) },
  });
  return JSON.parse(output) as CompiledOnce;
}

/** What puts kernel caches, Heddle's and PoCL's, in `folder`. */
export function cacheVariables(folder: string): Readonly<Record<string, string>> {
  return { XDG_CACHE_HOME: folder, POCL_CACHE_DIR: `${folder}/pocl` };
}
