/** Layers that drop at random in training mode and do nothing in eval mode. */
import { UserError } from "../errors.ts";
import { tensor } from "../ir/host-tensor.ts";
import { StateBuffer } from "../ir/stored-tensor.ts";
import { alphaDropout, dropout, featureDropout } from "./dropout-functions.ts";
import type { RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import {
  readOptions,
  type ArgumentNames,
  type InplaceOptions,
  type OptionArguments,
} from "./option-arguments.ts";
import { floatText, pythonText } from "./python-text.ts";
import type { Tensor } from "./tensor.ts";

/** What layers that drop may be told. */
export interface DropoutOptions extends InplaceOptions {
  /** How likely an element is dropped; 0.5. */
  readonly probability?: number;
  /** Where the stream of random numbers begins; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const dropoutArguments = {
  known: { probability: "number", inplace: "boolean", random: "function" },
  order: ["probability", "inplace"],
} as const satisfies ArgumentNames<DropoutOptions>;

abstract class RandomLayer extends Module {
  /** Where the stream of random numbers is, which every run advances; not part of the state dict. */
  readonly randomState: StateBuffer;

  /** How likely an element is dropped. */
  readonly probability: number;
  /** Without effect: values of a graph never change. */
  readonly inplace: boolean;

  constructor(...rest: OptionArguments<DropoutOptions, typeof dropoutArguments.order>) {
    super();
    const options = readOptions<DropoutOptions>(new.target.name, [], dropoutArguments, rest);
    const { probability = 0.5, inplace = false } = options;
    this.probability = probability;
    this.inplace = inplace;
    if (!(probability >= 0 && probability <= 1)) {
      throw new UserError(
        "argument",
        `${new.target.name}: probability must be from 0 to 1, got ${probability}.`,
      );
    }
    const seed = Math.floor((options.random ?? Math.random)() * 2 ** 32);
    this.randomState = new StateBuffer(tensor([seed], [], "u32"), { persistent: false });
  }

  protected override settings(): string {
    return `p=${floatText(this.probability)}, inplace=${pythonText(this.inplace)}`;
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
