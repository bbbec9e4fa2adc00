/** How two tensors of one shape differ: statistics of each, and the largest difference with its place. */
import type { HostTensor } from "./host-tensor.ts";
import type { Shape } from "./shape.ts";

export interface TensorStatistics {
  /** Of the finite elements; NaN where there are none. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly nanCount: number;
  readonly infiniteCount: number;
}

export interface TensorDifference {
  /** Where it is. */
  readonly index: readonly number[];
  readonly a: number;
  readonly b: number;
  /**
   * |a − b| relative to the largest finite element of both tensors; Infinity where only one is NaN or infinite,
   * and for any two integers that differ.
   */
  readonly relative: number;
}

export interface TensorComparison {
  readonly a: TensorStatistics;
  readonly b: TensorStatistics;
  /** Undefined where all elements are equal. */
  readonly largest: TensorDifference | undefined;
}

export function compareTensors(a: HostTensor, b: HostTensor): TensorComparison {
  const [statisticsA, statisticsB] = [statisticsOf(a), statisticsOf(b)];
  const magnitude = [statisticsA.min, statisticsA.max, statisticsB.min, statisticsB.max]
    .filter((value) => !Number.isNaN(value))
    .reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  let largest: { position: number; relative: number } | undefined;
  for (let position = 0; position < a.data.length; position++) {
    const [left, right] = [Number(a.data[position]), Number(b.data[position])];
    if (left === right || (Number.isNaN(left) && Number.isNaN(right))) continue;
    const comparable = a.dtype === "f32" && Number.isFinite(left) && Number.isFinite(right);
    const relative = comparable ? Math.abs(left - right) / magnitude : Infinity;
    if (largest === undefined || relative > largest.relative) largest = { position, relative };
  }
  return {
    a: statisticsA,
    b: statisticsB,
    largest: largest && {
      index: indexOf(largest.position, a.shape),
      a: Number(a.data[largest.position]),
      b: Number(b.data[largest.position]),
      relative: largest.relative,
    },
  };
}

function statisticsOf({ data }: HostTensor): TensorStatistics {
  let [min, max, sum, finite, nanCount, infiniteCount] = [Infinity, -Infinity, 0, 0, 0, 0];
  for (const element of data) {
    const value = Number(element);
    if (Number.isNaN(value)) nanCount++;
    else if (!Number.isFinite(value)) infiniteCount++;
    else {
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += value;
      finite++;
    }
  }
  const known = finite > 0;
  return {
    min: known ? min : NaN,
    max: known ? max : NaN,
    mean: known ? sum / finite : NaN,
    nanCount,
    infiniteCount,
  };
}

function indexOf(position: number, shape: Shape): number[] {
  const index = new Array<number>(shape.length);
  let rest = position;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}
