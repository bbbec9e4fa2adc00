/** Matrix product `[…, M, K] × […, K, N] → […, M, N]` with batch dimensions broadcast. */
import { UserError } from "../../errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { broadcastShapes, elementCount, sameShape } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectOperands } from "./check.ts";
import type { OpFamily } from "./op.ts";
import { packedShape, unpack, type Packing } from "./packing.ts";
import { broadcastStrides, forEachIndex, offsetOf } from "./walk.ts";

export interface MatmulAttributes {
  /** The right operand is packed by columns, `[⌈N / block⌉, K, block]`, without batch dimensions. */
  readonly packing: Packing | null;
}

export interface MatmulOps {
  matmul: MatmulAttributes;
}

export const matmulOps: OpFamily<MatmulOps> = {
  matmul: {
    kind: "contraction",
    vjp: "none",
    infer(operands, { packing }) {
      expectOperands("matmul", operands, 2);
      const [a, b] = operands as [TensorType, TensorType];
      expectDType("matmul", a, ["f32"], "left operand");
      expectDType("matmul", b, ["f32"], "right operand");
      const mismatch = () =>
        new UserError(
          "shape",
          `matmul: ${formatType(a)} times ${formatType(b)}: expected [..., M, K] times [..., K, N] with equal K and batch dimensions that broadcast.`,
        );
      if (a.shape.length < 2 || b.shape.length < 2) throw mismatch();
      const [rows, depth] = a.shape.slice(-2) as [number, number];
      if (packing !== null) {
        if (!sameShape(b.shape, packedShape([depth], packing))) throw mismatch();
        return [tensorType("f32", [...a.shape.slice(0, -1), packing.columns])];
      }
      const [depthB, columns] = b.shape.slice(-2) as [number, number];
      const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
      if (depth !== depthB || batch === undefined) throw mismatch();
      return [tensorType("f32", [...batch, rows, columns])];
    },
    evaluate: ([a, b], { packing }, [type]) => {
      const right = packing === null ? b! : transposed(unpack(b!, packing));
      const batch = type!.shape.slice(0, -2);
      const [rows, columns] = type!.shape.slice(-2) as [number, number];
      const depth = a!.shape.at(-1)!;
      const stridesA = broadcastStrides(a!.shape.slice(0, -2), batch);
      const stridesB = broadcastStrides(right.shape.slice(0, -2), batch);
      const data = new Float32Array(elementCount(type!.shape));
      const x = a!.data as Float32Array;
      const y = right.data as Float32Array;
      forEachIndex(batch, (index, position) => {
        const baseA = offsetOf(index, stridesA) * rows * depth;
        const baseB = offsetOf(index, stridesB) * depth * columns;
        const base = position * rows * columns;
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            let sum = 0;
            for (let k = 0; k < depth; k++) {
              sum += x[baseA + row * depth + k]! * y[baseB + k * columns + column]!;
            }
            data[base + row * columns + column] = sum;
          }
        }
      });
      return [{ dtype: "f32", shape: type!.shape, data }];
    },
  },
};

function transposed(matrix: HostTensor): HostTensor {
  const [rows, columns] = matrix.shape as [number, number];
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      data[column * rows + row] = Number(matrix.data[row * columns + column]);
    }
  }
  return { dtype: "f32", shape: [columns, rows], data };
}
