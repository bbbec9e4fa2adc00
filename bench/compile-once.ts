/** Compiles one network for one device and prints the times as JSON; started by compile-times.ts: `NETWORK SYSTEM`. */
import { availableParallelism } from "node:os";
import type { CompiledOnce } from "./compile-times.ts";
import { findNetworks } from "./networks.ts";
import { loadInHeddle } from "./systems/heddle.ts";
import type { HeddleSystem } from "./systems/system.ts";

const [name, system] = process.argv.slice(2);
const [network] = await findNetworks([name!], console.error);
const { compiled, importMs, dispose } = await loadInHeddle(
  system as HeddleSystem,
  network!,
  availableParallelism(),
);
const { compileMs } = compiled.report().data;
const record: CompiledOnce = {
  kernels: compiled.kernels.length,
  times: { import: importMs, ...compileMs },
};
console.log(JSON.stringify(record));
await dispose();
process.exit(0);
