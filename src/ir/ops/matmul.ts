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
  /** The right operand is packed by columns: `[…, ⌈N / block⌉, K, block]`. */
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
      const [depthB, columns] =
        packing === null ? (b.shape.slice(-2) as [number, number]) : [depth, packing.columns];
      const matrixRank = packing === null ? 2 : 3;
      if (packing !== null && !sameShape(b.shape.slice(-3), packedShape([depth], packing))) throw mismatch();
      const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -matrixRank));
      if (depth !== depthB || batch === undefined) throw mismatch();
      return [tensorType("f32", [...batch, rows, columns])];
    },
    evaluate: ([a, b], { packing }, [type]) => {
      const right = packing === null ? b! : unpacked(b!, packing);
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

/** `[…, ⌈N / block⌉, K, block]` back to `[…, K, N]`. */
function unpacked(packed: HostTensor, packing: Packing): HostTensor {
  const batch = packed.shape.slice(0, -3);
  const depth = packed.shape.at(-2)!;
  const { columns } = packing;
  const size = elementCount(packed.shape.slice(-3));
  const data = new Float32Array(elementCount(batch) * depth * columns);
  for (let matrix = 0; matrix < elementCount(batch); matrix++) {
    const own = packed.data.subarray(matrix * size, (matrix + 1) * size);
    const rows = unpack({ ...packed, shape: packed.shape.slice(-3), data: own } as HostTensor, packing);
    for (let column = 0; column < columns; column++) {
      for (let k = 0; k < depth; k++) {
        data[(matrix * depth + k) * columns + column] = Number(rows.data[column * depth + k]);
      }
    }
  }
  return { dtype: "f32", shape: [...batch, depth, columns], data };
}
