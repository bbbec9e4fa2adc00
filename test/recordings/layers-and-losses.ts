/** The modules of `scripts/recordings/layers_and_losses.py`, built the same way, by the id of their recording. */
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { Parameter } from "../../src/ir/stored-tensor.ts";
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/nn/tensor.ts";
import { Forward } from "../api/networks.ts";
import { Each } from "./each.ts";

const { functional: F } = nn;
const ones = (...shape: number[]): HostTensor =>
  tensor(new Array<number>(shape.reduce((product, size) => product * size, 1)).fill(1), shape);

const unpoolings = [nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d];

function pooledAndBack(
  rank: number,
  x: Tensor,
  kernel: nn.MaxPoolOptions["stride"] & {},
  options: Pick<nn.MaxPoolOptions, "stride" | "padding"> = {},
  outputSize?: readonly number[],
): Tensor[] {
  const { values, indices } = F.maxPoolWithIndices(x, rank, kernel, options);
  const unpool = new unpoolings[rank - 1]!(kernel, options);
  return [values, indices, unpool.forward(values, indices, outputSize)];
}

class Dictionaries extends nn.Module {
  readonly layers = new nn.ModuleDict<nn.Linear | nn.ReLU>([
    ["wide", new nn.Linear(3, 4)],
    ["1", new nn.Linear(4, 3)],
    ["0", new nn.ReLU()],
  ]);
  readonly named = new nn.ParameterDict({ scale: new Parameter(ones(3)), by: new Parameter(ones(1)) });
  readonly listed = new nn.ParameterList([new Parameter(ones(3)), new Parameter(ones(2, 3))]);

  override forward(x: Tensor): Tensor {
    const y = ["wide", "0", "1"].reduce((value, name) => this.layers.get(name).forward(value), x);
    const [shift, factor] = this.listed;
    const product = F.add(y.mul(this.named.get("scale")), this.named.get("by"));
    return product.add(x.mul(0).add(shift!).mul(factor!));
  }
}

class ClassLosses extends nn.Module {
  readonly weighted = new nn.CrossEntropyLoss({ weight: ones(5) });
  readonly smoothed = new nn.CrossEntropyLoss({ weight: ones(5), labelSmoothing: 0.3, ignoreIndex: 2 });
  readonly negative = new nn.NLLLoss({ weight: ones(5), ignoreIndex: 1 });

  override forward(x: Tensor, target: Tensor, one: Tensor, number: Tensor): Tensor[] {
    const valid = target.clamp(0);
    const probabilities = x.mul(2).softmax(1);
    const loss = (...given: ConstructorParameters<typeof nn.CrossEntropyLoss>) =>
      new nn.CrossEntropyLoss(...given);
    return [
      loss().forward(x, target),
      loss({ reduction: "sum" }).forward(x, target),
      loss({ reduction: "none" }).forward(x, target),
      loss({ ignoreIndex: 3 }).forward(x, valid),
      loss({ labelSmoothing: 0.2 }).forward(x, target),
      loss({ labelSmoothing: 0.2, reduction: "none" }).forward(x, target),
      loss().forward(x, probabilities),
      loss({ reduction: "none", labelSmoothing: 0.1 }).forward(x, probabilities),
      loss().forward(one, number),
      loss({ labelSmoothing: 0.5 }).forward(one, number),
      loss().forward(one, one.softmax(0)),
      new nn.NLLLoss().forward(x.logSoftmax(1), target),
      new nn.NLLLoss({ reduction: "none" }).forward(x.logSoftmax(1), target),
      this.weighted.forward(x, target),
      this.weighted.forward(x, probabilities),
      this.smoothed.forward(x, valid),
      this.negative.forward(x.logSoftmax(1), valid),
    ];
  }
}

class BinaryLosses extends nn.Module {
  readonly weighted = new nn.BCELoss({ weight: ones(4) });
  readonly both = new nn.BCEWithLogitsLoss({ weight: ones(3, 1), posWeight: ones(4) });

  override forward(x: Tensor, probabilities: Tensor, target: Tensor): Tensor[] {
    return [
      new nn.BCELoss().forward(probabilities, target),
      new nn.BCELoss({ reduction: "none" }).forward(probabilities, target),
      new nn.BCELoss({ reduction: "sum" }).forward(x.mul(0.5).sigmoid(), target),
      this.weighted.forward(x.mul(0.5).sigmoid(), target),
      new nn.BCEWithLogitsLoss().forward(x, target),
      new nn.BCEWithLogitsLoss({ reduction: "none" }).forward(x, target),
      new nn.BCEWithLogitsLoss({ reduction: "sum" }).forward(x.mul(60), target),
      this.both.forward(x, target),
    ];
  }
}

export const layersAndLosses: Readonly<Record<string, () => nn.Module>> = {
  shrinking: () =>
    new Each(
      ...[
        new nn.Threshold(0.25, 20),
        new nn.Threshold(-1, -1),
        new nn.Hardshrink(),
        new nn.Hardshrink(1.5),
        new nn.Softshrink(),
        new nn.Softshrink(1.5),
        new nn.Tanhshrink(),
        new nn.Softmin(1),
        new nn.GLU(),
        new nn.GLU(0),
        new nn.RReLU().eval(),
        new nn.RReLU(0.1, 0.2).eval(),
      ].map((layer) => [0, layer] as const),
    ),
  "softmax-of-channels": () => new Each([0, new nn.Softmax2d()], [1, new nn.Softmax2d()]),
  "more-pooling": () =>
    new Forward((line, image, volume, unbatched, positive) => [
      new nn.AdaptiveMaxPool1d(3).forward(line!),
      new nn.AdaptiveMaxPool1d(9).forward(line!),
      new nn.AdaptiveMaxPool2d([3, null]).forward(image!),
      new nn.AdaptiveMaxPool2d([3, 4]).forward(image!),
      new nn.AdaptiveMaxPool2d([7, 2]).forward(image!),
      new nn.AdaptiveMaxPool2d(1).forward(unbatched!),
      new nn.AdaptiveMaxPool3d([2, 4, 5]).forward(volume!),
      new nn.LPPool1d(2, 3, { stride: 2 }).forward(line!),
      new nn.LPPool1d(2, 3, { stride: 2, ceilMode: true }).forward(line!),
      new nn.LPPool1d(1, 2).forward(line!.select(0, 0)),
      new nn.LPPool2d(2, [2, 3]).forward(image!),
      new nn.LPPool2d(2, 2, { stride: 1 }).forward(unbatched!),
      new nn.LPPool2d(1.5, 2, { ceilMode: true }).forward(positive!),
      new nn.LPPool2d(3, [3, 2], { stride: [2, 1] }).forward(positive!),
      new nn.LPPool3d(2, 2).forward(volume!),
    ]),
  unpooling: () =>
    new Forward((line, image, volume, unbatched) => [
      ...pooledAndBack(1, line!, 2),
      ...pooledAndBack(1, line!, 3, { stride: 2, padding: 1 }),
      ...pooledAndBack(2, image!, 2, {}, [7, 6]),
      ...pooledAndBack(2, image!, 3, { stride: 2, padding: 1 }, [7, 6]),
      ...pooledAndBack(2, image!, [2, 3], { stride: [2, 1] }, image!.shape),
      ...pooledAndBack(2, unbatched!, 2, {}, [7, 6]),
      ...pooledAndBack(3, volume!, 2, {}, volume!.shape.slice(2)),
      ...Object.values(F.maxPoolWithIndices(image!, 2, 2, { stride: 3, dilation: 2, ceilMode: true })),
      ...Object.values(F.maxPoolWithIndices(line!, 1, 2, { ceilMode: true })),
    ]),
  "by-neighbours": () =>
    new Each(
      [1, new nn.LocalResponseNorm(2)],
      [1, new nn.LocalResponseNorm(3, { alpha: 0.5, beta: 0.6, k: 1.5 })],
      [0, new nn.LocalResponseNorm(4, { alpha: 0.9, beta: 1.2, k: 0.5 })],
      [0, new nn.LocalResponseNorm(9, { alpha: 0.7 })],
    ),
  distances: () =>
    new Forward((a, b, row) => [
      new nn.CosineSimilarity().forward(a!, b!),
      new nn.CosineSimilarity({ axis: -1 }).forward(a!, row!),
      new nn.CosineSimilarity({ axis: 0, eps: 1e-2 }).forward(a!, b!),
      new nn.PairwiseDistance().forward(a!, b!),
      new nn.PairwiseDistance({ p: 1, eps: 1e-3 }).forward(a!, row!),
      new nn.PairwiseDistance({ p: 3, keepDims: true }).forward(a!, b!),
      new nn.PairwiseDistance({ p: Infinity }).forward(a!, b!),
      F.normalize(a!),
      F.normalize(a!, { p: 1, axis: -1 }),
      F.normalize(a!, { p: 3, axis: 0, eps: 2 }),
    ]),
  folding: () =>
    new Forward((image, unbatched, columns) => {
      const wide = { dilation: 2, padding: 1, stride: 2 };
      const back = new nn.Fold([4, 5], 2, { stride: [2, 1] });
      return [
        new nn.Unfold([2, 3]).forward(image!),
        new nn.Unfold(2, wide).forward(image!),
        new nn.Unfold([3, 1], { padding: [2, 0], stride: [2, 1] }).forward(unbatched!),
        new nn.Fold([5, 6], [2, 3]).forward(F.unfold(image!, [2, 3])),
        new nn.Fold([5, 6], 2, wide).forward(F.unfold(image!, 2, wide)),
        back.forward(columns!),
        back.forward(columns!.select(0, 0)),
      ];
    }),
  "shuffling-and-resizing": () =>
    new Each(
      [0, new nn.ChannelShuffle(3)],
      [1, new nn.ChannelShuffle(2)],
      [0, new nn.UpsamplingNearest2d({ scaleFactor: 2 })],
      [0, new nn.UpsamplingNearest2d({ size: [3, 9] })],
      [0, new nn.UpsamplingBilinear2d({ scaleFactor: 2 })],
      [0, new nn.UpsamplingBilinear2d({ size: [3, 9] })],
    ),
  bilinear: () => new nn.Bilinear(4, 5, 3),
  "bilinear-no-bias": () => new nn.Bilinear(2, 4, 6, { bias: false }),
  dictionaries: () => new Dictionaries(),
  "regression-losses": () =>
    new Forward((given, wanted) => {
      const [x, target] = [given!, wanted!];
      return [
        new nn.MSELoss().forward(x, target),
        new nn.MSELoss({ reduction: "sum" }).forward(x, target),
        new nn.MSELoss({ reduction: "none" }).forward(x, target),
        new nn.L1Loss().forward(x, target),
        new nn.L1Loss({ reduction: "none" }).forward(x, target),
        new nn.SmoothL1Loss().forward(x, target),
        new nn.SmoothL1Loss({ reduction: "none", beta: 0.4 }).forward(x, target),
        new nn.SmoothL1Loss({ reduction: "sum", beta: 0 }).forward(x, target),
        new nn.HuberLoss().forward(x, target),
        new nn.HuberLoss({ reduction: "none", delta: 0.4 }).forward(x, target),
        new nn.KLDivLoss().forward(x.logSoftmax(1), target.softmax(1)),
        new nn.KLDivLoss({ reduction: "batchmean" }).forward(x.logSoftmax(1), target.softmax(1)),
        new nn.KLDivLoss({ reduction: "none" }).forward(x.logSoftmax(1), target.relu()),
        new nn.KLDivLoss({ reduction: "sum", logTarget: true }).forward(
          x.logSoftmax(1),
          target.logSoftmax(1),
        ),
      ];
    }),
  "class-losses": () => new ClassLosses(),
  "binary-losses": () => new BinaryLosses(),
};
