/**
 * Random graphs. In: a seed. Out: a graph of 4 to 14 nodes over every family of ops, and values for its
 * inputs, such that results stay tame (a few units in size), so that devices can be held to a small error.
 */
import { UserError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/ir/builder.ts";
import type { Graph, ValueId } from "../../src/ir/graph.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import type { PlainElementwiseOp } from "../../src/ir/ops/elementwise.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { biasedBatchNorm, flooredQuotient, grownBinary, writtenStandardization } from "./random-patterns.ts";
import { addWindowOp } from "./random-window-ops.ts";

export interface RandomGraph {
  readonly graph: Graph;
  readonly values: Readonly<Record<string, HostTensor>>;
}

/** What the generators of ops draw from: chance, the graph so far, and new operands. */
export class Draw {
  readonly builder: GraphBuilder;
  readonly values: Record<string, HostTensor> = {};
  /** f32 values that ops may use as operands. */
  readonly pool: ValueId[] = [];
  readonly #random: () => number;

  constructor(seed: number) {
    this.builder = new GraphBuilder(`random_${seed}`);
    this.#random = seededRandom(seed * 7919 + 17);
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)]!;
  }

  shapeOf(value: ValueId): readonly number[] {
    return this.builder.typeOf(value).shape;
  }

  /** Any value of the pool with a rank that fits, or undefined. Recent ones are likelier, so that chains grow. */
  operand(fits: (shape: readonly number[]) => boolean = () => true): ValueId | undefined {
    const candidates = this.pool.filter((value) => fits(this.shapeOf(value)));
    if (candidates.length === 0) return undefined;
    return this.chance(0.6) ? candidates.at(-1) : this.pick(candidates);
  }

  /** A tensor from the caller, the module, or the graph itself. */
  leaf(
    shape: readonly number[],
    role: "input" | "parameter" | "state" | "constant",
    [low, high]: readonly [number, number] = [-1, 1],
  ): ValueId {
    const data = Float32Array.from(
      { length: elementCount(shape) },
      () => low + (high - low) * this.#random(),
    );
    const value = tensor(data, shape);
    if (role === "constant") return this.builder.add("constant", [], { value });
    const name = `${role}${Object.keys(this.values).length}`;
    this.values[name] = value;
    return this.builder.input(role, name, tensorType("f32", shape));
  }

  weight(shape: readonly number[]): ValueId {
    const scale = 1.5 / Math.sqrt(Math.max(elementCount(shape.slice(1)), 1));
    return this.leaf(shape, this.pick(["parameter", "parameter", "constant", "input"]), [-scale, scale]);
  }
}

/** Adds an op over values of the pool and returns its results; none where nothing fits. */
export type AddOp = (draw: Draw) => readonly ValueId[];

const tameUnary: readonly PlainElementwiseOp[] = [
  "neg",
  "abs",
  "sin",
  "cos",
  "tanh",
  "erf",
  "expm1",
  "sigmoid",
  "relu",
  "silu",
  "hardswish",
  "hardsigmoid",
];
const tameBinary: readonly PlainElementwiseOp[] = ["add", "sub", "mul", "max", "min"];

const unary: AddOp = (draw) => {
  const x = draw.operand()!;
  switch (draw.integer(0, 5)) {
    case 0:
      return [draw.builder.add("leaky_relu", [x], { slope: 0.1 })];
    case 1:
      return [draw.builder.add("clamp", [x], { min: draw.chance(0.3) ? null : -0.5, max: 0.75 })];
    case 2:
      return [draw.builder.add("gelu", [x], { approximate: draw.pick(["none", "tanh"]) })];
    default:
      return [draw.builder.add(draw.pick(tameUnary), [x], {})];
  }
};

/** The other operand has the same shape, or one that broadcasts: fewer dimensions, or sizes of 1. */
const binary: AddOp = (draw) => {
  const x = draw.operand()!;
  const shape = draw.shapeOf(x);
  const same = draw.pool.filter((value) => draw.shapeOf(value).join() === shape.join());
  const partial = shape
    .map((size) => (draw.chance(0.4) ? 1 : size))
    .slice(draw.chance(0.4) ? draw.integer(0, shape.length) : 0);
  const other =
    same.length > 1 && draw.chance(0.5)
      ? draw.pick(same)
      : draw.leaf(partial, draw.pick(["input", "parameter", "constant"]));
  const operands = draw.chance(0.3) ? [other, x] : [x, other];
  if (draw.chance(0.15)) {
    const condition = draw.builder.add(draw.pick(["lt", "ge"]), operands, {});
    return [draw.builder.add("where", [condition, ...operands], {})];
  }
  if (draw.chance(0.15)) {
    const positive = draw.builder.add("constant", [], { value: tensor([1.5], []) });
    return [
      draw.builder.add(
        "div",
        [operands[0]!, draw.builder.add("add", [draw.builder.add("abs", [operands[1]!], {}), positive], {})],
        {},
      ),
    ];
  }
  return [draw.builder.add(draw.pick(tameBinary), operands, {})];
};

const reshape: AddOp = (draw) => {
  const x = draw.operand()!;
  const count = elementCount(draw.shapeOf(x));
  const divisors = Array.from({ length: count }, (_, i) => i + 1).filter((n) => count % n === 0);
  const first = draw.pick(divisors);
  const rest = draw.pick(divisors.filter((n) => (count / first) % n === 0));
  const shape = draw.pick([
    [first, count / first],
    [first, rest, count / first / rest],
    [count],
    [1, first, rest, count / first / rest],
  ]);
  return [draw.builder.add("reshape", [x], { shape })];
};

const permute: AddOp = (draw) => {
  const x = draw.operand()!;
  const axes = draw.shapeOf(x).map((_, axis) => axis);
  for (let i = axes.length - 1; i > 0; i--) {
    const j = draw.integer(0, i);
    [axes[i], axes[j]] = [axes[j]!, axes[i]!];
  }
  return [draw.builder.add("permute", [x], { axes })];
};

const broadcast: AddOp = (draw) => {
  const x = draw.operand((shape) => elementCount(shape) <= 200)!;
  if (x === undefined) return [];
  const shape = draw.shapeOf(x).map((size) => (size === 1 ? draw.integer(1, 3) : size));
  return [draw.builder.add("broadcast", [x], { shape: shape.length < 4 ? [2, ...shape] : shape })];
};

const slice: AddOp = (draw) => {
  const x = draw.operand()!;
  const axes = draw.shapeOf(x).map((size) => {
    const length = draw.integer(1, size);
    const step = length > 1 ? draw.integer(1, Math.max(1, Math.floor((size - 1) / (length - 1)))) : 1;
    const start = draw.integer(0, size - 1 - (length - 1) * step);
    return draw.chance(0.2)
      ? { start: start + (length - 1) * step, size: length, step: -step }
      : { start, size: length, step };
  });
  return [
    draw.builder.add("slice", [x], {
      start: axes.map((axis) => axis.start),
      size: axes.map((axis) => axis.size),
      step: axes.map((axis) => axis.step),
    }),
  ];
};

const pad: AddOp = (draw) => {
  const x = draw.operand((shape) => elementCount(shape) <= 1000);
  if (x === undefined) return [];
  const padding = draw.shapeOf(x).map(() => [draw.integer(0, 2), draw.integer(0, 1)] as const);
  return [draw.builder.add("pad", [x], { padding, value: draw.pick([0, 0.5]) })];
};

const concat: AddOp = (draw) => {
  const x = draw.operand((shape) => shape.length > 0);
  if (x === undefined) return [];
  const shape = draw.shapeOf(x);
  const axis = draw.integer(0, shape.length - 1);
  const fits = draw.pool.filter((value) => {
    const other = draw.shapeOf(value);
    return other.length === shape.length && other.every((size, i) => i === axis || size === shape[i]);
  });
  const parts = Array.from({ length: draw.integer(1, 2) }, () => draw.pick(fits));
  return [draw.builder.add("concat", [x, ...parts], { axis })];
};

const reduction: AddOp = (draw) => {
  const x = draw.operand((shape) => shape.length > 0);
  if (x === undefined) return [];
  const axes = draw.shapeOf(x).flatMap((_, axis) => (draw.chance(0.5) ? [axis] : []));
  const op = draw.pick(["mean", "mean", "sum", "reduce_max", "reduce_min"] as const);
  const folded = draw.builder.add(op, [x], { axes, keepDims: draw.chance(0.5) });
  // Sums grow; the mean's scale keeps what follows tame.
  const count = Math.max(elementCount(axes.map((axis) => draw.shapeOf(x)[axis]!)), 1);
  const scale = draw.builder.add("constant", [], { value: tensor([1 / Math.sqrt(count)], []) });
  return [op === "sum" ? draw.builder.add("mul", [folded, scale], {}) : folded];
};

const softmax: AddOp = (draw) => {
  const x = draw.operand((shape) => shape.length > 0);
  if (x === undefined) return [];
  const axis = draw.integer(0, draw.shapeOf(x).length - 1);
  return [draw.builder.add(draw.pick(["softmax", "log_softmax"]), [x], { axis })];
};

/** Dynamic times dynamic (through a transpose of the same value), or times a weight, shared by batches or not. */
const matmul: AddOp = (draw) => {
  const x = draw.operand((shape) => shape.length >= 2 && shape.at(-1)! <= 64);
  if (x === undefined) return [];
  const shape = draw.shapeOf(x);
  const [rows, depth] = shape.slice(-2) as [number, number];
  if (draw.chance(0.25) && rows <= 32) {
    const axes = shape.map((_, axis) => axis);
    const transposed = draw.builder.add("permute", [x], {
      axes: [...axes.slice(0, -2), axes.length - 1, axes.length - 2],
    });
    const scale = draw.builder.add("constant", [], { value: tensor([1 / depth], []) });
    return [
      draw.builder.add("matmul", [draw.builder.add("mul", [x, scale], {}), transposed], { packing: null }),
    ];
  }
  const columns = draw.integer(1, 19);
  const batch = draw.chance(0.2) ? shape.slice(0, -2) : [];
  const scale = 1.5 / Math.sqrt(depth);
  const role = draw.pick(["parameter", "constant", "input"] as const);
  const weight = draw.leaf([...batch, depth, columns], role, [-scale, scale]);
  const product = draw.builder.add("matmul", [x, weight], { packing: null });
  if (draw.chance(0.5)) return [product];
  return [draw.builder.add("add", [product, draw.leaf([columns], "parameter")], {})];
};

const generators: readonly AddOp[] = [
  ...[unary, unary, binary, binary, binary, reshape, permute, broadcast, slice, pad, concat],
  ...[reduction, softmax, matmul, matmul, addWindowOp, addWindowOp, addWindowOp, addWindowOp],
  ...[grownBinary, writtenStandardization, biasedBatchNorm, flooredQuotient],
];

/** Beyond this a value is not used further, so that `evaluate` stays quick. */
const mostElements = 6000;

/** Now and then one element along a dimension, or none. */
function oddSize(draw: Draw, size: number): number {
  if (draw.chance(0.1)) return 1;
  return draw.chance(0.01) ? 0 : size;
}

/** Another op is drawn for one that refuses its operands, as some do where there are no elements. */
function addOp(draw: Draw): readonly ValueId[] {
  for (;;) {
    try {
      return draw.pick(generators)(draw);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
}

export function randomGraph(seed: number): RandomGraph {
  const draw = new Draw(seed);
  const { builder, pool } = draw;
  const starts = [
    [draw.integer(1, 3), draw.integer(1, 9), draw.integer(3, 9), draw.integer(3, 9)],
    [draw.integer(1, 3), draw.integer(1, 8), draw.integer(4, 17)],
    [draw.integer(1, 17), draw.integer(1, 19)],
  ].map((shape) => shape.map((size) => oddSize(draw, size)));
  pool.push(draw.leaf(starts[seed % 3]!, "input"));
  if (draw.chance(0.3)) pool.push(draw.leaf(draw.pick(starts), "input"));
  const unused = new Set<ValueId>();
  const nodes = draw.integer(4, 14);
  for (let added = 0; added < nodes;) {
    const results = addOp(draw);
    added++;
    for (const value of results) {
      unused.add(value);
      if (elementCount(draw.shapeOf(value)) <= mostElements) pool.push(value);
    }
  }
  // Some values that others use are results, too.
  const used = new Set(pool.filter((value) => draw.chance(0.05) && !unused.has(value)));
  const outputs = [...used, ...[...unused].filter((value, i) => i === unused.size - 1 || draw.chance(0.3))];
  outputs.forEach((value, i) => builder.output(`y${i}`, value));
  return { graph: builder.build(), values: draw.values };
}
