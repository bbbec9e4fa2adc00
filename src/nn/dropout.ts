/** Layers that drop at random in training mode and do nothing in eval mode. */
import { UserError } from "../errors.ts";
import { tensor } from "../ir/host-tensor.ts";
import { StateBuffer } from "../ir/stored-tensor.ts";
import { alphaDropout, dropout, featureDropout } from "./dropout-functions.ts";
import type { RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** What layers that drop may be told. */
export interface DropoutOptions {
  /** Where the stream of random numbers begins; `Math.random` unless given. */
  readonly random?: RandomSource;
}

abstract class RandomLayer extends Module {
  /** Where the stream of random numbers is, which every run advances; not part of the state dict. */
  readonly randomState: StateBuffer;

  constructor(
    /** How likely an element is dropped. */
    readonly probability = 0.5,
    options: DropoutOptions = {},
  ) {
    super();
    if (!(probability >= 0 && probability <= 1)) {
      throw new UserError(
        "argument",
        `${new.target.name}: probability must be from 0 to 1, got ${probability}.`,
      );
    }
    const seed = Math.floor((options.random ?? Math.random)() * 2 ** 32);
    this.randomState = new StateBuffer(tensor([seed], [], "u32"), { persistent: false });
  }

  /** What it does in training mode. */
  protected abstract drop(x: Tensor): Tensor;

  override forward(x: Tensor): Tensor {
    return !this.training || this.probability === 0 ? x : this.drop(x);
  }
}

/**
 * In training mode, zeroes each element with `probability` and scales the rest by 1 / (1 − probability); in
 * eval mode nothing. The numbers are drawn on the device, from a state that every run advances.
 */
export class Dropout extends RandomLayer {
  /** What it does in training mode. */
  protected override drop(x: Tensor): Tensor {
    return dropout(x, this.probability, this.randomState);
  }
}

/** Whole channels of `[N, C, L]` or `[C, L]`. */
export class Dropout1d extends RandomLayer {
  /** What it does in training mode. */
  protected override drop(x: Tensor): Tensor {
    return featureDropout(x, 1, this.probability, this.randomState);
  }
}

/** Whole channels of `[N, C, H, W]`; three dimensions are, as in PyTorch, `[N, C, L]`. */
export class Dropout2d extends RandomLayer {
  /** What it does in training mode. */
  protected override drop(x: Tensor): Tensor {
    return featureDropout(x, 2, this.probability, this.randomState);
  }
}

/** Whole channels of `[N, C, D, H, W]` or `[C, D, H, W]`. */
export class Dropout3d extends RandomLayer {
  /** What it does in training mode. */
  protected override drop(x: Tensor): Tensor {
    return featureDropout(x, 3, this.probability, this.randomState);
  }
}

/** Dropout that keeps mean 0 and variance 1, for networks of SELUs. */
export class AlphaDropout extends RandomLayer {
  /** What it does in training mode. */
  protected override drop(x: Tensor): Tensor {
    return alphaDropout(x, this.probability, this.randomState);
  }
}
