/**
 * The ResNet BasicBlock (He et al., 2015): two convolutions with batch norm, and a shortcut around them.
 * For inference everything folds into the two convolutions. In training mode the batch norms use the batch's
 * own statistics and update the running ones on the device.
 *
 *     npm run example -- basic-block
 */
import { compile, nn, tensor } from "heddle";

class BasicBlock extends nn.Module {
  conv1 = new nn.Conv2d(64, 64, 3, { padding: 1, bias: false });
  bn1 = new nn.BatchNorm2d(64);
  conv2 = new nn.Conv2d(64, 64, 3, { padding: 1, bias: false });
  bn2 = new nn.BatchNorm2d(64);

  override forward(x: nn.Tensor): nn.Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x)).relu();
    return this.bn2.forward(this.conv2.forward(inner)).add(x).relu();
  }
}

const block = new BasicBlock();
const random = nn.init.seededRandom(1);
const shape = [4, 64, 14, 14];
/** Uniform between 0 and 2, so that channels have means worth tracking. */
const image = tensor(nn.init.uniform(shape, 1, random).data.map((value) => value + 1), shape); // prettier-ignore

const inference = await compile(block.eval(), [{ shape }]);
console.log(String(inference.report()));
const before = await inference.run(image);
console.log(`\nInference: ${inference.launches} launches; the first outputs are ${first(before.data)}.`);

const training = await compile(block.train(), [{ shape }]);
console.log(`\n${String(training.report())}`);
await training.run(image);
const {
  "bn1.running_mean": mean,
  "bn1.running_var": variance,
  "bn1.num_batches_tracked": batches,
} = await training.stateDict();
console.log(
  `\nTraining mode: ${training.launches} launches. After ${batches!.data[0]} batch, on the device:`,
);
console.log(`  bn1.running_mean ${first(mean!.data)}   bn1.running_var ${first(variance!.data)}`);

// Both programs share the block's state on the device: its folded weights are prepared anew, nothing is recompiled.
const after = await inference.run(tensor(image.data, shape));
console.log(`Inference with the new statistics: ${first(after.data)}.`);
inference.dispose();
training.dispose();

function first(values: ArrayLike<number | bigint>): string {
  return Array.from({ length: 3 }, (_, i) => Number(values[i]).toFixed(3)).join(", ") + ", …";
}
