import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: { heddle: new URL("./src/index.ts", import.meta.url).pathname },
    conditions: ["development"],
  },
  test: {
    include: ["test/**/*.test.ts"],
    // Native addons (Dawn, OpenCL drivers) want processes of their own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
