/**
 * Computes 3×3 convolutions by Winograd's method where that is cheaper than the direct one: the input and the
 * weight are transformed, multiplied as (m+2)² matrix products, and the products transformed back.
 *
 *     conv(x, w)  →  conv(x, U)                                 on a CPU, in one kernel
 *     conv(x, w)  →  winograd_output(winograd_input(x) × U)     on a CPU behind a GPU interface
 *
 * with U = (G ⊗ G) · w, in `prepare`
 *
 * Its rounding errors are about ten times those of the direct method: at most 1e-5 of the largest output.
 */
import { tileRows, type Target } from "../codegen/target.ts";
import { nodeId, type NodeOf, type ValueId } from "../ir/graph.ts";
import { tileCounts, winogradSize } from "../ir/ops/winograd.ts";
import { tensorType } from "../ir/tensor-type.ts";
import { inputSide, kronecker, winogradMatrices, type WinogradTile } from "../ir/winograd.ts";
import { subjectOfConv, type Decision } from "./decision.ts";
import { chooseBlock, chooseRows } from "./pack-weights.ts";
import type { Pass, PassContext } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";
import { staticValues } from "./static-values.ts";

export const chooseConvAlgorithm: Pass = {
  name: "choose-conv-algorithm",
  summary: "computes 3×3 convolutions by Winograd's method where that takes less work",
  required: false,
  run: (graph, context) => {
    const { target, options, note } = context;
    if (!options.winograd) return graph;
    const fixed = staticValues(graph);
    return rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        if (node?.op !== "conv" || !fits(rewriter, node, fixed)) continue;
        const tile = tileOf[context.decide(decisionFor(rewriter, node, target))];
        if (tile === undefined) continue;
        if (target.family === "cpu") transformWeightOnly(rewriter, node, tile, context);
        else replaceBySteps(rewriter, node, tile, context);
        note(`${node.origin?.modulePath ?? `%${nodeId(node)}`}: F(${tile}×${tile}, 3×3)`);
      }
    });
  },
};

function fits(rewriter: Rewriter, node: NodeOf<"conv">, fixed: ReadonlySet<ValueId>): boolean {
  const { kernel, stride, dilation, groups, packing } = node.attributes;
  return (
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
 * launch, and a weight that is read from memory, for each lane that multiplies meanwhile. Measured on two
 * cores with 16 lanes.
 */
const cost = { transformed: 12, launch: 250_000, weightPerLane: 1.25 };

/** In three kernels all values pass through memory: they must save clearly more than half the work. */
const stepsFactor = 2.5;

/** Its weights take 2.25 times the memory of the smaller tile's: the larger must save an eighth of the work. */
const largeTileFactor = 8 / 7;

/** Fewer channels than this leave vectors empty and transforms unpaid. */
const fewestChannels = 16;

/** The ways to compute a convolution, and the tile that each takes. */
const tileOf = { direct: undefined, "winograd-2": 2, "winograd-4": 4 } as const;
type Algorithm = keyof typeof tileOf;

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
    const tile = tileOf[algorithm];
    const [down, across] = tileCounts(size, tile);
    const tiles = batch * down * across;
    const squares = inputSide(tile) ** 2;
    const launches = target.family === "cpu" ? 1 : 3;
    const largest = squares * Math.max(launches === 1 ? 0 : tiles * Math.max(channels, outputs), weights) * 4;
    if (largest > target.maxBufferBytes) continue;
    const work =
      squares * (weights * (tiles + weightCost) + tiles * (channels + outputs) * cost.transformed) +
      (launches - 1) * cost.launch;
    const factor = launches > 1 ? stepsFactor : tile === 4 ? largeTileFactor : 1;
    costs.push([algorithm, work * factor]);
  }
  // A real GPU waits for memory, not for multiplications: three launches would move several times as much.
  const waitsForMemory = target.family === "gpu" && !target.software;
  const sorted = waitsForMemory ? costs : costs.sort(([, a], [, b]) => a - b);
  return sorted.map(([algorithm]) => algorithm) as [Algorithm, ...Algorithm[]];
}

/** One kernel that keeps what it transforms in its core's cache. */
function transformWeightOnly(
  rewriter: Rewriter,
  node: NodeOf<"conv">,
  tile: WinogradTile,
  context: PassContext,
): void {
  const [x, weight] = node.operands as [ValueId, ValueId];
  const { outputs } = sizesOf(rewriter, node);
  const subject = subjectOfConv(rewriter, node, tile);
  const block = chooseBlock(context, outputs, subject);
  const { shape, padding } = sizesOf(rewriter, node);
  const [down, across] = tileCounts(winogradSize(shape, padding), tile);
  const rows = chooseRows(context, { block, extent: shape[0]! * down * across }, subject);
  const { origin, attributes } = node;
  const transformed = transformWeight(rewriter, weight, { tile, block, perBlock: true }, origin);
  rewriter.replace({
    ...node,
    operands: [x, transformed],
    attributes: {
      ...attributes,
      packing: { block, columns: outputs, winograd: tile, ...(rows !== undefined && { rows }) },
    },
  });
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
  const transformed = transformWeight(rewriter, weight, { tile, block, perBlock: false }, origin);
  const packing = { block, columns: outputs };
  const products = rewriter.add("matmul", [input, transformed], { packing }, origin);
  // The tiles of a block lie together: the transforms and the products each walk one stretch of memory.
  for (const value of [input, products]) setLayout(rewriter, value, [1, 0, 2, 3]);
  const y = rewriter.add("winograd_output", [products], { tile, batch: shape[0]!, size }, origin);
  setLayout(rewriter, y, node.results[0]!.type.layout);
  rewriter.redirect(nodeId(node), y);
  rewriter.remove(nodeId(node));
}

interface WeightForm {
  readonly tile: WinogradTile;
  readonly block: number;
  /** The squares of a block follow each other, rather than the blocks of a square. */
  readonly perBlock: boolean;
}

/**
 * Packs and then transforms `[O, C, 3, 3]`, as one matrix product, to `[⌈O / block⌉, (m+2)², C, block]` or
 * `[(m+2)², 1, ⌈O / block⌉, C, block]`.
 */
function transformWeight(
  rewriter: Rewriter,
  weight: ValueId,
  { tile, block, perBlock }: WeightForm,
  origin: NodeOf<"conv">["origin"],
): ValueId {
  const [outputs, channels] = rewriter.typeOf(weight).shape as [number, number];
  const blocks = Math.ceil(outputs / block);
  const missing = blocks * block - outputs;
  const padding = [0, 1, 2, 3].map((axis): [number, number] => [0, axis === 0 ? missing : 0]);
  const grown = missing === 0 ? weight : rewriter.add("pad", [weight], { padding, value: 0 }, origin);
  const split = rewriter.add("reshape", [grown], { shape: [blocks, block, channels, 9] }, origin);
  const packed = rewriter.add("permute", [split], { axes: [0, 2, 3, 1] }, origin);
  // Columns of the product: every element of the weight, or those of one block.
  const batch = perBlock ? [blocks] : [];
  const columns = (perBlock ? 1 : blocks) * channels * block;
  const shape = [...batch, columns / block, 9, block];
  const right = rewriter.add("reshape", [packed], { shape }, origin);
  const matrix = kronecker(winogradMatrices[tile].weight);
  const left = rewriter.add("constant", [], {
    value: { dtype: "f32", shape: [matrix.length, 9], data: Float32Array.from(matrix.flat()) },
  });
  const product = rewriter.add("matmul", [left, right], { packing: { block, columns } }, origin);
  const final = perBlock
    ? [blocks, matrix.length, channels, block]
    : [matrix.length, 1, blocks, channels, block];
  return rewriter.add("reshape", [product], { shape: final }, origin);
}

function setLayout(rewriter: Rewriter, value: ValueId, layout: readonly number[] | undefined): void {
  const node = rewriter.producer(value)!;
  const results = node.results.map(({ id, type }) => ({
    id,
    type: tensorType(type.dtype, type.shape, layout),
  }));
  rewriter.replace({ ...node, results } as typeof node);
}
