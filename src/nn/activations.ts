/** Activation layers. */
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
