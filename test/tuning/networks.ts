/** A small network in which every kind of decision comes up. */
import { nn } from "../../src/index.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { traceModule, type TracedModule } from "../../src/nn/trace-module.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";

export class SeparableNetwork extends nn.Module {
  stem = new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 });
  conv = new nn.Conv2d(16, 32, 3, { padding: 1 });
  depthwise = new nn.Conv2d(32, 32, 3, { padding: 1, groups: 32 });
  pointwise = new nn.Conv2d(32, 40, 1);
  head = new nn.Linear(40, 10);

  override forward(x: nn.Tensor): nn.Tensor {
    const features = this.conv.forward(this.stem.forward(x).relu()).relu();
    const mixed = this.pointwise.forward(this.depthwise.forward(features).relu()).relu();
    return this.head.forward(mixed.mean([2, 3]));
  }
}

export const separableInputs = [{ shape: [1, 3, 40, 40] }] as const;

export function separableNetwork(): TracedModule {
  return traceModule(new SeparableNetwork().eval(), separableInputs);
}

export function separableImage(): HostTensor<"f32"> {
  const random = seededRandom(7);
  const data = Float32Array.from({ length: 3 * 40 * 40 }, () => 2 * random() - 1);
  return { dtype: "f32", shape: [1, 3, 40, 40], data };
}
