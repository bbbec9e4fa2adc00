/**
 * `npm run check:random-graphs -- --device cpu --graphs 10000 --seed 0`: random graphs on a device against `evaluate`,
 * with all passes, and every third with a random subset of them. Prints each failure and a line of counts.
 */
import { parseArgs } from "node:util";
import type { DeviceKind } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { failureOf, withoutSome } from "../../test/fuzz/compare-random-graph.ts";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cpu" },
    graphs: { type: "string", default: "1000" },
    seed: { type: "string", default: "0" },
  },
});
const { device } = await openDevice(values.device as DeviceKind);
const first = Number(values.seed);
const count = Number(values.graphs);
let failed = 0;
for (let seed = first; seed < first + count; seed++) {
  const failures = await failureOf(device, seed, seed % 3 === 2 ? withoutSome(seed) : []);
  if (failures.length > 0) failed++;
  for (const failure of failures) console.log(failure);
  if ((seed - first + 1) % 500 === 0) console.log(`${seed - first + 1} of ${count}, ${failed} failed`);
}
await device.dispose();
console.log(`${count - failed} passed, ${failed} failed`);
process.exit(failed === 0 && count > 0 ? 0 : 1);
