/** Padding layers. Amounts are in PyTorch's order: last dimension first, `[before, after, …]`. */
import { checkKind } from "../ir/check-options.ts";
import { formatShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import { padByEdge, type PaddingMode } from "./pad.ts";
import { floatText, pythonText } from "./python-text.ts";
import type { Tensor } from "./tensor.ts";

abstract class PadNd extends Module {
  /** Amounts before and after each dimension, the last dimension first. */
  readonly padding: readonly number[];

  constructor(rank: number, padding: number | readonly number[]) {
    super();
    checkKind(this.constructor.name, "padding", padding, "sizes");
    this.padding = typeof padding === "number" ? new Array<number>(2 * rank).fill(padding) : padding;
    this.#rank = rank;
  }
  readonly #rank: number;

  protected override settings(): string {
    return pythonText(this.padding);
  }

  /** How it pads. */
  protected abstract pad(x: Tensor): Tensor;

  override forward(x: Tensor): Tensor {
    if (x.rank <= this.#rank || this.padding.length !== 2 * this.#rank) {
      x.trace.fail(
        "shape",
        `${this.constructor.name}: expected ${2 * this.#rank} amounts and an input with channels and ${this.#rank} more dimension(s), got ${formatShape(this.padding)} for ${formatShape(x.shape)}.`,
      );
    }
    return this.pad(x);
  }
}

class ConstantPadNd extends PadNd {
  constructor(
    rank: number,
    padding: number | readonly number[],
    /** What it fills with. */
    readonly value: number,
  ) {
    super(rank, padding);
    checkKind(this.constructor.name, "value", value, "number");
  }
  /** As PyTorch prints them: a value only where it may be another. */
  protected override settings(): string {
    // PyTorch's ZeroPad prints its padding alone.
    const isZeroPad = this instanceof ZeroPad1d || this instanceof ZeroPad2d || this instanceof ZeroPad3d;
    if (isZeroPad) return super.settings();
    return `padding=${pythonText(this.padding)}, value=${floatText(this.value)}`;
  }
  /** How it pads. */
  protected override pad(x: Tensor): Tensor {
    return x.pad(this.padding, this.value);
  }
}

class EdgePadNd extends PadNd {
  readonly #mode: PaddingMode;
  constructor(rank: number, padding: number | readonly number[], mode: PaddingMode) {
    super(rank, padding);
    this.#mode = mode;
  }
  /** How it pads. */
  protected override pad(x: Tensor): Tensor {
    return padByEdge(x, this.padding, this.#mode);
  }
}

type Amounts = number | readonly number[];

/** Puts a constant around `(N, C, L)`. */
export class ConstantPad1d extends ConstantPadNd {
  constructor(padding: Amounts, value: number) {
    super(1, padding, value);
  }
}
/** Puts a constant around `(N, C, H, W)`. */
export class ConstantPad2d extends ConstantPadNd {
  constructor(padding: Amounts, value: number) {
    super(2, padding, value);
  }
}
/** Puts a constant around `(N, C, D, H, W)`. */
export class ConstantPad3d extends ConstantPadNd {
  constructor(padding: Amounts, value: number) {
    super(3, padding, value);
  }
}
/** Puts zeros around `(N, C, L)`. */
export class ZeroPad1d extends ConstantPadNd {
  constructor(padding: Amounts) {
    super(1, padding, 0);
  }
}
/** Puts zeros around `(N, C, D, H, W)`. */
export class ZeroPad3d extends ConstantPadNd {
  constructor(padding: Amounts) {
    super(3, padding, 0);
  }
}
/** Puts zeros around `(N, C, H, W)`. */
export class ZeroPad2d extends ConstantPadNd {
  constructor(padding: Amounts) {
    super(2, padding, 0);
  }
}
/** Mirrors what lies inside, without the edge itself. */
export class ReflectionPad1d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(1, padding, "reflect");
  }
}
/** Reflects `(N, C, H, W)` at its edges. */
export class ReflectionPad2d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(2, padding, "reflect");
  }
}
/** Reflects `(N, C, D, H, W)` at its faces. */
export class ReflectionPad3d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(3, padding, "reflect");
  }
}
/** Repeats the edge. */
export class ReplicationPad1d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(1, padding, "replicate");
  }
}
/** Repeats the edges of `(N, C, H, W)`. */
export class ReplicationPad2d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(2, padding, "replicate");
  }
}
/** Repeats the faces of `(N, C, D, H, W)`. */
export class ReplicationPad3d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(3, padding, "replicate");
  }
}
/** Goes round: what is beyond one end comes from the other. */
export class CircularPad1d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(1, padding, "circular");
  }
}
/** Continues `(N, C, H, W)` from its other ends. */
export class CircularPad2d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(2, padding, "circular");
  }
}
/** Continues `(N, C, D, H, W)` from its other ends. */
export class CircularPad3d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(3, padding, "circular");
  }
}
