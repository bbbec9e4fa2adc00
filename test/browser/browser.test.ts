/**
 * The package in a browser: one bundle that needs nothing of Node, the same results as in Node on the embedded
 * CPU device, with threads where the page is isolated, and on WebGPU within the usual tolerance. Needs the
 * Chromium that WebGPU's tests install, so it is left out with them.
 */
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { compile, tensor, writeSafetensors } from "../../src/index.ts";
import { randomize, randomTensor, SmallNet } from "../api/networks.ts";
import { relativeError } from "../recordings/compare.ts";
import { runTraced } from "../recordings/run-traced.ts";
import { isTested } from "../runtime/device-contract.ts";
import { findChromium, openInChromium, type Served } from "./open-in-chromium.ts";
import type { PageResult } from "./page.ts";

const at = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const shape = [2, 3, 9, 9];
const input = randomTensor(shape, 7);
const reference = (): SmallNet => randomize(new SmallNet(), 7);

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [at(entry)],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

describe("the bundle for browsers", () => {
  it("is built without any import of a module of Node's, or of an optional package", async () => {
    const text = await bundle("../../src/index.ts");
    expect(text).not.toMatch(/^\s*import[\s{*"']/m);
    expect(text).not.toMatch(/\b(?:import|require)\(\s*["']/);
  });
});

if (isTested("webgpu"))
  describe("in Chromium", () => {
    let served: Served;
    let chromium: string;

    beforeAll(async () => {
      const found = findChromium();
      if (found === undefined) throw new Error("chromium is not installed: apt-get install chromium");
      chromium = found;
      served = {
        "/": {
          type: "text/html",
          body: `<!doctype html><title>Heddle</title><script type="module" src="/page.js"></script>`,
        },
        "/page.js": { type: "text/javascript", body: await bundle("page.ts") },
        "/weights": { type: "application/octet-stream", body: writeSafetensors(reference().stateDict()) },
        "/input": { type: "application/octet-stream", body: new Uint8Array(input.data.buffer) },
      };
    });

    it("the embedded CPU device gives what it gives in Node, in both modes, on the page's one thread", async () => {
      const result = (await openInChromium(chromium, served, "?device=cpu")) as PageResult;
      expect(result.error).toBeUndefined();
      expect(result.deviceName).toMatch(
        /on the calling thread.*\(threads need a cross-origin-isolated page\)$/,
      );
      await expectResultsOfNode(result);
      expect(result.missing?.["opencl"]).toMatch(/Node/);
    });

    it("a cross-origin-isolated page has threads, and the results of one thread bit for bit", async () => {
      const isolated = {
        ...served,
        "/": {
          ...served["/"]!,
          headers: {
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-embedder-policy": "require-corp",
          },
        },
      };
      const open = (query: string) => openInChromium(chromium, isolated, query) as Promise<PageResult>;
      const threaded = await open("?device=cpu&threads=3");
      expect(threaded.error).toBeUndefined();
      expect(threaded.deviceName).toMatch(/^WebAssembly on 3 threads/);
      await expectResultsOfNode(threaded);
      const alone = await open("?device=cpu&threads=1");
      expect(alone.deviceName).toMatch(/^WebAssembly on the calling thread/);
      expect(threaded.data).toEqual(alone.data);
      expect(threaded.divided).toEqual(alone.divided);
      expect(threaded.divided!.length).toBeGreaterThan(0);
    });

    it("WebGPU gives what evaluate gives, in both modes", async () => {
      const flags = [
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        "--enable-features=Vulkan,WebGPU",
      ];
      const result = (await openInChromium(chromium, served, "?device=webgpu", flags)) as PageResult;
      expect(result.error).toBeUndefined();
      const [expected] = runTraced(reference().eval(), [input]);
      expect(relativeError(tensor([...result.data!], expected!.shape), expected!)).toBeLessThanOrEqual(1e-5);
      const trained = reference().train();
      runTraced(trained, [input]);
      const mean = trained.stateDict()["bn.running_mean"]!;
      expect(relativeError(tensor([...result.runningMean!]), mean)).toBeLessThanOrEqual(1e-5);
    });
  });

/** Of `page.ts` on a CPU device; the browser's engine may have a fused multiply-add that Node's lacks. */
async function expectResultsOfNode(result: PageResult): Promise<void> {
  await using compiled = await compile(reference().eval(), [{ shape }], { device: "cpu" });
  const close = (data: readonly number[], expected: ArrayLike<number>): void => {
    const [a, b] = [tensor([...data]), tensor(Array.from(expected))];
    expect(relativeError(a, b)).toBeLessThanOrEqual(1e-5);
  };
  close(result.data!, (await compiled.run(input)).data);
  expect(result.launches).toBe(compiled.launches);
  await using training = await compile(reference().train(), [{ shape }], { device: "cpu" });
  await training.run(input);
  const state = await training.stateDict();
  close(result.runningMean!, Array.from(state["bn.running_mean"]!.data, Number));
}
