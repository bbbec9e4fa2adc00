/**
 * What runs in the browser: the network whose weights the test serves, on the device that the address names,
 * and a matrix product that is large enough for all threads. Bundled by `browser.test.ts`; sends what happened back as JSON.
 */
import { compile, listDevices, nn, openDevice, readSafetensors, tensor } from "../../src/index.ts";
import { Forward, randomTensor, SmallNet } from "../api/networks.ts";

export interface PageResult {
  readonly error?: string;
  readonly data?: readonly number[];
  readonly deviceName?: string;
  readonly launches?: number;
  /** A 64 × 64 matrix product. */
  readonly divided?: readonly number[];
  /** Of the training program: the running mean it left. */
  readonly runningMean?: readonly number[];
  readonly missing?: Readonly<Record<string, string>>;
}

const bytesOf = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await (await fetch(path)).arrayBuffer());

async function run(): Promise<PageResult> {
  const query = new URLSearchParams(location.search);
  const threads = query.get("threads");
  const { device } = await openDevice(
    query.get("device") as "cpu" | "webgpu",
    threads === null ? {} : { threads: Number(threads) },
  );
  const net = new SmallNet();
  net.loadStateDict(readSafetensors(await bytesOf("/weights")));
  const pixels = new Float32Array((await bytesOf("/input")).buffer);
  const input = tensor(pixels, [2, 3, 9, 9]);
  await using evaluation = await compile(net.eval(), [input], { device });
  const { data } = await evaluation.run(input);
  await using training = await compile(net.train(), [input], { device });
  await training.run(input);
  const state = await training.stateDict();
  const large = randomTensor([64, 200]);
  const product = new Forward((x) => x!.matmul(x!.transpose(0, 1)));
  await using divided = await compile(product, [large], { device });
  const missing = (await listDevices()).flatMap((listing) =>
    listing.missing === undefined ? [] : [[listing.kind, listing.missing]],
  );
  if (!(net instanceof nn.Module)) throw new Error("the bundle holds two copies of nn");
  return {
    data: [...data],
    deviceName: evaluation.device.name,
    launches: evaluation.launches,
    divided: [...(await divided.run(large)).data],
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
