/** Scaled dot-product attention and rotary position embedding, as ONNX states them since operator set 23. */
import { checkIndices, checkRank, natural, positive } from "./constraints.ts";
import { concat } from "../../../nn/functional.ts";
import { arange, gatherAt } from "../../../nn/positions.ts";
import { toTensor, type Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

/** `[B, S, heads · d]` → `[B, heads, S, d]`; four dimensions stay as they are. */
function withHeads(node: OperatorNode, x: Tensor, attribute: string): Tensor {
  if (x.rank === 4) return x;
  checkRank(node, "an input that is not of 4 dimensions", x, 3);
  const heads = node.requiredInt(attribute, positive);
  const [batch, length, width] = x.shape as [number, number, number];
  if (x.rank !== 3 || heads < 1 || width % heads !== 0)
    return node.fail("shape", `${width} features do not divide into ${attribute} ${heads}.`);
  return x.reshape([batch, length, heads, width / heads]).transpose(1, 2);
}

function attention(node: OperatorNode): readonly Tensor[] {
  const isFlat = node.input(0).rank === 3;
  node.ignore("q_num_heads", "kv_num_heads", "softmax_precision");
  const q = withHeads(node, node.input(0), "q_num_heads");
  const newK = withHeads(node, node.input(1), "kv_num_heads");
  const newV = withHeads(node, node.input(2), "kv_num_heads");
  const [pastK, pastV] = [node.optional(4), node.optional(5)];
  const k = pastK === undefined ? newK : concat([pastK, newK], 2);
  const v = pastV === undefined ? newV : concat([pastV, newV], 2);
  const [batch, heads, length, width] = q.shape as [number, number, number, number];
  const keys = k.shape[2]!;
  const scale = node.float("scale", 1 / Math.sqrt(width));
  const share = heads / k.shape[1]!;
  if (!Number.isInteger(share) || k.shape[1] !== v.shape[1])
    return node.fail(
      "shape",
      `${heads} heads of Q, ${k.shape[1]} of K and ${v.shape[1]} of V; the first are a multiple of the others, which agree.`,
    );
  if ((pastK === undefined) !== (pastV === undefined))
    return node.fail("argument", "only one of past_key and past_value is given.");
  const repeated = (x: Tensor): Tensor =>
    share === 1
      ? x
      : x
          .unsqueeze(2)
          .expand(batch, x.shape[1]!, share, x.shape[2]!, x.shape[3]!)
          .reshape([batch, heads, x.shape[2]!, x.shape[3]!]);
  const product = q.mul(scale).matmul(repeated(k).transpose(2, 3));
  const cap = node.float("softcap", 0);
  if (!(cap >= 0)) return node.fail("argument", `softcap is ${cap}, expected 0 or more.`);
  const masked = maskedScores(node, product, length, keys);
  const capped = cap > 0 ? masked.div(cap).tanh().mul(cap) : masked;
  const weights = capped.softmax(-1);
  const y = weights.matmul(repeated(v));
  const shown = [product, masked, capped, weights][node.int("qk_matmul_output_mode", 0, [0, 3])]!;
  const result = isFlat ? y.transpose(1, 2).reshape([batch, length, -1]) : y;
  return [result, k, v, shown];
}

function maskedScores(node: OperatorNode, scores: Tensor, length: number, keys: number): Tensor {
  const mask = node.optional(3);
  const minus = toTensor(scores.trace, -Infinity);
  const causal = node.flag("is_causal", false)
    ? scores.where(arange(scores, keys, 1, 2).le(arange(scores, length, 0, 2)), minus)
    : scores;
  if (mask === undefined) return causal;
  return mask.dtype === "bool" ? causal.where(mask, minus) : causal.add(mask);
}

/** Rotates pairs of features by the angles of their positions. */
function rotaryEmbedding(node: OperatorNode): Tensor {
  const given = node.input(0);
  const heads = node.int("num_heads", 0, natural);
  const interleaved = node.flag("interleaved", false);
  const isFlat = given.rank === 3;
  if (given.rank !== 4) checkRank(node, "an input that is not of 4 dimensions", given, 3);
  if (isFlat && (heads < 1 || given.shape[2]! % heads !== 0))
    return node.fail("shape", `${given.shape[2]} features do not divide into num_heads ${heads}.`);
  const batch = given.shape[0]!;
  // [B, S, heads, d]
  const x = isFlat ? given.reshape([batch, given.shape[1]!, heads, -1]) : given.transpose(1, 2);
  const width = x.shape[3]!;
  const rotated = node.int("rotary_embedding_dim", 0, [0, width]) || width;
  if (rotated % 2 !== 0) return node.fail("argument", `${rotated} features do not rotate in pairs.`);
  const positions = node.optional(3)?.to("i32");
  const table = (position: number) => {
    const cache = node.input(position);
    if (positions !== undefined) checkIndices(node, 3, cache.shape[0]!, 0);
    const angles = positions === undefined ? cache : gatherAt(cache, 0, positions);
    return angles.slice(2, 0, rotated / 2).unsqueeze(2);
  };
  const [cos, sin] = [table(1), table(2)];
  const turning = x.slice(3, 0, rotated);
  const half = rotated / 2;
  const [a, b] = interleaved
    ? [turning.slice(3, 0, rotated, 2), turning.slice(3, 1, rotated, 2)]
    : [turning.slice(3, 0, half), turning.slice(3, half)];
  const real = a.mul(cos).sub(b.mul(sin));
  const imaginary = a.mul(sin).add(b.mul(cos));
  const turned = interleaved
    ? concat([real.unsqueeze(4), imaginary.unsqueeze(4)], 4).reshape(turning.shape)
    : concat([real, imaginary], 3);
  const result = rotated === width ? turned : concat([turned, x.slice(3, rotated)], 3);
  return isFlat ? result.reshape(given.shape) : result.transpose(1, 2);
}

export const attentions: OperatorFamily = { Attention: attention, RotaryEmbedding: rotaryEmbedding };
