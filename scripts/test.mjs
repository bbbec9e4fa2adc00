// `npm test`: provides the drivers that the device tests need and ONNX's test data, runs vitest, and ends with a line
// of counts.
//
//   npm test                           all tests on all devices
//   npm test -- --skip webgpu          leave a device out, by name (also: HEDDLE_SKIP_DEVICES=webgpu,opencl)
//   npm test -- test/codegen           everything else goes to vitest
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { provideDrivers, vulkanDriver } from "./device-drivers.mjs";
import { provideTestData } from "./test-data.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const skippable = ["webgpu", "opencl"];

const { skipped, rest } = readArguments(process.argv.slice(2));
const devices = ["cpu", ...skippable.filter((device) => !skipped.has(device))];
for (const device of skipped) console.log(`skipped by request: all tests on the device ${device}`);

const missing = provideDrivers(devices);
if (missing.length > 0) {
  for (const line of missing) console.error(line);
  process.exit(1);
}

provideTestData();

const scratch = mkdtempSync(join(tmpdir(), "heddle-test-"));
try {
  const report = join(scratch, "report.json");
  const status = await runVitest(report);
  const { passed, failed } = readCounts(report);
  if (passed + failed === 0) console.error("no test ran");
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = status === 0 && failed === 0 && passed > 0 ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Splits off `--skip DEVICE`; what is left is vitest's. */
function readArguments(args) {
  const skipped = new Set((process.env.HEDDLE_SKIP_DEVICES ?? "").split(",").filter(Boolean));
  const rest = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--skip") skipped.add(args[++i] ?? "");
    else rest.push(args[i]);
  }
  const unknown = [...skipped].filter((device) => !skippable.includes(device));
  if (unknown.length > 0) {
    console.error(`cannot skip '${unknown.join("', '")}'; devices that can be: ${skippable.join(", ")}`);
    process.exit(1);
  }
  return { skipped, rest };
}

function runVitest(report) {
  const driver = vulkanDriver();
  const env = {
    ...process.env,
    HEDDLE_TEST_DEVICES: devices.join(","),
    ...(driver === undefined ? {} : { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver }),
    // Kernels compiled by tests do not belong in the user's cache.
    HEDDLE_CACHE: "off",
  };
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = [
    vitest,
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...rest,
  ];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: "inherit" });
    child.on("close", (code) => resolve(code ?? 1));
  });
}

/** A file that failed to load, or a worker that died, counts as one failure. */
function readCounts(report) {
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    const brokenFiles = testResults.filter(
      (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
    );
    return { passed: numPassedTests, failed: numFailedTests + brokenFiles.length };
  } catch (cause) {
    console.error(`vitest left no report: ${cause instanceof Error ? cause.message : cause}`);
    return { passed: 0, failed: 1 };
  }
}
