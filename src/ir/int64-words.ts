/** Whole numbers of 64 bits that a graph gives as two results: low words (u32) and high words (i32). */
import type { HostTensor } from "./host-tensor.ts";

/** `high · 2^32 + low`, element by element. */
export function joinWords(low: HostTensor, high: HostTensor): HostTensor<"i64"> {
  const [lows, highs] = [low.data as Uint32Array, high.data as Int32Array];
  const data = new BigInt64Array(lows.length);
  for (let i = 0; i < data.length; i++) data[i] = (BigInt(highs[i]!) << 32n) | BigInt(lows[i]!);
  return { dtype: "i64", shape: low.shape, data };
}

const [lowSuffix, highSuffix] = [" (low word)", " (high word)"];

/** What the two results of a graph are called that together are `name`. */
export function wordNames(name: string): { readonly low: string; readonly high: string } {
  return { low: name + lowSuffix, high: name + highSuffix };
}

/** A graph's results by name, those of two words joined. */
export function joinNamedWords(
  results: Readonly<Record<string, HostTensor>>,
): Readonly<Record<string, HostTensor>> {
  return Object.fromEntries(
    Object.entries(results).flatMap(([key, value]) => {
      if (key.endsWith(highSuffix)) return [];
      if (!key.endsWith(lowSuffix)) return [[key, value] as const];
      const name = key.slice(0, -lowSuffix.length);
      return [[name, joinWords(value, results[name + highSuffix]!)] as const];
    }),
  );
}
