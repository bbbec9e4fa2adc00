/**
 * Imports a package of `bench/package.json`, whose installation is up to the user. The caller says which part of
 * its interface it uses, so that benchmarks type-check without it.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export async function importIfInstalled<T>(name: string): Promise<T | undefined> {
  try {
    const namespace = (await import(name)) as object;
    // CommonJS packages arrive as the default export.
    return ("default" in namespace && namespace.default ? namespace.default : namespace) as T;
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (missing) return undefined;
    throw error;
  }
}

/** The package's description; undefined where it is not installed. */
export function findPackageJSON(name: string): string | undefined {
  const path = fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url));
  return existsSync(path) ? path : undefined;
}
