/** How much a kernel does: what one lane of it computes, loads or stores, counted once each time. */
import type { Kernel, Stmt } from "./kernel-ir.ts";

/** Statements that a launch executes, times their lanes; of two branches the longer one counts. */
export function laneOperations(kernel: Kernel): number {
  return kernel.groups * kernel.groupSize * operationsOf(kernel.body);
}

function operationsOf(body: readonly Stmt[]): number {
  return body.reduce((sum, statement) => sum + operationsOfOne(statement), 0);
}

function operationsOfOne(s: Stmt): number {
  switch (s.kind) {
    case "let":
    case "var":
    case "assign":
    case "store":
      return s.value.type.lanes;
    case "load":
      return s.type.lanes;
    case "for":
      return Math.ceil((s.end - s.start) / s.step) * operationsOf(s.body);
    case "if":
      return Math.max(operationsOf(s.then), operationsOf(s.else));
    case "prefetch":
    case "barrier":
    case "comment":
      return 0;
    default:
      return s satisfies never;
  }
}
