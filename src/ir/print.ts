/**
 * The text form of a graph, which `parse` reads back to the same graph.
 *
 *     graph net(%x: input "x" f32[1,4], %w: parameter "fc.weight" f32[4,2]) {
 *       %v0 = matmul(%x, %w) {packing=null} : f32[1,2]
 *       return "output" %v0
 *     }
 *
 * Attributes are JSON with bare keys; constants print as `dense f32[2] [1,2]`, or, when long, as
 * `dense f32[64] "base64…"` of their little-endian elements; a fusion's body prints as a nested graph.
 */
import type { Graph, GraphInput, GraphOutput, Node } from "./graph.ts";
import { executionOrder } from "./graph-index.ts";
import { isHostTensor, type HostTensor } from "./host-tensor.ts";
import { formatShape } from "./shape.ts";
import { formatType } from "./tensor-type.ts";

export interface PrintOptions {
  /** Leave out the elements of long constants; such text does not parse. */
  readonly elide?: boolean;
}

const longestInlineConstant = 16;

/** A graph as text: an operation a line, in an order of execution. */ export function printGraph(
  graph: Graph,
  options: PrintOptions = {},
): string {
  const nodes = executionOrder(graph).map((node) => `  ${indent(printNode(node, options))}`);
  const outputs = graph.outputs.map((output) => `  ${printOutput(output)}`);
  return [
    `graph ${graph.name}(${graph.inputs.map(printInput).join(", ")}) {`,
    ...nodes,
    ...outputs,
    "}",
  ].join("\n");
}

export function printNode(node: Node, options: PrintOptions = {}): string {
  const results = node.results.map((result) => `%${result.id}`).join(", ");
  const operands = node.operands.map((operand) => `%${operand}`).join(", ");
  const attributes = Object.entries(node.attributes).map(
    ([key, value]) => `${key}=${printAttribute(value, options)}`,
  );
  const types = node.results.map((result) => formatType(result.type)).join(", ");
  const braces = attributes.length === 0 ? "" : ` {${attributes.join(", ")}}`;
  const path = node.origin?.modulePath ? ` @${JSON.stringify(node.origin.modulePath)}` : "";
  return `${results} = ${node.op}(${operands})${braces} : ${types}${path}`;
}

function printInput(input: GraphInput): string {
  return `%${input.id}: ${input.role} ${JSON.stringify(input.name)} ${formatType(input.type)}`;
}

function printOutput(output: GraphOutput): string {
  const updates = output.updates === undefined ? "" : ` updates %${output.updates}`;
  return `return ${JSON.stringify(output.name)} %${output.value}${updates}`;
}

function printAttribute(value: unknown, options: PrintOptions): string {
  if (isHostTensor(value)) return printDense(value, options);
  if (typeof value === "object" && value !== null && "nodes" in value)
    return printGraph(value as Graph, options);
  if (Array.isArray(value)) return `[${value.map((item) => printAttribute(item, options)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${key}=${printAttribute(item, options)}`)
      .join(", ")}}`;
  }
  if (typeof value === "number") return printNumber(value);
  return JSON.stringify(value);
}

/** JSON has no infinities, NaN or negative zero. */
function printNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

function printDense(tensor: HostTensor, options: PrintOptions): string {
  const head = `dense ${tensor.dtype}${formatShape(tensor.shape)}`;
  if (tensor.data.length <= longestInlineConstant) {
    return `${head} [${Array.from(tensor.data as ArrayLike<number>, printNumber).join(",")}]`;
  }
  if (options.elide) return `${head} …`;
  const bytes = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  return `${head} "${encodeBase64(bytes)}"`;
}

function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000)
    text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n  ");
}
