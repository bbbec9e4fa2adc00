/**
 * Options objects as callers give them: every name is one that is known, and every value of its kind. What types say
 * to those who compile with them, this says to everybody else, with the nearest name that there is.
 */
import { UserError } from "../errors.ts";

/** What the value of an option is; a list holds the strings there are. "any" is checked by whoever uses it. */
export type OptionKind =
  "any" | "boolean" | "number" | "number or null" | "sizes" | "function" | "string" | readonly string[];

/** Every option of an options object, with its kind. */
export type KnownOptions<Options> = { readonly [Name in keyof Options]-?: OptionKind };

/** What PyTorch and NumPy call some options whose names here are not like theirs. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  dim: ["axis", "startAxis"],
  axis: ["dim"],
  p: ["probability"],
  keepdim: ["keepDims"],
  keepdims: ["keepDims"],
  ceil: ["ceilMode"],
  inputs: ["shapes"],
};

/**
 * Refuses options that are not known, or not of their kind.
 * @param asked what has the options, as messages begin: `Conv2d`, `compile`
 */
export function checkOptions<Options extends object>(
  asked: string,
  options: unknown,
  known: KnownOptions<Options>,
): asserts options is Options | undefined {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new UserError(
      "argument",
      `${asked}: expected an object of options (${Object.keys(known).join(", ")}), got ${describeValue(options)}.`,
    );
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(known, name)) throw unknownName(asked, "option", name, Object.keys(known));
    if (value !== undefined) checkKind(asked, name, value, known[name as keyof Options]);
  }
}

/** The error about a name that is none of `known`, with the nearest that is. */
export function unknownName(asked: string, what: string, name: string, known: readonly string[]): UserError {
  const near = nearestName(name, known);
  const hint = near === undefined ? "" : ` Did you mean '${near}'?`;
  const list =
    known.length === 0
      ? `There is none.`
      : `Known: ${known.slice(0, 30).join(", ")}${known.length > 30 ? ", …" : ""}.`;
  return new UserError("argument", `${asked}: there is no ${what} '${name}'.${hint} ${list}`);
}

/** Refuses values of another kind. */
export function checkKind(asked: string, name: string, value: unknown, kind: OptionKind): void {
  if (fits(value, kind)) return;
  const choice = typeof value === "string" && typeof kind === "object" ? nearestName(value, kind) : undefined;
  const hint = choice === undefined ? "" : ` Did you mean '${choice}'?`;
  throw new UserError(
    "argument",
    `${asked}: ${name} must be ${describeKind(kind)}, got ${describeValue(value)}.${hint}`,
  );
}

function fits(value: unknown, kind: OptionKind): boolean {
  if (typeof kind === "object") return typeof value === "string" && kind.includes(value);
  switch (kind) {
    case "any":
      return true;
    case "boolean":
    case "number":
    case "function":
    case "string":
      return typeof value === kind;
    case "number or null":
      return typeof value === "number" || value === null;
    case "sizes":
      return (
        typeof value === "number" || (Array.isArray(value) && value.every((size) => typeof size === "number"))
      );
    default:
      return kind satisfies never;
  }
}

function describeKind(kind: OptionKind): string {
  if (typeof kind === "object") {
    const choices = kind.map((choice) => JSON.stringify(choice));
    return choices.length < 2
      ? String(choices[0])
      : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  }
  return kind === "sizes" ? "a number or a list of numbers" : `a ${kind}`;
}

/** A value as a message shows it: short, whatever it is. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function")
    return value.name === "" ? "a function" : `the function or class ${value.name}`;
  if (Array.isArray(value))
    return value.length > 8 ? `a list of ${value.length}` : `[${value.map(describeValue).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const name = (value.constructor as { readonly name?: string } | undefined)?.name ?? "Object";
    return name === "Object"
      ? `an object with ${Object.keys(value).slice(0, 8).join(", ") || "nothing"}`
      : `a ${name}`;
  }
  return String(value);
}

/** The known name that is nearest to one that is not: by its meaning elsewhere, else by few changed letters. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[_-]/g, "");
  const meant = Object.hasOwn(otherNames, name) ? otherNames[name]! : [];
  const alias = known.find((candidate) => meant.includes(candidate));
  if (alias !== undefined) return alias;
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate));
    const limit = Math.max(1, Math.floor(Math.min(name.length, candidate.length) / 3));
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { candidate, distance };
  }
  if (best !== undefined) return best.candidate;
  return known.find((candidate) => name.length > 2 && plain(candidate).startsWith(plain(name)));
}

/** Letters to insert, delete, change or swap with their neighbour; 100 letters of each are looked at. */
function editDistance(a: string, b: string): number {
  const [left, right] = [a.slice(0, 100), b.slice(0, 100)];
  let before: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: right.length + 1 }, (_, j) => j);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const change = left[i - 1] === right[j - 1] ? 0 : 1;
      let least = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + change);
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1])
        least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    [before, previous] = [previous, row];
  }
  return previous[right.length]!;
}
