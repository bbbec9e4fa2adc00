/**
 * Scaled dot-product attention (Vaswani et al., arXiv:1706.03762), `softmax(scale · q × k + mask) × v`:
 *
 *     q [..., M, D], k [..., D, N], v [..., N, E], mask that broadcasts to [..., M, N]   →   [..., M, E]
 */
import { UserError } from "../../errors.ts";
import { broadcastShapes, elementCount, sameShape } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType } from "./check.ts";
import type { OpFamily } from "./op.ts";
import { broadcastStrides, forEachIndex, offsetOf } from "./walk.ts";

export interface AttentionOps {
  attention: { readonly scale: number };
}

export const attentionOps: OpFamily<AttentionOps> = {
  attention: {
    kind: "contraction",
    vjp: "none",
    infer(operands) {
      if (operands.length !== 3 && operands.length !== 4)
        throw new UserError(
          "argument",
          `attention: expected q, k, v and perhaps a mask, got ${operands.length} operands.`,
        );
      for (const operand of operands) expectDType("attention", operand, ["f32"]);
      const [q, k, v, mask] = operands as [TensorType, TensorType, TensorType, TensorType | undefined];
      const batch = q.shape.slice(0, -2);
      const isBatched = [k, v].every(({ shape }) => sameShape(shape.slice(0, -2), batch));
      const [rows, depth] = q.shape.slice(-2);
      const [keyDepth, keys] = k.shape.slice(-2);
      const [values, width] = v.shape.slice(-2);
      const scores = [...batch, rows!, keys!];
      const isMatrix = [q, k, v].every(({ shape }) => shape.length >= 2);
      const fits = isMatrix && isBatched && depth === keyDepth && keys === values;
      const maskFits = mask === undefined || sameShape(broadcastShapes(mask.shape, scores) ?? [], scores);
      if (!fits || !maskFits) {
        throw new UserError(
          "shape",
          `attention: operands are ${operands.map(formatType).join(", ")}; expected [..., M, D], [..., D, N], [..., N, E] with equal batch dimensions and a mask that broadcasts to [..., M, N].`,
        );
      }
      return [tensorType("f32", [...batch, rows!, width!])];
    },
    evaluate: ([q, k, v, mask], { scale }, [type]) => {
      const batch = type!.shape.slice(0, -2);
      const [rows, width] = type!.shape.slice(-2) as [number, number];
      const [depth, keys] = k!.shape.slice(-2) as [number, number];
      const scoresShape = [...batch, rows, keys];
      const maskStrides = mask === undefined ? [] : broadcastStrides(mask.shape, scoresShape);
      const data = new Float32Array(elementCount(type!.shape));
      const at = (tensor: typeof q, place: number): number => Number(tensor!.data[place]);
      forEachIndex([...batch, rows], (index, position) => {
        const matrix = Math.floor(position / rows);
        const scores = Array.from({ length: keys }, (_, n) => {
          let sum = 0;
          for (let d = 0; d < depth; d++)
            sum += at(q, position * depth + d) * at(k, (matrix * depth + d) * keys + n);
          return sum * scale + (mask === undefined ? 0 : at(mask, offsetOf([...index, n], maskStrides)));
        });
        const largest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
        const weights = scores.map((score) => Math.exp(score - largest));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let e = 0; e < width; e++) {
          let sum = 0;
          for (let n = 0; n < keys; n++) sum += weights[n]! * at(v, (matrix * keys + n) * width + e);
          data[position * width + e] = sum / total;
        }
      });
      return [{ dtype: "f32", shape: type!.shape, data }];
    },
  },
};
