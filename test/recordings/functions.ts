/** The functions and tensor methods of `scripts/recordings/functions.py`, called the same way, by topic. */
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/nn/tensor.ts";

const { functional: F } = nn;
type Results = (Tensor | { readonly values: Tensor; readonly indices: Tensor } | readonly Tensor[])[];

export const functions: Readonly<Record<string, (...inputs: Tensor[]) => Results>> = {
  ordering: (x, ties) => [
    x!.topk(3), x!.topk(2, 0, false), x!.sort(1), x!.sort(0, true),
    x!.argsort(-1), ties!.sort(-1), ties!.sort(-1, true), x!.flip(0, 1), x!.flip(-1),
    x!.cumsum(0), x!.cumsum(-1), x!.tril(), x!.triu(1), x!.tril(-1), x!.select(0, 0).topk(1),
  ], // prettier-ignore
  "long-sums": (x) => [x!.cumsum(1)],
  gathering: (x, image, index, wide) => {
    const odd = (n: number): Tensor => index!.remainder(n);
    return [
      x!.gather(1, index!), x!.gather(0, odd(3)), image!.indexSelect(3, index!.select(0, 0)),
      image!.takeAlongDim(wide!, 1), F.oneHot(index!, 6),
      x!.scatter(1, index!.slice(1, 0, 1), x!.add(1)), x!.scatter(1, index!.slice(1, 0, 1), 7),
      x!.scatterAdd(0, odd(2), x!.mul(2)), x!.scatterReduce(1, odd(3), x!, "prod"),
      x!.scatterReduce(1, odd(3), x!, "amax"), x!.scatterReduce(1, odd(3), x!, "amin"),
      x!.scatterReduce(1, odd(3), x!, "sum"), x!.maskedFill(x!.gt(0.3), -2.5), index!.maskedFill(index!.gt(2), 9),
    ]; // prettier-ignore
  },
  splitting: (x, image) => [
    x!.split(2, 1), x!.split([1, 3, 1], -1), image!.chunk(2, 1), image!.chunk(3, 2), x!.unbind(0),
    x!.repeat(2, 3), x!.repeat([2, 1, 2]), image!.tile(2), x!.tile(2, 1, 1), image!.movedim(1, -1),
    image!.movedim([0, 1], [2, 3]), x!.roll(2, 1), x!.roll([1, -2], [0, 1]), x!.roll(4), x!.narrow(1, 1, 3),
    x!.t(), x!.select(0, 0).t(), image!.unflatten(3, [5, 1]), image!.view(image!.size(0), -1),
    x!.slice(1, 0, 1).expandAs(x!), image!.swapaxes(1, 2),
  ], // prettier-ignore
  statistics: (x, special, counts) => [
    x!.std(), x!.std(1), x!.std([0, 1], true), x!.std(0, false, 0), x!.amax(1), x!.amin([0, 1]), x!.norm(),
    x!.norm(1, 1), x!.norm(3, 0), x!.norm(Infinity, 1), x!.norm(-Infinity, 1), counts!.norm(0, 1),
    x!.logsumexp(1), special!.logsumexp(1), x!.mul(200).logsumexp([0, 1]), counts!.gt(1).any(1),
    counts!.gt(1).all(0), counts!.ge(0).all(), counts!.any(), special!.isinf(), special!.isfinite(),
    x!.argmax(1), x!.argmin(0),
  ], // prettier-ignore
  arithmetic: (x, y, counts, divisors) => [
    x!.remainder(y!), x!.remainder(0.7), x!.remainder(-0.7), counts!.remainder(divisors!), x!.floorDivide(y!),
    counts!.floorDivide(divisors!), x!.exp2(), x!.abs().log2(), x!.abs().log10(), x!.expm1(), x!.abs().log1p(),
    counts!.bitwiseAnd(divisors!), counts!.bitwiseOr(divisors!), counts!.bitwiseXor(divisors!),
    counts!.bitwiseNot(), x!.gt(0).bitwiseAnd(y!.gt(0)), y!.slice(1, 0, 3).addmm(x!, y!.t(), 0.5, 2),
    x!.mm(y!.t()), x!.unsqueeze(0).bmm(y!.t().unsqueeze(0)),
    x!.addcmul(x!, y!, 0.5), x!.addcdiv(x!, y!, 2), x!.lerp(y!, 0.3), x!.clip(-0.2, 0.4), x!.bool().float(), x!.int(),
  ], // prettier-ignore
  einsums: (a, b, image) => {
    const square = a!.slice(1, 0, 3);
    return [
      F.einsum("ij,kj->ik", a!, b!), F.einsum("ij,ij", a!, b!), F.einsum("ij->ji", a!),
      F.einsum("ij,kj->", a!, b!), F.einsum("bchw,bchw->bc", image!, image!),
      F.einsum("...hw,...wk->...hk", image!, image!.transpose(-1, -2)),
      F.einsum("ij,kj,kl->il", a!, b!, b!), F.einsum("ii->i", square), F.einsum("ii", square),
    ]; // prettier-ignore
  },
  sampling: (image, grid, volume, places, theta) => {
    const options = (["bilinear", "nearest", "bicubic"] as const).flatMap((mode) =>
      (["zeros", "border", "reflection"] as const).flatMap((paddingMode) =>
        [false, true].map((alignCorners) => ({ mode, paddingMode, alignCorners })),
      ),
    );
    return [
      ...options.map((given) => F.gridSample(image!, grid!, given)),
      F.gridSample(volume!, places!),
      F.gridSample(volume!, places!, { mode: "nearest" }),
      F.affineGrid(theta!, [2, 3, 4, 5]),
      F.affineGrid(theta!, [2, 3, 4, 5], true),
    ];
  },
  padding: (line, image) => [
    F.pad(image!, [1, 2, 3, 1], { mode: "circular" }),
    F.pad(line!, [2, 1], { mode: "replicate" }),
    F.pad(image!, [1, 2, 0, 3], { mode: "reflect" }),
    F.pad(line!, [3, 3], { mode: "circular" }),
    F.pad(image!, [1, -1, 2, 0], 1.5),
  ],
};

/** Pairs of values and indices, and lists, one after the other. */
export function flatResults(results: Results): Tensor[] {
  return results.flatMap((result) => {
    if ("values" in result && "indices" in result) return [result.values as Tensor, result.indices];
    return Array.isArray(result) ? (result as Tensor[]) : [result as Tensor];
  });
}
