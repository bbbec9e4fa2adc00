/**
 * Decisions: where a rule of a pass picks one of a few ways to compute the same thing, and a measurement may know
 * better. The rule's own choice comes first; `Choices`, plain data that travels with the options of the passes,
 * overrules it by the decision's signature.
 *
 *     algorithm conv3x3 n1 c64 56x56 o64 pad1 f32: winograd-4, direct or winograd-2
 */
import { makeNode, nodeId, type Graph, type GraphInput, type Node, type NodeOf } from "../ir/graph.ts";
import type { ConvAttributes } from "../ir/ops/conv.ts";
import { layoutOf, tensorType, type TensorType } from "../ir/tensor-type.ts";
import type { WinogradTile } from "../ir/winograd.ts";
import type { Rewriter } from "./rewrite.ts";

/**
 * What is decided: how a convolution is computed, how wide a block of packed columns is, how many rows share its
 * loads, and whether a depthwise convolution joins the 1×1 convolution that reads it.
 */
export type DecisionKind = "algorithm" | "block" | "rows" | "join";

export interface Decision<Candidate extends string = string> {
  readonly kind: DecisionKind;
  /** Everything that the decision depends on, as text; it begins with the kind. Equal signatures share a choice. */
  readonly signature: string;
  /** What the rule chooses, then the other ways. */
  readonly candidates: readonly [Candidate, ...Candidate[]];
  /**
   * The smallest graph in which the decision comes up: the op alone, without what would be fused to it. Its types
   * have their layouts already; passes that would choose them anew (`assign-layouts`) must be left out.
   */
  readonly sample: () => Graph;
}

/** Candidates by signature; what is no candidate (any more) is ignored. */
export type Choices = ReadonlyMap<string, string>;

/** The candidate that choices name, else the rule's. */
export function choose<Candidate extends string>(
  { signature, candidates }: Decision<Candidate>,
  choices: Choices | undefined,
): Candidate {
  const wanted = choices?.get(signature);
  return candidates.find((candidate) => candidate === wanted) ?? candidates[0];
}

/** What a decision is about: a name for signatures, and a sample. */
export type Subject = Pick<Decision, "sample"> & { readonly name: string };

/** A convolution whose weight is not packed yet; `tile` where it is decided that Winograd's method computes it. */
export function subjectOfConv(rewriter: Rewriter, node: NodeOf<"conv">, tile?: WinogradTile): Subject {
  const [x, weight] = node.operands.map((id) => rewriter.typeOf(id)) as [TensorType, TensorType];
  const result = node.results[0]!.type;
  const name = `${describeConv(x, result, node.attributes)} ${x.dtype}`;
  return {
    name: tile === undefined ? name : `winograd-${tile} ${name}`,
    sample: () => sampleOfConvs(x, [{ attributes: node.attributes, weight: weight.shape, result }]),
  };
}

/** A product whose right operand is a matrix that is not packed yet. */
export function subjectOfMatmul(rewriter: Rewriter, node: NodeOf<"matmul">): Subject {
  const [a, b] = node.operands.map((id) => rewriter.typeOf(id)) as [TensorType, TensorType];
  const rows = a.shape.slice(0, -1).join("x");
  const name = `matmul m${rows} k${b.shape[0]} n${b.shape[1]}${rowMajor(a) ? "" : ` order${layoutOf(a)}`} ${a.dtype}`;
  return { name, sample: () => sampleOfMatmul(a, b) };
}

/** A depthwise convolution of `x` and the 1×1 convolution of its result, both packed already. */
export function subjectOfSeparable(
  x: TensorType,
  depthwise: NodeOf<"conv">,
  pointwise: NodeOf<"conv">,
): Subject {
  const [between, result] = [depthwise.results[0]!.type, pointwise.results[0]!.type];
  const outputs = result.shape[1]!;
  const { attributes } = depthwise;
  return {
    name: `${describeConv(x, between, attributes)} then conv1x1 o${outputs} ${x.dtype}`,
    sample: () => {
      const channels = x.shape[1]!;
      const first = { attributes, weight: [channels, 1, ...attributes.kernel], result: between };
      const second = { attributes: pointwise.attributes, weight: [outputs, channels, 1, 1], result };
      return sampleOfConvs(x, [first, second]);
    },
  };
}

/**
 * `conv3x3 n1 c64 56x56 o64 pad1`; strides, dilations, padding and groups only where there are any, and a word
 * where the input is not channels-last.
 */
function describeConv(x: TensorType, result: TensorType, attributes: ConvAttributes): string {
  const { kernel, stride, padding, dilation, groups } = attributes;
  const [batch, channels, ...size] = x.shape as [number, number, ...number[]];
  const words = [
    `conv${kernel.join("x")} n${batch} c${channels} ${size.join("x")} o${result.shape[1]}`,
    unlessAll(1, "stride", stride),
    unlessAll(0, "pad", padding.flat()),
    unlessAll(1, "dilation", dilation),
    unlessAll(1, "groups", [groups]),
    layoutOf(x).at(-1) === 1 ? "" : "channels-first",
  ];
  return words.filter((word) => word !== "").join(" ");
}

/** `pad1` where all are equal, `pad0,1,0,1` where not, nothing where all are as usual. */
function unlessAll(usual: number, name: string, values: readonly number[]): string {
  const [first = usual] = values;
  if (values.some((value) => value !== first)) return `${name}${values.join()}`;
  return first === usual ? "" : `${name}${first}`;
}

function rowMajor(type: TensorType): boolean {
  return layoutOf(type).every((axis, i) => axis === i);
}

interface SampleConv {
  readonly attributes: ConvAttributes;
  /** The shape of the weight before it is packed. */
  readonly weight: readonly number[];
  /** As it is laid out in the network. */
  readonly result: TensorType;
}

/** Convolutions in a row, the first one of `x`. */
function sampleOfConvs(x: TensorType, convs: readonly SampleConv[]): Graph {
  const weights = convs.map(({ weight }, i): GraphInput => {
    const type = tensorType("f32", weight);
    return { id: `w${i}`, role: "parameter", name: `w${i}`, type };
  });
  const nodes = convs.map(({ attributes, result }, i): Node => {
    const operands = [i === 0 ? "x" : `y${i - 1}`, `w${i}`];
    return makeNode("conv", operands, { ...attributes, packing: null }, [{ id: `y${i}`, type: result }]);
  });
  return sampleOf(x, weights, nodes);
}

function sampleOfMatmul(a: TensorType, b: TensorType): Graph {
  const result = tensorType(a.dtype, [...a.shape.slice(0, -1), b.shape[1]!]);
  return sampleOf(
    a,
    [{ id: "w", role: "parameter", name: "w", type: b }],
    [makeNode("matmul", ["x", "w"], { packing: null }, [{ id: "y", type: result }])],
  );
}

function sampleOf(x: TensorType, weights: readonly GraphInput[], nodes: readonly Node[]): Graph {
  return {
    name: "sample",
    inputs: [{ id: "x", role: "input", name: "x", type: x }, ...weights],
    nodes: Object.fromEntries(nodes.map((node) => [nodeId(node), node])),
    outputs: [{ name: "y", value: nodeId(nodes.at(-1)!) }],
  };
}
