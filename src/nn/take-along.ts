/** Taking positions along a dimension that are known while tracing. */
import { Tensor } from "./tensor.ts";

export function takeAlong(x: Tensor, axis: number, positions: readonly number[]): Tensor {
  const indices = x.trace.constant({
    dtype: "i32",
    shape: [positions.length],
    data: Int32Array.from(positions),
  });
  return new Tensor(x.trace, x.trace.add("gather", [x.id, indices], { axis }));
}
