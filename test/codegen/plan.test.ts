/** What the planner makes of small graphs, and that running the plan means what the graph means. */
import { describe, expect, it } from "vitest";
import { wasmTarget } from "../../src/codegen/target.ts";
import { buildExecutable, passOptions, type CompileOptions } from "../../src/compile.ts";
import type { Executable } from "../../src/codegen/executable.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { lazyDevice, runGraph } from "../devices/run-graph.ts";
import { training } from "../passes/attributes.ts";
import { graphOf, networks } from "../passes/networks.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { isTested } from "../runtime/device-contract.ts";

const device = lazyDevice("cpu");

/** Commands as kernel names, and copies as `copy from → to`. */
function commandsOf(executable: Executable): string[] {
  return executable.run.map((command) => {
    if (command.kind === "dispatch") return executable.kernels[command.kernel]!.name.replace(/^k\d+_/, "");
    const [from, to] = [command.source, command.destination].map((i) => executable.buffers[i]!);
    return `copy ${from!.kind === "slot" ? "slot" : from!.name} → ${to!.kind === "slot" ? "slot" : to!.name}`;
  });
}

/** Builds a graph, runs it on the embedded CPU, compares with `evaluate`, and gives its commands. */
async function planned(
  text: string,
  options: CompileOptions = {},
): Promise<{ commands: string[]; executable: Executable }> {
  // prettier-ignore
  const graph = parseGraph(text);
  const { executable } = buildExecutable(graph, wasmTarget, passOptions(options));
  if (isTested("cpu")) {
    const values = valuesFor(graph);
    const { results } = await runGraph(await device(), graph, values, options);
    for (const [name, value] of Object.entries(evaluate(graph, values))) {
      expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(1e-5);
    }
  }
  return { commands: commandsOf(executable), executable };
}

const slots = (executable: Executable) => executable.buffers.filter((buffer) => buffer.kind === "slot");

describe("values that are another view of the same bytes get no kernel", () => {
  it.each([
    ["a reshape", "%v = reshape(%s) {shape=[6]} : f32[6]", "f32[6]"],
    ["several reshapes", "%r = reshape(%s) {shape=[6]} : f32[6]\n%v = reshape(%r) {shape=[3,2]} : f32[3,2]", "f32[3,2]"],
    ["a permute that moves only dimensions of one element", "%v = permute(%s) {axes=[1,0,2]} : f32[1,2,3]", "f32[1,2,3]"],
  ])("%s between two reductions", async (_, view, type) => {
    const { commands, executable } = await planned(`graph g(%x: input "x" f32[4,2,1,3]) {
      %s = sum(%x) {axes=[0], keepDims=false} : f32[2,1,3]
      ${view}
      %m = softmax(%v) {axis=0} : ${type}
      return "m" %m
    }`);
    expect(commands).toEqual(["sum_f32", "softmax_f32"]);
    expect(slots(executable)).toHaveLength(1);
  }); // prettier-ignore

  it("a reshape of an input is read as the input", async () => {
    const { commands } = await planned(`graph g(%x: input "x" f32[6]) {
      %v = reshape(%x) {shape=[2,3]} : f32[2,3]
      %m = softmax(%v) {axis=1} : f32[2,3]
      return "m" %m
    }`);
    expect(commands).toEqual(["softmax_f32"]);
  });

  it("a reshape of a channels-last image is not: it moves", async () => {
    const { commands } = await planned(
      `graph g(%x: input "x" f32[1,2,3,3]) {
        %c = relayout(%x) {layout=[0,2,3,1]} : f32[1,2,3,3]{0,2,3,1}
        %r = reshape(%c) {shape=[18]} : f32[18]
        return "r" %r
      }`,
      { withoutPasses: ["simplify-algebra", "fuse-elementwise", "assign-layouts"] },
    );
    expect(commands).toEqual(["relayout_f32", "reshape_f32"]);
  });

  it("a returned reshape is written by the kernel under it", async () => {
    const { commands } = await planned(`graph g(%x: input "x" f32[4,6]) {
      %s = sum(%x) {axes=[0], keepDims=false} : f32[6]
      %v = reshape(%s) {shape=[2,3]} : f32[2,3]
      return "v" %v
    }`);
    expect(commands).toEqual(["sum_f32"]);
  });
});

/** Training-mode batch norm that replaces its statistics. */
function batchNorm(momentum: number | null, more = ""): string {
  return `graph g(%x: input "x" f32[5,3], %g: parameter "g" f32[3], %b: parameter "b" f32[3],
      %m: state "mean" f32[3], %v: state "var" f32[3], %n: state "count" i32[]) {
    %y, %mu, %i, %m1, %v1, %n1 = batch_norm_training(%x, %g, %b, %m, %v, %n) ${training({ momentum })} : f32[5,3], f32[3], f32[3], f32[3], f32[3], i32[]
    ${more}
    return "y" %y
    return "mean" %m1 updates %m
    return "var" %v1 updates %v
    return "count" %n1 updates %n
  }`;
}

describe("new state", () => {
  it("of a batch norm is written over the old: one kernel, no copy", async () => {
    const { commands, executable } = await planned(batchNorm(0.1));
    expect(commands).toEqual(["batch_norm_training_f32"]);
    expect(executable.kernels[0]!.buffers.map((buffer) => buffer.access)).toEqual(["read", "read", "read", "read_write", "read_write", "read_write", "write"]); // prettier-ignore
    expect(executable.state.map(({ name, updated }) => [name, updated])).toEqual([["mean", true], ["var", true], ["count", true]]); // prettier-ignore
  });

  it("that every channel reads, the count of a cumulative average, is copied afterwards", async () => {
    const { commands } = await planned(batchNorm(null));
    expect(commands).toEqual(["batch_norm_training_f32", "copy slot → count"]);
  });

  it("is copied at the end when something later reads the old one", async () => {
    const { commands } = await planned(`graph g(%x: input "x" f32[3,4], %s: state "s" f32[4]) {
      %d = sum(%x) {axes=[0], keepDims=false} : f32[4]
      %n = add(%s, %d) : f32[4]
      %p = softmax(%n) {axis=0} : f32[4]
      %y = mul(%p, %s) : f32[4]
      return "y" %y
      return "s" %n updates %s
    }`);
    expect(commands.at(-1)).toBe("copy slot → s");
  });

  it("of an elementwise update is written in place, and later kernels read it there", async () => {
    const { commands, executable } = await planned(`graph g(%x: input "x" f32[4], %s: state "s" f32[4]) {
      %n = add(%s, %x) : f32[4]
      %p = softmax(%n) {axis=0} : f32[4]
      return "p" %p
      return "s" %n updates %s
    }`);
    expect(commands).toEqual(["add_f32", "softmax_f32"]);
    expect(slots(executable)).toEqual([]);
  });

  it.each([
    ["reversed", `%n = slice(%c) {start=[1], size=[4], step=[1]} : f32[4]`],
    ["permuted", `%r = reshape(%s) {shape=[2,2]} : f32[2,2]\n%t = permute(%r) {axes=[1,0]} : f32[2,2]\n%f = reshape(%t) {shape=[4]} : f32[4]\n%n = neg(%f) : f32[4]`],
  ])("that is the old one moved about (%s) is not written in place", async (_, update) => {
    const { commands } = await planned(`graph g(%s: state "s" f32[4]) {
      %c = concat(%s, %s) {axis=0} : f32[8]
      ${update}
      return "s" %n updates %s
    }`);
    expect(commands.at(-1)).toBe("copy slot → s");
  }); // prettier-ignore

  it("of two states that swap goes through a buffer", async () => {
    const { commands } = await planned(`graph g(%a: state "a" f32[3], %b: state "b" f32[3]) {
      return "a" %b updates %a
      return "b" %a updates %b
    }`);
    expect(commands).toHaveLength(4);
    expect(commands.slice(0, 2)).toEqual(["copy b → slot", "copy a → slot"]);
    expect([...commands.slice(2)].sort()).toEqual(["copy slot → a", "copy slot → b"]);
  });

  it("that one state takes from another which changes in the same run is the old value", async () => {
    const { commands } =
      await planned(`graph g(%x: input "x" f32[3], %a: state "a" f32[3], %b: state "b" f32[3]) {
      %n = add(%a, %x) : f32[3]
      return "a" %n updates %a
      return "b" %a updates %b
    }`);
    expect(commands.indexOf("copy a → slot")).toBeLessThan(commands.indexOf("copy slot → a"));
    expect(commands.at(-1)).toBe("copy slot → b");
  });

  it("that stays as it was needs no command", async () => {
    const { commands } = await planned(`graph g(%s: state "s" f32[3]) {
      return "s" %s updates %s
    }`);
    expect(commands).toEqual([]);
  });

  it("that replaces two states at once is written to one and copied to the other", async () => {
    const { commands } =
      await planned(`graph g(%x: input "x" f32[3], %a: state "a" f32[3], %b: state "b" f32[3]) {
      %n = exp(%x) : f32[3]
      return "a" %n updates %a
      return "b" %n updates %b
    }`);
    expect(commands).toEqual(["exp_f32", "copy a → b"]);
  });

  it("that is returned as well reaches both", async () => {
    const { commands } = await planned(`graph g(%x: input "x" f32[3], %a: state "a" f32[3]) {
      %n = add(%a, %x) : f32[3]
      return "n" %n
      return "a" %n updates %a
    }`);
    expect(commands).toEqual(["add_f32", "copy n → a"]);
  });

  it("and the old one, returned as it was before the run", async () => {
    await planned(`graph g(%x: input "x" f32[3], %a: state "a" f32[3]) {
      %n = add(%a, %x) : f32[3]
      return "before" %a
      return "a" %n updates %a
    }`);
  });

  it("and a view of the old one, returned as it was before the run", async () => {
    await planned(`graph g(%x: input "x" f32[4], %a: state "a" f32[4]) {
      %v = reshape(%a) {shape=[2,2]} : f32[2,2]
      %n = add(%a, %x) : f32[4]
      return "before" %v
      return "a" %n updates %a
    }`);
  });
});

describe("outputs", () => {
  it("that are inputs, parameters or constants are copied", async () => {
    const { commands } = await planned(`graph g(%x: input "x" f32[2], %p: parameter "p" f32[2]) {
      %c = constant() {value=dense f32[2] [1,2]} : f32[2]
      return "a" %x
      return "b" %p
      return "c" %c
    }`);
    expect(commands).toHaveLength(3);
    expect(commands.slice(0, 2)).toEqual(["copy x → a", "copy p → b"]);
  });

  it("that are the same value are computed once", async () => {
    const { commands } = await planned(`graph g(%x: input "x" f32[2]) {
      %e = exp(%x) : f32[2]
      return "a" %e
      return "b" %e
    }`);
    expect(commands).toEqual(["exp_f32", "copy a → b"]);
  });

  it("that are views of one value are computed once", async () => {
    const { commands } = await planned(`graph g(%x: input "x" f32[4]) {
      %e = exp(%x) : f32[4]
      %v = reshape(%e) {shape=[2,2]} : f32[2,2]
      return "a" %e
      return "b" %v
    }`);
    expect(commands).toEqual(["exp_f32", "copy a → b"]);
  });

  it("that an image is returned as twice, while it goes on, are computed once", async () => {
    const attributes = "{stride=[1,1], padding=[[0,0],[0,0]], dilation=[1,1], kernel=[1,1], groups=1, packing=null}";
    const { commands } = await planned(`graph g(%x: input "x" f32[1,4,5,6], %w: parameter "w" f32[4,4,1,1]) {
      %k = conv(%x, %w) ${attributes} : f32[1,4,5,6]
      %s = sum(%k) {axes=[1], keepDims=false} : f32[1,5,6]
      return "a" %k
      return "b" %k
      return "s" %s
    }`);
    expect(commands.filter((name) => name === "relayout_f32")).toHaveLength(1);
  }); // prettier-ignore

  it("are also read by later kernels", async () => {
    const { commands, executable } = await planned(`graph g(%x: input "x" f32[2,3]) {
      %e = softmax(%x) {axis=1} : f32[2,3]
      %s = sum(%e) {axes=[0], keepDims=false} : f32[3]
      return "e" %e
      return "s" %s
    }`);
    expect(commands).toEqual(["softmax_f32", "sum_f32"]);
    expect(slots(executable)).toEqual([]);
  });
});

describe("the planner", () => {
  it("gives tensors without elements no kernel, and what folds them its neutral element", async () => {
    const { commands } = await planned(`graph g(%x: input "x" f32[0,3]) {
      %e = exp(%x) : f32[0,3]
      %s = sum(%e) {axes=[0], keepDims=false} : f32[3]
      return "e" %e
      return "s" %s
    }`);
    expect(commands.every((name) => name.includes("sum"))).toBe(true);
    expect(commands).toHaveLength(1);
  });

  it("joins nothing with something", async () => {
    await planned(`graph g(%x: input "x" f32[0,3], %y: input "y" f32[2,3]) {
      %c = concat(%x, %y) {axis=0} : f32[2,3]
      return "c" %c
    }`);
  });

  it("gives nodes that no output needs no kernel", async () => {
    const { commands } = await planned(
      `graph g(%x: input "x" f32[3]) {
        %d = exp(%x) : f32[3]
        %e = neg(%d) : f32[3]
        %y = abs(%x) : f32[3]
        return "y" %y
      }`,
      { withoutPasses: ["eliminate-dead-values"] },
    );
    expect(commands).toEqual(["abs_f32"]);
  });

  it("gives chains that no output needs no kernel, after convolutions too", async () => {
    const { commands } = await planned(
      `graph g(%x: input "x" f32[3,4], %w: parameter "w" f32[4,2]) {
        %d = matmul(%x, %w) {packing=null} : f32[3,2]
        %e = relu(%d) : f32[3,2]
        %y = abs(%x) : f32[3,4]
        return "y" %y
      }`,
      { withoutPasses: ["eliminate-dead-values"] },
    );
    expect(commands).toEqual(["abs_f32"]);
  });

  it("runs kernels of equal content as one kernel on different buffers", async () => {
    const { executable } = await planned(`graph g(%x: input "x" f32[2,3]) {
      %a = softmax(%x) {axis=1} : f32[2,3]
      %b = softmax(%a) {axis=1} : f32[2,3]
      %c = softmax(%b) {axis=1} : f32[2,3]
      return "c" %c
    }`);
    expect(executable.run).toHaveLength(3);
    expect(executable.kernels).toHaveLength(1);
  });

  it("numbers inputs in the caller's order, read or not", async () => {
    const { executable } = await planned(`graph g(%b: input "b" f32[2], %unused: input "unused" f32[1], %a: input "a" f32[2]) {
      %d = sub(%a, %b) : f32[2]
      return "d" %d
    }`); // prettier-ignore
    expect(executable.inputs.map((input) => input.name)).toEqual(["b", "unused", "a"]);
  });

  it("computes what parameters alone determine in prepare, and reads it in run", async () => {
    const { executable } = await planned(`graph g(%x: input "x" f32[2,3], %w: parameter "w" f32[3]) {
      %e = exp(%w) : f32[3]
      %y = mul(%x, %e) : f32[2,3]
      return "y" %y
    }`);
    expect(executable.prepare).toHaveLength(1);
    expect(executable.buffers.filter((buffer) => buffer.kind === "prepared")).toHaveLength(1);
  });

  it.each(Object.values(networks))(
    "keeps what lives at once within 1.3 times its size for $name",
    (network) => {
      const { plan } = buildExecutable(graphOf(network), wasmTarget, passOptions({}));
      expect(plan.activationBytes).toBeLessThanOrEqual(1.3 * plan.liveBytes);
      expect(plan.activationBytes).toBeGreaterThanOrEqual(plan.liveBytes);
    },
  );
});
