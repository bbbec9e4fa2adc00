/** Small networks and inputs that the tests of the public interface share. */
import { nn, tensor, type HostTensor } from "../../src/index.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { seededRandom } from "../../src/nn/init.ts";

/** Reproducible numbers from −1 to 1. */
export function randomTensor(shape: readonly number[], seed = 1): HostTensor<"f32"> {
  const random = seededRandom(seed);
  return tensor(
    Float32Array.from({ length: elementCount(shape) }, () => 2 * random() - 1),
    shape,
  );
}

/** Every float parameter and buffer gets reproducible values; variances stay positive. */
export function randomize<M extends nn.Module>(module: M, seed = 1): M {
  const values = Object.entries(module.stateDict()).map(([name, value], i) => {
    if (value.dtype !== "f32") return [name, value] as const;
    const { data, shape } = randomTensor(value.shape, seed * 1000 + i);
    return [name, tensor(name.endsWith("running_var") ? data.map((x) => x + 1.5) : data, shape)] as const;
  });
  module.loadStateDict(Object.fromEntries(values));
  return module;
}

/** Conv → BN → ReLU → pool → linear: every kind of layer of a classifier once. */
export class SmallNet extends nn.Module {
  readonly conv = new nn.Conv2d(3, 4, 3, { padding: 1 });
  readonly bn = new nn.BatchNorm2d(4);
  readonly fc = new nn.Linear(4, 5);

  override forward(x: nn.Tensor): nn.Tensor {
    const y = this.bn.forward(this.conv.forward(x)).relu();
    return this.fc.forward(y.mean([2, 3]));
  }
}

/** A module whose forward is a function. */
export class Forward extends nn.Module {
  readonly body: (...inputs: nn.Tensor[]) => unknown;

  constructor(body: (...inputs: nn.Tensor[]) => unknown) {
    super();
    this.body = body;
  }

  override forward(...inputs: nn.Tensor[]): unknown {
    return this.body(...inputs);
  }
}
