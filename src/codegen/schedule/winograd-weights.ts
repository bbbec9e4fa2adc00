/**
 * The weight of a Winograd convolution, transformed in the kernel that multiplies with it: what is read from
 * memory is 9 numbers for each pair of channels instead of 16 or 36, which deep layers of small images wait
 * for otherwise. A chunk of input channels and one row of positions is transformed at a time, so that what is
 * written stays in the first cache until it is used.
 */
import { inputSide, winogradMatrices, type WinogradTile } from "../../ir/winograd.ts";
import { binary, float, fma, int, select, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Lanes } from "../target.ts";
import { lineLength, type Step } from "./fetch-ahead.ts";
import { transformWeight } from "./winograd-transforms.ts";

/** `[⌈O / block⌉, C, 3, 3, block]`, and how it is cut into chunks. */
export interface RawWeights extends WeightsToCut {
  /** Input channels of a chunk. */
  readonly depth: number;
  /** One position of a transformed chunk, `[depth, block]` and a gap. */
  readonly squareElements: number;
}

interface WeightsToCut {
  readonly buffer: string;
  readonly tile: WinogradTile;
  readonly channels: number;
  readonly block: number;
  readonly lanes: Lanes;
}

/** Which part of the weight: its block, chunk and row of positions. */
interface PartOfWeights {
  readonly number: Expr;
  readonly chunk: Expr;
  readonly i: Expr;
}

const taps = 9;

/** What a row of positions may take of a first cache of 32 or 48 KiB, beside inputs and products. */
const rowBytes = 24 * 1024;

/** Chunks as large as their memory allows. */
export function chunkOfWeights(weights: WeightsToCut & { readonly multipleOf: number }): RawWeights {
  const { tile, channels, block, multipleOf } = weights;
  const bytes = inputSide(tile) * block * 4;
  let depth = multipleOf;
  for (let next = depth; next * bytes <= rowBytes; next += multipleOf)
    if (channels % next === 0) depth = next;
  // Positions that lie a multiple of 4 KiB apart would push each other out of the first cache.
  return { ...weights, depth, squareElements: depth * block + lineLength };
}

/** Element of the weight where a chunk starts. */
function startOf(
  kb: KernelBuilder,
  { channels, depth, block }: RawWeights,
  { number, chunk }: PartOfWeights,
): Expr {
  return kb.index.dot([number, chunk], [channels * taps * block, depth * taps * block]);
}

/** Writes one row of positions of a chunk to scratch memory: row `i` of `G g Gᵀ` for each pair of channels. */
export function transformWeights(
  kb: KernelBuilder,
  raw: RawWeights,
  part: PartOfWeights,
  scratch: { readonly buffer: string; readonly weights: Expr },
): void {
  const { tile, depth, block, lanes } = raw;
  const start = kb.let(startOf(kb, raw, part), "raw_at");
  const factors = [0, 1, 2].map((tap) => kb.let(factorOf(kb, tile, part.i, tap), "factor"));
  kb.for(depth, "c", (c) =>
    kb.for(block / lanes, "v", (v) => {
      const at = kb.let(kb.index.add(start, kb.index.dot([c, v], [taps * block, lanes])), "g_at");
      const to = kb.let(kb.index.add(scratch.weights, kb.index.dot([c, v], [block, lanes])), "to");
      const row = [0, 1, 2].map((j) => {
        const [g0, g1, g2] = [0, 1, 2].map((i) =>
          kb.load(raw.buffer, kb.index.add(at, int((i * 3 + j) * block)), lanes, "g"),
        ) as [Expr, Expr, Expr];
        const [f0, f1, f2] = factors.map((factor) => splat(factor, lanes)) as [Expr, Expr, Expr];
        return kb.let(fma(f2, g2, fma(f1, g1, binary("mul", f0, g0))));
      });
      transformWeight[tile](kb, row).forEach((value, j) =>
        kb.store(scratch.buffer, kb.index.add(to, int(j * raw.squareElements)), value),
      );
    }),
  );
}

/** `G[i][tap]`, with a row that only the kernel knows. */
function factorOf(kb: KernelBuilder, tile: WinogradTile, i: Expr, tap: number): Expr {
  const column = winogradMatrices[tile].weight.map((row) => row[tap]!);
  return column
    .slice(0, -1)
    .reduceRight<Expr>(
      (rest, factor, row) => select(kb.index.less(i, row + 1), float(factor), rest),
      float(column.at(-1)!),
    );
}

/**
 * Fetches the chunk that follows, evenly over `turns` products with this one: its transform would wait for memory.
 */
export function fetchNextChunk(
  kb: KernelBuilder,
  raw: RawWeights,
  part: PartOfWeights,
  turn: Expr,
  turns: number,
): readonly Step[] {
  const { depth, block } = raw;
  const perStep = Math.ceil((taps * block) / turns);
  const next = kb.index.add(startOf(kb, raw, part), int(depth * taps * block));
  const from = kb.let(kb.index.add(next, kb.index.mul(turn, int(depth * perStep))), "next_at");
  return [
    (k) => {
      for (let element = 0; element < perStep; element += lineLength)
        kb.prefetch(raw.buffer, kb.index.add(from, kb.index.dot([k, int(element)], [perStep, 1])));
    },
  ];
}
