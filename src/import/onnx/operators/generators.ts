/** Tables that are known while importing: identity matrices, window functions, mel filters. */
import { checkNumber, positive } from "./constraints.ts";
import type { HostTensor } from "../../../ir/host-tensor.ts";
import { convertArray } from "../../../ir/convert-array.ts";
import { arange } from "../../../nn/positions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { Operator, OperatorFamily, OperatorNode } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { castTarget } from "./cast.ts";
import { checkedLength } from "./checked-length.ts";

function eyeLike(node: OperatorNode): Tensor {
  const x = node.input(0);
  if (x.rank !== 2) return node.fail("shape", `expected a matrix, got ${x.rank} dimensions.`);
  const [rows, columns] = x.shape as [number, number];
  const type = node.hasAttribute("dtype") ? node.int("dtype", 0) : undefined;
  const dtype = type === undefined ? x.dtype : castTarget(node, type);
  if (type !== undefined) node.declareResult(type);
  const k = Math.min(Math.max(node.int("k", 0), -rows), columns);
  return arange(x, columns, 1, 2)
    .eq(arange(x, rows, 0, 2).add(k))
    .to(dtype);
}

function table(node: OperatorNode, values: readonly number[], shape: readonly number[]): HostTensor {
  const type = node.int("output_datatype", DataType.FLOAT);
  const dtype = castTarget(node, type);
  node.declareResult(type);
  return { dtype, shape, data: convertArray(values, dtype) } as HostTensor;
}

/** Σ (−1)ⁱ aᵢ cos(2πin / N): N is the size, or for a symmetric window one less. */
const cosineWindow =
  (coefficients: readonly number[]): Operator =>
  (node) => {
    const size = checkedLength(node, node.constantNumbers(0, "the size")[0]!, "the window");
    const period = node.flag("periodic", true) ? size : size - 1;
    const values = Array.from({ length: size }, (_, n) =>
      coefficients.reduce(
        (sum, a, i) => sum + (i % 2 === 0 ? a : -a) * Math.cos((2 * Math.PI * i * n) / Math.max(period, 1)),
        0,
      ),
    );
    return table(node, values, [size]);
  };

/** Triangular filters, evenly spaced on the mel scale 2595·log₁₀(1 + f/700): `[DFT bins, mel bins]`. */
function melWeightMatrix(node: OperatorNode): HostTensor {
  const [bins, dft, rate, low, high] = [0, 1, 2, 3, 4].map(
    (i) => node.constantNumbers(i, "the mel filters' shape")[0]!,
  ) as [number, number, number, number, number];
  checkNumber(node, "num_mel_bins", bins, positive);
  checkNumber(node, "dft_length", dft, positive);
  checkNumber(node, "sample_rate", rate, positive);
  if (!(low >= 0 && high > low && high <= rate / 2))
    return node.fail(
      "argument",
      `edges are ${low} and ${high} Hz, expected rising ones from 0 to half the sample rate, ${rate / 2}.`,
    );
  const rows = Math.floor(dft / 2) + 1;
  checkedLength(node, rows, "the matrix");
  checkedLength(node, bins, "the matrix");
  checkedLength(node, rows * bins, "the matrix");
  const toMel = (f: number) => 2595 * Math.log10(1 + f / 700);
  const step = (toMel(high) - toMel(low)) / (bins + 2);
  const edges = Array.from({ length: bins + 2 }, (_, i) => {
    const frequency = 700 * (10 ** ((i * step + toMel(low)) / 2595) - 1);
    return Math.floor(((dft + 1) * frequency) / rate);
  });
  const values = new Array<number>(rows * bins).fill(0);
  for (let bin = 0; bin < bins; bin++) {
    const [left, centre, right] = edges.slice(bin, bin + 3) as [number, number, number];
    if (centre === left) values[centre * bins + bin] = 1;
    else for (let row = left; row <= centre; row++) values[row * bins + bin] = (row - left) / (centre - left);
    for (let row = centre; centre !== right && row < right; row++)
      values[row * bins + bin] = (right - row) / (right - centre);
  }
  return table(node, values, [rows, bins]);
}

export const generators: OperatorFamily = {
  EyeLike: eyeLike,
  HannWindow: cosineWindow([0.5, 0.5]),
  HammingWindow: cosineWindow([25 / 46, 21 / 46]),
  BlackmanWindow: cosineWindow([0.42, 0.5, 0.08]),
  MelWeightMatrix: melWeightMatrix,
};
