/**
 * The package in the hands of bundlers: none warns, and what it writes gives what the sources give, in Chromium or in
 * Node. Pages are cross-origin isolated, so the embedded CPU has its threads there.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { findChromium, openInChromium, type Served } from "../browser/open-in-chromium.ts";
import { isTested } from "../runtime/device-contract.ts";
import {
  esbuildPage,
  esbuildProgram,
  isolation,
  rollupPage,
  rollupProgram,
  viteDevelopment,
  vitePage,
  webpackPage,
  webpackProgram,
  type BundledPage,
} from "./bundlers.ts";
import type { Packed } from "./packed.ts";

interface ProgramResult {
  readonly failure?: string;
  readonly data: readonly number[];
  readonly device: string;
  readonly report: string;
  readonly misnamed: readonly string[];
  readonly error: string;
  readonly adapterRequests?: number;
}

const inNode = (file: string): ProgramResult =>
  JSON.parse(execFileSync(process.execPath, [file], { encoding: "utf8" })) as ProgramResult;

export function describeBundlers(installed: () => Packed): void {
  let folder: string;
  /** What the installed package gives without a bundler. */
  let expected: ProgramResult;

  beforeAll(() => {
    folder = installed().folder;
    expected = inNode(join(folder, "program.js"));
  });

  function expectSame(result: ProgramResult): void {
    expect(result.failure).toBeUndefined();
    expect(result.data).toHaveLength(3);
    // Another engine may have a fused multiply-add.
    for (const [i, value] of result.data.entries()) expect(value).toBeCloseTo(expected.data[i]!, 5);
    expect(result.misnamed).toEqual([]);
    expect(result.error).toMatch(/^UserError: LSTM: /);
  }

  describe("Node", () => {
    it("runs the installed package", () => {
      expect(expected.data.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
      expect(expected.report).toMatch(/^Net on WebAssembly/);
      expect(expected.error).toMatch(/\n    called at .*network\.js:\d+:\d+/);
    });

    it.each([
      ["esbuild, as a module", () => esbuildProgram(folder, "esm")],
      ["esbuild, as CommonJS", () => esbuildProgram(folder, "cjs")],
      ["esbuild, as a script", () => esbuildProgram(folder, "iife")],
      ["Rollup, as CommonJS", () => rollupProgram(folder)],
      ["webpack", () => webpackProgram(folder)],
    ] as const)("runs what is bundled by %s", async (_, bundle) => {
      const { file, warnings } = await bundle();
      expect(warnings).toEqual([]);
      const result = inNode(file);
      expectSame(result);
      expect(result.data).toEqual(expected.data);
      expect(result.device).toBe(expected.device);
    });
  });

  if (isTested("webgpu"))
    describe("Chromium", () => {
      const open = async (served: Served, otherwise?: Parameters<typeof openInChromium>[5]) =>
        (await openInChromium(findChromium()!, served, "", [], 60_000, otherwise)) as ProgramResult;

      it.each<[string, () => Promise<BundledPage>]>([
        ["esbuild, as a module", () => esbuildPage(folder, "esm")],
        ["esbuild, as a script", () => esbuildPage(folder, "iife")],
        ["Rollup, as a module", () => rollupPage(folder, "es")],
        ["Rollup, as a script", () => rollupPage(folder, "iife")],
        ["webpack, for development", () => webpackPage(folder, "development")],
        ["webpack, for production", () => webpackPage(folder, "production")],
        ["webpack, in a module worker", () => webpackPage(folder, "development", "page-with-worker.js")],
        ["Vite", () => vitePage(folder, "page.html")],
        ["Vite, in a module worker", () => vitePage(folder, "page-with-worker.html")],
      ])("runs what is bundled by %s", async (_, bundle) => {
        const { served, warnings } = await bundle();
        expect(warnings).toEqual([]);
        const result = await open(served);
        expectSame(result);
        expect(result.device).toMatch(/^WebAssembly on \d+ threads/);
        // This browser has no adapter: the page is told once, however often it compiles.
        if (result.adapterRequests !== undefined) expect(result.adapterRequests).toBe(1);
      });

      it("runs what Vite's development server serves, on the page and in a module worker", async () => {
        const { server, warnings } = await viteDevelopment(folder);
        try {
          for (const page of ["page.html", "page-with-worker.html"]) {
            const start = `<!doctype html><script>location.replace("/${page}")</script>`;
            const result = await open(
              { "/": { type: "text/html", body: start, headers: isolation } },
              server.middlewares,
            );
            expectSame(result);
          }
        } finally {
          await server.close();
        }
        expect(warnings).toEqual([]);
      });

      it("runs under a strict content security policy, with threads where it lets workers start from blobs", async () => {
        const { served } = await esbuildPage(folder, "esm");
        const under = (policy: string) => {
          const headers = { ...isolation, "content-security-policy": policy };
          return open({ ...served, "/": { ...served["/"]!, headers } });
        };
        const strict = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
        const alone = await under(strict);
        expectSame(alone);
        expect(alone.device).toMatch(/on the calling thread/);
        expect(alone.report).toMatch(/policy/);
        const threaded = await under(`${strict}; worker-src blob:`);
        expectSame(threaded);
        expect(threaded.device).toMatch(/^WebAssembly on \d+ threads/);
      });
    });
}
