/**
 * A multilayer perceptron with BatchNorm1d, in both modes. In training mode the running statistics move towards
 * those of the data, on the device, batch by batch; in eval mode they are what normalises.
 *
 *     npm run example -- mlp-batch-norm
 */
import { compile, nn, tensor } from "heddle";

class Mlp extends nn.Module {
  input = new nn.BatchNorm1d(8);
  hidden = new nn.Linear(8, 32);
  bn = new nn.BatchNorm1d(32);
  output = new nn.Linear(32, 4);

  override forward(x: nn.Tensor): nn.Tensor {
    const hidden = this.bn.forward(this.hidden.forward(this.input.forward(x))).relu();
    return this.output.forward(hidden);
  }
}

const net = new Mlp();
const shape = [64, 8];
const random = nn.init.seededRandom(7);

/** Uniform between 4 and 6: mean 5, variance 1/3. */
const batch = () => {
  const { data } = nn.init.uniform(shape, 1, random);
  return tensor(data.map((value) => value + 5), shape); // prettier-ignore
};

const training = await compile(net.train(), [{ shape }]);
console.log(String(training.report()));

console.log(
  "\nRunning statistics of the first feature, as they are on the device (the data has mean 5, variance 0.333):",
);
for (let step = 1; step <= 40; step++) {
  await training.run(batch());
  if (![1, 5, 10, 20, 40].includes(step)) continue;
  const state = await training.stateDict();
  const [mean, variance] = [state["input.running_mean"]!.data[0], state["input.running_var"]!.data[0]];
  console.log(`  after ${String(step).padStart(2)} batches: mean ${Number(mean).toFixed(3)}, variance ${Number(variance).toFixed(3)}`); // prettier-ignore
}

const inference = await compile(net.eval(), [{ shape }]);
console.log(`\n${String(inference.report())}`);
const logits = await inference.run(batch());
console.log(
  `\nEval mode, one row: ${Array.from(logits.data.slice(0, 4), (value) => value.toFixed(3)).join(", ")}`,
);
training.dispose();
inference.dispose();
