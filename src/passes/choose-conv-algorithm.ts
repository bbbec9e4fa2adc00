/**
 * Computes 3×3 convolutions by Winograd's method where that is cheaper than the direct one: the input and the
 * weight are transformed, multiplied as (m+2)² matrix products, and the products transformed back.
 *
 *     conv(x, w)  →  conv(x, U)                                 on a CPU, in one kernel
 *     conv(x, w)  →  conv(x, w)                                 the same, where the kernel transforms w, too
 *     conv(x, w)  →  conv(x, U')                                the same, along rows alone: U' = G · w
 *     conv(x, w)  →  winograd_output(winograd_input(x) × U)     on a CPU behind a GPU interface
 *
 * with U = (G ⊗ G) · w, in `prepare`
 *
 * Its rounding errors are about ten times those of the direct method: at most 1e-5 of the largest output.
 */
import { rowsOfColumns, tileRows, type Target } from "../codegen/target.ts";
import { nodeId, type NodeOf, type ValueId } from "../ir/graph.ts";
import type { Packing } from "../ir/ops/packing.ts";
import { tileCounts, winogradSize } from "../ir/ops/winograd.ts";
import { tensorType } from "../ir/tensor-type.ts";
import { inputSide, type WinogradTile } from "../ir/winograd.ts";
import { subjectOfConv, type Decision } from "./decision.ts";
import { chooseBlock, chooseRows, packingBlock } from "./pack-weights.ts";
import type { Pass, PassContext } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";
import { staticValues } from "./static-values.ts";
import { packWeight, transformWeight } from "./transform-winograd-weight.ts";

export const chooseConvAlgorithm: Pass = {
  name: "choose-conv-algorithm",
  summary:
    "computes 3×3 convolutions by Winograd's method where that takes less work (NaN and infinities spread over its tiles; winograd: false avoids that)",
  required: false,
  run: (graph, context) => {
    const { target, options, note } = context;
    if (!options.winograd) return graph;
    const fixed = staticValues(graph);
    return rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        if (node?.op !== "conv" || !fits(rewriter, node, fixed)) continue;
        const method: Method | undefined = methods[context.decide(decisionFor(rewriter, node, target))];
        if (method === undefined) continue;
        if (target.family === "cpu") transformWeightOnly(rewriter, node, method, context);
        else replaceBySteps(rewriter, node, method.tile, context);
        note(
          `${node.origin?.modulePath ?? `%${nodeId(node)}`}: F(${method.alongRows ? 1 : method.tile}×${method.tile}, 3×3)${method.untransformed ? ", weight transformed in the kernel" : ""}`,
        );
      }
    });
  },
};

function fits(rewriter: Rewriter, node: NodeOf<"conv">, fixed: ReadonlySet<ValueId>): boolean {
  const { kernel, stride, dilation, groups, packing, exact } = node.attributes;
  return (
    exact !== true &&
    kernel.length === 2 &&
    kernel.every((size) => size === 3) &&
    stride.every((step) => step === 1) &&
    dilation.every((step) => step === 1) &&
    groups === 1 &&
    packing === null &&
    fixed.has(node.operands[1]!)
  );
}

interface ConvSizes {
  readonly shape: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly outputs: number;
}

function sizesOf(rewriter: Rewriter, node: NodeOf<"conv">): ConvSizes {
  const { shape } = rewriter.typeOf(node.operands[0]!);
  return { shape, padding: node.attributes.padding, outputs: node.results[0]!.type.shape[1]! };
}

/**
 * What a thing costs beside one multiply-add of a tile in registers: an element that a transform moves, a
 * launch, and, for each lane that multiplies meanwhile, a weight that is read from memory and one that is
 * transformed in the kernel. Measured on two cores with 16 lanes.
 */
const cost = { transformed: 12, launch: 250_000, weightPerLane: 1.25, weightTransformedPerLane: 28 };

/** In three kernels all values pass through memory: they must save clearly more than half the work. */
const stepsFactor = 2.5;

/** Weights that take twice the memory must save a tenth of the work. */
function memoryFactor(growth: number): number {
  return growth ** (1 / 7);
}

/** Fewer channels than this leave vectors empty and transforms unpaid. */
const fewestChannels = 16;

interface Method {
  readonly tile: WinogradTile;
  /** Transforms the rows of a tile alone, which is one result high. */
  readonly alongRows?: boolean;
  /** The kernel transforms the weight, too. */
  readonly untransformed?: boolean;
}

/** The ways to compute a convolution. */
const methods = {
  direct: undefined,
  "winograd-2": { tile: 2 },
  "winograd-4": { tile: 4 },
  "winograd-4-in-kernel": { tile: 4, untransformed: true },
  "winograd-rows-2": { tile: 2, alongRows: true },
} as const satisfies Readonly<Record<string, Method | undefined>>;
type Algorithm = keyof typeof methods;

/** What one core keeps of the transformed input, where all of it lies there: half of a second-level cache. */
const cacheBytes = 512 * 1024;

function decisionFor(rewriter: Rewriter, node: NodeOf<"conv">, target: Target): Decision<Algorithm> {
  const { name, sample } = subjectOfConv(rewriter, node);
  const candidates = algorithmsFor(sizesOf(rewriter, node), target);
  return { kind: "algorithm", signature: `algorithm ${name}`, candidates, sample };
}

/** Those that the target can run, the cheapest first. */
function algorithmsFor(
  { shape, padding, outputs }: ConvSizes,
  target: Target,
): readonly [Algorithm, ...Algorithm[]] {
  const [batch, channels] = shape as [number, number];
  if (Math.min(channels, outputs) < fewestChannels) return ["direct"];
  const size = winogradSize(shape, padding);
  const weights = channels * outputs;
  const weightCost = cost.weightPerLane * target.vectorWidth;
  const costs: [Algorithm, number][] = [["direct", 9 * weights * (batch * size[0]! * size[1]! + weightCost)]];
  for (const algorithm of ["winograd-2", "winograd-4"] as const) {
    const { tile } = methods[algorithm];
    const [down, across] = tileCounts(size, tile);
    const tiles = batch * down * across;
    const squares = inputSide(tile) ** 2;
    const launches = target.family === "cpu" ? 1 : 3;
    const largest = squares * Math.max(launches === 1 ? 0 : tiles * Math.max(channels, outputs), weights) * 4;
    if (largest > target.maxBufferBytes) continue;
    const work =
      squares * (weights * (tiles + weightCost) + tiles * (channels + outputs) * cost.transformed) +
      (launches - 1) * cost.launch;
    costs.push([algorithm, work * (launches > 1 ? stepsFactor : memoryFactor(squares / 9))]);
  }
  const alongRows = costAlongRows({ shape, padding, outputs }, target);
  if (alongRows !== undefined) costs.push(["winograd-rows-2", alongRows]);
  const inKernel = costInKernel({ shape, padding, outputs }, target);
  if (inKernel !== undefined) costs.push(["winograd-4-in-kernel", inKernel]);
  // A real GPU waits for memory, not for multiplications: three launches would move several times as much.
  const waitsForMemory = target.family === "gpu" && !target.software;
  const sorted = waitsForMemory ? costs : costs.sort(([, a], [, b]) => a - b);
  return sorted.map(([algorithm]) => algorithm) as [Algorithm, ...Algorithm[]];
}

/** Undefined where the method does not apply. */
function costAlongRows({ shape, padding, outputs }: ConvSizes, target: Target): number | undefined {
  if (target.family !== "cpu") return undefined;
  const { tile } = methods["winograd-rows-2"];
  const [batch, channels] = shape as [number, number];
  const [height, width] = winogradSize(shape, padding) as [number, number];
  const columns = batch * Math.ceil(width / tile);
  const side = inputSide(tile);
  if (side * columns * (height + 2) * channels * 4 > cacheBytes) return undefined;
  const vectors = packingBlock(target, outputs) / target.vectorWidth;
  if (rowsOfColumns(target, vectors, height, columns) === undefined) return undefined;
  const rows = columns * height;
  const weightCost = cost.weightPerLane * target.vectorWidth;
  const work =
    side * (3 * channels * outputs * (rows + weightCost) + rows * (channels + outputs) * cost.transformed);
  return work * memoryFactor(side / 3);
}

/** Undefined where an item could not keep all tiles in its cache: each would transform the whole weight. */
function costInKernel({ shape, padding, outputs }: ConvSizes, target: Target): number | undefined {
  if (target.family !== "cpu") return undefined;
  const { tile } = methods["winograd-4-in-kernel"];
  const [batch, channels] = shape as [number, number];
  const [down, across] = tileCounts(winogradSize(shape, padding), tile);
  const tiles = batch * down * across;
  const squares = inputSide(tile) ** 2;
  const items = Math.ceil((squares * tiles * channels * 4) / (1.25 * cacheBytes));
  if (items > 2) return undefined;
  // Chunks of channels divide them; where all divisors are small, chunks are mostly overhead.
  if (channels % fewestChannels !== 0) return undefined;
  // Few weights stay in a cache once they are transformed.
  if (squares * channels * outputs * 4 <= cacheBytes) return undefined;
  const perWeight = (9 * cost.weightPerLane + cost.weightTransformedPerLane) * target.vectorWidth;
  return (
    channels * outputs * (squares * tiles + items * perWeight) +
    squares * tiles * (channels + outputs) * cost.transformed
  );
}

/** One kernel that keeps what it transforms in its core's cache. */
function transformWeightOnly(
  rewriter: Rewriter,
  node: NodeOf<"conv">,
  { tile, alongRows = false, untransformed = false }: Method,
  context: PassContext,
): void {
  const [x, weight] = node.operands as [ValueId, ValueId];
  const { shape, padding, outputs } = sizesOf(rewriter, node);
  const { origin, attributes } = node;
  const replace = (block: number, transformed: ValueId, rest: Partial<Packing>): void =>
    rewriter.replace({
      ...node,
      operands: [x, transformed],
      attributes: { ...attributes, packing: { block, columns: outputs, ...rest } },
    });
  if (alongRows) {
    const block = packingBlock(context.target, outputs);
    const transformed = transformWeight(rewriter, weight, { tile, block, form: "rows" }, origin);
    return replace(block, transformed, { winogradRows: tile });
  }
  const subject = subjectOfConv(rewriter, node, tile);
  const block = chooseBlock(context, outputs, subject);
  const [down, across] = tileCounts(winogradSize(shape, padding), tile);
  const rows = chooseRows(context, { block, extent: shape[0]! * down * across }, subject);
  const packing = { winograd: tile, ...(rows !== undefined && { rows }) };
  if (untransformed)
    return replace(block, packWeight(rewriter, weight, block, origin), { ...packing, untransformed });
  replace(block, transformWeight(rewriter, weight, { tile, block, form: "blocks" }, origin), packing);
}

/** Two transforms and a batched matrix product between them: three launches that a GPU can fill. */
function replaceBySteps(
  rewriter: Rewriter,
  node: NodeOf<"conv">,
  tile: WinogradTile,
  context: PassContext,
): void {
  const { target } = context;
  const [x, weight] = node.operands as [ValueId, ValueId];
  const { origin } = node;
  const { shape, padding, outputs } = sizesOf(rewriter, node);
  const size = winogradSize(shape, padding);
  const block = chooseBlock(context, outputs, subjectOfConv(rewriter, node, tile));
  const [down, across] = tileCounts(size, tile);
  const rows = tileRows(target, 1, shape[0]! * down * across);

  const input = rewriter.add("winograd_input", [x], { tile, padding, rows }, origin);
  const transformed = transformWeight(rewriter, weight, { tile, block, form: "squares" }, origin);
  const packing = { block, columns: outputs };
  const products = rewriter.add("matmul", [input, transformed], { packing }, origin);
  // The tiles of a block lie together: the transforms and the products each walk one stretch of memory.
  for (const value of [input, products]) setLayout(rewriter, value, [1, 0, 2, 3]);
  const y = rewriter.add("winograd_output", [products], { tile, batch: shape[0]!, size }, origin);
  setLayout(rewriter, y, node.results[0]!.type.layout);
  rewriter.redirect(nodeId(node), y);
  rewriter.remove(nodeId(node));
}

function setLayout(rewriter: Rewriter, value: ValueId, layout: readonly number[] | undefined): void {
  const node = rewriter.producer(value)!;
  const results = node.results.map(({ id, type }) => ({
    id,
    type: tensorType(type.dtype, type.shape, layout),
  }));
  rewriter.replace({ ...node, results } as typeof node);
}
