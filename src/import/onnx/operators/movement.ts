/** Operators that move elements. */
import { checkDistinct, checkList, checkRank, natural, onlyElement, positive } from "./constraints.ts";
import { normalizeAxis } from "../../../ir/shape.ts";
import { concat } from "../../../nn/functional.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { trailingAxis } from "./axes.ts";
import { checkedLength } from "./checked-length.ts";
import { takeAlong } from "../../../nn/positions.ts";

function transpose(node: OperatorNode): Tensor {
  const x = node.input(0);
  return x.permute(node.ints("perm") ?? x.shape.map((_, axis) => x.rank - 1 - axis));
}

/** Bounds as attributes before opset 10, as inputs since; ends may lie far outside, steps may be negative. */
function slice(node: OperatorNode): Tensor {
  const x = node.input(0);
  const bounds = (name: string, position: number) =>
    node.longs(name)?.map(Number) ?? node.constantNumbers(position, name);
  const [starts, ends] = [bounds("starts", 1), bounds("ends", 2)];
  const axes = node.ints("axes") ?? node.optionalNumbers(3, "axes") ?? starts.map((_, i) => i);
  const steps = node.optionalNumbers(4, "steps") ?? starts.map(() => 1);
  for (const [what, list] of [
    ["ends", ends],
    ["axes", axes],
    ["steps", steps],
  ] as const)
    checkList(node, what, list, starts.length);
  checkDistinct(
    node,
    "axes",
    axes.map((axis) => normalizeAxis(axis, x.rank, "Slice")),
  );
  const start = x.shape.map(() => 0);
  const size = [...x.shape];
  const step = x.shape.map(() => 1);
  axes.forEach((given, i) => {
    const axis = normalizeAxis(given, x.rank, "Slice");
    const extent = x.shape[axis]!;
    const by = steps[i]!;
    if (by === 0) node.fail("argument", "a step of 0 goes nowhere.");
    const wrap = (position: number) => (position < 0 ? position + extent : position);
    const [low, high] = by > 0 ? [0, extent] : [-1, extent - 1];
    // Going backwards, a start in front of everything is the first element (in NumPy it is nothing).
    const from = Math.min(Math.max(wrap(starts[i]!), 0), high);
    const to = Math.min(Math.max(wrap(ends[i]!), low), by > 0 ? extent : extent - 1);
    size[axis] = Math.max(0, Math.ceil((to - from) / by));
    start[axis] = size[axis] === 0 ? 0 : from;
    step[axis] = by;
  });
  return new Tensor(x.trace, x.trace.add("slice", [x.id], { start, size, step }));
}

function split(node: OperatorNode): readonly Tensor[] {
  const x = node.input(0);
  const axis = trailingAxis(node, x, 0);
  const extent = x.shape[axis]!;
  const count = node.int("num_outputs", node.outputCount, positive);
  if (count !== node.outputCount)
    return node.fail("file-format", `num_outputs is ${count}, with ${node.outputCount} outputs.`);
  const part = Math.ceil(extent / count);
  const equal = Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, extent - i * part)));
  const given = node.ints("split") ?? node.optionalNumbers(1, "split");
  if (given !== undefined) {
    checkList(node, "split", given, count, natural);
    if (node.hasAttribute("num_outputs"))
      return node.fail("argument", "num_outputs and split are both given; only one may be.");
  } else if (node.opset < 18 && extent % count !== 0) {
    return node.fail(
      "shape",
      `${extent} elements along axis ${axis} do not divide into ${count} equal parts.`,
    );
  }
  const sizes = given ?? equal;
  if (sizes.reduce((sum, size) => sum + size, 0) !== extent) {
    return node.fail("shape", `parts of ${sizes.join(", ")} do not add up to ${extent}.`);
  }
  let from = 0;
  return sizes.map((size) => x.slice(axis, from, (from += size)));
}

/** constant, edge, reflect and wrap; pads may be negative: then what they cut off is not there to pad with. */
function pad(node: OperatorNode): Tensor {
  const x = node.input(0);
  const pads = node.ints(node.opset < 2 ? "paddings" : "pads") ?? node.constantNumbers(1, "pads");
  const mode = node.choice("mode", ["constant", "reflect", "edge", "wrap"], "constant");
  const axes = (node.optionalNumbers(3, "axes") ?? x.shape.map((_, i) => i)).map((axis) =>
    normalizeAxis(axis, x.rank, "Pad"),
  );
  checkDistinct(node, "axes", axes);
  checkList(node, "pads", pads, 2 * axes.length);
  const pairs = axes.map((axis, i) => [axis, pads[i]!, pads[i + axes.length]!] as const);
  if (mode === "constant") {
    const list = new Array<number>(2 * x.rank).fill(0);
    for (const [axis, before, after] of pairs) list.splice(2 * (x.rank - 1 - axis), 2, before, after);
    return padWith(x, list, node);
  }
  // The value to pad with in the other mode.
  node.ignoreInputs(2);
  return pairs.reduce((whole, [axis, ...ends]) => {
    const [cutBefore, cutAfter] = ends.map((end) => Math.max(0, -end)) as [number, number];
    const [before, after] = ends.map((end) => Math.max(0, end)) as [number, number];
    const size = whole.shape[axis]! - cutBefore - cutAfter;
    if (size < 0 || (size === 0 && before + after > 0))
      return node.fail("shape", `nothing to pad with along ${axis}.`);
    const y = cutBefore + cutAfter > 0 ? whole.narrow(axis, cutBefore, size) : whole;
    if (before === 0 && after === 0) return y;
    checkedLength(node, size + before + after, "the result");
    const source = (position: number): number => {
      if (mode === "edge") return Math.min(Math.max(position, 0), size - 1);
      if (mode === "wrap") return ((position % size) + size) % size;
      if (size === 1) return 0;
      const period = 2 * (size - 1);
      const inPeriod = ((position % period) + period) % period;
      return inPeriod < size ? inPeriod : period - inPeriod;
    };
    return takeAlong(
      y,
      axis,
      Array.from({ length: size + before + after }, (_, i) => source(i - before)),
    );
  }, x);
}

/** The padding value is an attribute before operator set 11, then an input, which may be computed. */
function padWith(x: Tensor, list: readonly number[], node: OperatorNode): Tensor {
  if (node.opset < 11) return x.pad(list, node.float("value", 0));
  if (!node.has(2)) return x.pad(list);
  const given = onlyElement(node, "the value to pad with", node.input(2));
  const known = node.known(2);
  if (known !== undefined) return x.pad(list, Number(known.data[0] ?? 0));
  const isInside = new Tensor(x.trace, x.trace.scalar(1, "bool")).expand(x.shape).pad(list);
  return x.pad(list).where(isInside, given);
}

/** How often along every dimension; in operator set 1, how often along one. */
function repeatsOf(node: OperatorNode, x: Tensor): readonly number[] {
  const repeats = node.constantNumbers(1, "repeats");
  checkList(node, "repeats", repeats, node.opset < 6 ? 1 : x.rank, natural);
  if (node.opset >= 6) return repeats;
  const axis = normalizeAxis(node.constantNumbers(2, "the axis")[0]!, x.rank, "Tile");
  return x.shape.map((_, i) => (i === axis ? repeats[0]! : 1));
}

function tile(node: OperatorNode): Tensor {
  const x = node.input(0);
  return x.repeat(repeatsOf(node, x));
}

/** `[N, C·b², H, W]` → `[N, C, H·b, W·b]`; where the block's elements are depends on the mode. */
function depthToSpace(node: OperatorNode): Tensor {
  const x = node.input(0);
  const block = node.requiredInt("blocksize", positive);
  checkRank(node, "the input", x, 4);
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const c = channels / block ** 2;
  if (!Number.isInteger(c))
    return node.fail("shape", `${channels} channels do not divide into blocks of ${block} × ${block}.`);
  const isColumnFirst = node.choice("mode", ["DCR", "CRD"], "DCR") === "CRD";
  const split = isColumnFirst ? [n, c, block, block, height, width] : [n, block, block, c, height, width];
  const order = isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  return x
    .reshape(split)
    .permute(order)
    .reshape([n, c, height * block, width * block]);
}

function spaceToDepth(node: OperatorNode): Tensor {
  const x = node.input(0);
  const block = node.requiredInt("blocksize", positive);
  checkRank(node, "the input", x, 4);
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [rows, columns] = [height / block, width / block];
  if (!Number.isInteger(rows) || !Number.isInteger(columns))
    return node.fail("shape", `${height} × ${width} do not divide into blocks of ${block} × ${block}.`);
  const split = x.reshape([n, c, rows, block, columns, block]);
  return split.permute([0, 3, 5, 1, 2, 4]).reshape([n, c * block ** 2, rows, columns]);
}

/** Crops or pads with zeros to a shape, around the middle. */
function centerCropPad(node: OperatorNode): Tensor {
  const x = node.input(0);
  const sizes = node.constantNumbers(1, "the shape");
  const axes = (node.ints("axes") ?? x.shape.map((_, i) => i)).map((axis) =>
    normalizeAxis(axis, x.rank, "CenterCropPad"),
  );
  checkDistinct(node, "axes", axes);
  checkList(node, "the shape", sizes, axes.length, natural);
  return axes.reduce((y, axis, i) => {
    const missing = sizes[i]! - y.shape[axis]!;
    const before = missing < 0 ? -Math.floor(-missing / 2) : Math.floor(missing / 2);
    const list = new Array<number>(2 * x.rank).fill(0);
    list.splice(2 * (x.rank - 1 - axis), 2, before, missing - before);
    return y.pad(list);
  }, x);
}

export const movement: OperatorFamily = {
  Transpose: transpose,
  Slice: slice,
  Split: split,
  Concat: (node) => concat(node.inputs(), node.opset < 4 ? node.int("axis", 1) : node.requiredInt("axis")),
  Pad: pad,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  CenterCropPad: centerCropPad,
};
