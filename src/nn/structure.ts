/** Layers that only pass, reshape or drop. */
import { UserError } from "../errors.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** Flattens dimensions `startAxis … endAxis`, by default all but the first. */
export class Flatten extends Module {
  constructor(
    readonly startAxis = 1,
    readonly endAxis = -1,
  ) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.flatten(this.startAxis, this.endAxis);
  }
}

export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** Nothing in eval mode. Training needs random numbers on the device, which graphs do not have yet. */
export class Dropout extends Module {
  constructor(readonly probability = 0.5) {
    super();
    if (!(probability >= 0 && probability <= 1)) {
      throw new UserError("argument", `Dropout: probability must be from 0 to 1, got ${probability}.`);
    }
  }
  override forward(x: Tensor): Tensor {
    if (!this.training || this.probability === 0) return x;
    return x.trace.fail(
      "unsupported",
      "Dropout: training mode with probability > 0 is not supported yet; call eval() or set probability 0.",
    );
  }
}
