/**
 * Every piece of TypeScript that documentation shows: ```ts blocks of README and docs, examples of docstrings. Out: a
 * program for each. Blocks of documents stand alone; examples stand in `snippet-context.ts`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Snippet {
  /** `README.md:14` */
  readonly place: string;
  readonly program: string;
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

export function documentSnippets(root: string): readonly Snippet[] {
  const documents = ["README.md", ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)]; // prettier-ignore
  return documents.flatMap((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return Array.from(text.matchAll(/^```ts\n([\s\S]*?)^```/gm), ({ 1: program, index }) => ({
      place: `${path}:${lineOf(text, index)}`,
      program: `${program}\nexport {};\n`,
    }));
  });
}

/** @param names what the package exports, beside types */
export function docstringExamples(root: string, names: readonly string[]): readonly Snippet[] {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  return sources
    .filter((path) => path.endsWith(".ts"))
    .sort()
    .flatMap((path) => {
      const text = readFileSync(join(root, "src", path), "utf8");
      return Array.from(text.matchAll(/@example\s([\s\S]*?)(?=\*\/|@\w)/g), ({ 1: example, index }) => ({
        place: `src/${path}:${lineOf(text, index)}`,
        program: inContext(example!.replace(/^\s*\* ?/gm, "").trim(), names),
      }));
    });
}

function inContext(example: string, names: readonly string[]): string {
  return [
    `import { ${names.join(", ")} } from "heddle";`,
    `import { inspectOnnx } from "../../src/import/onnx/inspect.ts";`,
    `import { readFileSync, writeFileSync } from "node:fs";`,
    `import { readFile, writeFile } from "node:fs/promises";`,
    `import { bytes, compiled, image, model, net, pixels } from "../../test/package/snippet-context.ts";`,
    `{`,
    example,
    `}`,
  ].join("\n");
}
