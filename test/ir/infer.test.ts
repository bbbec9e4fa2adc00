import { describe, expect, test } from "vitest";
import { UserError, type UserErrorCode } from "../../src/errors.ts";
import { inferTypes } from "../../src/ir/builder.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import { tensor, zeros } from "../../src/ir/host-tensor.ts";
import { ops, type OpName } from "../../src/ir/ops/registry.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { formatType, tensorType, type TensorType } from "../../src/ir/tensor-type.ts";

const f32 = (...shape: number[]) => tensorType("f32", shape);
const i32 = (...shape: number[]) => tensorType("i32", shape);
const bool = (...shape: number[]) => tensorType("bool", shape);

const conv = {
  kernel: [3, 3],
  stride: [1, 1],
  padding: [
    [0, 0],
    [0, 0],
  ],
  dilation: [1, 1],
  groups: 1,
  packing: null,
};
const pool = { kernel: [2, 2], stride: [2, 2], padding: conv.padding, dilation: [1, 1], ceilMode: false };
const none = [[0, 0], [0, 0]]; // prettier-ignore
const training = {
  eps: 1e-5,
  momentum: 0.1,
  tracked: false,
  meanOffset: false,
  singleValue: "error",
  lowering: "undecided",
  reason: "",
};
const fold = { axes: [0], keepDims: false };
const c3 = f32(3);
const body = parseGraph('graph b(%x: input "x" f32[2]) { return "x" %x }');
const misaligned = [
  [0, 0],
  [2, 2],
];

type Refused = readonly [OpName, readonly TensorType[], object, UserErrorCode, RegExp];

// prettier-ignore
const refused: readonly Refused[] = [
  ["constant", [f32(1)], { value: tensor([1]) }, "argument", /constant: expected 0 operands, got 1/],
  ["constant", [], { value: zeros([1], "i64") }, "dtype", /constant: dtype i64 is not computed with/],
  ["where", [f32(2), f32(2), f32(2)], {}, "dtype", /where: condition is f32\[2\], expected bool/],
  ["where", [bool(2), f32(2), i32(2)], {}, "dtype", /where: operands must have one dtype, got f32\[2\] and i32\[2\]/],
  ["where", [bool(2), f32(3), f32(3)], {}, "shape", /do not broadcast/],
  ["leaky_relu", [i32(2)], { slope: 0.1 }, "dtype", /leaky_relu: operand is i32\[2\], expected f32/],
  ["clamp", [bool(2)], { min: 0, max: 1 }, "dtype", /clamp: operand is bool\[2\], expected f32 or i32 or u32/],
  ["gelu", [], { approximate: "none" }, "argument", /gelu: expected 1 operands, got 0/],
  ["cast", [f32(2), f32(2)], { dtype: "i32" }, "argument", /cast: expected 1 operands, got 2/],

  ["reshape", [f32(2, 3)], { shape: [4] }, "shape", /reshape: f32\[2,3\] has 6 elements, which do not fit shape \[4\]/],
  ["reshape", [f32(2, 3)], { shape: [-2, -3] }, "shape", /do not fit shape \[-2,-3\]/],
  ["permute", [f32(2, 3)], { axes: [0] }, "argument", /permute: axes has 1 entries, but the operand is f32\[2,3\]/],
  ["permute", [f32(2, 3)], { axes: [0, 0] }, "argument", /permute: axes \[0, 0\] must name each/],
  ["broadcast", [f32(2)], { shape: [3] }, "shape", /broadcast: f32\[2\] does not expand to \[3\]/],
  ["broadcast", [f32(2, 3)], { shape: [3] }, "shape", /broadcast: f32\[2,3\] does not expand to \[3\]/],
  ["broadcast", [f32(1)], { shape: [-1] }, "shape", /does not expand to \[-1\]/],
  ["slice", [f32(5)], { start: [3], size: [3], step: [1] }, "argument", /slice: along dimension 0, 3 elements from 3 with step 1 leave f32\[5\]/],
  ["slice", [f32(5)], { start: [1], size: [3], step: [-1] }, "argument", /with step -1 leave f32\[5\]/],
  ["slice", [f32(5)], { start: [0], size: [2], step: [0] }, "argument", /with step 0 leave/],
  ["slice", [f32(5)], { start: [0.5], size: [1], step: [1] }, "argument", /1 elements from 0.5/],
  ["slice", [f32(5)], { start: [0], size: [-1], step: [1] }, "argument", /-1 elements from 0/],
  ["slice", [f32(5)], { start: [0, 0], size: [1], step: [1] }, "argument", /slice: start has 2 entries/],
  ["concat", [], { axis: 0 }, "argument", /concat: expected at least one operand/],
  ["concat", [f32(2), i32(2)], { axis: 0 }, "dtype", /concat: operands must have one dtype/],
  ["concat", [f32(2, 3), f32(2, 4)], { axis: 0 }, "shape", /concat: f32\[2,3\], f32\[2,4\] must agree in every dimension but 0/],
  ["concat", [f32(2), f32(2, 1)], { axis: 0 }, "shape", /must agree/],
  ["concat", [f32(2), f32(2)], { axis: 1 }, "argument", /concat: axis 1 is not a dimension of f32\[2\]/],
  ["concat", [f32(2), f32(2)], { axis: -1 }, "argument", /concat: axis -1 is not a dimension/],
  ["pad", [f32(2)], { padding: [], value: 0 }, "argument", /pad: padding has 0 entries/],
  ["pad", [f32(2)], { padding: [[-1, 0]], value: 0 }, "argument", /pad: padding must be an integer ≥ 0, got -1/],
  ["relayout", [f32(2, 3)], { layout: [0, 0] }, "argument", /relayout: \{0,0\} is not an order of dimensions/],
  ["relayout", [f32(2, 3)], { layout: [0, 5] }, "argument", /relayout: \{0,5\} is not an order/],
  ["relayout", [f32(2, 3)], { layout: [0] }, "argument", /relayout: layout has 1 entries/],

  ["sum", [bool(2)], fold, "dtype", /sum: operand is bool\[2\], expected f32 or i32 or u32/],
  ["mean", [i32(2)], fold, "dtype", /mean: operand is i32\[2\], expected f32/],
  ["prod", [f32(2)], { axes: [1], keepDims: false }, "argument", /prod: axes \[1\] must be ascending dimensions of f32\[2\]/],
  ["sum", [f32(2, 3)], { axes: [1, 0], keepDims: false }, "argument", /sum: axes \[1, 0\] must be ascending/],
  ["reduce_max", [f32(0, 3)], fold, "shape", /max: f32\[0,3\] has no elements along \[0\]/],
  ["reduce_min", [f32(0, 3)], fold, "shape", /min of nothing is undefined/],
  ["argmax", [f32(0)], { axis: 0, keepDims: false }, "shape", /argmax of nothing is undefined/],
  ["argmin", [bool(2)], { axis: 0, keepDims: false }, "dtype", /argmin: operand is bool\[2\]/],
  ["scatter", [f32(4), i32(3)], { axis: 0, reduction: "none" }, "argument", /scatter: expected 3 operands, got 2/],
  ["scatter", [f32(4), i32(3), f32(3)], { axis: 1, reduction: "none" }, "argument", /scatter: axis 1 is not a dimension of f32\[4\]/],
  ["scatter", [f32(4), f32(3), f32(3)], { axis: 0, reduction: "none" }, "dtype", /scatter: positions is f32\[3\], expected i32/],
  ["scatter", [f32(4), i32(3), i32(3)], { axis: 0, reduction: "none" }, "dtype", /scatter: operands must have one dtype/],
  ["scatter", [bool(4), i32(3), bool(3)], { axis: 0, reduction: "add" }, "dtype", /scatter: data is bool\[4\], expected f32 or i32 or u32/],
  ["scatter", [f32(4), i32(3), f32(2)], { axis: 0, reduction: "add" }, "shape", /updates f32\[2\] at positions i32\[3\] do not fit f32\[4\] along axis 0/],
  ["scatter", [f32(4, 5), i32(3, 5), f32(3, 1)], { axis: 0, reduction: "add" }, "shape", /do not fit f32\[4,5\]/],
  ["scatter", [f32(4, 5), i32(1, 5), f32(3, 5)], { axis: 0, reduction: "add" }, "shape", /do not fit f32\[4,5\]/],
  ["topk", [f32(4)], { axis: 0, k: 5, largest: true }, "argument", /topk: k is 5, with 4 elements along axis 0 of f32\[4\]/],
  ["topk", [f32(4)], { axis: -1, k: 1, largest: true }, "argument", /topk: axis -1 is not a dimension/],
  ["topk", [bool(4)], { axis: 0, k: 1, largest: true }, "dtype", /topk: operand is bool\[4\]/],
  ["softmax", [f32(2)], { axis: 1 }, "argument", /softmax: axis 1 is not a dimension of f32\[2\]/],
  ["log_softmax", [i32(2)], { axis: 0 }, "dtype", /log_softmax: operand is i32\[2\], expected f32/],
  ["attention", [f32(2, 3), f32(3, 4)], { scale: 1 }, "argument", /attention: expected q, k, v and perhaps a mask, got 2 operands/],
  ["attention", [f32(2, 3), f32(3, 4), f32(5, 6)], { scale: 1 }, "shape", /attention: operands are f32\[2,3\], f32\[3,4\], f32\[5,6\]; expected/],
  ["attention", [f32(2, 3), f32(3, 4), f32(4, 6), f32(3, 4)], { scale: 1 }, "shape", /a mask that broadcasts/],
  ["attention", [f32(2, 3), f32(3, 4), i32(4, 6)], { scale: 1 }, "dtype", /attention: operand is i32\[4,6\]/],
  ["standardize", [f32(2)], { axis: 1, eps: 0 }, "argument", /standardize: axis 1 is not a dimension of f32\[2\]/],

  ["matmul", [f32(2, 3), f32(4, 5)], { packing: null }, "shape", /matmul: f32\[2,3\] times f32\[4,5\].*equal K/],
  ["matmul", [f32(3), f32(3, 5)], { packing: null }, "shape", /matmul: f32\[3\] times/],
  ["matmul", [f32(2, 2, 3), f32(3, 3, 5)], { packing: null }, "shape", /batch dimensions that broadcast/],
  ["matmul", [i32(2, 3), f32(3, 5)], { packing: null }, "dtype", /matmul: left operand is i32\[2,3\], expected f32/],
  ["matmul", [f32(2, 3), f32(3, 5)], { packing: { block: 4, columns: 5 } }, "shape", /matmul: f32\[2,3\] times f32\[3,5\]/],

  ["conv", [f32(1, 8, 8, 3), f32(16, 3, 3, 3)], conv, "shape", /conv2d: input \[1,8,8,3\] has 8 channels, weight \[16,3,3,3\] expects 3 \(groups=1\)\. Did you pass channels-last data\?/],
  ["conv", [f32(1, 8, 8, 8), f32(16, 3, 3, 3)], conv, "shape", /has 8 channels, weight \[16,3,3,3\] expects 3 \(groups=1\)\.$/],
  ["conv", [f32(1, 3, 8), f32(16, 3, 3, 3)], conv, "shape", /conv2d: input is f32\[1,3,8\]; expected 4 dimensions/],
  ["conv", [i32(1, 3, 8, 8), f32(16, 3, 3, 3)], conv, "dtype", /conv2d: input is i32/],
  ["conv", [f32(1, 3, 8, 8), i32(16, 3, 3, 3)], conv, "dtype", /conv2d: weight is i32/],
  ["conv", [f32(1, 4, 8, 8), f32(5, 2, 3, 3)], { ...conv, groups: 2 }, "shape", /5 output channels do not divide into groups=2/],
  ["conv", [f32(1, 3, 2, 8), f32(4, 3, 3, 3)], conv, "shape", /kernel \[3,3\] with dilation \[1,1\] is larger than the padded input f32\[1,3,2,8\]/],
  ["conv", [f32(1, 3, 8, 8), f32(4, 3, 5, 5)], conv, "shape", /weight is f32\[4,3,5,5\], expected \[4,3,3,3\]/],
  ["conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], { ...conv, stride: [0, 1] }, "argument", /stride must be an integer ≥ 1, got 0/],
  ["conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], { ...conv, stride: [1] }, "argument", /stride has 1 entries for 2 spatial/],
  ["conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], { ...conv, dilation: [1, 1.5] }, "argument", /dilation must be an integer/],
  ["conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], { ...conv, groups: 0 }, "argument", /groups must be an integer ≥ 1, got 0/],
  ["conv", [f32(1, 3), f32(4, 3)], { ...conv, kernel: [], stride: [], padding: [], dilation: [] }, "argument", /conv0d: kernel has 0 spatial dimensions, expected 1 to 3/],

  ["max_pool", [f32(3, 8)], pool, "shape", /max_pool: input is f32\[3,8\]; expected 4 dimensions/],
  ["max_pool", [f32(1, 1, 4, 4)], { ...pool, padding: misaligned }, "argument", /max_pool: padding \[2,2\] must be at most half of kernel size 2/],
  ["max_pool", [f32(1, 1, 1, 4)], pool, "shape", /max_pool: kernel \[2,2\] is larger than the padded input/],
  ["max_pool", [i32(1, 1, 4, 4)], pool, "dtype", /max_pool: input is i32/],
  ["avg_pool", [f32(1, 1, 4, 4)], { ...pool, dilation: [2, 1], countIncludePad: true }, "argument", /avg_pool: dilation \[2,1\] is not defined/],
  ["adaptive_avg_pool", [f32(1, 3, 8)], { outputSize: [1, 1] }, "shape", /adaptive_avg_pool: input is f32\[1,3,8\]; expected 4 dimensions/],
  ["adaptive_avg_pool", [f32(1, 3, 8)], { outputSize: [0] }, "argument", /output size must be an integer ≥ 1, got 0/],
  ["adaptive_avg_pool", [f32(1, 3, 0)], { outputSize: [1] }, "shape", /size 0, and the average of nothing is undefined/],

  ["batch_norm", [f32(2, 3), c3, c3, c3], { eps: 1e-5 }, "argument", /batch_norm: expected 5 operands \(input, mean, variance, weight, bias\), got 4/],
  ["batch_norm", [f32(3), c3, c3, c3, c3], { eps: 1e-5 }, "shape", /at least 2 dimensions, \(N, C, ...\)/],
  ["batch_norm", [f32(2, 3), c3, c3, f32(4), c3], { eps: 1e-5 }, "shape", /weight is f32\[4\], expected f32\[3\]: the input f32\[2,3\] has 3 channels in dimension 1/],
  ["batch_norm", [i32(2, 3), c3, c3, c3, c3], { eps: 1e-5 }, "dtype", /batch_norm: input is i32/],
  ["batch_norm_training", [f32(2, 3), c3], training, "argument", /expected 3 operands \(input, weight, bias\), got 2/],
  ["batch_norm_training", [f32(2, 3), c3, c3, c3, c3, f32()], { ...training, tracked: true }, "shape", /num_batches is f32\[\], expected i32\[\]/],
  ["batch_norm_training", [f32(1, 3), c3, c3], training, "shape", /more than 1 value per channel when training, got input f32\[1,3\].*zero-variance/],
  ["gather", [f32(2, 3), f32(2)], { axis: 0 }, "dtype", /gather: indices is f32\[2\], expected i32/],
  ["gather", [f32(2, 3), i32(2)], { axis: 2 }, "argument", /gather: axis 2 is not a dimension of f32\[2,3\]/],
  ["gather", [f32(0, 3), i32(2)], { axis: 0 }, "shape", /gather: f32\[0,3\] has no elements along 0 to take/],
  ["random_uniform", [f32()], { shape: [2] }, "dtype", /random_uniform: state is f32\[\], expected u32\[\]/],
  ["batch_norm_partial", [f32(3)], { blocks: 2 }, "shape", /batch_norm_partial: input is f32\[3\]; expected at least 2 dimensions/],
  ["batch_norm_partial", [f32(2, 3)], { blocks: 0 }, "argument", /blocks must be an integer ≥ 1, got 0/],
  ["batch_norm_apply", [f32(2, 3), c3, c3], training, "argument", /batch_norm_apply: expected 5 operands, got 3/],
  ["winograd_input", [f32(1, 2, 4)], { tile: 2, padding: none, rows: 1 }, "shape", /winograd_input: input is f32\[1,2,4\]; expected \[N, C, H, W\]/],
  ["winograd_input", [f32(1, 2, 2, 4)], { tile: 2, padding: none, rows: 1 }, "shape", /at least three rows and columns/],
  ["winograd_input", [f32(1, 2, 4, 4)], { tile: 3, padding: none, rows: 1 }, "argument", /tile is 3; expected 2 or 4/],
  ["winograd_input", [f32(1, 2, 4, 4)], { tile: 2, padding: none, rows: 0 }, "argument", /rows must be an integer ≥ 1, got 0/],
  ["winograd_output", [f32(16, 1, 3, 2)], { tile: 2, batch: 1, size: [4, 4] }, "shape", /winograd_output: input is f32\[16,1,3,2\]; expected \[16, blocks, rows, channels\] with 4 tiles/],
  ["fusion", [f32(3)], { body }, "argument", /fusion: operand 0 is f32\[3\], the body expects f32\[2\]/],
  ["fusion", [], { body }, "argument", /fusion: operand 0 is missing/],
  ["fusion", [f32(2), f32(2)], { body }, "argument", /fusion: 2 operands for a body of 1 inputs/],
];

/** Elementwise ops without attributes are refused alike; one row each for count, dtype and shape. */
const plainUnary = Object.keys(ops).filter((op): op is OpName => {
  const known = new Set(refused.map(([name]) => name as string));
  return !known.has(op) && ops[op as OpName].kind === "elementwise";
});

function refusal(op: OpName, operands: readonly TensorType[], attributes: object): UserError {
  try {
    inferTypes(op, operands, attributes as never);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error(`${op} accepts ${operands.map(formatType).join(", ")}`);
}

describe("operands that do not fit are refused with what was expected and found", () => {
  const cases = refused.map(([op, operands, attributes, code, message]) => {
    const title = `${op} of ${operands.map(formatType).join(", ")}: ${message.source}`;
    return { title, op, operands, attributes, code, message };
  });
  test.each(cases)("$title", ({ op, operands, attributes, code, message }) => {
    const error = refusal(op, operands, attributes);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  test.each(plainUnary)("%s: count, dtype and shape", (op) => {
    const error = refusal(op, [], {});
    expect(error.message).toMatch(new RegExp(`^${op}: expected [12] operands, got 0\\.$`));
    const count = error.message.includes("expected 2") ? 2 : 1;
    const accepted = (["f32", "i32", "bool"] as const).filter((dtype) => {
      const operands = new Array<TensorType>(count).fill(tensorType(dtype, [2]));
      try {
        return inferTypes(op, operands, {} as never).length === 1;
      } catch (caught) {
        expect((caught as UserError).message).toMatch(/operand is .*, expected .*Convert it with to\(\)/);
        return false;
      }
    });
    expect(accepted.length).toBeGreaterThan(0);
    if (count === 1) return;
    const [dtype] = accepted as ["f32" | "bool"];
    const mismatch = refusal(op, [tensorType(dtype, [2]), tensorType(dtype, [3])], {});
    expect(mismatch.code).toBe("shape");
    expect(mismatch.message).toContain(`${op}: shapes [2] and [3] do not broadcast`);
  });

  test("every op is covered", () => {
    const covered = new Set<string>([...refused.map(([op]) => op), ...plainUnary]);
    expect(Object.keys(ops).filter((op) => !covered.has(op))).toEqual([]);
  });
});

describe("layouts follow the operands where that is free", () => {
  const channelsLast = tensorType("f32", [1, 3, 4, 4], [0, 2, 3, 1]);
  test("an elementwise result takes the layout of a whole operand", () => {
    expect(inferTypes("add", [f32(3, 1, 1), channelsLast], {})).toEqual([channelsLast]);
    expect(inferTypes("gt", [channelsLast, f32()], {})).toEqual([{ ...channelsLast, dtype: "bool" }]);
  });
  test("relayout changes the layout and keeps the value", () => {
    expect(inferTypes("relayout", [f32(1, 3, 4, 4)], { layout: [0, 2, 3, 1] })).toEqual([channelsLast]);
    const graph = parseGraph(`graph g(%x: input "x" f32[2,3]) {
      %y = relayout(%x) {layout=[1,0]} : f32[2,3]{1,0}
      return "y" %y
    }`);
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(evaluate(graph, { x })["y"]).toEqual(x);
  });
});
