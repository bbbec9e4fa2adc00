/**
 * Where Heddle keeps what is worthless to lose: `heddle/` in the user's cache folder. `HEDDLE_CACHE=off` turns that
 * off, `XDG_CACHE_HOME` moves it. Node only.
 */
import { importAtRuntime, isNode } from "./import-at-runtime.ts";

/** The folder, which may not exist yet; undefined where nothing is to be kept. */
export async function userCacheFolder(): Promise<string | undefined> {
  if (!isNode() || process.env["HEDDLE_CACHE"] === "off") return undefined;
  const [path, os] = await Promise.all([
    importAtRuntime<typeof import("node:path")>("node:path"),
    importAtRuntime<typeof import("node:os")>("node:os"),
  ]);
  // The XDG base directory specification: relative paths are invalid and ignored.
  const configured = process.env["XDG_CACHE_HOME"];
  if (configured !== undefined && path.isAbsolute(configured)) return path.join(configured, "heddle");
  try {
    return path.join(os.homedir(), ".cache", "heddle");
  } catch {
    return undefined; // A user without a home, as in some containers.
  }
}
