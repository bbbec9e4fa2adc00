/**
 * What an operator sees of its node, and what it returns. An operator is a function from this to tensors; one
 * that never runs (all its inputs are constants) is written the same way and folded by the importer.
 */
import { UserError } from "../../errors.ts";
import type { HostTensor } from "../../ir/host-tensor.ts";
import type { Trace } from "../../ir/trace.ts";
import { Tensor } from "../../nn/tensor.ts";
import type { OnnxNode } from "./nodes.ts";
import { AttributeProto_AttributeType as AttributeType, type AttributeProto } from "./schema/onnx_pb.ts";
import { readTensor } from "./tensors.ts";
import type { WideInteger } from "./wide-integer.ts";
import { UnknownInputsError } from "./unknown-inputs-error.ts";

/** A tensor whose elements are known while importing; those of a weight are decoded when asked for. */
export interface KnownValue {
  readonly value: HostTensor;
  readonly elementCount: number;
}

/** Least and greatest whole number that is possible, both included. */
export type IntegerRange = readonly [least: number, greatest: number];

/** What is known of a whole number of 64 bits beside its i32 symbol. */
export interface Int64 {
  readonly range: IntegerRange;
  readonly words: () => WideInteger;
}

/** A tensor of the graph, or one known while importing. */
export interface OnnxValue {
  /** The value as a symbol in the trace; constants enter the graph when this is first asked for. */
  readonly symbol: () => Tensor;
  readonly constant: KnownValue | undefined;
  /** The type the file says it has, where that is known: graphs keep all small integers as i32. */
  readonly elementType: number | undefined;
  /** Of int64 values that operators computed. Asking such a value for its symbol makes runs check that 32 bits hold it. */
  readonly int64?: Int64;
  /** The model's inputs that it is computed from; none for constants. */
  readonly sources: ReadonlySet<string>;
}

/** A result: a symbol, or a constant. */
export type OperatorResult = Tensor | HostTensor;

export type Operator = (node: OperatorNode) => OperatorResult | readonly OperatorResult[];

/** Operators of one family, by ONNX name. */
export type OperatorFamily = Readonly<Record<string, Operator>>;

/** What the meaning of a node depends on beside the node. */
export interface Dialect {
  /** Version of the default operator set. */
  readonly opset: number;
  /** The program that wrote the file: where programs read the standard differently, the writer's reading is meant. */
  readonly producer: string;
}

/** Least and greatest value. */
export type Limits = readonly [number, number];

const word: Limits = [-(2 ** 31), 2 ** 31 - 1];

function range([least, greatest]: Limits): string {
  return greatest === Infinity ? `${least} or more` : `${least} to ${greatest}`;
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

export class OperatorNode {
  readonly #node: OnnxNode;
  readonly #inputs: readonly (OnnxValue | undefined)[];
  readonly #attributes: ReadonlyMap<string, AttributeProto>;
  readonly #read = new Set<string>();
  readonly #readInputs = new Set<number>();
  readonly #resultTypes = new Map<number, number>();

  constructor(
    node: OnnxNode,
    readonly dialect: Dialect,
    readonly trace: Trace,
    inputs: readonly (OnnxValue | undefined)[],
  ) {
    this.#node = node;
    this.#inputs = inputs;
    this.#attributes = new Map(node.proto.attribute.map((attribute) => [attribute.name, attribute]));
    const names = node.proto.attribute.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) this.fail("file-format", `attribute ${twice} is given twice.`);
    // Before operator set 6, nodes said which inputs may be overwritten.
    if (dialect.opset < 6) this.#read.add("consumed_inputs");
  }

  /** The operator's name. */
  get operator(): string {
    return this.#node.proto.opType;
  }

  get opset(): number {
    return this.dialect.opset;
  }

  get inputCount(): number {
    return this.#inputs.length;
  }

  /** How many outputs are listed, those left out by empty names included. */
  get outputCount(): number {
    return this.#node.proto.output.length;
  }

  /** Whether this output is asked for: it is left out by not being there, or by an empty name. */
  hasOutput(position: number): boolean {
    return (this.#node.proto.output[position] ?? "") !== "";
  }

  has(position: number): boolean {
    this.#readInputs.add(position);
    return this.#inputs[position] !== undefined;
  }

  input(position: number): Tensor {
    return this.#value(position).symbol();
  }

  optional(position: number): Tensor | undefined {
    this.#readInputs.add(position);
    return this.#inputs[position]?.symbol();
  }

  /** Every input; none may be left out. */
  inputs(): Tensor[] {
    return this.#inputs.map((_, position) => this.input(position));
  }

  /** ONNX's type of an input's elements, where it is known. */
  elementType(position: number): number | undefined {
    return this.#inputs[position]?.elementType;
  }

  /** Says what type a result has in ONNX's terms, where it is not that of the first input of its dtype. */
  declareResult(elementType: number, output = 0): void {
    this.#resultTypes.set(output, elementType);
  }

  declaredType(output: number): number | undefined {
    return this.#resultTypes.get(output);
  }

  /** An input that must be known while importing, because shapes depend on it. */
  constant(position: number, what: string, dependent = "shapes that depend"): HostTensor {
    const { constant, sources } = this.#value(position);
    return (
      constant?.value ?? this.#failUnknown(what, [...sources], `${dependent} on data are not supported.`)
    );
  }

  /** Values that come from the model's inputs may be the same in every run, and then the caller can say so. */
  #failUnknown(what: string, sources: readonly string[], problem: string): never {
    if (sources.length === 0) return this.fail("unsupported", `${what} is computed from weights; ${problem}`);
    const names = sources.map((name) => `'${name}'`).join(", ");
    const bindings = sources.map((name) => `${JSON.stringify(name)}: tensor(…)`).join(", ");
    throw new UnknownInputsError(
      this.#about(
        `${what} is computed from the input ${names}; ${problem} Where that is the same in every run, give its value when compiling: compile(model, { constants: { ${bindings} } }).`,
      ),
      sources,
    );
  }

  /** An input's value where it is known while importing. */
  known(position: number): HostTensor | undefined {
    return this.#value(position).constant?.value;
  }

  constantNumbers(position: number, what: string): number[] {
    return Array.from(this.constant(position, what).data as ArrayLike<number | bigint>, Number);
  }

  optionalNumbers(position: number, what: string): number[] | undefined {
    return this.has(position) ? this.constantNumbers(position, what) : undefined;
  }

  /**
   * A whole number, by default of 32 bits, which is what sizes, axes and counts are: others are refused, never cut.
   * @param limits least and greatest value that is allowed
   */
  int(name: string, fallback: number, limits: Limits = word): number {
    const attribute = this.#attribute(name, AttributeType.INT);
    return attribute === undefined ? fallback : this.#within(name, attribute.i, limits);
  }

  /** An attribute that must be there. */
  requiredInt(name: string, limits: Limits = word): number {
    return this.hasAttribute(name)
      ? this.int(name, NaN, limits)
      : this.fail("file-format", `attribute ${name} is missing.`);
  }

  /** Any integer of 64 bits. */
  long(name: string): bigint | undefined {
    return this.#attribute(name, AttributeType.INT)?.i;
  }

  #within(name: string, value: bigint, [least, greatest]: Limits): number {
    if (value < least || value > greatest)
      return this.fail("argument", `attribute ${name} is ${value}, expected ${range([least, greatest])}.`);
    return Number(value);
  }

  hasAttribute(name: string): boolean {
    return this.#attributes.has(name);
  }

  flag(name: string, fallback: boolean): boolean {
    return this.int(name, fallback ? 1 : 0) !== 0;
  }

  float(name: string, fallback: number): number {
    return this.#attribute(name, AttributeType.FLOAT)?.f ?? fallback;
  }

  /** Whole numbers, as `int` has them. */
  ints(name: string, limits: Limits = word): number[] | undefined {
    return this.#attribute(name, AttributeType.INTS)?.ints.map((value) => this.#within(name, value, limits));
  }

  /** Any integers of 64 bits. */
  longs(name: string): readonly bigint[] | undefined {
    return this.#attribute(name, AttributeType.INTS)?.ints;
  }

  floats(name: string): readonly number[] | undefined {
    return this.#attribute(name, AttributeType.FLOATS)?.floats;
  }

  string(name: string, fallback: string): string {
    const attribute = this.#attribute(name, AttributeType.STRING);
    return attribute === undefined ? fallback : new TextDecoder().decode(attribute.s);
  }

  /** One of the names that the specification has for an attribute. */
  choice<const Name extends string>(name: string, names: readonly Name[], fallback: Name): Name {
    const given = this.string(name, fallback);
    const known = names.find((item) => item === given);
    return (
      known ??
      this.fail("unsupported", `${name} ${given.slice(0, 60)} is not known; expected ${oneOf(names)}.`)
    );
  }

  strings(name: string): readonly string[] | undefined {
    const decoder = new TextDecoder();
    return this.#attribute(name, AttributeType.STRINGS)?.strings.map((item) => decoder.decode(item));
  }

  tensor(name: string): HostTensor | undefined {
    const proto = this.#attribute(name, AttributeType.TENSOR)?.t;
    return proto === undefined ? undefined : readTensor(proto);
  }

  /** The element type of a tensor attribute. */
  tensorType(name: string): number | undefined {
    return this.#attribute(name, AttributeType.TENSOR)?.t?.dataType;
  }

  /** Accepts an attribute that changes nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** Accepts an input that changes nothing here. */
  ignoreInputs(...positions: readonly number[]): void {
    for (const position of positions) this.#readInputs.add(position);
  }

  /** Inputs that are given but that the operator never looked at: what it does not support. */
  unreadInputs(): number[] {
    return this.#inputs.flatMap((input, i) => (input === undefined || this.#readInputs.has(i) ? [] : [i]));
  }

  /** Attributes that the operator never looked at: what it does not support. */
  unread(): string[] {
    return [...this.#attributes.keys()].filter((name) => !this.#read.has(name));
  }

  fail(code: ConstructorParameters<typeof UserError>[0], message: string): never {
    throw new UserError(code, this.#about(message));
  }

  #about(message: string): string {
    return `onnx: ${this.#node.proto.opType} '${this.#node.name}': ${message}`;
  }

  #value(position: number): OnnxValue {
    this.#readInputs.add(position);
    return this.#inputs[position] ?? this.fail("file-format", `input ${position} is missing.`);
  }

  #attribute(name: string, type: AttributeType): AttributeProto | undefined {
    this.#read.add(name);
    const attribute = this.#attributes.get(name);
    if (attribute !== undefined && attribute.type !== type && attribute.type !== AttributeType.UNDEFINED) {
      return this.fail(
        "file-format",
        `attribute ${name} is ${AttributeType[attribute.type] ?? attribute.type}, expected ${AttributeType[type]}.`,
      );
    }
    return attribute;
  }
}
