/** Small networks that between them use most of what the passes do. */
import { nn } from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { traceModule } from "../../src/nn/trace-module.ts";

type Tensor = nn.Tensor;

class BasicBlock extends nn.Module {
  conv1 = new nn.Conv2d(8, 8, 3, { padding: 1, bias: false });
  bn1 = new nn.BatchNorm2d(8);
  conv2 = new nn.Conv2d(8, 8, 3, { padding: 1 });
  bn2 = new nn.BatchNorm2d(8);

  override forward(x: Tensor): Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x)).relu();
    return this.bn2.forward(this.conv2.forward(inner)).add(x).relu();
  }
}

/** A convolution with a bias, a batch norm and a ReLU. */
class ConvBatchNormRelu extends nn.Module {
  conv = new nn.Conv2d(3, 6, 3);
  bn = new nn.BatchNorm2d(6);

  override forward(x: Tensor): Tensor {
    return this.bn.forward(this.conv.forward(x)).relu();
  }
}

/** MobileNet's block (Howard et al., 2017): depthwise, then pointwise. */
class DepthwiseSeparable extends nn.Module {
  depthwise = new nn.Conv2d(8, 8, 3, { padding: 1, stride: 2, groups: 8, bias: false });
  bn1 = new nn.BatchNorm2d(8);
  pointwise = new nn.Conv2d(8, 12, 1, { bias: false });
  bn2 = new nn.BatchNorm2d(12);

  override forward(x: Tensor): Tensor {
    const spatial = nn.functional.relu6(this.bn1.forward(this.depthwise.forward(x)));
    return nn.functional.hardswish(this.bn2.forward(this.pointwise.forward(spatial)));
  }
}

class Mlp extends nn.Module {
  input = new nn.BatchNorm1d(8);
  hidden = new nn.Linear(8, 32);
  bn = new nn.BatchNorm1d(32);
  output = new nn.Linear(32, 4);

  override forward(x: Tensor): Tensor {
    const hidden = this.bn.forward(this.hidden.forward(this.input.forward(x))).relu();
    return this.output.forward(hidden);
  }
}

class Volume extends nn.Module {
  conv = new nn.Conv3d(2, 5, 3, { padding: 1 });
  bn = new nn.BatchNorm3d(5);
  pool = new nn.MaxPool3d(2);

  override forward(x: Tensor): Tensor {
    return this.pool.forward(this.bn.forward(this.conv.forward(x)).leakyRelu(0.1));
  }
}

/** Moves data about between two convolutions. */
class ConcatPadSlice extends nn.Module {
  left = new nn.Conv2d(3, 4, 1);
  right = new nn.Conv2d(3, 4, 3, { padding: 1, bias: false });
  last = new nn.Conv2d(8, 5, 2);

  override forward(x: Tensor): { image: Tensor; crop: Tensor } {
    const joined = nn.functional.concat([this.left.forward(x).relu(), this.right.forward(x)], 1);
    const padded = joined.pad([1, 0, 0, 2], 0.5);
    return { image: this.last.forward(padded).tanh(), crop: padded.slice(2, 1, 5, 2).permute(0, 2, 3, 1) };
  }
}

/** "Same" padding as exporters write it: one row and column more at the end, apart from what reads them. */
class SamePadding extends nn.Module {
  conv = new nn.Conv2d(3, 6, 3, { stride: 2 });

  override forward(x: Tensor): { largest: Tensor; average: Tensor } {
    const features = nn.functional.relu6(this.conv.forward(x.pad([0, 1, 0, 1])));
    const largest = nn.functional.maxPool(features.pad([0, 1, 0, 1], -Infinity), 2, 2, { stride: 1 });
    return { largest, average: nn.functional.avgPool(features.pad([1, 0, 1, 0]), 2, 2, { stride: 1 }) };
  }
}

/** A dense layer (Huang et al., 2017): what it makes is put behind what it read. */
class DenseLayer extends nn.Module {
  bn1: nn.BatchNorm2d;
  conv1: nn.Conv2d;
  bn2 = new nn.BatchNorm2d(4);
  conv2 = new nn.Conv2d(4, 5, 3, { padding: 1, bias: false });

  constructor(channels: number) {
    super();
    this.bn1 = new nn.BatchNorm2d(channels);
    this.conv1 = new nn.Conv2d(channels, 4, 1, { bias: false });
  }

  override forward(x: Tensor): Tensor {
    const inner = this.conv1.forward(this.bn1.forward(x).relu());
    return this.conv2.forward(this.bn2.forward(inner).relu());
  }
}

/** Each layer reads all that the ones before made. */
class DenseBlock extends nn.Module {
  stem = new nn.Conv2d(3, 6, 3);
  layers = new nn.ModuleList([6, 11, 16].map((channels) => new DenseLayer(channels)));
  last = new nn.Conv2d(21, 4, 1);

  override forward(x: Tensor): Tensor {
    const features = [this.stem.forward(x)];
    for (const layer of this.layers) features.push(layer.forward(nn.functional.concat(features, 1)));
    return this.last.forward(nn.functional.concat(features, 1));
  }
}

/** Branches side by side (Szegedy et al., 2015), read by a convolution and by a pooling. */
class Inception extends nn.Module {
  left = new nn.Conv2d(4, 7, 1);
  right = new nn.Conv2d(4, 8, 3, { padding: 1 });
  pool = new nn.MaxPool2d(3, { stride: 1, padding: 1 });
  pooled = new nn.Conv2d(4, 3, 1);
  next = new nn.Conv2d(18, 5, 1);
  down = new nn.MaxPool2d(2);

  override forward(x: Tensor): { next: Tensor; down: Tensor } {
    const branches = [this.left.forward(x).relu(), this.right.forward(x).relu(), this.pooled.forward(this.pool.forward(x))]; // prettier-ignore
    const joined = nn.functional.concat(branches, 1);
    return { next: this.next.forward(joined), down: this.down.forward(joined) };
  }
}

class Classifier extends nn.Module {
  conv = new nn.Conv2d(1, 6, 3);
  pool = new nn.AvgPool2d(2, { ceilMode: true });
  fc = new nn.Linear(6, 10);

  override forward(x: Tensor): Tensor {
    const features = this.pool.forward(this.conv.forward(x).gelu()).mean([2, 3]);
    return nn.functional.softmax(this.fc.forward(features), 1);
  }
}

export interface Network {
  readonly name: string;
  readonly build: () => nn.Module;
  readonly shape: Shape;
  readonly training?: boolean;
}

export const networks = {
  basicBlock: { name: "a BasicBlock", build: () => new BasicBlock(), shape: [2, 8, 6, 5] },
  basicBlockTraining: { name: "a BasicBlock in training", build: () => new BasicBlock(), shape: [2, 8, 6, 5], training: true },
  convBatchNormRelu: { name: "Conv (bias) + BatchNorm + ReLU", build: () => new ConvBatchNormRelu(), shape: [1, 3, 6, 7] },
  depthwiseSeparable: { name: "a depthwise-separable block", build: () => new DepthwiseSeparable(), shape: [1, 8, 7, 6] },
  mlp: { name: "a perceptron with BatchNorm1d", build: () => new Mlp(), shape: [5, 8] },
  mlpTraining: { name: "a perceptron with BatchNorm1d in training", build: () => new Mlp(), shape: [5, 8], training: true },
  volume: { name: "Conv3d + BatchNorm3d", build: () => new Volume(), shape: [1, 2, 4, 5, 6] },
  concatPadSlice: { name: "concat, pad and slice", build: () => new ConcatPadSlice(), shape: [1, 3, 6, 5] },
  samePadding: { name: "padding apart", build: () => new SamePadding(), shape: [1, 3, 9, 8] },
  denseBlock: { name: "a dense block", build: () => new DenseBlock(), shape: [1, 3, 8, 7] },
  denseBlockTraining: { name: "a dense block in training", build: () => new DenseBlock(), shape: [2, 3, 8, 7], training: true },
  inception: { name: "an Inception block", build: () => new Inception(), shape: [2, 4, 6, 5] },
  classifier: { name: "a softmax classifier", build: () => new Classifier(), shape: [2, 1, 9, 8] },
} as const satisfies Record<string, Network>; // prettier-ignore

export function graphOf({ build, shape, training = false }: Network): Graph {
  const net = build();
  return traceModule(training ? net.train() : net.eval(), [{ shape }]).graph;
}
