/** The digits network as PyTorch trained it: a small ResNet for 8×8 images, written as modules. */
import { nn } from "heddle";

type Tensor = nn.Tensor;

/** Two 3×3 convolutions with batch norm and a shortcut around them (He et al., 2015). */
export class BasicBlock extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential | null;

  constructor(inChannels: number, outChannels: number, stride = 1) {
    super();
    this.conv1 = new nn.Conv2d(inChannels, outChannels, 3, { stride, padding: 1 });
    this.bn1 = new nn.BatchNorm2d(outChannels);
    this.conv2 = new nn.Conv2d(outChannels, outChannels, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(outChannels);
    this.downsample =
      stride === 1 && inChannels === outChannels
        ? null
        : new nn.Sequential(
            new nn.Conv2d(inChannels, outChannels, 1, { stride, bias: false }),
            new nn.BatchNorm2d(outChannels),
          );
  }

  override forward(x: Tensor): Tensor {
    const out = this.bn1.forward(this.conv1.forward(x)).relu();
    const shortcut = this.downsample === null ? x : this.downsample.forward(x);
    return this.bn2.forward(this.conv2.forward(out)).add(shortcut).relu();
  }
}

export class DigitsNet extends nn.Module {
  conv1 = new nn.Conv2d(1, 16, 3, { padding: 1 });
  bn1 = new nn.BatchNorm2d(16);
  layer1 = new BasicBlock(16, 16);
  layer2 = new BasicBlock(16, 32, 2);
  layer3 = new BasicBlock(32, 64, 2);
  pool = new nn.AdaptiveAvgPool2d(1);
  fc = new nn.Linear(64, 10);

  override forward(image: Tensor): Tensor {
    let x = this.bn1.forward(this.conv1.forward(image)).relu();
    x = this.layer3.forward(this.layer2.forward(this.layer1.forward(x)));
    return this.fc.forward(this.pool.forward(x).flatten(1));
  }
}
