import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: { heddle: new URL("./src/index.ts", import.meta.url).pathname },
  },
  test: {
    include: ["test/**/*.test.ts"],
    // Native addons (Dawn, OpenCL drivers) want processes of their own.
    pool: "forks",
    maxWorkers: 2,
    // A slow machine is no failure: only what hangs should meet these.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
