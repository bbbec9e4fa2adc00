/**
 * An ONNX model that was read: named inputs and outputs with symbolic dimensions, nodes, initialisers. It brings along
 * how it is traced, so that a program without models from files need not hold every operator of ONNX.
 */
import type { HostTensor } from "../../ir/host-tensor.ts";
import type { Parameter, Stored } from "../../ir/stored-tensor.ts";
import type { TracedModule } from "../../nn/trace-module.ts";
import type { ConstantBindings, ShapeBindings } from "./bind-inputs.ts";
import type { ModelOutput, ModelTensor } from "./declared-tensors.ts";
import type { OnnxNode } from "./nodes.ts";
import type { Dialect } from "./operator.ts";
import type { OnnxTraceOptions, traceOnnx } from "./trace-onnx.ts";

type TraceModel = typeof traceOnnx;

/** Values known when importing. Float tensors of more than one element are parameters of the program. */
export interface Initializer {
  /** A weight is decoded anew each time this is asked for. */
  readonly value: HostTensor;
  readonly elementCount: number;
  readonly parameter: Parameter | undefined;
  readonly elementType: number;
}

/** An ONNX model that was read and checked: what `importOnnx` and `openOnnx` return, for `compile`, `tune` and `bisect`. */
export class OnnxModel {
  /** The graph's name in the file. */
  readonly name: string;
  /** What `run` takes, by name. */
  readonly inputs: readonly ModelTensor[];
  /** What `run` gives, by name. */
  readonly outputs: readonly ModelOutput[];
  /** @internal */
  readonly dialect: Dialect;
  /** @internal */
  readonly nodes: readonly OnnxNode[];
  /** @internal */
  readonly initializers: ReadonlyMap<string, Initializer>;

  /** Inputs that have values in the file, with which the model runs where the caller gives no others. */
  readonly overridable: readonly ModelTensor[];
  /** What programs of this model may take of memory, if whoever imported it said so; else Infinity. */
  readonly memoryLimitBytes: number;
  readonly #trace: TraceModel;

  /** @internal */
  constructor(parts: {
    readonly name: string;
    readonly dialect: Dialect;
    readonly inputs: readonly ModelTensor[];
    readonly outputs: readonly ModelOutput[];
    readonly nodes: readonly OnnxNode[];
    readonly initializers: ReadonlyMap<string, Initializer>;
    readonly overridable?: readonly ModelTensor[];
    readonly trace: TraceModel;
    readonly memoryLimitBytes?: number;
  }) {
    this.name = parts.name;
    this.dialect = parts.dialect;
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.nodes = parts.nodes;
    this.initializers = parts.initializers;
    this.overridable = parts.overridable ?? [];
    this.#trace = parts.trace;
    this.memoryLimitBytes = parts.memoryLimitBytes ?? Infinity;
  }

  /**
   * The graph, once every symbolic dimension is bound.
   * @internal
   */
  trace(shapes?: ShapeBindings, constants?: ConstantBindings, options?: OnnxTraceOptions): TracedModule {
    return this.#trace(this, shapes, constants, options);
  }

  /** Version of the default operator set. */
  get opset(): number {
    return this.dialect.opset;
  }

  /** Weights by their names in the file; what a module's state dict is. */
  *namedState(): Generator<readonly [string, Stored]> {
    for (const [name, { parameter }] of this.initializers)
      if (parameter !== undefined) yield [name, parameter];
  }
}
