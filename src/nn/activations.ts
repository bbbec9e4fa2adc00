/** Activation layers. */
import { UserError } from "../errors.ts";
import { formatShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import {
  celu,
  elu,
  glu,
  hardshrink,
  hardtanh,
  logSigmoid,
  mish,
  prelu,
  rrelu,
  selu,
  softmin,
  softplus,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from "./activation-functions.ts";
import { filled } from "./init.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** `max(x, 0)` */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return x.relu();
  }
}
/** `min(max(x, 0), 6)` */
export class ReLU6 extends Module {
  override forward(x: Tensor): Tensor {
    return x.clamp(0, 6);
  }
}
/** `x` where positive, else `negativeSlope x` */
export class LeakyReLU extends Module {
  /** @param negativeSlope What negative elements are multiplied by. */
  constructor(readonly negativeSlope = 0.01) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.leakyRelu(this.negativeSlope);
  }
}
/** `1 / (1 + exp(−x))` */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}
/** The hyperbolic tangent. */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return x.tanh();
  }
}
/** `x sigmoid(x)` */
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return x.silu();
  }
}
/** `x Φ(x)`, Φ the normal distribution's cumulative function, or its approximation by tanh */
export class GELU extends Module {
  constructor(
    /** As given. */ readonly options: {
      /** By tanh, or not at all (`"none"`). */ readonly approximate?: "none" | "tanh";
    } = {},
  ) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.gelu(this.options.approximate ?? "none");
  }
}
/** `x hardsigmoid(x)` */
export class Hardswish extends Module {
  override forward(x: Tensor): Tensor {
    return x.hardswish();
  }
}
/** `min(max(x / 6 + 1/2, 0), 1)` */
export class Hardsigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return x.hardsigmoid();
  }
}
/** Exponentials along one dimension, divided by their sum. */
export class Softmax extends Module {
  /** @param axis The dimension. */
  constructor(readonly axis: number) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.softmax(this.axis);
  }
}
/** The logarithm of a softmax along one dimension. */
export class LogSoftmax extends Module {
  /** @param axis The dimension. */
  constructor(readonly axis: number) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.logSoftmax(this.axis);
  }
}
/** `x` where positive, else `α (exp(x) − 1)` */
export class ELU extends Module {
  /** @param alpha What the exponential is multiplied by. */
  constructor(readonly alpha = 1) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }
}
/** `scale (max(0, x) + min(0, α (exp(x) − 1)))`, with the constants of self-normalising networks */
export class SELU extends Module {
  override forward(x: Tensor): Tensor {
    return selu(x);
  }
}
/** `max(0, x) + min(0, α (exp(x / α) − 1))` */
export class CELU extends Module {
  /** @param alpha What the exponential is multiplied by. */
  constructor(readonly alpha = 1) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return celu(x, this.alpha);
  }
}
/** A learnt slope below zero: one, or one for each channel (dimension 1). */
export class PReLU extends Module {
  /** The slopes. */
  readonly weight: Parameter;
  constructor(
    /** Slopes: one, or one for each channel. */
    readonly numParameters = 1,
    options: { readonly init?: number } = {},
  ) {
    super();
    this.weight = new Parameter(filled([numParameters], options.init ?? 0.25));
  }
  override forward(x: Tensor): Tensor {
    const channels = x.rank < 2 ? 1 : x.shape[1]!;
    if (this.numParameters !== 1 && this.numParameters !== channels) {
      x.trace.fail(
        "shape",
        `PReLU: input ${formatShape(x.shape)} has ${channels} channels, expected ${this.numParameters}, one for each slope.`,
      );
    }
    return prelu(x, this.weight);
  }
}
export class Softplus extends Module {
  constructor(
    /** As given. */ readonly options: {
      /** The sharpness β. */ readonly beta?: number;
      /** Above this `β x` the result is `x`. */ readonly threshold?: number;
    } = {},
  ) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return softplus(x, this.options.beta, this.options.threshold);
  }
}
/** `x / (1 + |x|)` */
export class Softsign extends Module {
  override forward(x: Tensor): Tensor {
    return softsign(x);
  }
}
/** `log(1 / (1 + exp(−x)))` */
export class LogSigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}
/** `x tanh(softplus(x))` */
export class Mish extends Module {
  override forward(x: Tensor): Tensor {
    return mish(x);
  }
}
/** `x`, cut off below `min` and above `max` */
export class Hardtanh extends Module {
  constructor(
    /** The least result. */
    readonly min = -1,
    /** The greatest result. */
    readonly max = 1,
  ) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return hardtanh(x, this.min, this.max);
  }
}
/** Its input where it is above `threshold`, `value` elsewhere. */
export class Threshold extends Module {
  constructor(
    /** Above this `β x` the result is `x`. */
    readonly threshold: number,
    /** What elements at or below the threshold become. */
    readonly value: number,
  ) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return threshold(x, this.threshold, this.value);
  }
}
/** `x` where its magnitude exceeds λ, else 0 */
export class Hardshrink extends Module {
  /** @param lambda The threshold λ. */
  constructor(readonly lambda = 0.5) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return hardshrink(x, this.lambda);
  }
}
/** `x` moved towards 0 by λ, and 0 within λ of it */
export class Softshrink extends Module {
  /** @param lambda The threshold λ. */
  constructor(readonly lambda = 0.5) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return softshrink(x, this.lambda);
  }
}
/** `x − tanh(x)` */
export class Tanhshrink extends Module {
  override forward(x: Tensor): Tensor {
    return tanhshrink(x);
  }
}
/** The softmax of `−x`. */
export class Softmin extends Module {
  /** @param axis The dimension. */
  constructor(readonly axis: number) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return softmin(x, this.axis);
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
/** One half of a dimension times the sigmoid of the other. */
export class GLU extends Module {
  /** @param axis The dimension. */
  constructor(readonly axis = -1) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return glu(x, this.axis);
  }
}
/** A leaky ReLU with slopes between `lower` and `upper`; in eval mode their middle, the only mode there is. */
export class RReLU extends Module {
  constructor(
    /** The least slope that is drawn. */
    readonly lower = 1 / 8,
    /** The greatest slope that is drawn. */
    readonly upper = 1 / 3,
  ) {
    super();
    if (!(lower <= upper))
      throw new UserError("argument", `RReLU: expected lower ≤ upper, got ${lower} and ${upper}.`);
  }
  override forward(x: Tensor): Tensor {
    return rrelu(x, { lower: this.lower, upper: this.upper, training: this.training });
  }
}
