/**
 * Random graphs give on every device what `evaluate` gives, with all passes and with any subset of the
 * optional ones. A failure prints its seed and the graph.
 */
import { describe, expect, it } from "vitest";
import type { Device, DeviceKind } from "../../src/runtime/device.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { failureOf, withoutSome } from "./compare-random-graph.ts";

const graphCounts: Readonly<Record<DeviceKind, number>> = { cpu: 150, webgpu: 60, opencl: 25 };
const batchSize = 25;

async function failuresOf(
  device: Device,
  first: number,
  pickWithout: (seed: number) => readonly string[],
): Promise<string[]> {
  const failures: string[] = [];
  for (let seed = first; seed < first + batchSize; seed++)
    failures.push(...(await failureOf(device, seed, pickWithout(seed))));
  return failures;
}

for (const kind of testedDevices) {
  describe(`random graphs on ${kind} agree with evaluate`, () => {
    const device = lazyDevice(kind);
    for (let first = 0; first < graphCounts[kind]; first += batchSize) {
      it(`seeds from ${first}, all passes`, { timeout: 240_000 }, async () => {
        expect(await failuresOf(await device(), first, () => [])).toEqual([]);
      });
      if (kind !== "cpu") continue;
      it(
        `seeds from ${first}, with a random subset of the optional passes`,
        { timeout: 240_000 },
        async () => {
          expect(await failuresOf(await device(), first, withoutSome)).toEqual([]);
        },
      );
    }
  });
}
