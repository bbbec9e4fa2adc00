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

export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return x.relu();
  }
}
export class ReLU6 extends Module {
  override forward(x: Tensor): Tensor {
    return x.clamp(0, 6);
  }
}
export class LeakyReLU extends Module {
  constructor(readonly negativeSlope = 0.01) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.leakyRelu(this.negativeSlope);
  }
}
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return x.tanh();
  }
}
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return x.silu();
  }
}
export class GELU extends Module {
  constructor(readonly options: { readonly approximate?: "none" | "tanh" } = {}) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.gelu(this.options.approximate ?? "none");
  }
}
export class Hardswish extends Module {
  override forward(x: Tensor): Tensor {
    return x.hardswish();
  }
}
export class Hardsigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return x.hardsigmoid();
  }
}
export class Softmax extends Module {
  constructor(readonly axis: number) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.softmax(this.axis);
  }
}
export class LogSoftmax extends Module {
  constructor(readonly axis: number) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return x.logSoftmax(this.axis);
  }
}
export class ELU extends Module {
  constructor(readonly alpha = 1) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }
}
export class SELU extends Module {
  override forward(x: Tensor): Tensor {
    return selu(x);
  }
}
export class CELU extends Module {
  constructor(readonly alpha = 1) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return celu(x, this.alpha);
  }
}
/** A learnt slope below zero: one, or one for each channel (dimension 1). */
export class PReLU extends Module {
  readonly weight: Parameter;
  constructor(
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
  constructor(readonly options: { readonly beta?: number; readonly threshold?: number } = {}) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return softplus(x, this.options.beta, this.options.threshold);
  }
}
export class Softsign extends Module {
  override forward(x: Tensor): Tensor {
    return softsign(x);
  }
}
export class LogSigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}
export class Mish extends Module {
  override forward(x: Tensor): Tensor {
    return mish(x);
  }
}
export class Hardtanh extends Module {
  constructor(
    readonly min = -1,
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
    readonly threshold: number,
    readonly value: number,
  ) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return threshold(x, this.threshold, this.value);
  }
}
export class Hardshrink extends Module {
  constructor(readonly lambda = 0.5) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return hardshrink(x, this.lambda);
  }
}
export class Softshrink extends Module {
  constructor(readonly lambda = 0.5) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return softshrink(x, this.lambda);
  }
}
export class Tanhshrink extends Module {
  override forward(x: Tensor): Tensor {
    return tanhshrink(x);
  }
}
export class Softmin extends Module {
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
    readonly lower = 1 / 8,
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
