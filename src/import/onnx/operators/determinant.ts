/** Determinants of matrices `[…, n, n]`. */
import { elementCount } from "../../../ir/shape.ts";
import { arange, gatherElements } from "../../../nn/positions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

/** Elimination is unrolled, a column at a time. */
const largest = 64;

/**
 * The product of pivots of Gaussian elimination. The pivot of a column is its largest element; taking row p out from
 * above the p rows before it changes the sign p times.
 */
function determinant(node: OperatorNode): Tensor {
  const x = node.input(0);
  const [rows, columns] = x.shape.slice(-2);
  if (rows === undefined || rows !== columns)
    return node.fail("shape", `[${x.shape.join(", ")}] are no square matrices.`);
  if (rows > largest)
    return node.fail("unsupported", `matrices of ${rows} rows; at most ${largest} are supported.`);
  const batch = elementCount(x.shape.slice(0, -2));
  let rest = x.reshape([batch, rows, rows]);
  let product = x.operand(1).expand(batch, 1);
  for (let size = rows; size >= 1; size--) {
    const take = (at: Tensor) => gatherElements(rest, 1, at.unsqueeze(2).expand(batch, at.shape[1]!, size));
    const at = rest.select(2, 0).abs().argMax(1, true);
    const pivotRow = take(at);
    const pivot = pivotRow.select(2, 0);
    product = product.mul(pivot).mul(at.fmod(2).mul(-2).add(1).to("f32"));
    const order = arange(x, size - 1, 1, 2);
    const others = take(order.add(order.ge(at).to("i32")));
    // A column of zeros has made the product 0 already.
    const factors = others.slice(2, 0, 1).div(pivot.where(pivot.ne(0), 1).unsqueeze(2));
    rest = others.sub(factors.mul(pivotRow)).slice(2, 1);
  }
  return product.reshape(x.shape.slice(0, -2));
}

export const determinants: OperatorFamily = { Det: determinant };
