import { expect, test } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { verify } from "../../src/ir/verify.ts";

test("a fusion with several results means what its body means", () => {
  const graph = parseGraph(`graph net(%x: input "x" f32[2], %y: input "y" f32[2]) {
    %s, %r = fusion(%y, %x) {body=graph body(%a: input "a" f32[2], %b: input "b" f32[2]) {
      %v0 = sub(%a, %b) : f32[2]
      %v1 = relu(%v0) : f32[2]
      return "s" %v0
      return "r" %v1
    }} : f32[2], f32[2]
    %t = mul(%s, %r) : f32[2]
    return "t" %t
    return "s" %s
  }`);
  verify(graph, "test");
  const { t, s } = evaluate(graph, { x: tensor([1, 5]), y: tensor([4, 2]) });
  expect(s).toEqual(tensor([3, -3]));
  expect(t!.data).toEqual(Float32Array.of(9, -0));
});
