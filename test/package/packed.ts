/**
 * The package as `npm pack` makes it, installed in a folder of its own: `node_modules/heddle` and nothing else, beside
 * the programs of `fixture`. Its optional packages are absent.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../..", import.meta.url));

export interface Packed {
  /** The user's folder. */
  readonly folder: string;
  readonly tarball: string;
  /** Paths of the tarball's files, inside the package. */
  readonly files: readonly { readonly path: string; readonly size: number }[];
  readonly unpackedSize: number;
}

/** Builds, packs and installs; takes some ten seconds. */
export function pack(): Packed {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "heddle-package-")));
  const run = (command: string, args: readonly string[]): string =>
    execFileSync(command, args, { cwd: repository, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  run("npm", ["run", "build"]);
  const [listing] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder])) as [
    { readonly filename: string; readonly files: Packed["files"]; readonly unpackedSize: number },
  ];
  const tarball = join(folder, listing.filename);
  const installed = join(folder, "node_modules/heddle");
  mkdirSync(installed, { recursive: true });
  run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  cpSync(join(repository, "test/package/fixture"), folder, { recursive: true });
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "user", type: "module", private: true }),
  );
  return { folder, tarball, files: listing.files, unpackedSize: listing.unpackedSize };
}
