/**
 * Where PoCL writes what it compiles, which it has to whether that is kept or not: it lists no device where it cannot
 * make its folder, rejects kernels where it cannot write there, and ends the process where the disk is full. In: the
 * environment. Out: a private folder that is removed when the process ends, where the one PoCL would take cannot serve.
 */
import { importAtRuntime } from "../import-at-runtime.ts";

/** A network's kernels take some 10 MiB, and PoCL writes temporary files beside them. */
const leastFreeBytes = 64 * 2 ** 20;

export type PoclCache =
  /** PoCL's own choice will do. */
  | { readonly kind: "usual" }
  | { readonly kind: "private"; readonly folder: string }
  /** There is no place to write to. */
  | { readonly kind: "none" };

interface Node {
  readonly fs: typeof import("node:fs");
  readonly path: typeof import("node:path");
  readonly os: typeof import("node:os");
}

/** @param variable a variable of the environment that PoCL sees */
export async function findPoclCache(variable: (name: string) => string | undefined): Promise<PoclCache> {
  const [fs, path, os] = await Promise.all([
    importAtRuntime<Node["fs"]>("node:fs"),
    importAtRuntime<Node["path"]>("node:path"),
    importAtRuntime<Node["os"]>("node:os"),
  ]);
  const node = { fs, path, os };
  const usual = usualFolder(node, variable);
  if (usual !== undefined && hasRoom(node, usual)) return { kind: "usual" };
  for (const parent of new Set([os.tmpdir(), "/tmp", "/var/tmp", "/dev/shm"])) {
    const folder = privateFolder(node, parent);
    if (folder !== undefined) return { kind: "private", folder };
  }
  return { kind: "none" };
}

/** As PoCL finds it (`pocl_cache_init_topdir`). */
function usualFolder({ path }: Node, variable: (name: string) => string | undefined): string | undefined {
  const given = (name: string): string | undefined => variable(name) || undefined;
  const own = given("POCL_CACHE_DIR");
  if (own !== undefined) return own;
  const home = given("HOME");
  const base = given("XDG_CACHE_HOME") ?? (home === undefined ? undefined : path.join(home, ".cache"));
  return base === undefined ? undefined : path.join(base, "pocl", "kcache");
}

function privateFolder(node: Node, parent: string): string | undefined {
  try {
    const folder = node.fs.mkdtempSync(node.path.join(parent, "heddle-pocl-"));
    const remove = (): void => node.fs.rmSync(folder, { recursive: true, force: true });
    if (!hasRoom(node, folder)) {
      remove();
      return undefined;
    }
    process.once("exit", () => {
      try {
        remove();
      } catch {
        // What is left in a folder for temporary files is removed by the system.
      }
    });
    return folder;
  } catch {
    return undefined;
  }
}

/** Whether files can be written there, and how many bytes: seen by writing one. */
function hasRoom({ fs, path }: Node, folder: string): boolean {
  const probe = path.join(folder, `heddle-${process.pid}-${crypto.randomUUID()}.tmp`);
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(probe, new Uint8Array(4096), { flag: "wx" });
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize >= leastFreeBytes;
  } catch {
    return false;
  } finally {
    try {
      fs.rmSync(probe, { force: true });
    } catch {
      // It was not written.
    }
  }
}
