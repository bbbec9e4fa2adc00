/** Changes of JSON, token by token: other numbers, deep nesting, names twice or of prototypes, long strings. */
import { lies, mutateBytes, type Bytes } from "./byte-mutations.ts";
import type { Random } from "./random.ts";

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[[\]{},:]|true|false|null/g;

const words: readonly string[] = [
  ...["null", "true", "[]", "{}", '""', "-0", "1e999", "1.5", "-1", '"__proto__"', '"constructor"'],
  ...['"\\ud800"', '"\\u0000"', '"__metadata__"', '"F32"', '"I64"', '"BOOL"', "[[[]]]", '{"a":{"b":1}}'],
];

/** One change of a JSON text in UTF-8. */
export function mutateJson(bytes: Bytes, random: Random): Bytes {
  const text = new TextDecoder("latin1").decode(bytes);
  const all = [...text.matchAll(token)];
  if (all.length === 0) return mutateBytes(bytes, random);
  const { index, 0: old } = random.pick(all);
  const put = (by: string, end = index + old.length) =>
    new Uint8Array(Buffer.from(text.slice(0, index) + by + text.slice(end), "latin1"));
  switch (random.below(8)) {
    case 0:
      return put("");
    case 1:
      return put(String(random.pick(lies)));
    case 2:
      return put(random.pick(words));
    case 3: {
      const depth = random.chance(0.5) ? random.few(50) : random.few(200_000);
      const [open, close] = random.pick([
        ["[", "]"],
        ['{"a":', "}"],
      ] as const);
      return put(open.repeat(depth) + (random.chance(0.8) ? "1" + close.repeat(depth) : ""));
    }
    case 4:
      return put(old.repeat(random.few(50)));
    case 5:
      return put(JSON.stringify("x".repeat(random.few(100_000))));
    case 6: {
      const other = random.pick(all);
      return put(other[0]);
    }
    default:
      return mutateBytes(bytes, random);
  }
}
