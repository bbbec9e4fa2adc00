import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignSlots, peakBytes, type Lifetime } from "../../src/codegen/plan-memory.ts";

const lifetime = fc.record({
  sizeBytes: fc.integer({ min: 0, max: 1000 }),
  first: fc.nat({ max: 20 }),
  length: fc.nat({ max: 10 }),
}).map(({ sizeBytes, first, length }): Lifetime => ({ sizeBytes, first, last: first + length })); // prettier-ignore
const lifetimes = fc.array(lifetime, { maxLength: 30 });
const seed = 20;

const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);

describe("assignSlots", () => {
  it("never gives one slot to two values that live at the same step", () => {
    fc.assert(
      fc.property(lifetimes, (values) => {
        const { slots } = assignSlots(values);
        for (const [i, a] of values.entries()) {
          for (const [j, b] of values.entries()) {
            if (i < j && slots[i] === slots[j]) expect(a.last < b.first || b.last < a.first).toBe(true);
          }
        }
      }),
      { seed },
    );
  });

  it("gives every value a slot that holds it, and makes no slot larger than its largest value", () => {
    fc.assert(
      fc.property(lifetimes, (values) => {
        const { slots, slotSizes } = assignSlots(values);
        expect(slots).toHaveLength(values.length);
        slotSizes.forEach((size, slot) => {
          const tenants = values.filter((_, i) => slots[i] === slot);
          expect(size).toBe(Math.max(...tenants.map((value) => value.sizeBytes)));
        });
        expect(slots.every((slot) => slotSizes[slot] !== undefined)).toBe(true);
      }),
      { seed },
    );
  });

  it("uses no less than what lives at once, and no more than a buffer for each value", () => {
    fc.assert(
      fc.property(lifetimes, (values) => {
        const used = sum(assignSlots(values).slotSizes);
        expect(used).toBeGreaterThanOrEqual(peakBytes(values));
        expect(used).toBeLessThanOrEqual(sum(values.map((value) => value.sizeBytes)));
      }),
      { seed },
    );
  });

  it("lets a chain of equal values share two slots", () => {
    const chain = Array.from({ length: 9 }, (_, i) => ({ sizeBytes: 64, first: i, last: i + 1 }));
    expect(assignSlots(chain).slotSizes).toEqual([64, 64]);
  });

  it("does not reuse a slot in the step that last reads it", () => {
    const { slots } = assignSlots([{ sizeBytes: 4, first: 0, last: 1 }, { sizeBytes: 4, first: 1, last: 2 }]); // prettier-ignore
    expect(slots[0]).not.toBe(slots[1]);
  });

  it("grows no slot for a large value where another order needs none", () => {
    // By time alone, 10 would go to the first slot, and 100 would need a new one beside it.
    const values = [{ sizeBytes: 10, first: 0, last: 0 }, { sizeBytes: 10, first: 1, last: 3 }, { sizeBytes: 100, first: 1, last: 3 }]; // prettier-ignore
    expect(sum(assignSlots(values).slotSizes)).toBe(110);
  });

  it("of nothing is nothing", () => {
    expect(assignSlots([])).toEqual({ slots: [], slotSizes: [] });
    expect(peakBytes([])).toBe(0);
  });
});

describe("peakBytes", () => {
  it("is the largest sum at any one step", () => {
    fc.assert(
      fc.property(lifetimes, (values) => {
        const sums = Array.from({ length: 32 }, (_, step) =>
          sum(
            values.filter(({ first, last }) => first <= step && step <= last).map((value) => value.sizeBytes),
          ),
        );
        expect(peakBytes(values)).toBe(Math.max(...sums));
      }),
      { seed },
    );
  });
});
