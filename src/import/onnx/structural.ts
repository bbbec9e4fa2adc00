/** Operators that leave nothing of themselves in the graph: control flow and sequences, settled while importing. */
import { controlFlow, type Handler } from "./control-flow.ts";
import { sequenceOperators } from "./sequences.ts";

export const structural: Readonly<Record<string, Handler | undefined>> = Object.assign(
  Object.create(null),
  controlFlow,
  sequenceOperators,
);
