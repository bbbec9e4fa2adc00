/**
 * Assigns values to slots by lifetime: a slot is a buffer of its own that one value after another uses. A
 * value takes the smallest free slot that holds it, else the largest free one grows, else a new one is made.
 */

export interface Lifetime {
  readonly sizeBytes: number;
  /** Step that writes it. */
  readonly first: number;
  /** Last step that reads it. */
  readonly last: number;
}

export interface SlotAssignment {
  /** Slot of each lifetime, in the order given. */
  readonly slots: readonly number[];
  readonly slotSizes: readonly number[];
}

export function assignSlots(lifetimes: readonly Lifetime[]): SlotAssignment {
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[a]!.first - lifetimes[b]!.first || a - b);
  const slots = new Array<number>(lifetimes.length).fill(-1);
  const slotSizes: number[] = [];
  const busyUntil: number[] = [];
  for (const i of order) {
    const { sizeBytes, first, last } = lifetimes[i]!;
    const free = slotSizes.map((_, slot) => slot).filter((slot) => busyUntil[slot]! < first);
    const holds = free.filter((slot) => slotSizes[slot]! >= sizeBytes);
    const best = holds.length > 0 ? extreme(holds, (a, b) => slotSizes[a]! < slotSizes[b]!) : extreme(free, (a, b) => slotSizes[a]! > slotSizes[b]!); // prettier-ignore
    const slot = best ?? slotSizes.push(0) - 1;
    slotSizes[slot] = Math.max(slotSizes[slot]!, sizeBytes);
    busyUntil[slot] = last;
    slots[i] = slot;
  }
  return { slots, slotSizes };
}

/** The largest sum of sizes that live at one step: no assignment can use less. */
export function peakBytes(lifetimes: readonly Lifetime[]): number {
  const steps = Math.max(0, ...lifetimes.map((lifetime) => lifetime.last + 1));
  let peak = 0;
  for (let step = 0; step < steps; step++) {
    const live = lifetimes.filter(({ first, last }) => first <= step && step <= last);
    peak = Math.max(peak, live.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)); // prettier-ignore
  }
  return peak;
}

function extreme(items: readonly number[], better: (a: number, b: number) => boolean): number | undefined {
  return items.reduce<number | undefined>((best, item) => (best === undefined || better(item, best) ? item : best), undefined); // prettier-ignore
}
