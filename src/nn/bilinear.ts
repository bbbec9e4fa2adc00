/** A layer that is linear in each of two inputs. */
import { formatShape, sameShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { settingsText } from "./python-text.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** yₒ = aᵀ · weightₒ · b + biasₒ for `a [..., in1]`, `b [..., in2]`, `weight [out, in1, in2]`: `[..., out]`. */
export function bilinear(a: Tensor, b: Tensor, weight: Operand, bias: Operand | null = null): Tensor {
  const tensor = toTensor(a.trace, weight);
  const [outputs, first, second] = tensor.shape as [number, number, number];
  const batch = a.shape.slice(0, -1);
  if (
    tensor.rank !== 3 ||
    !sameShape(a.shape, [...batch, first]) ||
    !sameShape(b.shape, [...batch, second])
  ) {
    a.trace.fail(
      "shape",
      `bilinear: inputs ${formatShape(a.shape)} and ${formatShape(b.shape)} do not fit weight ${formatShape(tensor.shape)}; expected […, in1] and […, in2] with weight [out, in1, in2].`,
    );
  }
  // aᵀ · weightₒ for all o as one matrix product, then its products with b.
  const matrix = tensor.permute(1, 0, 2).reshape([first, outputs * second]);
  const rows = a.reshape([-1, first]).matmul(matrix).reshape([-1, outputs, second]);
  const y = rows
    .mul(b.reshape([-1, 1, second]))
    .sum(-1)
    .reshape([...batch, outputs]);
  return bias === null ? y : y.add(bias);
}

/** What bilinear layers may be told. */
export interface BilinearOptions {
  /** A bias for each feature of the result; true. */
  readonly bias?: boolean;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const bilinearArguments = {
  known: { bias: "boolean", random: "function" },
  order: ["bias"],
} as const satisfies ArgumentNames<BilinearOptions>;

/** `y = x₁ᵀ A x₂ + b` over the last dimension of two inputs */
export class Bilinear extends Module {
  /** The weight A, `(out, in1, in2)`. */
  readonly weight: Parameter;
  /** The bias b, or null. */
  readonly bias: Parameter | null;

  constructor(
    /** Features of the first input. */
    readonly in1Features: number,
    /** Features of the second input. */
    readonly in2Features: number,
    /** Features of the result. */
    readonly outFeatures: number,
    ...rest: OptionArguments<BilinearOptions, typeof bilinearArguments.order>
  ) {
    super();
    const leading = ["in1Features", "in2Features", "outFeatures"];
    const options = readOptions<BilinearOptions>("Bilinear", leading, bilinearArguments, rest);
    checkCounts("Bilinear", { in1Features, in2Features, outFeatures });
    const bound = defaultBound(in1Features);
    this.weight = new Parameter(uniform([outFeatures, in1Features, in2Features], bound, options.random));
    this.bias = options.bias === false ? null : new Parameter(uniform([outFeatures], bound, options.random));
  }

  protected override settings(): string {
    const { in1Features, in2Features, outFeatures, bias } = this;
    return settingsText({
      in1_features: in1Features,
      in2_features: in2Features,
      out_features: outFeatures,
      bias: bias !== null,
    });
  }

  override forward(a: Tensor, b: Tensor): Tensor {
    return bilinear(a, b, this.weight, this.bias);
  }
}
