/** The modules of `scripts/recordings/modules.py`, built the same way, by the id of their recording. */
import * as nn from "../../src/nn/index.ts";
import { Parameter, StateBuffer } from "../../src/ir/stored-tensor.ts";
import { zeros } from "../../src/ir/host-tensor.ts";
import type { Tensor } from "../../src/nn/tensor.ts";

const { functional: F } = nn;

function convBatchNormReLU(
  inputs: number,
  outputs: number,
  options: nn.BatchNormLayerOptions = {},
): nn.Module {
  return new nn.Sequential(
    new nn.Conv2d(inputs, outputs, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(outputs, options),
    new nn.ReLU(),
  );
}

export class BasicBlock extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(outputs);
    this.conv2 = new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(outputs);
    this.downsample =
      stride === 1 && inputs === outputs
        ? null
        : new nn.Sequential(
            new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }),
            new nn.BatchNorm2d(outputs),
          );
  }

  override forward(x: Tensor): Tensor {
    const identity = this.downsample === null ? x : this.downsample.forward(x);
    const y = this.bn1.forward(this.conv1.forward(x)).relu();
    return this.bn2.forward(this.conv2.forward(y)).add(identity).relu();
  }
}

class Shared extends nn.Module {
  readonly fc = new nn.Linear(5, 5);
  readonly bn = new nn.BatchNorm1d(5);

  override forward(x: Tensor): Tensor {
    return this.bn.forward(this.fc.forward(this.bn.forward(this.fc.forward(x))));
  }
}

/** The buffer is set before the parameter and both after the child: PyTorch's order does not depend on it. */
class Mixed extends nn.Module {
  readonly fc = new nn.Linear(3, 3);
  readonly shift = new StateBuffer(zeros([3], "f32"));
  readonly scale = new Parameter(zeros([3], "f32"));

  override forward(x: Tensor): Tensor {
    return this.fc.forward(x).mul(this.scale).add(this.shift);
  }
}

class Products extends nn.Module {
  override forward(vector: Tensor, matrix: Tensor, batch: Tensor): Tensor[] {
    return [
      vector.matmul(vector),
      matrix.matmul(vector),
      vector.matmul(matrix),
      batch.matmul(vector),
      vector.matmul(batch),
      matrix.matmul(batch),
    ];
  }
}

class Activations extends nn.Module {
  readonly layers = [
    new nn.ReLU(),
    new nn.ReLU6(),
    new nn.LeakyReLU(),
    new nn.Sigmoid(),
    new nn.Tanh(),
    new nn.SiLU(),
    new nn.GELU(),
    new nn.GELU({ approximate: "tanh" }),
    new nn.Hardswish(),
    new nn.Hardsigmoid(),
    new nn.Softmax(1),
    new nn.LogSoftmax(-1),
  ];

  override forward(x: Tensor): Tensor[] {
    return this.layers.map((layer) => layer.forward(x));
  }
}

class Shapes extends nn.Module {
  override forward(x: Tensor): Tensor[] {
    return [
      x.flatten(1),
      x.flatten(0, 1),
      x.transpose(0, -1),
      x.select(1, 1),
      x.slice(-1, -3, -1),
      x.slice(2, 0, Infinity, 2),
      x.var(1),
      x.var([0, 2], true, 0),
      x.mean([0, -1]),
      x.max(2, true),
      F.stack([x, x.mul(2)], 1),
      F.concat([x, x.slice(1, 0, 1)], 1),
      F.pad(x, [1, 2, -1, 0], 3),
      F.where(x.gt(0), x, x.mul(-2)),
      x.reshape(-1, 2),
    ];
  }
}

export const recordedModules: Readonly<Record<string, () => nn.Module>> = {
  linear: () => new nn.Linear(5, 3),
  "linear-vector": () => new nn.Linear(5, 3),
  "linear-no-bias": () => new nn.Linear(5, 3, { bias: false }),
  conv1d: () => new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1, groups: 2 }),
  "conv2d-same": () => new nn.Conv2d(2, 3, [4, 3], { padding: "same", dilation: [1, 2] }),
  "conv2d-valid": () => new nn.Conv2d(2, 3, 3, { padding: "valid" }),
  "conv2d-unbatched": () => new nn.Conv2d(2, 3, 3, { padding: 1 }),
  conv3d: () => new nn.Conv3d(2, 3, [1, 3, 2], { padding: [0, 1, 0] }),
  mixed: () => new Mixed(),
  pools: () =>
    new nn.Sequential(
      new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
      new nn.AvgPool2d(2, { ceilMode: true, countIncludePad: false }),
      new nn.AdaptiveAvgPool2d([null, 2]),
      new nn.Flatten(),
    ),
  products: () => new Products(),
  activations: () => new Activations(),
  shapes: () => new Shapes(),
  ...Object.fromEntries(
    ["eval", "train"].flatMap((mode): [string, () => nn.Module][] => [
      [`conv-bn-relu-${mode}`, () => convBatchNormReLU(3, 5)],
      [`conv-bn-relu-cumulative-${mode}`, () => convBatchNormReLU(3, 4, { momentum: null })],
      [`basic-block-${mode}`, () => new BasicBlock(4, 8, 2)],
      [`basic-block-identity-${mode}`, () => new BasicBlock(4, 4, 1)],
      [
        `mlp-${mode}`,
        () =>
          new nn.Sequential(
            new nn.Linear(7, 11),
            new nn.BatchNorm1d(11),
            new nn.ReLU(),
            new nn.Linear(11, 3),
          ),
      ],
      [`batch-norm-3d-${mode}`, () => new nn.BatchNorm3d(3, { eps: 1e-3, momentum: 0.3 })],
      [`batch-norm-plain-${mode}`, () => new nn.BatchNorm1d(4, { affine: false, trackRunningStats: false })],
      [`batch-norm-no-affine-${mode}`, () => new nn.BatchNorm2d(4, { affine: false })],
      [`shared-${mode}`, () => new Shared()],
    ]),
  ),
};
