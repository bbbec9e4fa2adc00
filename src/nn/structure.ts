/** Layers that only pass or reshape. */
import { elementCount, formatShape, normalizeAxis } from "../ir/shape.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** Flattens dimensions `startAxis … endAxis`, by default all but the first. */
export class Flatten extends Module {
  constructor(
    /** The first dimension that is flattened. */
    readonly startAxis = 1,
    /** The last dimension that is flattened. */
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
    /** The dimension that is split. */
    readonly axis: number,
    /** What it is split into. */
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

/** Returns its input. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
