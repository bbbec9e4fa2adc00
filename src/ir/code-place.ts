/**
 * Where code is, as engines say it in stacks: Heddle's own files, and the caller outside of them. No syntax that only
 * modules have (`import.meta`), so that it works in whatever format a bundler writes. Where Heddle and its user are
 * one file, neither can be told from the other, and there is no caller.
 */

/** This file, in the sources; a bundle has another name. */
const sourceSuffix = "/ir/code-place.ts";

/** Addresses (`file:///a/b.js:12:3`, `/a/b.cjs:12:3`) of the frames of a stack, innermost first. */
export function addressesIn(stack: string): string[] {
  return stack.split("\n").flatMap((line) => {
    // V8 writes `at name (address)`, Firefox and Safari `name@address`.
    const match =
      /^\s+at (?:.*? \()?((?:[A-Za-z]:\\|[a-z+.-]+:|\/).*:\d+:\d+)\)?$/.exec(line) ??
      /^(?:[^@\s]*@)?([a-z+.-]+:\/\/?.*:\d+:\d+)$/.exec(line);
    return match === null ? [] : [match[1]!];
  });
}

export interface OwnPlace {
  /** The folder of Heddle's files, with a slash behind it. */
  readonly folder: string;
  /** Whether they are the sources, as in a checkout. */
  readonly isSource: boolean;
}

/** From a stack whose innermost frame is in this file; undefined where the engine gives none. */
function placeIn(stack: string): OwnPlace | undefined {
  const file = addressesIn(stack)[0]?.replace(/:\d+:\d+$/, "");
  if (file === undefined) return undefined;
  const isSource = file.endsWith(sourceSuffix);
  const folder = isSource ? file.slice(0, 1 - sourceSuffix.length) : file.replace(/[^/\\]*$/, "");
  return { folder, isSource };
}

export const ownPlace = placeIn(new Error().stack ?? "");

/** `file:line:column` of the innermost frame outside of Heddle and of Node. */
export function callSiteIn(stack: string): string | undefined {
  if (ownPlace === undefined) return undefined;
  const own = [ownPlace.folder, withoutScheme(ownPlace.folder)];
  const outside = addressesIn(stack).find(
    (address) => !address.startsWith("node:") && !own.some((folder) => address.startsWith(folder)),
  );
  return outside === undefined ? undefined : withoutScheme(outside);
}

const withoutScheme = (address: string): string => address.replace(/^file:\/\//, "");
