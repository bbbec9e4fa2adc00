/**
 * What runs in the browser: the network whose weights the test serves, on the device that the address names.
 * Bundled by `browser.test.ts`; sends what happened back as JSON.
 */
import { compile, listDevices, nn, readSafetensors, tensor } from "../../src/index.ts";
import { SmallNet } from "../api/networks.ts";

export interface PageResult {
  readonly error?: string;
  readonly data?: readonly number[];
  readonly deviceName?: string;
  readonly launches?: number;
  /** Of the training program: the running mean it left. */
  readonly runningMean?: readonly number[];
  readonly missing?: Readonly<Record<string, string>>;
}

const bytesOf = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await (await fetch(path)).arrayBuffer());

async function run(): Promise<PageResult> {
  const device = new URLSearchParams(location.search).get("device") as "cpu" | "webgpu";
  const net = new SmallNet();
  net.loadStateDict(readSafetensors(await bytesOf("/weights")));
  const pixels = new Float32Array((await bytesOf("/input")).buffer);
  const input = tensor(pixels, [2, 3, 9, 9]);
  await using evaluation = await compile(net.eval(), [input], { device });
  const { data } = await evaluation.run(input);
  await using training = await compile(net.train(), [input], { device });
  await training.run(input);
  const state = await training.stateDict();
  const missing = (await listDevices()).flatMap((listing) =>
    listing.missing === undefined ? [] : [[listing.kind, listing.missing]],
  );
  if (!(net instanceof nn.Module)) throw new Error("the bundle holds two copies of nn");
  return {
    data: [...data],
    deviceName: evaluation.device.name,
    launches: evaluation.launches,
    runningMean: Array.from(state["bn.running_mean"]!.data, Number),
    missing: Object.fromEntries(missing) as Record<string, string>,
  };
}

run()
  .catch((error: unknown): PageResult => ({
    error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error),
  }))
  .then((result) => fetch("/result", { method: "POST", body: JSON.stringify(result) }))
  .catch((error: unknown) => console.error(error));
