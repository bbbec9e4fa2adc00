/** Reads the text form that `print` writes. Malformed text is a UserError with line and column. */
import { UserError } from "../errors.ts";
import { allocateArray, isDType, type DType } from "./dtype.ts";
import type { Graph, GraphInput, GraphOutput, InputRole, Node, NodeResult, ValueId } from "./graph.ts";
import type { HostTensor } from "./host-tensor.ts";
import { isOpName } from "./ops/registry.ts";
import { elementCount } from "./shape.ts";
import { tensorType, type TensorType } from "./tensor-type.ts";

/** Text from anywhere must not exhaust the stack. */
const deepestNesting = 100;

const roles: readonly string[] = ["input", "parameter", "state", "prepared"];

/** The graph that `printGraph` wrote; throws a UserError (`parse`) that names the line. */ export function parseGraph(
  text: string,
): Graph {
  const parser = new Parser(text);
  const graph = parser.graph();
  parser.end();
  return graph;
}

/** Recursive descent over the text; each method reads one construct and leaves the position after it. */
class Parser {
  #position = 0;
  #depth = 0;

  constructor(readonly text: string) {}

  graph(): Graph {
    this.#keyword("graph");
    const name = this.#match(/[A-Za-z_][\w.]*/y, "a graph name");
    const inputs = this.#list("(", ")", () => this.#input());
    this.#punctuation("{");
    const nodes: Record<ValueId, Node> = {};
    while (this.#peek("%")) {
      const node = this.#node();
      const id = node.results[0]!.id;
      if (id === "__proto__") this.#fail("a value that is not called __proto__");
      if (Object.hasOwn(nodes, id)) this.#fail(`a value that is not defined yet (%${id} is)`);
      nodes[id] = node;
    }
    const outputs: GraphOutput[] = [];
    while (this.#tryKeyword("return")) outputs.push(this.#output());
    this.#punctuation("}");
    return { name, inputs, nodes, outputs };
  }

  end(): void {
    this.#space();
    if (this.#position < this.text.length) this.#fail("the end of the text");
  }

  #input(): GraphInput {
    const id = this.#value();
    this.#punctuation(":");
    const role = this.#match(/[a-z]+/y, "a role");
    if (!roles.includes(role)) this.#fail(`a role (${roles.join(", ")}), not ${role}`);
    const name = this.#string();
    return { id, role: role as InputRole, name, type: this.#type() };
  }

  #output(): GraphOutput {
    const name = this.#string();
    const value = this.#value();
    return this.#tryKeyword("updates") ? { name, value, updates: this.#value() } : { name, value };
  }

  #node(): Node {
    const ids = [this.#value()];
    while (this.#tryPunctuation(",")) ids.push(this.#value());
    this.#punctuation("=");
    const op = this.#match(/[a-z]\w*/y, "an op");
    if (!isOpName(op)) return this.#fail(`an op that exists, not '${op}'`);
    const operands = this.#list("(", ")", () => this.#value());
    const attributes = this.#peek("{") ? this.#record() : {};
    this.#punctuation(":");
    const results: NodeResult[] = ids.map((id, i) => {
      if (i > 0) this.#punctuation(",");
      return { id, type: this.#type() };
    });
    const origin = this.#tryPunctuation("@") ? { origin: { modulePath: this.#string() } } : {};
    return { op, operands, attributes, results, ...origin } as Node;
  }

  #type(): TensorType {
    const dtype = this.#match(/[a-z]\w*/y, "a dtype");
    if (!isDType(dtype)) return this.#fail(`a dtype, not '${dtype}'`);
    const shape = this.#list("[", "]", () => this.#number());
    const isShape =
      shape.every((size) => Number.isInteger(size) && size >= 0) && elementCount(shape) < 2 ** 31;
    if (!isShape) this.#fail(`sizes of fewer than 2^31 elements after ${dtype}[${shape.join(",")}]`);
    const layout = this.text[this.#position] === "{" ? this.#list("{", "}", () => this.#number()) : undefined;
    const order = layout?.slice().sort((a, b) => a - b) ?? shape.map((_, axis) => axis);
    if (order.length !== shape.length || order.some((axis, position) => axis !== position)) {
      this.#fail(`a layout that orders the ${shape.length} dimensions`);
    }
    return tensorType(dtype, shape, layout);
  }

  #record(): Record<string, unknown> {
    const entries = this.#list("{", "}", () => {
      const key = this.#match(/[A-Za-z_]\w*/y, "an attribute name");
      this.#punctuation("=");
      return [key, this.#attribute()] as const;
    });
    return Object.fromEntries(entries);
  }

  #attribute(): unknown {
    if (this.#depth >= deepestNesting) this.#fail(`attributes nested at most ${deepestNesting} deep`);
    this.#depth++;
    const value = this.#attributeValue();
    this.#depth--;
    return value;
  }

  #attributeValue(): unknown {
    this.#space();
    const next = this.text[this.#position];
    if (next === '"') return this.#string();
    if (next === "[") return this.#list("[", "]", () => this.#attribute());
    if (next === "{") return this.#record();
    if (this.#startsWith("graph")) return this.graph();
    if (this.#tryKeyword("dense")) return this.#dense();
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (this.#tryKeyword(word)) return value;
    }
    return this.#number();
  }

  #dense(): HostTensor<DType> {
    const { dtype, shape } = this.#type();
    const data = allocateArray(dtype, 0);
    const count = elementCount(shape);
    if (this.#peek("[")) {
      const elements = this.#list("[", "]", () => this.#number());
      if (elements.length !== count) this.#fail(`${count} elements, not ${elements.length}`);
      return {
        dtype,
        shape,
        data: Object.assign(allocateArray(dtype, count), elements),
      } as HostTensor<DType>;
    }
    const bytes = this.#base64();
    if (bytes.length !== count * data.BYTES_PER_ELEMENT) this.#fail(`${count} elements in base64`);
    const buffer = bytes.buffer;
    const arrays = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, bool: Uint8Array } as const;
    return { dtype, shape, data: new arrays[dtype](buffer) } as HostTensor<DType>;
  }

  #base64(): Uint8Array<ArrayBuffer> {
    const text = this.#string();
    try {
      return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    } catch {
      return this.#fail("base64 before this");
    }
  }

  #value(): ValueId {
    return this.#match(/%[A-Za-z_]\w*/y, "a value such as %x").slice(1);
  }

  #number(): number {
    const text = this.#match(/nan|-?inf|-?\d+(\.\d+)?(e[+-]?\d+)?/y, "a number");
    if (text.endsWith("inf")) return text.startsWith("-") ? -Infinity : Infinity;
    return text === "nan" ? NaN : Number(text);
  }

  #string(): string {
    const text = this.#match(/"(?:[^"\\\n]|\\.)*"/y, "a string");
    try {
      return JSON.parse(text) as string;
    } catch {
      return this.#fail("a string as JSON has them before this");
    }
  }

  #list<T>(open: string, close: string, item: () => T): T[] {
    this.#punctuation(open);
    const items: T[] = [];
    if (this.#tryPunctuation(close)) return items;
    do items.push(item());
    while (this.#tryPunctuation(","));
    this.#punctuation(close);
    return items;
  }

  #keyword(word: string): void {
    if (!this.#tryKeyword(word)) this.#fail(`'${word}'`);
  }

  #tryKeyword(word: string): boolean {
    if (!this.#startsWith(word)) return false;
    this.#position += word.length;
    return true;
  }

  #startsWith(word: string): boolean {
    this.#space();
    return (
      this.text.startsWith(word, this.#position) && !/\w/.test(this.text[this.#position + word.length] ?? "")
    );
  }

  #peek(character: string): boolean {
    this.#space();
    return this.text[this.#position] === character;
  }

  #punctuation(character: string): void {
    if (!this.#tryPunctuation(character)) this.#fail(`'${character}'`);
  }

  #tryPunctuation(character: string): boolean {
    if (!this.#peek(character)) return false;
    this.#position++;
    return true;
  }

  #match(pattern: RegExp, expected: string): string {
    this.#space();
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.text);
    if (match === null) return this.#fail(expected);
    this.#position = pattern.lastIndex;
    return match[0];
  }

  /** White space, and comments from `#` to the end of the line. */
  #space(): void {
    const pattern = /(?:\s|#[^\n]*)*/y;
    pattern.lastIndex = this.#position;
    pattern.exec(this.text);
    this.#position = pattern.lastIndex;
  }

  #fail(expected: string): never {
    const before = this.text.slice(0, this.#position).split("\n");
    const found = this.text.slice(this.#position, this.#position + 20).split("\n")[0];
    throw new UserError(
      "parse",
      `graph text, line ${before.length}, column ${before.at(-1)!.length + 1}: expected ${expected}, found ${JSON.stringify(found)}.`,
    );
  }
}
