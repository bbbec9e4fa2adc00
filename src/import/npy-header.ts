/**
 * The header of an `.npy` file: a Python dictionary with exactly the keys `descr`, `fortran_order` and `shape`,
 * whose values are a string, a bool and a tuple of integers. Anything else is refused.
 */

export interface NpyHeader {
  /** Byte order, kind and bytes of an element: `<f4`. */
  readonly descr: string;
  /** The first dimension is the fastest. */
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

type Value = string | boolean | readonly number[];

/** @param fail throws, with what is wrong */
export function parseNpyHeader(text: string, fail: (problem: string) => never): NpyHeader {
  let at = 0;
  const skipSpace = () => {
    while (/[ \t\n\r]/.test(text[at] ?? "")) at++;
  };
  const wrong = (expected: string): never =>
    fail(`the header has ${JSON.stringify(text.slice(at, at + 20))} where ${expected} is expected.`);
  const take = (token: RegExp, expected: string): string => {
    skipSpace();
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) return wrong(expected);
    at += match[0].length;
    return match[0];
  };
  const peek = (character: string): boolean => {
    skipSpace();
    return text[at] === character;
  };

  const string = () => take(/'[^'\\]*'|"[^"\\]*"/y, "a string").slice(1, -1);
  const tuple = (): number[] => {
    const sizes: number[] = [];
    take(/\(/y, "a tuple");
    while (!peek(")")) {
      // Python 2 wrote long integers with an L.
      const size = Number.parseInt(take(/\d{1,15}L?/y, "a size"), 10);
      sizes.push(size);
      if (!peek(",")) {
        if (sizes.length === 1) wrong("a comma");
        break;
      }
      take(/,/y, "a comma");
    }
    take(/\)/y, "the end of a tuple");
    return sizes;
  };
  const value = (): Value => {
    if (peek("(")) return tuple();
    if (peek("'") || peek('"')) return string();
    return take(/True|False/y, "a string, a bool or a tuple of sizes") === "True";
  };

  const entries = new Map<string, Value>();
  take(/\{/y, "a dictionary");
  while (!peek("}")) {
    const key = string();
    if (entries.has(key)) fail(`the header has the key '${key}' twice.`);
    take(/:/y, "a colon");
    entries.set(key, value());
    if (!peek(",")) break;
    take(/,/y, "a comma");
  }
  take(/\}/y, "the end of the dictionary");
  skipSpace();
  if (at !== text.length) wrong("the end of the header");

  const [descr, fortranOrder, shape] = ["descr", "fortran_order", "shape"].map((key) => entries.get(key));
  const isComplete =
    typeof descr === "string" &&
    typeof fortranOrder === "boolean" &&
    typeof shape === "object" &&
    entries.size === 3;
  if (!isComplete) {
    return fail(
      `the header has the keys ${[...entries.keys()].join(", ") || "(none)"}, expected descr (a string), fortran_order (a bool) and shape (a tuple).`,
    );
  }
  return { descr, fortranOrder, shape };
}
