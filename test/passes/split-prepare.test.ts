import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { verify } from "../../src/ir/verify.ts";
import { splitPrepare } from "../../src/passes/split-prepare.ts";
import { relativeError } from "../recordings/compare.ts";
import { canonicalText } from "./canonical-text.ts";
import { valuesFor } from "./rewriting.ts";

/** The split gives these two graphs, and running one after the other means the same as the whole. */
function expectSplit(whole: string, prepare: string, run: string): void {
  const graph = parseGraph(whole);
  const split = splitPrepare(graph);
  verify(split.prepare, "prepare");
  verify(split.run, "run");
  expect(canonicalText(split.prepare)).toBe(canonicalText(parseGraph(prepare)));
  expect(canonicalText(split.run)).toBe(canonicalText(parseGraph(run)));

  const values: Record<string, HostTensor> = valuesFor(graph);
  const expected = evaluate(graph, values);
  const actual = evaluate(split.run, { ...values, ...evaluate(split.prepare, values) });
  for (const [name, value] of Object.entries(expected)) expect(relativeError(actual[name]!, value)).toBe(0);
}

describe("split-prepare", () => {
  it("computes what depends on parameters alone in prepare", () => {
    expectSplit(
      `graph g(%x: input "x" f32[2], %p: parameter "p" f32[2], %s: state "s" f32[2]) {
        %a = exp(%p) : f32[2]
        %b = mul(%a, %s) : f32[2]
        %y = add(%x, %b) : f32[2]
        return "y" %y
      }`,
      `graph g_prepare(%p: parameter "p" f32[2], %s: state "s" f32[2]) {
        %a = exp(%p) : f32[2]
        %b = mul(%a, %s) : f32[2]
        return "b" %b
      }`,
      `graph g(%x: input "x" f32[2], %b: prepared "b" f32[2]) {
        %y = add(%x, %b) : f32[2]
        return "y" %y
      }`,
    );
  });

  it("keeps what depends on state that the run replaces in the run", () => {
    expectSplit(
      `graph g(%x: input "x" f32[2], %s: state "s" f32[2]) {
        %a = exp(%s) : f32[2]
        %n = add(%a, %x) : f32[2]
        return "s" %n updates %s
      }`,
      `graph g_prepare() {}`,
      `graph g(%x: input "x" f32[2], %s: state "s" f32[2]) {
        %a = exp(%s) : f32[2]
        %n = add(%a, %x) : f32[2]
        return "s" %n updates %s
      }`,
    );
  });

  it("reads a view of a parameter in the run, rather than preparing a copy", () => {
    expectSplit(
      `graph g(%x: input "x" f32[2,3], %p: parameter "p" f32[6]) {
        %v = reshape(%p) {shape=[2,3]} : f32[2,3]
        %y = add(%x, %v) : f32[2,3]
        return "y" %y
      }`,
      `graph g_prepare() {}`,
      `graph g(%x: input "x" f32[2,3], %p: parameter "p" f32[6]) {
        %v = reshape(%p) {shape=[2,3]} : f32[2,3]
        %y = add(%x, %v) : f32[2,3]
        return "y" %y
      }`,
    );
  });

  it("prepares what is under a view", () => {
    expectSplit(
      `graph g(%x: input "x" f32[2,3], %p: parameter "p" f32[3]) {
        %a = exp(%p) : f32[3]
        %r = reshape(%a) {shape=[1,3]} : f32[1,3]
        %v = broadcast(%r) {shape=[2,3]} : f32[2,3]
        %y = add(%x, %v) : f32[2,3]
        return "y" %y
      }`,
      `graph g_prepare(%p: parameter "p" f32[3]) {
        %a = exp(%p) : f32[3]
        return "a" %a
      }`,
      `graph g(%x: input "x" f32[2,3], %a: prepared "a" f32[3]) {
        %r = reshape(%a) {shape=[1,3]} : f32[1,3]
        %v = broadcast(%r) {shape=[2,3]} : f32[2,3]
        %y = add(%x, %v) : f32[2,3]
        return "y" %y
      }`,
    );
  });

  it("gives constants to whichever part reads them", () => {
    expectSplit(
      `graph g(%x: input "x" f32[2], %p: parameter "p" f32[2]) {
        %c = constant() {value=dense f32[] [2]} : f32[]
        %d = constant() {value=dense f32[] [3]} : f32[]
        %a = mul(%p, %c) : f32[2]
        %b = mul(%x, %c) : f32[2]
        %e = mul(%a, %d) : f32[2]
        %y = add(%e, %b) : f32[2]
        return "y" %y
      }`,
      `graph g_prepare(%p: parameter "p" f32[2]) {
        %c = constant() {value=dense f32[] [2]} : f32[]
        %d = constant() {value=dense f32[] [3]} : f32[]
        %a = mul(%p, %c) : f32[2]
        %e = mul(%a, %d) : f32[2]
        return "e" %e
      }`,
      `graph g(%x: input "x" f32[2], %e: prepared "e" f32[2]) {
        %c = constant() {value=dense f32[] [2]} : f32[]
        %b = mul(%x, %c) : f32[2]
        %y = add(%e, %b) : f32[2]
        return "y" %y
      }`,
    );
  });

  it("returns what depends on parameters alone through the run, and keeps inputs that nothing reads", () => {
    expectSplit(
      `graph g(%x: input "x" f32[2], %p: parameter "p" f32[2]) {
        %a = exp(%p) : f32[2]
        return "a" %a
        return "p" %p
      }`,
      `graph g_prepare(%p: parameter "p" f32[2]) {
        %a = exp(%p) : f32[2]
        return "a" %a
      }`,
      `graph g(%x: input "x" f32[2], %p: parameter "p" f32[2], %a: prepared "a" f32[2]) {
        return "a" %a
        return "p" %p
      }`,
    );
  });

  it("shares a view that several nodes of the run read, in an order that defines before use", () => {
    expectSplit(
      `graph g(%x: input "x" f32[1,2], %p: parameter "p" f32[2]) {
        %v = reshape(%p) {shape=[1,2]} : f32[1,2]
        %a = add(%x, %v) : f32[1,2]
        %e = exp(%v) : f32[1,2]
        %y = mul(%a, %e) : f32[1,2]
        return "y" %y
      }`,
      `graph g_prepare(%p: parameter "p" f32[2]) {
        %v = reshape(%p) {shape=[1,2]} : f32[1,2]
        %e = exp(%v) : f32[1,2]
        return "e" %e
      }`,
      `graph g(%x: input "x" f32[1,2], %p: parameter "p" f32[2], %e: prepared "e" f32[1,2]) {
        %v = reshape(%p) {shape=[1,2]} : f32[1,2]
        %a = add(%x, %v) : f32[1,2]
        %y = mul(%a, %e) : f32[1,2]
        return "y" %y
      }`,
    );
  });
});
