/**
 * The licences of packages whose files became part of a bundle: for each its name, version and licence, the licence's
 * text, and what its files say at their beginning, each once.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @param inputs paths of the bundle's sources, relative to `root` */
export function licencesOf(root, inputs) {
  const packages = new Map();
  for (const input of inputs) {
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? [];
    if (folder !== undefined) packages.set(folder, [...(packages.get(folder) ?? []), input]);
  }
  return [...packages]
    .map(([folder, files]) => describe(root, folder, files))
    .join(`\n${"=".repeat(80)}\n\n`);
}

function describe(root, folder, files) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const texts = readdirSync(join(root, folder))
    .filter((file) => /^licen[cs]e/i.test(file))
    .map((file) => readFileSync(join(root, folder, file), "utf8"));
  // Heddle's own licence is the text of this one, for packages that come without.
  if (texts.length === 0 && license.includes("Apache-2.0"))
    texts.push(readFileSync(join(root, "LICENSE"), "utf8"));
  const heads = new Set(files.map((file) => headOf(join(root, file))).filter((head) => head !== ""));
  if (texts.length + heads.size === 0) throw new Error(`${name} has no licence to pass on`);
  return [`${name} ${version}, ${license}`, ...texts, ...heads].map((text) => `${text.trim()}\n`).join("\n");
}

/** The comment that a file begins with. */
function headOf(file) {
  if (!existsSync(file)) return "";
  const [head = ""] = /^(?:\/\/.*\n)+|^\/\*[^]*?\*\//.exec(readFileSync(file, "utf8")) ?? [];
  return /copyright|licen[cs]e/i.test(head) ? head : "";
}
