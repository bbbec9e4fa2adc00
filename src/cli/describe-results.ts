/** Results as people and programs read them: a few values, the best classes, JSON, a table of kernel times. */
import { graphDType, type HostArray } from "../ir/dtype.ts";
import { decodeHalves } from "../ir/half.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import type { DispatchTiming } from "../runtime/device.ts";

const shownValues = 8;
const shownRows = 4;

/** Name, shape, first values; the five largest where the result looks like scores of classes. */
export function describeResult(name: string, result: HostTensor): string {
  const { dtype, shape } = result;
  const data = numbersOf(result);
  const values = Array.from(data.slice(0, shownValues), formatValue).join(", ");
  const head = `${name} ${dtype}[${shape.join(",")}]: ${values}${data.length > shownValues ? ", …" : ""}`;
  const classes = shape.at(-1) ?? 0;
  if (graphDType(dtype) !== "f32" || shape.length > 2 || classes < 2 || shape.includes(0)) return head;
  const rows = data.length / classes;
  const lines = Array.from({ length: Math.min(rows, shownRows) }, (_, row) => {
    const scores = Array.from(data.slice(row * classes, (row + 1) * classes), Number);
    return `  ${rows > 1 ? `${row}: ` : ""}largest: ${largest(scores, 5)}`;
  });
  return [head, ...lines, ...(rows > shownRows ? [`  … ${rows - shownRows} more rows`] : [])].join("\n");
}

/** The elements as numbers: f16 is kept as bits. */
function numbersOf({ dtype, data }: HostTensor): HostArray {
  return dtype === "f16" ? decodeHalves(data as Uint16Array) : data;
}

/** Positions of the largest values with the values; NaN is never among them. */
function largest(scores: readonly number[], count: number): string {
  const best = scores
    .map((score, position) => ({ score, position }))
    .filter(({ score }) => !Number.isNaN(score))
    .sort((a, b) => b.score - a.score || a.position - b.position)
    .slice(0, count);
  return best.map(({ score, position }) => `${position} (${formatValue(score)})`).join(", ");
}

function formatValue(value: number | bigint): string {
  return typeof value === "bigint" || Number.isInteger(value) ? String(value) : value.toPrecision(5);
}

/** All results by name: dtype, shape and elements; what JSON cannot say is a string. */
export function resultsAsJson(results: Readonly<Record<string, HostTensor>>): string {
  const plain = (value: number | bigint) =>
    typeof value === "bigint" || !Number.isFinite(value) ? String(value) : value;
  const entries = Object.entries(results).map(([name, result]) => [
    name,
    {
      dtype: result.dtype,
      shape: result.shape,
      data: Array.from(numbersOf(result) as ArrayLike<number | bigint>, plain),
    },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries))}\n`;
}

/** Kernels by the time they took in one run, slowest first. */
export function describeProfile(timings: readonly DispatchTiming[]): string {
  const kernels = new Map<string, { launches: number; elapsedMs: number }>();
  for (const { kernel, elapsedMs } of timings) {
    const entry = kernels.get(kernel) ?? { launches: 0, elapsedMs: 0 };
    entry.launches++;
    entry.elapsedMs += elapsedMs;
    kernels.set(kernel, entry);
  }
  const total = timings.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0);
  const rows = [...kernels]
    .sort(([, a], [, b]) => b.elapsedMs - a.elapsedMs)
    .map(([name, { launches, elapsedMs }]) => {
      const share = total === 0 ? 0 : (100 * elapsedMs) / total;
      return `  ${elapsedMs.toFixed(3).padStart(10)} ms ${share.toFixed(1).padStart(5)} %  ${name}${launches > 1 ? ` × ${launches}` : ""}`;
    });
  return [`Kernels: ${total.toFixed(3)} ms in ${timings.length} launches of ${kernels.size}`, ...rows].join(
    "\n",
  );
}
