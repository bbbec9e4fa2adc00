/** Every ONNX operator there is: one family a file, one function an operator. */
import type { Operator, OperatorFamily } from "../operator.ts";
import { activations } from "./activations.ts";
import { arithmetic } from "./arithmetic.ts";
import { comparisons } from "./comparisons.ts";
import { convolutions } from "./convolutions.ts";
import { indexing } from "./indexing.ts";
import { matrices } from "./matrices.ts";
import { movement } from "./movement.ts";
import { normalizations } from "./normalizations.ts";
import { pooling } from "./pooling.ts";
import { reductions } from "./reductions.ts";
import { resizing } from "./resizing.ts";
import { shapes } from "./shapes.ts";

const families: readonly OperatorFamily[] = [
  activations,
  arithmetic,
  comparisons,
  convolutions,
  indexing,
  matrices,
  movement,
  normalizations,
  pooling,
  reductions,
  resizing,
  shapes,
];

export const operators: Readonly<Record<string, Operator>> = Object.assign(Object.create(null), ...families);
