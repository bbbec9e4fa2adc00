/** Every ONNX operator there is: one family a file, one function an operator. */
import type { Operator, OperatorFamily } from "../operator.ts";
import { activations } from "./activations.ts";
import { arithmetic } from "./arithmetic.ts";
import { comparisons } from "./comparisons.ts";
import { convolutions } from "./convolutions.ts";
import { indexing } from "./indexing.ts";
import { matrices } from "./matrices.ts";
import { movement } from "./movement.ts";
import { ngrams } from "./ngrams.ts";
import { normalizations } from "./normalizations.ts";
import { pooling } from "./pooling.ts";
import { reductions } from "./reductions.ts";
import { resizing } from "./resizing.ts";
import { shapes } from "./shapes.ts";
import { attentions } from "./attention.ts";
import { bitwise } from "./bitwise.ts";
import { determinants } from "./determinant.ts";
import { einsums } from "./einsum.ts";
import { generators } from "./generators.ts";
import { losses } from "./losses.ts";
import { ordering } from "./ordering.ts";
import { quantization } from "./quantization.ts";
import { recurrentLayers } from "./recurrent.ts";
import { regions } from "./regions.ts";
import { sampling } from "./sampling.ts";
import { scattering } from "./scattering.ts";
import { selection } from "./selection.ts";
import { spectral } from "./spectral.ts";
import { unpooling } from "./unpooling.ts";

const families: readonly OperatorFamily[] = [
  activations,
  arithmetic,
  comparisons,
  convolutions,
  indexing,
  matrices,
  movement,
  ngrams,
  normalizations,
  pooling,
  reductions,
  resizing,
  shapes,
  attentions,
  bitwise,
  determinants,
  einsums,
  generators,
  losses,
  ordering,
  quantization,
  recurrentLayers,
  regions,
  sampling,
  scattering,
  selection,
  spectral,
  unpooling,
];

export const operators: Readonly<Record<string, Operator>> = Object.assign(Object.create(null), ...families);
