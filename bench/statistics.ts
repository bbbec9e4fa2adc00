/** Medians and their spread: what a table shows of many times. */

export interface Summary {
  readonly median: number;
  /** Half the distance between the quartiles: half of all values lie within about median ± spread. */
  readonly spread: number;
}

export function summarize(values: readonly number[]): Summary {
  return { median: median(values), spread: (quantile(values, 0.75) - quantile(values, 0.25)) / 2 };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear between the two nearest values; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(position)] ?? NaN, sorted[Math.ceil(position)] ?? NaN];
  return low + (high - low) * (position - Math.floor(position));
}

/** Largest distance from `expected`, relative to the largest of it; infinite where a value is NaN or missing. */
export function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  let [apart, largest] = [0, 0];
  expected.forEach((value, i) => {
    const distance = Math.abs(value - (actual[i] ?? NaN));
    apart = Math.max(apart, Number.isNaN(distance) ? Infinity : distance);
    largest = Math.max(largest, Math.abs(value));
  });
  return apart === 0 ? 0 : apart / largest;
}
