/**
 * Attention in one kernel, for CPUs: an item is a few rows of queries. Their scores, the softmax of them and its
 * product with the values follow each other in scratch memory that stays in the core's cache, so the matrix of
 * all scores never exists.
 */
import { InternalError } from "../../errors.ts";
import type { NodeOf, ValueId } from "../../ir/graph.ts";
import { stridesOf } from "../../ir/tensor-type.ts";
import { binary, constant, float, foldLanes, int, splat, unary } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { BoundTensor, Task } from "../lower/task.ts";
import { tileRows, type Lanes } from "../target.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";
import { accumulate, declareAccumulators, startOfTile } from "./tile.ts";

/** What the scores of an item may take of a second-level cache. */
const cacheElements = 2 ** 17;

export function scheduleAttention(kb: KernelBuilder, task: Task): void {
  const attention = describe(task);
  const { batch, rows, keys, tile, lineElements } = attention;
  const tiles = Math.ceil(rows / tile);
  const items = batch.reduce((product, size) => product * size, 1) * tiles;
  const scratchElements = tile * (lineElements + 1);
  distribute(kb, task.target, items, (item) => {
    const buffer = kb.scratch("scratch", scratchElements);
    const base = kb.let(kb.index.mul(kb.group, int(scratchElements)), "base");
    const indices = kb.index.unflatten(item, [...batch, tiles]).map((index) => kb.let(index, "o"));
    const row = kb.let(startOfTile(kb, indices.at(-1)!, tile, rows), "row");
    const place: Place = { batch: indices.slice(0, -1), row };
    const scratch: Scratch = { buffer, base, sums: kb.index.add(base, int(tile * lineElements)) };
    if (lineElements > keys) fillEnds(kb, attention, scratch);
    scoreKeys(kb, attention, scratch, place);
    exponentiate(kb, attention, scratch);
    multiplyValues(kb, task, attention, scratch, place);
  });
}

interface Attention {
  readonly q: BoundTensor;
  readonly k: BoundTensor;
  readonly v: BoundTensor;
  readonly mask: BoundTensor | undefined;
  readonly scale: number;
  readonly result: ValueId;
  readonly batch: readonly number[];
  readonly rows: number;
  readonly depth: number;
  readonly keys: number;
  readonly width: number;
  /** Rows of queries of an item. */
  readonly tile: number;
  readonly lanes: Lanes;
  /** A line of scores, in whole vectors. */
  readonly lineElements: number;
}

interface Place {
  readonly batch: readonly Expr[];
  readonly row: Expr;
}

/** A line of scores for each row, and behind the lines what each sums up to, inverted. */
interface Scratch {
  readonly buffer: string;
  readonly base: Expr;
  readonly sums: Expr;
}

function describe(task: Task): Attention {
  const anchor = task.anchor as NodeOf<"attention">;
  const [q, k, v, mask] = anchor.operands.map((operand) => task.inputs.get(operand));
  if (
    q === undefined ||
    k === undefined ||
    v === undefined ||
    (mask === undefined && anchor.operands.length > 3)
  )
    throw new InternalError("lower: operands of attention must be buffers");
  const { id: result, type } = anchor.results[0]!;
  const [rows, width] = type.shape.slice(-2) as [number, number];
  const [depth, keys] = k.type.shape.slice(-2) as [number, number];
  const lanes = task.target.vectorWidth;
  const lineElements = Math.ceil(keys / lanes) * lanes;
  const fitting = Math.max(1, Math.floor(cacheElements / lineElements));
  return {
    q,
    k,
    v,
    mask,
    scale: anchor.attributes.scale,
    result,
    batch: type.shape.slice(0, -2),
    rows,
    depth,
    keys,
    width,
    tile: Math.min(tileRows(task.target, 2, rows), fitting),
    lanes,
    lineElements,
  };
}

/** The last vector of each line, so that what no key fills counts nothing. */
function fillEnds(
  kb: KernelBuilder,
  { tile, lanes, lineElements }: Attention,
  { buffer, base }: Scratch,
): void {
  kb.for(tile, "row", (row) => {
    const end = kb.index.dot([row, int(1)], [lineElements, lineElements - lanes]);
    kb.store(buffer, kb.index.add(base, end), float(-Infinity, lanes));
  });
}

/** `scale · q × k + mask`. */
function scoreKeys(kb: KernelBuilder, attention: Attention, scratch: Scratch, place: Place): void {
  const { q, k, mask, scale, depth, keys, tile, lineElements } = attention;
  const [qStrides, kStrides] = [stridesOf(q.type), stridesOf(k.type)];
  const columns = blocksOf(keys, kStrides.at(-1) === 1 ? attention.lanes : 1);
  const qAt = kb.let(kb.index.dot([...place.batch, place.row], qStrides.slice(0, -1)), "q_at");
  kb.for(columns.blocks, "block", (block) => {
    const first = kb.let(columns.start(kb, block), "key");
    const kAt = kb.let(kb.index.dot([...place.batch, int(0), first], kStrides), "k_at");
    const sums = declareAccumulators(kb, { pixels: tile, vectors: columns.vectors, lanes: columns.lanes });
    accumulate(kb, sums, [...sums.keys()], depth, {
      weight: (vector, d) => {
        const at = kb.index.dot([d, int(vector * columns.lanes)], kStrides.slice(-2));
        return kb.load(k.buffer, kb.index.add(kAt, at), columns.lanes, "k");
      },
      input: (row, _, d) => {
        const at = kb.index.dot([int(row), d], qStrides.slice(-2));
        return kb.load(q.buffer, kb.index.add(qAt, at), 1, "q");
      },
    });
    sums.forEach((line, row) =>
      line.forEach((sum, vector) => {
        const key = kb.index.add(first, int(vector * columns.lanes));
        const scaled = scale === 1 ? sum : binary("mul", sum, constant(scale, sum.type));
        const at = [...place.batch, kb.index.add(place.row, int(row)), key];
        const score =
          mask === undefined ? scaled : binary("add", scaled, maskAt(kb, mask, at, columns.lanes));
        const to = kb.index.add(scratch.base, kb.index.add(key, int(row * lineElements)));
        kb.store(scratch.buffer, to, score);
      }),
    );
  });
}

/** Neighbouring elements of a mask along the keys; dimensions of size 1 are broadcast. */
function maskAt(kb: KernelBuilder, mask: BoundTensor, index: readonly Expr[], lanes: Lanes): Expr {
  const { shape } = mask.type;
  const own = index.slice(index.length - shape.length).map((at, axis) => (shape[axis] === 1 ? int(0) : at));
  const at = kb.index.dot(own, stridesOf(mask.type));
  return shape.at(-1) === 1
    ? splat(kb.load(mask.buffer, at, 1, "m"), lanes)
    : kb.load(mask.buffer, at, lanes, "m");
}

/** Each line becomes `e^(score − largest)`. */
function exponentiate(kb: KernelBuilder, attention: Attention, { buffer, base, sums }: Scratch): void {
  const { tile, lanes, lineElements } = attention;
  kb.for(tile, "row", (row) => {
    const line = kb.let(kb.index.add(base, kb.index.mul(row, int(lineElements))), "line");
    const eachVector = (body: (at: Expr, value: Expr) => void): void =>
      kb.for(lineElements / lanes, "i", (i) => {
        const at = kb.let(kb.index.add(line, kb.index.mul(i, int(lanes))), "at");
        body(at, kb.load(buffer, at, lanes, "s"));
      });
    const most = kb.var(float(-Infinity, lanes), "most");
    eachVector((_, value) => kb.assign(most, binary("max", most, value)));
    const largest = kb.let(
      foldLanes(kb.let(most), (a, b) => binary("max", a, b)),
      "largest",
    );
    const total = kb.var(float(0, lanes), "total");
    eachVector((at, value) => {
      const weight = kb.let(unary("exp", binary("sub", value, splat(largest, lanes))), "weight");
      kb.store(buffer, at, weight);
      kb.assign(total, binary("add", total, weight));
    });
    const sum = foldLanes(kb.let(total), (a, b) => binary("add", a, b));
    kb.store(buffer, kb.index.add(sums, row), kb.let(binary("quotient", float(1), sum), "inverse"));
  });
}

/** The lines times the values, divided by what each line sums up to. */
function multiplyValues(
  kb: KernelBuilder,
  task: Task,
  attention: Attention,
  { buffer, base, sums }: Scratch,
  place: Place,
): void {
  const { v, keys, width, tile, lineElements, result } = attention;
  const strides = stridesOf(v.type);
  const columns = blocksOf(width, strides.at(-1) === 1 ? attention.lanes : 1);
  const lane = columns.lanes === 1 ? null : { axis: place.batch.length + 1, lanes: columns.lanes };
  kb.for(columns.blocks, "block", (block) => {
    const first = kb.let(columns.start(kb, block), "column");
    const vAt = kb.let(kb.index.dot([...place.batch, int(0), first], strides), "v_at");
    const products = declareAccumulators(kb, {
      pixels: tile,
      vectors: columns.vectors,
      lanes: columns.lanes,
    });
    accumulate(kb, products, [...products.keys()], keys, {
      weight: (vector, n) => {
        const at = kb.index.dot([n, int(vector * columns.lanes)], strides.slice(-2));
        return kb.load(v.buffer, kb.index.add(vAt, at), columns.lanes, "v");
      },
      input: (row, _, n) =>
        kb.load(buffer, kb.index.add(base, kb.index.add(n, int(row * lineElements))), 1, "s"),
    });
    products.forEach((line, row) => {
      const inverse = kb.load(buffer, kb.index.add(sums, int(row)), 1, "inverse");
      line.forEach((product, vector) => {
        const value = kb.let(binary("mul", product, splat(inverse, columns.lanes)));
        const column = kb.index.add(first, int(vector * columns.lanes));
        const index = [...place.batch, kb.index.add(place.row, int(row)), column];
        finish(kb, task, new Map([[result, value]]), index, lane);
      });
    });
  });
}

/** Columns in blocks of up to two vectors. */
function blocksOf(columns: number, widest: Lanes) {
  let lanes = widest;
  while (lanes > columns) lanes = (lanes / 2) as Lanes;
  if (lanes === 2) lanes = 1;
  const vectors = Math.min(2, Math.floor(columns / lanes));
  const width = vectors * lanes;
  const start = (kb: KernelBuilder, block: Expr): Expr => startOfTile(kb, block, width, columns);
  return { lanes, vectors, blocks: Math.ceil(columns / width), start };
}
