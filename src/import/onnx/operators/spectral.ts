/** Discrete Fourier transforms as products with tables of cosines and sines. */
import { checkNumber, positive } from "./constraints.ts";
import { normalizeAxis } from "../../../ir/shape.ts";
import { concat } from "../../../nn/functional.ts";
import { gatherAt, integerTable } from "../../../nn/positions.ts";
import { toTensor, type Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { checkedLength } from "./checked-length.ts";

/** Transforms the dimension before the last of `x [..., n, 1 or 2]` to `[..., bins, 2]`. */
function transformed(node: OperatorNode, x: Tensor, length: number, bins: number, direction: 1 | -1): Tensor {
  const size = Math.min(x.shape.at(-2)!, length);
  checkedLength(node, size * bins, "the table of the transform");
  const table = (f: (angle: number) => number) =>
    toTensor(x.trace, {
      dtype: "f32",
      shape: [size, bins],
      data: Float32Array.from({ length: size * bins }, (_, at) => {
        const turns = ((Math.floor(at / bins) * (at % bins)) % length) / length;
        return f(2 * Math.PI * turns);
      }),
    });
  const [cos, sin] = [table(Math.cos), table((angle) => direction * Math.sin(angle))];
  const cut = x.slice(-2, 0, size);
  const product = (part: number, with_: Tensor) => cut.select(-1, part).matmul(with_);
  const isReal = x.shape.at(-1) === 1;
  const real = isReal ? product(0, cos) : product(0, cos).sub(product(1, sin));
  const imaginary = isReal ? product(0, sin) : product(0, sin).add(product(1, cos));
  const pair = concat([real.unsqueeze(-1), imaginary.unsqueeze(-1)], -1);
  return direction === 1 ? pair.div(length) : pair;
}

/** e^(−2πi·kn/N) forward, e^(+2πi·kn/N) / N inverse. */
function dft(node: OperatorNode): Tensor {
  const x = node.input(0);
  const given = node.opset < 20 ? node.int("axis", 1) : (node.optionalNumbers(2, "the axis")?.[0] ?? -2);
  const axis = normalizeAxis(given, x.rank, "DFT");
  if (axis === x.rank - 1) return node.fail("argument", "the last dimension holds real and imaginary parts.");
  const length = node.optionalNumbers(1, "dft_length")?.[0] ?? x.shape[axis]!;
  checkNumber(node, "dft_length", length, positive);
  if (x.shape.at(-1) !== 1 && x.shape.at(-1) !== 2)
    return node.fail(
      "shape",
      `the last dimension has ${x.shape.at(-1)} elements, expected 1 or 2: real and imaginary parts.`,
    );
  const isOneSided = node.flag("onesided", false);
  const isInverse = node.flag("inverse", false);
  if (isOneSided && isInverse) return node.fail("unsupported", "an inverse one-sided transform.");
  const bins = isOneSided ? Math.floor(length / 2) + 1 : length;
  const last = x.rank - 2;
  const moved = x.transpose(axis, last);
  return transformed(node, moved, length, bins, isInverse ? 1 : -1).transpose(axis, last);
}

/** Transforms of overlapping frames: `[B, frames, bins, 2]`. */
function stft(node: OperatorNode): Tensor {
  const signal = node.input(0);
  const step = node.constantNumbers(1, "frame_step")[0]!;
  const window = node.optional(2);
  const length = node.optionalNumbers(3, "frame_length")?.[0] ?? window?.shape[0] ?? NaN;
  if (!(step >= 1 && length >= 1 && length <= signal.shape[1]!))
    return node.fail("argument", `frames of ${length} every ${step} do not fit the signal.`);
  const frames = Math.floor((signal.shape[1]! - length) / step) + 1;
  const count = checkedLength(node, frames * length, "the frames");
  const positions = Array.from({ length: count }, (_, at) => Math.floor(at / length) * step + (at % length));
  const framed = gatherAt(signal, 1, integerTable(signal, positions, [frames, length]));
  const weighted = window === undefined ? framed : framed.mul(window.unsqueeze(1));
  const bins = node.flag("onesided", true) ? Math.floor(length / 2) + 1 : length;
  return transformed(node, weighted, length, bins, -1);
}

export const spectral: OperatorFamily = { DFT: dft, STFT: stft };
