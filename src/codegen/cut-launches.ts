/**
 * Decides which kernels share a launch. Joining saves what a launch costs in every run; but what is compiled is
 * the launch, so a kernel that occurs in two different launches is compiled twice. So those that always follow
 * each other are joined first: blocks of a network that occur again and again become one launch, written once.
 * The method is byte-pair encoding (Gage, "A New Algorithm for Data Compression", 1994): neighbours that are
 * most often together are joined, everywhere, again and again.
 */

/** Longer launches would save little more, and take long to compile in one piece. */
export const mostJoined = 16;

/** Kernels that may be compiled beyond those that differ, the price of fewer launches: so many, or this share. */
const mostRepeated = { kernels: 24, share: 0.25 };

export interface CutRules<T> {
  /** Whether these may share a launch. */
  readonly mayShare: (part: readonly T[]) => boolean;
  /** Names what a part is compiled from: parts of equal keys are compiled once. */
  readonly keyOf: (part: readonly T[]) => string;
}

/** Cuts `items` into parts that follow each other: those that share a launch. */
export function cutLaunches<T>(
  items: readonly T[],
  { mayShare, keyOf }: CutRules<T>,
): readonly (readonly T[])[] {
  const partOf = (part: readonly T[]): Part<T> => ({
    items: part,
    key: keyOf(part),
    joined: undefined,
  });
  const join: Join<T> = (a, b) => {
    if (b === undefined) return undefined;
    if (a.joined?.next !== b) {
      const both = [...a.items, ...b.items];
      const isAllowed = both.length <= mostJoined && mayShare(both);
      a.joined = { next: b, part: isAllowed ? partOf(both) : undefined };
    }
    return a.joined.part;
  };
  let parts = items.map((item) => partOf([item]));
  const different = itemsCompiled(parts);
  const limit = different + Math.max(mostRepeated.kernels, mostRepeated.share * different);
  for (;;) {
    const chosen = choosePairs(pairsOf(parts, join), limit - itemsCompiled(parts));
    if (chosen.size === 0) return parts.map((part) => part.items);
    const next: Part<T>[] = [];
    for (let i = 0; i < parts.length; i++) {
      const both = join(parts[i]!, parts[i + 1]);
      const isChosen = both !== undefined && chosen.has(both.key);
      next.push(isChosen ? both : parts[i]!);
      if (isChosen) i++;
    }
    parts = next;
  }
}

interface Part<T> {
  readonly items: readonly T[];
  readonly key: string;
  /** What was made of it and its neighbour, kept for the next round. */
  joined: { readonly next: Part<T>; readonly part: Part<T> | undefined } | undefined;
}

/** The part that two neighbours would be, unless they have to stay apart. */
type Join<T> = (a: Part<T>, b: Part<T> | undefined) => Part<T> | undefined;

/** Two neighbours, wherever they occur. */
interface Pair {
  readonly key: string;
  readonly count: number;
  /** How many items more are compiled once they are joined. */
  readonly cost: number;
}

function pairsOf<T>(parts: readonly Part<T>[], join: Join<T>): readonly Pair[] {
  const occurrences = new Map<string, number>();
  for (const { key } of parts) occurrences.set(key, (occurrences.get(key) ?? 0) + 1);
  const found = new Map<
    string,
    { count: number; lastAt: number; readonly a: Part<T>; readonly b: Part<T> }
  >();
  parts.slice(0, -1).forEach((a, i) => {
    const b = parts[i + 1]!;
    const key = join(a, b)?.key;
    if (key === undefined) return;
    const known = found.get(key);
    if (known === undefined) found.set(key, { count: 1, lastAt: i, a, b });
    // Of three equal neighbours two make a pair.
    else if (known.lastAt < i - 1 || known.a.key !== known.b.key) {
      known.count++;
      known.lastAt = i;
    }
  });
  return Array.from(found, ([key, { count, a, b }]) => {
    const isEqual = a.key === b.key;
    const used = isEqual ? 2 * count : count;
    const remains = (part: Part<T>) => (occurrences.get(part.key)! > used ? 0 : part.items.length);
    const cost = a.items.length + b.items.length - remains(a) - (isEqual ? 0 : remains(b));
    return { key, count, cost };
  });
}

/** All pairs that cost nothing, or else the one that saves most launches for its price. */
function choosePairs(pairs: readonly Pair[], budget: number): ReadonlySet<string> {
  const free = pairs.filter(({ cost }) => cost <= 0);
  if (free.length > 0) return new Set(free.map(({ key }) => key));
  const [best] = pairs
    .filter(({ cost }) => cost <= budget)
    .sort((a, b) => b.count / b.cost - a.count / a.cost);
  return new Set(best === undefined ? [] : [best.key]);
}

/** Items of parts that are different. */
function itemsCompiled(parts: readonly Part<unknown>[]): number {
  const sizes = new Map(parts.map(({ key, items }) => [key, items.length]));
  return Array.from(sizes.values()).reduce((sum, size) => sum + size, 0);
}
