/**
 * Run by `cpu-threads.test.ts` in a process of its own: compiles and runs on two threads, waits, and says how
 * much processor time that took. Disposes of nothing, and ends by itself.
 */
import { compile, openDevice } from "../../src/index.ts";
import { Forward, randomTensor } from "../api/networks.ts";

const shape = [64, 256];
const x = randomTensor(shape);
const { device } = await openDevice("cpu", { threads: 2 });
const compiled = await compile(new Forward((a) => a!.matmul(a!.transpose(0, 1)).relu()), [{ shape }], {
  device,
});
await compiled.run(x);
// Compilers in the background come to rest first.
await new Promise((resolve) => setTimeout(resolve, 300));
const before = process.cpuUsage();
const idleMs = 300;
await new Promise((resolve) => setTimeout(resolve, idleMs));
const { user, system } = process.cpuUsage(before);
// A second program finds the workers asleep, and nothing else keeps this process alive while it compiles.
const again = await compile(new Forward((a) => a!.exp()), [{ shape }], { device });
await again.run(x);
console.log(JSON.stringify({ name: device.name, idleMs, usedMs: (user + system) / 1000 }));
