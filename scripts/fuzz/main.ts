/**
 * `npm run fuzz -- --format pt --cases 10000 --seed 1`: reads changed files of a format (or of `all`), in a process with
 * limits of 10 s a file and of 64 MiB + 8 × the file in memory. Each failure is printed with its file and the command
 * that repeats it; the exit code says whether there was one.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formats, type Format } from "./formats.ts";
import { CaseMaker } from "./make-case.ts";
import { Reader } from "./reader.ts";
import { limits, runCases } from "./run-cases.ts";

const { values } = parseArgs({
  options: {
    format: { type: "string", default: "all" },
    cases: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: join(tmpdir(), "heddle-fuzz") },
  },
});
const count = Number(values.cases);
const first = Number(values.seed);
const chosen = values.format === "all" ? formats : formats.filter((format) => format === values.format);
if (chosen.length === 0 || !Number.isInteger(count) || count < 1 || !Number.isInteger(first)) {
  console.error(`expected --format all or one of ${formats.join(", ")}, --cases and --seed whole numbers`);
  process.exit(2);
}
const reader = new Reader(limits);
let failed = 0;
for (const format of chosen) failed += await fuzz(format);
reader.close();
process.exit(failed === 0 ? 0 : 1);

async function fuzz(format: Format): Promise<number> {
  const maker = new CaseMaker(format);
  const { read, refused, longestMs, mostGrownBytes, failures } = await runCases(
    format,
    first,
    count,
    reader,
    (failure) => {
      mkdirSync(values.out, { recursive: true });
      const file = join(values.out, `${format}-${failure.number}`);
      writeFileSync(file, maker.make(failure.number));
      console.log(
        `${failure.kind}: ${file}; npm run fuzz -- --format ${format} --cases 1 --seed ${failure.number}`,
      );
      console.log(failure.problem.split("\n").slice(0, 12).join("\n"));
    },
  );
  const mib = (mostGrownBytes / 2 ** 20).toFixed(0);
  console.log(
    `${format}: ${read} read, ${refused} refused, ${failures.length} failed; longest ${longestMs.toFixed(0)} ms, most memory ${mib} MiB`,
  );
  return failures.length;
}
