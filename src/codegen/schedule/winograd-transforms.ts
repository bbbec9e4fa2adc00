/**
 * The transforms of Winograd's method in registers: a square of positions is read, its columns and then its
 * rows are transformed, and a square of positions is written. In one dimension these are `Bᵀ · d`, `G · g` and
 * `Aᵀ · m` (`ir/winograd.ts`); rows that differ in the signs of every other term share their two halves, so
 * that few operations are left.
 */
import { stridesOf } from "../../ir/tensor-type.ts";
import { inputSide, type WinogradTile } from "../../ir/winograd.ts";
import { and, binary, constant, float, fma, int, select, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { BoundTensor } from "../lower/task.ts";
import type { Lanes } from "../target.ts";

type Transform = (kb: KernelBuilder, values: readonly Expr[]) => Expr[];

const add = (a: Expr, b: Expr): Expr => binary("add", a, b);
const sub = (a: Expr, b: Expr): Expr => binary("sub", a, b);
const times = (factor: number, a: Expr): Expr => binary("mul", constant(factor, a.type), a);
/** `factor · a + b`. */
const plus = (factor: number, a: Expr, b: Expr): Expr => fma(constant(factor, a.type), a, b);

/** `Bᵀ · d`, of the positions along one side. */
export const transformInput: Readonly<Record<WinogradTile, Transform>> = {
  2: (kb, [d0, d1, d2, d3]) => [
    kb.let(sub(d0!, d2!)),
    kb.let(add(d1!, d2!)),
    kb.let(sub(d2!, d1!)),
    kb.let(sub(d1!, d3!)),
  ],
  4: (kb, [d0, d1, d2, d3, d4, d5]) => {
    const evenOfPair = kb.let(plus(-4, d2!, d4!));
    const oddOfPair = kb.let(plus(-4, d1!, d3!));
    const even = kb.let(sub(d4!, d2!));
    const odd = kb.let(sub(d3!, d1!));
    return [
      kb.let(plus(4, d0!, plus(-5, d2!, d4!))),
      kb.let(add(evenOfPair, oddOfPair)),
      kb.let(sub(evenOfPair, oddOfPair)),
      kb.let(plus(2, odd, even)),
      kb.let(plus(-2, odd, even)),
      kb.let(plus(4, d1!, plus(-5, d3!, d5!))),
    ];
  },
};

/** `Aᵀ · m`, of the positions along one side. */
export const transformOutput: Readonly<Record<WinogradTile, Transform>> = {
  2: (kb, [m0, m1, m2, m3]) => [kb.let(add(add(m0!, m1!), m2!)), kb.let(sub(sub(m1!, m2!), m3!))],
  4: (kb, [m0, m1, m2, m3, m4, m5]) => {
    const sum = kb.let(add(m1!, m2!));
    const difference = kb.let(sub(m1!, m2!));
    const wideSum = kb.let(add(m3!, m4!));
    const wideDifference = kb.let(sub(m3!, m4!));
    return [
      kb.let(add(add(m0!, sum), wideSum)),
      kb.let(plus(2, wideDifference, difference)),
      kb.let(plus(4, wideSum, sum)),
      kb.let(add(plus(8, wideDifference, difference), m5!)),
    ];
  },
};

/** `G · g`, of the three taps along one side. */
export const transformWeight: Readonly<Record<WinogradTile, Transform>> = {
  2: (kb, [g0, g1, g2]) => {
    const outer = kb.let(times(1 / 2, add(g0!, g2!)));
    return [g0!, kb.let(plus(1 / 2, g1!, outer)), kb.let(plus(-1 / 2, g1!, outer)), g2!];
  },
  4: (kb, [g0, g1, g2]) => {
    const near = kb.let(times(-1 / 6, add(g0!, g2!)));
    const far = kb.let(plus(1 / 6, g2!, times(1 / 24, g0!)));
    return [
      kb.let(times(1 / 4, g0!)),
      kb.let(plus(-1 / 6, g1!, near)),
      kb.let(plus(1 / 6, g1!, near)),
      kb.let(plus(1 / 12, g1!, far)),
      kb.let(plus(-1 / 12, g1!, far)),
      g2!,
    ];
  },
};

/** Where a tile is: its image, its row and column among the tiles of it, and the channel of the first lane. */
export interface TilePlace {
  readonly n: Expr;
  readonly row: Expr;
  readonly column: Expr;
  readonly channel: Expr;
}

export interface TransformedImage {
  readonly tensor: BoundTensor;
  readonly padding: readonly (readonly [number, number])[];
  readonly tile: WinogradTile;
  /** Neighbouring channels, which lie together in memory. */
  readonly lanes: Lanes;
}

/** Reads a tile of an image, zero outside it, and hands over `Bᵀ d B` position by position. */
export function emitInputTransform(
  kb: KernelBuilder,
  { tensor, padding, tile, lanes }: TransformedImage,
  place: TilePlace,
  write: (i: number, j: number, value: Expr) => void,
): void {
  const positions = Array.from({ length: inputSide(tile) }, (_, i) => i);
  const last = positions.length - 1;
  const strides = stridesOf(tensor.type);
  const spatial = tensor.type.shape.slice(2);
  const first = [place.row, place.column].map((index, axis) =>
    kb.let(kb.index.add(kb.index.mul(index, int(tile)), int(-padding[axis]![0])), "from"),
  );
  const at = (axis: number, i: number) => kb.index.add(first[axis]!, int(i));
  const isInside = (axis: number, i: number) =>
    and(kb.index.atLeast(at(axis, i), 0), kb.index.less(at(axis, i), spatial[axis]!));
  const values = positions.map(() => positions.map(() => kb.var(float(0, lanes), "d")));
  // Addresses count from the tile's corner, which lies outside the image where the tile overlaps the border.
  const corner = kb.let(kb.index.dot([place.n, place.channel, ...first], strides), "corner");
  const offset = (i: number, j: number) => kb.index.add(corner, int(i * strides[2]! + j * strides[3]!));
  const fill = (read: (i: number, j: number) => Expr): void =>
    positions.forEach((i) => positions.forEach((j) => kb.assign(values[i]![j]!, read(i, j))));
  const whole = [0, 1].map((axis) =>
    and(kb.index.atLeast(first[axis]!, 0), kb.index.less(at(axis, last), spatial[axis]!)),
  );
  kb.if(
    and(whole[0]!, whole[1]!),
    () => fill((i, j) => kb.load(tensor.buffer, offset(i, j), lanes)),
    () => {
      const valid = [0, 1].map((axis) => positions.map((i) => kb.let(isInside(axis, i), "valid")));
      fill((i, j) => {
        const mask = kb.let(and(valid[0]![i]!, valid[1]![j]!), "valid");
        const value = kb.load(tensor.buffer, select(mask, offset(i, j), int(0)), lanes);
        return select(splat(mask, lanes), value, float(0, lanes));
      });
    },
  );
  const columns = positions.map((j) =>
    transformInput[tile](
      kb,
      values.map((row) => row[j]!),
    ),
  );
  for (const i of positions) {
    const row = transformInput[tile](
      kb,
      columns.map((column) => column[i]!),
    );
    row.forEach((value, j) => write(i, j, value));
  }
}

/** Reads the products of a tile and hands over those of `Aᵀ m A` that lie inside the result. */
export function emitOutputTransform(
  kb: KernelBuilder,
  tile: WinogradTile,
  size: readonly number[],
  place: TilePlace,
  read: (i: number, j: number) => Expr,
  write: (value: Expr, h: Expr, w: Expr) => void,
): void {
  const positions = Array.from({ length: inputSide(tile) }, (_, i) => i);
  const columns = positions.map((j) =>
    transformOutput[tile](
      kb,
      positions.map((i) => read(i, j)),
    ),
  );
  const first = [place.row, place.column].map((index) => kb.let(kb.index.mul(index, int(tile)), "to"));
  for (let i = 0; i < tile; i++) {
    const row = transformOutput[tile](
      kb,
      columns.map((column) => column[i]!),
    );
    const h = kb.let(kb.index.add(first[0]!, int(i)), "h");
    kb.ifLess(h, size[0]!, () =>
      row.forEach((value, j) => {
        const w = kb.let(kb.index.add(first[1]!, int(j)), "w");
        kb.ifLess(w, size[1]!, () => write(value, h, w));
      }),
    );
  }
}

/** Scratch memory for a square of vectors, from element `base`. */
export interface Square {
  readonly buffer: string;
  readonly base: Expr;
}

/**
 * As `emitInputTransform`, in two loops over the columns and then the rows, with what lies between in scratch
 * memory: a sixth of the code, and no slower, as a square of vectors does not fit the registers anyway. (The
 * output transform is: in loops, kernels of 64 channels took 1.4 times as long.)
 */
export function emitInputTransformInLoops(
  kb: KernelBuilder,
  { tensor, padding, tile, lanes }: TransformedImage,
  place: TilePlace,
  between: Square,
  write: (i: Expr, j: number, value: Expr) => void,
): void {
  const side = inputSide(tile);
  const positions = Array.from({ length: side }, (_, i) => i);
  const strides = stridesOf(tensor.type);
  const [height, width] = tensor.type.shape.slice(2) as [number, number];
  const from = (index: Expr, axis: number) =>
    kb.let(kb.index.add(kb.index.mul(index, int(tile)), int(-padding[axis]![0])), "from");
  const [top, left] = [from(place.row, 0), from(place.column, 1)];
  const isInside = (position: Expr, size: number) =>
    and(kb.index.atLeast(position, 0), kb.index.less(position, size));
  const wholeRows = kb.let(
    and(kb.index.atLeast(top, 0), kb.index.less(kb.index.add(top, int(side - 1)), height)),
    "whole",
  );
  const at = (i: Expr, j: Expr) => kb.index.add(between.base, kb.index.dot([i, j], [side * lanes, lanes]));
  kb.for(side, "j", (j) => {
    const w = kb.let(kb.index.add(left, j), "w");
    const column = kb.let(kb.index.dot([place.n, place.channel, top, w], strides), "column");
    const values = positions.map(() => kb.var(float(0, lanes), "d"));
    kb.if(isInside(w, width), () => {
      const load = (i: number, mask?: Expr): Expr => {
        const address = kb.index.add(column, int(i * strides[2]!));
        if (mask === undefined) return kb.load(tensor.buffer, address, lanes);
        const value = kb.load(tensor.buffer, select(mask, address, int(0)), lanes);
        return select(splat(mask, lanes), value, float(0, lanes));
      };
      kb.if(
        wholeRows,
        () => positions.forEach((i) => kb.assign(values[i]!, load(i))),
        () =>
          positions.forEach((i) =>
            kb.assign(values[i]!, load(i, kb.let(isInside(kb.index.add(top, int(i)), height), "valid"))),
          ),
      );
    });
    transformInput[tile](kb, values).forEach((value, i) => kb.store(between.buffer, at(int(i), j), value));
  });
  kb.for(side, "i", (i) => {
    const row = positions.map((j) => kb.load(between.buffer, at(i, int(j)), lanes, "t"));
    transformInput[tile](kb, row).forEach((value, j) => write(i, j, value));
  });
}

/** Lanes along the channels of an image: vectors where they lie together in memory. */
export function channelLanes(widest: Lanes, channels: number): Lanes {
  let lanes = widest;
  while (lanes > 1 && channels % lanes !== 0) lanes = (lanes / 2) as Lanes;
  return lanes < 4 ? 1 : lanes;
}
