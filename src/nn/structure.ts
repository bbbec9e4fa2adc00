/** Layers that only pass, reshape or drop. */
import { UserError } from "../errors.ts";
import { tensor } from "../ir/host-tensor.ts";
import { elementCount, formatShape, normalizeAxis } from "../ir/shape.ts";
import { StateBuffer } from "../ir/stored-tensor.ts";
import { dropout } from "./functional.ts";
import type { RandomSource } from "./init.ts";
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

/** Splits one dimension into `sizes`, of which one may be −1: whatever remains. */
export class Unflatten extends Module {
  constructor(
    readonly axis: number,
    readonly sizes: readonly number[],
  ) {
    super();
  }
  override forward(x: Tensor): Tensor {
    const at = normalizeAxis(this.axis, x.rank, "Unflatten");
    const known = elementCount(this.sizes.filter((size) => size !== -1));
    const sizes = this.sizes.map((size) => (size === -1 ? x.shape[at]! / known : size));
    if (elementCount(sizes) !== x.shape[at] || !sizes.every(Number.isInteger)) {
      x.trace.fail(
        "shape",
        `Unflatten: dimension ${at} of ${formatShape(x.shape)} does not divide into ${formatShape(this.sizes)}.`,
      );
    }
    return x.reshape([...x.shape.slice(0, at), ...sizes, ...x.shape.slice(at + 1)]);
  }
}

export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/**
 * In training mode, zeroes each element with `probability` and scales the rest by 1 / (1 − probability); in
 * eval mode nothing. The numbers are drawn on the device, from a state that every run advances.
 */
export class Dropout extends Module {
  /** Where the stream of random numbers is; not part of the state dict. */
  readonly randomState: StateBuffer;

  constructor(
    readonly probability = 0.5,
    options: { readonly random?: RandomSource } = {},
  ) {
    super();
    if (!(probability >= 0 && probability <= 1)) {
      throw new UserError("argument", `Dropout: probability must be from 0 to 1, got ${probability}.`);
    }
    const seed = Math.floor((options.random ?? Math.random)() * 2 ** 32);
    this.randomState = new StateBuffer(tensor([seed], [], "u32"), { persistent: false });
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || this.probability === 0) return x;
    return dropout(x, this.probability, this.randomState);
  }
}
