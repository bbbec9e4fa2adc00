/**
 * Software prefetching for CPUs. What a tile is about to touch is fetched evenly over the steps of its depth
 * loop: a store to a line that is in no cache waits for that line, and a burst of fetches fills the queues that
 * other loads wait in. Measured on ResNet-50: 0.95 of the time.
 */
import type { NodeResult } from "../../ir/graph.ts";
import { elementCount } from "../../ir/shape.ts";
import { int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Task } from "../lower/task.ts";
import { addressOf, viewOf } from "../lower/view.ts";

/** What to do at each step of a depth loop. */
export type Step = (k: Expr) => void;

/** f32 elements of a cache line. */
export const lineLength = 16;

/** In so few steps nothing arrives. */
const fewSteps = 4;

/** `depth` rows of `block` weights each, from element `at`. */
export interface WeightPanel {
  readonly buffer: string;
  readonly at: Expr;
  readonly block: number;
  /** The number of the tile that uses it, of so many: each fetches its share of the panel behind it. */
  readonly part?: Expr;
  readonly parts?: number;
}

/**
 * A panel is used by every tile of rows before the next one comes: the memory would idle meanwhile, and the
 * first tile of the next panel wait for it. So each tile fetches its share of the next panel, evenly over its
 * steps: fetched in a hurry, a panel would fill the queues that other loads wait in.
 */
export function fetchNextPanel(kb: KernelBuilder, panel: WeightPanel, depth: number): readonly Step[] {
  const { buffer, at, block, part = int(0), parts = 1 } = panel;
  if (depth <= fewSteps) return [];
  const perStep = Math.ceil(block / parts);
  return [
    (k) => {
      const step = kb.index.add(kb.index.mul(part, int(depth)), k);
      const ahead = kb.index.add(kb.index.mul(step, int(perStep)), int(depth * block));
      for (let element = 0; element < perStep; element += lineLength)
        kb.prefetch(buffer, kb.index.add(at, kb.index.add(ahead, int(element))));
    },
  ];
}

/** Rows of a tile's input, `stride` elements apart, from element `at`. */
export interface InputRows {
  readonly buffer: string;
  readonly at: Expr;
  readonly stride: number;
  readonly rows: number;
}

/**
 * Fetches the next line of every row that a tile reads, one row a step. More streams than the hardware follows wait
 * for the second cache each, which is hidden as long as nothing else uses the core.
 */
export function fetchRows(
  kb: KernelBuilder,
  { buffer, at, stride, rows }: InputRows,
  depth: number,
): readonly Step[] {
  if (rows > lineLength || depth < 2 * lineLength) return [];
  return [
    (k) => {
      const row = kb.index.rem(k, lineLength);
      const next = kb.index.mul(kb.index.add(kb.index.div(k, lineLength), int(1)), int(lineLength));
      kb.prefetch(buffer, kb.index.add(at, kb.index.add(kb.index.mul(row, int(stride)), next)));
    },
  ];
}

interface TileOfResult {
  readonly result: NodeResult;
  /** Logical index of the tile's first element. */
  readonly first: readonly Expr[];
  /** The dimension along which its rows lie, and the one along which its lanes do. */
  readonly rowAxis: number;
  readonly laneAxis: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** A smaller result is in a cache. */
const fewestBytes = 64 * 1024;

/** Fetches the lines of a tile that its epilogue will write, and those of same-shaped tensors that it will read. */
export function fetchResult(kb: KernelBuilder, task: Task, tile: TileOfResult): readonly Step[] {
  const { result, first, rowAxis, laneAxis, rows, columns, depth } = tile;
  const { language, family } = task.target;
  const linesPerRow = Math.ceil(columns / lineLength);
  const lines = rows * linesPerRow;
  if (language !== "opencl-c" || family !== "cpu" || lines > depth) return [];
  if (elementCount(result.type.shape) * 4 < fewestBytes) return [];
  const shape = result.type.shape.join();
  const touched = [
    ...task.outputs.map((tensor) => ({ ...tensor, toWrite: true })),
    ...[...task.inputs]
      .filter(([id]) => !task.anchor!.operands.includes(id))
      .map(([, tensor]) => ({ ...tensor, toWrite: false })),
  ].filter((tensor) => tensor.type.shape.join() === shape && viewOf(tensor).strides[laneAxis] === 1);
  return touched.map(({ toWrite, ...tensor }) => {
    const { strides } = viewOf(tensor);
    const start = kb.let(addressOf(kb.index, tensor, first), "start");
    return (k) => {
      const line = kb.let(kb.index.div(kb.index.mul(k, int(lines)), depth), "line");
      const place = [kb.index.div(line, linesPerRow), kb.index.rem(line, linesPerRow)];
      const offset = kb.index.dot(place, [strides[rowAxis]!, lineLength]);
      kb.prefetch(tensor.buffer, kb.index.add(start, offset), toWrite);
    };
  });
}
