/** Layers that only pass or reshape. */
import { elementCount, formatShape, normalizeAxis } from "../ir/shape.ts";
import { Module } from "./module.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { pythonText } from "./python-text.ts";
import type { Tensor } from "./tensor.ts";

/** What Flatten may be told. */
export interface FlattenOptions {
  /** The first dimension that is flattened; 1. */
  readonly startAxis?: number;
  /** The last dimension that is flattened; −1. */
  readonly endAxis?: number;
}

const flattenArguments = {
  known: { startAxis: "number", endAxis: "number" },
  order: ["startAxis", "endAxis"],
} as const satisfies ArgumentNames<FlattenOptions>;

/** Flattens dimensions `startAxis … endAxis`, by default all but the first. */
export class Flatten extends Module {
  /** The first dimension that is flattened. */
  readonly startAxis: number;
  /** The last dimension that is flattened. */
  readonly endAxis: number;
  constructor(...rest: OptionArguments<FlattenOptions, typeof flattenArguments.order>) {
    super();
    const { startAxis = 1, endAxis = -1 } = readOptions<FlattenOptions>(
      "Flatten",
      [],
      flattenArguments,
      rest,
    );
    this.startAxis = startAxis;
    this.endAxis = endAxis;
  }
  protected override settings(): string {
    return `start_dim=${this.startAxis}, end_dim=${this.endAxis}`;
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
  protected override settings(): string {
    return `dim=${this.axis}, unflattened_size=${pythonText(this.sizes)}`;
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
