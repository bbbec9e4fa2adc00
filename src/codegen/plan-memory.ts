/**
 * Assigns values to slots by lifetime: a slot is a buffer of its own that one value after another uses. Two
 * greedy orders are tried and the smaller result kept: by time (a value takes the smallest free slot that
 * holds it, else the largest free one grows) and by size ("greedy by size" of Pisarchyk & Lee, 2020: large
 * values first, each into the smallest slot that is free for its whole life).
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
  const positions = lifetimes.map((_, i) => i);
  const byTime = [...positions].sort((a, b) => lifetimes[a]!.first - lifetimes[b]!.first || a - b);
  const bySize = [...positions].sort((a, b) => lifetimes[b]!.sizeBytes - lifetimes[a]!.sizeBytes || a - b);
  const candidates = [byTime, bySize].map((order) => assignInOrder(lifetimes, order));
  return candidates.reduce((best, candidate) => (total(candidate) < total(best) ? candidate : best));
}

function assignInOrder(lifetimes: readonly Lifetime[], order: readonly number[]): SlotAssignment {
  const slots = new Array<number>(lifetimes.length).fill(-1);
  const slotSizes: number[] = [];
  const tenants: Lifetime[][] = [];
  for (const i of order) {
    const lifetime = lifetimes[i]!;
    const free = slotSizes.flatMap((_, slot) =>
      tenants[slot]!.every((tenant) => !overlap(tenant, lifetime)) ? [slot] : [],
    );
    const holds = free.filter((slot) => slotSizes[slot]! >= lifetime.sizeBytes);
    const best =
      holds.length > 0
        ? extreme(holds, (a, b) => slotSizes[a]! < slotSizes[b]!)
        : extreme(free, (a, b) => slotSizes[a]! > slotSizes[b]!);
    const slot = best ?? slotSizes.push(0) - 1;
    slotSizes[slot] = Math.max(slotSizes[slot]!, lifetime.sizeBytes);
    (tenants[slot] ??= []).push(lifetime);
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
    peak = Math.max(
      peak,
      live.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    );
  }
  return peak;
}

function overlap(a: Lifetime, b: Lifetime): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function total({ slotSizes }: SlotAssignment): number {
  return slotSizes.reduce((sum, size) => sum + size, 0);
}

function extreme(items: readonly number[], better: (a: number, b: number) => boolean): number | undefined {
  return items.reduce<number | undefined>(
    (best, item) => (best === undefined || better(item, best) ? item : best),
    undefined,
  );
}
