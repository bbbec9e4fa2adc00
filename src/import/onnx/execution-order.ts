/** An order in which the nodes of a graph can run, of those that its outputs need. */
import { UserError } from "../../errors.ts";
import { readsOf, type OnnxNode } from "./nodes.ts";

/** Nodes after what they read. Names that nothing defines, double definitions and cycles are errors. */
export function executionOrder(
  nodes: readonly OnnxNode[],
  known: ReadonlySet<string>,
  outputs: readonly string[],
): OnnxNode[] {
  const makers = new Map<string, OnnxNode>();
  for (const node of nodes) {
    for (const output of node.proto.output) {
      if (output === "") continue;
      if (makers.has(output) || known.has(output)) {
        throw new UserError(
          "file-format",
          `onnx: value '${output}' is defined twice, the second time by node '${node.name}'.`,
        );
      }
      makers.set(output, node);
    }
  }
  const order: OnnxNode[] = [];
  const state = new Map<OnnxNode, "open" | "done">();
  const stack: { node: OnnxNode; reads: readonly string[]; next: number }[] = [];
  const open = (name: string, reader: string): void => {
    if (name === "" || known.has(name)) return;
    const maker = makers.get(name);
    if (maker === undefined)
      throw new UserError("file-format", `onnx: ${reader} reads '${name}', which nothing defines.`);
    if (state.get(maker) === "done") return;
    if (state.get(maker) === "open")
      throw new UserError("file-format", `onnx: the graph has a cycle through node '${maker.name}'.`);
    state.set(maker, "open");
    stack.push({ node: maker, reads: readsOf(maker.proto), next: 0 });
  };
  for (const output of outputs) {
    open(output, `output '${output}'`);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.reads[top.next++];
      if (input !== undefined) open(input, `node '${top.node.name}'`);
      else {
        stack.pop();
        state.set(top.node, "done");
        order.push(top.node);
      }
    }
  }
  return order;
}
