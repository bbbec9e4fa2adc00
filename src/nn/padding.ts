/** Padding layers. Amounts are in PyTorch's order: last dimension first, `[before, after, …]`. */
import { formatShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import { takeAlong } from "./take-along.ts";
import type { Tensor } from "./tensor.ts";

/** `zeros`, or what lies inside: mirrored without the edge, or the edge repeated. */
type PaddingMode = "reflect" | "replicate";

/** Where position `at` of a dimension comes from; `at` may be negative or beyond the end. */
function sourceOf(at: number, size: number, mode: PaddingMode): number {
  if (mode === "replicate") return Math.min(Math.max(at, 0), size - 1);
  return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
}

/** Pads by elements of `x` itself. Negative amounts cut. */
export function padByEdge(x: Tensor, padding: readonly number[], mode: PaddingMode): Tensor {
  let result = x;
  for (let pair = 0; pair < padding.length / 2; pair++) {
    const axis = x.rank - 1 - pair;
    const [before, after] = [padding[2 * pair]!, padding[2 * pair + 1]!];
    if (before === 0 && after === 0) continue;
    const size = x.shape[axis]!;
    if (mode === "reflect" ? Math.max(before, after) >= size : size === 0) {
      x.trace.fail(
        "shape",
        `pad: ${mode} padding of ${before} and ${after} does not fit dimension ${axis} of ${formatShape(x.shape)}.`,
      );
    }
    const positions = Array.from({ length: Math.max(0, size + before + after) }, (_, i) =>
      sourceOf(i - before, size, mode),
    );
    result = takeAlong(result, axis, positions);
  }
  return result;
}

abstract class PadNd extends Module {
  readonly padding: readonly number[];

  constructor(rank: number, padding: number | readonly number[]) {
    super();
    this.padding = typeof padding === "number" ? new Array<number>(2 * rank).fill(padding) : padding;
    this.#rank = rank;
  }
  readonly #rank: number;

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
    readonly value: number,
  ) {
    super(rank, padding);
  }
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
  protected override pad(x: Tensor): Tensor {
    return padByEdge(x, this.padding, this.#mode);
  }
}

type Amounts = number | readonly number[];

export class ConstantPad1d extends ConstantPadNd {
  constructor(padding: Amounts, value: number) {
    super(1, padding, value);
  }
}
export class ConstantPad2d extends ConstantPadNd {
  constructor(padding: Amounts, value: number) {
    super(2, padding, value);
  }
}
export class ConstantPad3d extends ConstantPadNd {
  constructor(padding: Amounts, value: number) {
    super(3, padding, value);
  }
}
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
export class ReflectionPad2d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(2, padding, "reflect");
  }
}
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
export class ReplicationPad2d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(2, padding, "replicate");
  }
}
export class ReplicationPad3d extends EdgePadNd {
  constructor(padding: Amounts) {
    super(3, padding, "replicate");
  }
}
