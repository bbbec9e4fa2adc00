/** Softmax layers: along one dimension, which they are told. */
import { UserError } from "../errors.ts";
import { formatShape } from "../ir/shape.ts";
import { softmin } from "./activation-functions.ts";
import { Module } from "./module.ts";
import { readOptions, type ArgumentNames } from "./option-arguments.ts";
import type { Tensor } from "./tensor.ts";

/** What softmaxes may be told. */
export interface SoftmaxOptions {
  /** The dimension. */
  readonly dim: number;
}

/** The one argument of layers that work along a dimension. */
export const dimArguments = { known: { dim: "number" }, order: ["dim"] } as const satisfies ArgumentNames<{
  readonly dim?: number;
}>;

/** Layers that work along one dimension, which has no default. */
abstract class AlongDimension extends Module {
  /** The dimension. */
  readonly dim: number;
  constructor(...given: readonly [number | SoftmaxOptions]) {
    super();
    const layer = this.constructor.name;
    const { dim } = readOptions<Partial<SoftmaxOptions>>(layer, [], dimArguments, given);
    if (dim === undefined)
      throw new UserError(
        "argument",
        `${layer}: the dimension is missing, such as new ${layer}(1) or new ${layer}({ dim: 1 }).`,
      );
    this.dim = dim;
  }
  protected override settings(): string {
    return `dim=${this.dim}`;
  }
}

/** Exponentials along one dimension, divided by their sum. @example new nn.Softmax(1) // or new nn.Softmax({ dim: 1 }) */
export class Softmax extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return x.softmax(this.dim);
  }
}
/** The logarithm of a softmax along one dimension. */
export class LogSoftmax extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return x.logSoftmax(this.dim);
  }
}
/** The softmax of `−x`. */
export class Softmin extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return softmin(x, this.dim);
  }
}
/** Softmax over the channels of `[N, C, H, W]` or `[C, H, W]`. */
export class Softmax2d extends Module {
  override forward(x: Tensor): Tensor {
    if (x.rank !== 3 && x.rank !== 4)
      x.trace.fail(
        "shape",
        `Softmax2d: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected 4 (or 3 without a batch).`,
      );
    return x.softmax(-3);
  }
}
