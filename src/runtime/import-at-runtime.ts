/**
 * Imports a module that only some hosts have (Node's own, or an optional package). The specifier is a value,
 * so that bundlers for browsers leave the import alone; `Module` is what the caller needs of it.
 */
export async function importAtRuntime<Module>(specifier: string): Promise<Module> {
  return (await import(/* @vite-ignore */ /* webpackIgnore: true */ specifier)) as Module;
}

/** Whether this is Node.js (or a runtime that presents itself as such). */
export function isNode(): boolean {
  return typeof process !== "undefined" && process.versions?.node !== undefined;
}
