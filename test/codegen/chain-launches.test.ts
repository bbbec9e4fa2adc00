/** Short kernels that follow each other become one launch, where launches are costly; the numbers stay. */
import { describe, expect, it } from "vitest";
import { wasmTarget, type Target } from "../../src/codegen/target.ts";
import { buildExecutable, passOptions } from "../../src/compile.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { Session } from "../../src/runtime/session.ts";
import { lazyDevice } from "../devices/run-graph.ts";
import { valuesFor, wideCpuTarget } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { isTested } from "../runtime/device-contract.ts";

const costly: Target = { ...wideCpuTarget, costlyLaunches: true };

/** `length` softmaxes, each of what the one before made, with a residual from two before. */
function stack(length: number, shape = "f32[6,33]") {
  const lines = Array.from({ length }, (_, i) => {
    const residual = i < 2 ? "%x" : `%y${i - 2}`;
    return `%s${i} = softmax(%${i === 0 ? "x" : `y${i - 1}`}) {axis=1} : ${shape}
      %y${i} = add(%s${i}, ${residual}) : ${shape}`;
  });
  return parseGraph(
    `graph stack(%x: input "x" ${shape}) {\n${lines.join("\n")}\nreturn "y" %y${length - 1}\n}`,
  );
}

const build = (graph: ReturnType<typeof stack>, target: Target) => buildExecutable(graph, target, passOptions({})).executable; // prettier-ignore
const dispatches = (executable: ReturnType<typeof build>) =>
  executable.run.flatMap((command) => (command.kind === "dispatch" ? [command] : []));

describe("chain-launches", () => {
  it("makes one launch of up to sixteen short kernels, where a run has four or more", () => {
    expect(dispatches(build(stack(3), costly))).toHaveLength(3);
    expect(dispatches(build(stack(4), costly))).toHaveLength(1);
    expect(dispatches(build(stack(16), costly))).toHaveLength(1);
    expect(dispatches(build(stack(17), costly))).toHaveLength(2);
    expect(dispatches(build(stack(9), wideCpuTarget))).toHaveLength(9);
    expect(dispatches(build(stack(9), { ...wasmTarget, costlyLaunches: true }))).toHaveLength(9);
  });

  it("launches a worker for each core", () => {
    const executable = build(stack(6), { ...costly, computeUnits: 5 });
    expect(executable.kernels[dispatches(executable)[0]!.kernel]!.groups).toBe(5);
  });

  it("leaves kernels alone beside which a launch costs nothing", () => {
    expect(dispatches(build(stack(5, "f32[20000,33000]"), costly))).toHaveLength(5);
  });

  it("binds a buffer that several kernels use once", () => {
    const executable = build(stack(6), costly);
    const [{ buffers, kernel }] = dispatches(executable) as [ReturnType<typeof dispatches>[number]];
    expect(new Set(buffers).size).toBe(buffers.length);
    expect(executable.kernels[kernel]!.buffers).toHaveLength(buffers.length);
    expect(executable.buffers[buffers.at(-1)!]).toMatchObject({ kind: "constant", name: "counters" });
  });

  it("binds no more buffers than a kernel may", () => {
    const graph = (length: number) => {
      const lines = Array.from({ length }, (_, i) => `%s${i} = softmax(%x${i}) {axis=1} : f32[6,33]`);
      const inputs = Array.from({ length }, (_, i) => `%x${i}: input "x${i}" f32[6,33]`);
      const outputs = Array.from({ length }, (_, i) => `return "y${i}" %s${i}`);
      return parseGraph(`graph g(${inputs.join(", ")}) {\n${[...lines, ...outputs].join("\n")}\n}`);
    };
    const launches = dispatches(build(graph(12), { ...costly, maxStorageBuffers: 9 }));
    expect(launches.every(({ buffers }) => buffers.length <= 9)).toBe(true);
    expect(launches).toHaveLength(3);
  });

  it("writes equal chains once", () => {
    const executable = build(stack(80), costly);
    const launches = dispatches(executable);
    expect(launches.length).toBeLessThan(12);
    expect(new Set(launches.map(({ kernel }) => kernel)).size).toBeLessThan(launches.length);
  });

  it.skipIf(!isTested("opencl"))("gives the same numbers run after run", async () => {
    const device = lazyDevice("opencl");
    const graph = stack(20);
    const opened = await device();
    const executable = build(graph, { ...opened.target, costlyLaunches: true });
    const session = await Session.load(opened, executable, new Map());
    const values = valuesFor(graph);
    const expected = evaluate(graph, values)["y"]!;
    for (let run = 0; run < 200; run++) {
      const { outputs } = await session.run([values["x"]!]);
      expect(relativeError(outputs[0] as typeof expected, expected)).toBeLessThanOrEqual(1e-6);
    }
    session.dispose();
  });
});
