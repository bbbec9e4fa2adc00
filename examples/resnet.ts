/**
 * ResNet-18, -34 and -50 (He et al., 2015) with torchvision's names, so that its weights load as they are:
 * `conv1`, `bn1`, `layer1.0.conv1`, …, `layer4.1.downsample.0`, `fc`.
 */
import { nn, tensor } from "heddle";

type Random = nn.init.RandomSource;

interface ResNetOptions {
  readonly classes?: number;
  /** Makes every weight and running statistic repeatable, and none of them trivial. */
  readonly seed?: number;
}

export function resnet18(options: ResNetOptions = {}): ResNet {
  return new ResNet(BasicBlock, [2, 2, 2, 2], options);
}

export function resnet34(options: ResNetOptions = {}): ResNet {
  return new ResNet(BasicBlock, [3, 4, 6, 3], options);
}

export function resnet50(options: ResNetOptions = {}): ResNet {
  return new ResNet(Bottleneck, [3, 4, 6, 3], options);
}

interface BlockType {
  readonly expansion: number;
  new (inChannels: number, width: number, stride: number): nn.Module & { forward(x: nn.Tensor): nn.Tensor };
}

/** Two 3×3 convolutions. */
class BasicBlock extends nn.Module {
  static readonly expansion = 1;
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(inChannels: number, width: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inChannels, width, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.conv2 = new nn.Conv2d(width, width, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(width);
    this.downsample = projection(inChannels, width, stride);
  }

  override forward(x: nn.Tensor): nn.Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x)).relu();
    const shortcut = this.downsample?.forward(x) ?? x;
    return this.bn2.forward(this.conv2.forward(inner)).add(shortcut).relu();
  }
}

/** 1×1 to narrow, 3×3 (which takes the stride, as in torchvision), 1×1 to widen by four. */
class Bottleneck extends nn.Module {
  static readonly expansion = 4;
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly conv3: nn.Conv2d;
  readonly bn3: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(inChannels: number, width: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inChannels, width, 1, { bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.conv2 = new nn.Conv2d(width, width, 3, { stride, padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(width);
    this.conv3 = new nn.Conv2d(width, width * 4, 1, { bias: false });
    this.bn3 = new nn.BatchNorm2d(width * 4);
    this.downsample = projection(inChannels, width * 4, stride);
  }

  override forward(x: nn.Tensor): nn.Tensor {
    const narrow = this.bn1.forward(this.conv1.forward(x)).relu();
    const inner = this.bn2.forward(this.conv2.forward(narrow)).relu();
    const shortcut = this.downsample?.forward(x) ?? x;
    return this.bn3.forward(this.conv3.forward(inner)).add(shortcut).relu();
  }
}

/** What makes a shortcut fit where the shape changes. */
function projection(inChannels: number, outChannels: number, stride: number): nn.Sequential | null {
  if (stride === 1 && inChannels === outChannels) return null;
  return new nn.Sequential(
    new nn.Conv2d(inChannels, outChannels, 1, { stride, bias: false }),
    new nn.BatchNorm2d(outChannels),
  );
}

export class ResNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
  readonly bn1 = new nn.BatchNorm2d(64);
  readonly maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  readonly layer1: nn.Sequential;
  readonly layer2: nn.Sequential;
  readonly layer3: nn.Sequential;
  readonly layer4: nn.Sequential;
  readonly avgpool = new nn.AdaptiveAvgPool2d(1);
  readonly fc: nn.Linear;

  constructor(block: BlockType, depths: readonly [number, number, number, number], options: ResNetOptions) {
    super();
    let channels = 64;
    const stage = (width: number, depth: number, stride: number): nn.Sequential => {
      const blocks = Array.from({ length: depth }, (_, i) => {
        const made = new block(channels, width, i === 0 ? stride : 1);
        channels = width * block.expansion;
        return made;
      });
      return new nn.Sequential(...blocks);
    };
    this.layer1 = stage(64, depths[0], 1);
    this.layer2 = stage(128, depths[1], 2);
    this.layer3 = stage(256, depths[2], 2);
    this.layer4 = stage(512, depths[3], 2);
    this.fc = new nn.Linear(channels, options.classes ?? 1000);
    if (options.seed !== undefined) randomize(this, nn.init.seededRandom(options.seed));
  }

  override forward(image: nn.Tensor): nn.Tensor {
    const stem = this.maxpool.forward(this.bn1.forward(this.conv1.forward(image)).relu());
    const features = this.layer4.forward(this.layer3.forward(this.layer2.forward(this.layer1.forward(stem))));
    return this.fc.forward(this.avgpool.forward(features).flatten(1));
  }
}

/**
 * Weights that keep the scale of activations through a deep network (He et al., 2015: variance 2 / fan-in), and
 * batch norms whose statistics, scale and shift all matter.
 */
function randomize(net: nn.Module, random: Random): void {
  const between = (low: number, high: number, count: number) =>
    tensor(
      Float32Array.from({ length: count }, () => low + (high - low) * random()),
      [count],
    );
  for (const module of net.modules()) {
    if (module instanceof nn.Conv2d || module instanceof nn.Linear) {
      const { shape } = module.weight;
      const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
      module.weight.assign(nn.init.uniform(shape, Math.sqrt(6 / fanIn), random));
      module.bias?.assign(nn.init.uniform(module.bias.shape, 0.1, random));
    } else if (module instanceof nn.BatchNorm2d) {
      const { numFeatures } = module;
      module.weight?.assign(between(0.4, 0.9, numFeatures));
      module.bias?.assign(between(-0.1, 0.1, numFeatures));
      module.runningMean?.assign(between(-0.1, 0.1, numFeatures));
      module.runningVar?.assign(between(0.6, 1.4, numFeatures));
    }
  }
}
