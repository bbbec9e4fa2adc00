/**
 * What models write out in basic operations, and passes look for, with operands that broadcast any way round: a bias
 * or an ε may repeat what it is added to.
 */
import type { ValueId } from "../../src/ir/graph.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import type { AddOp, Draw } from "./random-graph.ts";

/** A shape that broadcasts with `shape` into one of more elements: sizes of 1 grow, or dimensions come in front. */
function growing(draw: Draw, shape: readonly number[]): readonly number[] {
  const widened = shape.map((size) =>
    size === 1 && draw.chance(0.7) ? draw.integer(2, 4) : draw.chance(0.5) ? 1 : size,
  );
  return shape.length < 4 && draw.chance(0.5) ? [draw.integer(1, 3), ...widened] : widened;
}

/** A constant, mostly; a shape of one number, or one that grows what it meets. */
export function loneNumber(draw: Draw, shape: readonly number[], value: number): ValueId {
  const own = draw.chance(0.25) ? growing(draw, shape) : draw.chance(0.5) ? [] : shape.map(() => 1);
  const data = new Float32Array(elementCount(own)).fill(value);
  return draw.builder.add("constant", [], { value: tensor(data, own) });
}

/** x ∘ y where the result is larger than x. */
export const grownBinary: AddOp = (draw) => {
  const x = draw.operand((shape) => elementCount(shape) <= 400);
  if (x === undefined) return [];
  const other = draw.leaf(growing(draw, draw.shapeOf(x)), draw.pick(["input", "parameter", "constant"]));
  const operands = draw.chance(0.5) ? [x, other] : [other, x];
  return [draw.builder.add(draw.pick(["add", "sub", "mul", "max"]), operands, {})];
};

/** Layer normalisation in basic operations. */
export const writtenStandardization: AddOp = (draw) => {
  const x = draw.operand((shape) => shape.length > 0 && shape.at(-1)! > 1 && elementCount(shape) <= 1000);
  if (x === undefined) return [];
  const { builder } = draw;
  const axis = draw.chance(0.7) ? draw.shapeOf(x).length - 1 : draw.integer(0, draw.shapeOf(x).length - 1);
  const mean = (value: ValueId) => builder.add("mean", [value], { axes: [axis], keepDims: true });
  const centred = builder.add("sub", [x, mean(x)], {});
  const variance = mean(builder.add("mul", [centred, centred], {}));
  const epsilon = loneNumber(draw, draw.shapeOf(variance), 0.5);
  const sum = builder.add("add", draw.chance(0.5) ? [variance, epsilon] : [epsilon, variance], {});
  const y = draw.chance(0.5)
    ? builder.add("div", [centred, builder.add("sqrt", [sum], {})], {})
    : builder.add("mul", [centred, builder.add("rsqrt", [sum], {})], {});
  // Of a constant line nothing but rounding is left; what is added makes that small beside the result.
  const result = builder.add("add", [y, draw.leaf([draw.shapeOf(x).at(-1)!], "parameter", [0.5, 1])], {});
  return [draw.chance(0.2) ? builder.add("add", [result, centred], {}) : result];
};

/** A contraction of one or more columns, what is added to it, and a batch norm of the sum's channels. */
export const biasedBatchNorm: AddOp = (draw) => {
  const x = draw.operand((shape) => shape.length === 2 && shape[1]! > 0 && shape[1]! <= 64);
  if (x === undefined) return [];
  const { builder } = draw;
  const depth = draw.shapeOf(x)[1]!;
  const columns = draw.pick([1, 1, 4, 5]);
  const scale = 1.5 / Math.sqrt(depth);
  const weight = draw.leaf([depth, columns], draw.pick(["parameter", "constant"]), [-scale, scale]);
  const product = builder.add("matmul", [x, weight], { packing: null });
  const wide = columns === 1 ? draw.pick([1, 4, 6]) : columns;
  const bias = draw.leaf(draw.pick([[wide], [1, wide], [1]]), draw.pick(["parameter", "constant", "input"]));
  const sum = builder.add("add", draw.chance(0.5) ? [product, bias] : [bias, product], {});
  const channels = [draw.shapeOf(sum)[1]!];
  const statistics = [
    draw.leaf(channels, "state"),
    draw.leaf(channels, "state", [0.5, 2]),
    draw.leaf(channels, "parameter", [0.5, 1.5]),
    draw.leaf(channels, "parameter"),
  ];
  return [builder.add("batch_norm", [sum, ...statistics], { eps: 1e-5 })];
};

/** ⌊n · c / c⌋ and ⌊n / c⌋ of whole numbers: a quotient that is a unit off shows as a whole one. */
export const flooredQuotient: AddOp = (draw) => {
  const divisor = draw.integer(1, 60);
  const shape = [draw.integer(1, 3), draw.integer(1, 40)];
  const whole = Float32Array.from(
    { length: elementCount(shape) },
    () => draw.integer(-30, 30) * draw.pick([1, divisor]),
  );
  const name = `input${Object.keys(draw.values).length}`;
  draw.values[name] = tensor(whole, shape);
  const x = draw.builder.input("input", name, tensorType("f32", shape));
  const quotient = draw.builder.add("div", [x, loneNumber(draw, [1, 1], divisor)], {});
  const rounded = draw.builder.add(draw.pick(["floor", "ceil", "trunc"]), [quotient], {});
  // Tame again for what follows.
  const small = draw.builder.add("constant", [], { value: tensor([2 ** -6], []) });
  return [draw.builder.add("mul", [rounded, small], {})];
};
