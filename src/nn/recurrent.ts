/**
 * Recurrent layers over whole sequences, with PyTorch's parameters. The length of a sequence is known while a network
 * is traced: its steps are unrolled, up to `longestUnrolled` of them.
 */
import { UserError } from "../errors.ts";
import type { KnownOptions } from "../ir/check-options.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { concat, stack } from "./functional.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import {
  elmanRecurrence,
  gruRecurrence,
  lstmRecurrence,
  type Nonlinearity,
  type Recurrence,
  type RecurrentWeights,
} from "./recurrences.ts";
import { checkCount, checkStatePair } from "./recurrent-arguments.ts";
import { longestUnrolled, unroll, zeroState } from "./recurrent-steps.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { pythonText } from "./python-text.ts";
import { snakeCase } from "./snake-case.ts";
import { Dropout } from "./dropout.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** What recurrent layers may be told. */
export interface RecurrentOptions {
  /** Layers, each on the outputs of the one before; 1. */
  readonly numLayers?: number;
  /** Both biases of every layer; true. */
  readonly bias?: boolean;
  /** `(batch, sequence, features)` instead of `(sequence, batch, features)`; false. States are not affected. */
  readonly batchFirst?: boolean;
  /** Probability that training drops an element between two layers; 0. */
  readonly dropout?: number;
  /** A second direction, from the end; outputs of both are joined; false. */
  readonly bidirectional?: boolean;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const recurrentKinds = {
  numLayers: "number",
  bias: "boolean",
  batchFirst: "boolean",
  dropout: "number",
  bidirectional: "boolean",
  random: "function",
} as const satisfies KnownOptions<RecurrentOptions>;

const gruArguments = {
  known: recurrentKinds,
  order: ["numLayers", "bias", "batchFirst", "dropout", "bidirectional"],
} as const satisfies ArgumentNames<RecurrentOptions>;

/** What RNN may be told. */
export interface RNNOptions extends RecurrentOptions {
  /** What the next state goes through; "tanh". */
  readonly nonlinearity?: Nonlinearity;
}

const rnnArguments = {
  known: { ...recurrentKinds, nonlinearity: ["tanh", "relu"] },
  order: ["numLayers", "nonlinearity", "bias", "batchFirst", "dropout", "bidirectional"],
} as const satisfies ArgumentNames<RNNOptions>;

/** What LSTM may be told. */
export interface LSTMOptions extends RecurrentOptions {
  /** Features of the hidden state where it is projected; 0, not. */
  readonly projSize?: number;
}

const lstmArguments = {
  known: { ...recurrentKinds, projSize: "number" },
  order: ["numLayers", "bias", "batchFirst", "dropout", "bidirectional", "projSize"],
} as const satisfies ArgumentNames<LSTMOptions>;

const sizes = ["inputSize", "hiddenSize"];

type Direction = "" | "Reverse";

abstract class RecurrentLayers extends Module {
  /** `weight_hh_l0_reverse` in the state dict is `weightHhL0Reverse` here. */
  [
    name: `${"weightIh" | "weightHh" | "weightHr" | "biasIh" | "biasHh"}L${number}${"" | "Reverse"}`
  ]: Parameter;
  /** Layers on top of each other. */
  readonly numLayers: number;
  /** `(batch, sequence, features)` instead of `(sequence, batch, features)`. */
  readonly batchFirst: boolean;
  /** Whether there is a second direction, from the end. */
  readonly bidirectional: boolean;
  /** Features of the hidden state: `hiddenSize`, or fewer where it is projected. */
  readonly stateSize: number;
  /** What training drops between two layers. */
  readonly betweenLayers: Dropout;
  readonly #recurrence: Recurrence;

  constructor(
    recurrence: Recurrence,
    /** Features of the input. */
    readonly inputSize: number,
    /** Features of the state. */
    readonly hiddenSize: number,
    options: RecurrentOptions & { readonly projSize?: number },
  ) {
    super();
    const { numLayers = 1, bias = true, bidirectional = false, projSize = 0, random } = options;
    const name = this.constructor.name;
    checkCount(name, "inputSize", inputSize);
    checkCount(name, "hiddenSize", hiddenSize);
    checkCount(name, "numLayers", numLayers);
    if (!Number.isInteger(projSize) || projSize < 0 || projSize >= hiddenSize) {
      throw new UserError(
        "argument",
        `${name}: projSize must be from 0 (none) to less than hiddenSize ${hiddenSize}, got ${projSize}.`,
      );
    }
    this.numLayers = numLayers;
    this.batchFirst = options.batchFirst ?? false;
    this.bidirectional = bidirectional;
    this.stateSize = projSize > 0 ? projSize : hiddenSize;
    this.#recurrence = recurrence;
    const rows = recurrence.gateCount * hiddenSize;
    const initial = (...shape: number[]) => new Parameter(uniform(shape, defaultBound(hiddenSize), random));
    for (let layer = 0; layer < numLayers; layer++) {
      const columns = layer === 0 ? inputSize : this.stateSize * this.#directions.length;
      for (const direction of this.#directions) {
        this[`weightIhL${layer}${direction}`] = initial(rows, columns);
        this[`weightHhL${layer}${direction}`] = initial(rows, this.stateSize);
        if (bias) this[`biasIhL${layer}${direction}`] = initial(rows);
        if (bias) this[`biasHhL${layer}${direction}`] = initial(rows);
        if (projSize > 0) this[`weightHrL${layer}${direction}`] = initial(projSize, hiddenSize);
      }
    }
    this.betweenLayers = new Dropout(options.dropout ?? 0, random && { random });
  }

  protected override settings(): string {
    const { inputSize, hiddenSize, numLayers, batchFirst, bidirectional, stateSize } = this;
    const { probability } = this.betweenLayers;
    return [
      `${inputSize}, ${hiddenSize}`,
      ...(stateSize === hiddenSize ? [] : [`proj_size=${stateSize}`]),
      ...(numLayers === 1 ? [] : [`num_layers=${numLayers}`]),
      ...(this.biasIhL0 === undefined ? ["bias=False"] : []),
      ...(batchFirst ? ["batch_first=True"] : []),
      ...(probability === 0 ? [] : [`dropout=${pythonText(probability)}`]),
      ...(bidirectional ? ["bidirectional=True"] : []),
    ].join(", ");
  }

  /** PyTorch's have no layer between their layers. */
  protected override shownChildren(): Iterable<readonly [string, Module]> {
    return [];
  }

  get #directions(): readonly Direction[] {
    return this.bidirectional ? ["", "Reverse"] : [""];
  }

  protected override stateName(property: string): string {
    return snakeCase(property);
  }

  /**
   * All layers over `x`, batched or not, from `given` states or zeros: the outputs of the last layer, and each of
   * the last states, `[layers · directions, N, stateSize]`.
   */
  protected run(x: Tensor, given: readonly Operand[] | undefined): [Tensor, readonly Tensor[]] {
    const { trace } = x;
    const name = this.constructor.name;
    if ((x.rank !== 2 && x.rank !== 3) || x.shape.at(-1) !== this.inputSize) {
      const layout = this.batchFirst ? "[batch, sequence, " : "[sequence, batch, ";
      trace.fail(
        "shape",
        `${name}: the input is ${formatShape(x.shape)}, expected ${layout}${this.inputSize}] or, without a batch, [sequence, ${this.inputSize}].`,
      );
    }
    const isBatched = x.rank === 3;
    const timeAxis = isBatched && this.batchFirst ? 1 : 0;
    const steps = x.shape[timeAxis]!;
    if (steps < 1 || steps > longestUnrolled) {
      trace.fail("unsupported", `${name}: ${steps} time steps; 1 to ${longestUnrolled} are unrolled.`);
    }
    let layerInput = isBatched ? x : x.unsqueeze(1);
    const batch = layerInput.shape[1 - timeAxis]!;
    const initial = this.#initialStates(x, given, isBatched ? batch : undefined);
    const last: (readonly Tensor[])[] = [];
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0) layerInput = this.betweenLayers.forward(layerInput);
      const outputs = this.#directions.map((direction) => {
        const weights = this.#weights(x, layer, direction);
        const fromInput = this.#recurrence.fromInput(layerInput, weights);
        const before = initial?.map((state) => state.select(0, last.length)) ?? this.#zeroStates(x, batch);
        const unrolled = unroll(steps, direction === "Reverse", before, (t, states) => {
          const next = this.#recurrence.step(fromInput.select(timeAxis, t), states, weights);
          return [next[0]!, next];
        });
        last.push(unrolled.states);
        return stack(unrolled.outputs, timeAxis);
      });
      layerInput = outputs.length === 1 ? outputs[0]! : concat(outputs, -1);
    }
    const states = last[0]!.map((_, s) => {
      const joined = stack(
        last.map((own) => own[s]!),
        0,
      );
      return isBatched ? joined : joined.squeeze(1);
    });
    return [isBatched ? layerInput : layerInput.squeeze(1), states];
  }

  #weights(x: Tensor, layer: number, direction: Direction): RecurrentWeights {
    const own = (stored: Parameter | undefined) => stored && toTensor(x.trace, stored);
    return {
      input: own(this[`weightIhL${layer}${direction}`])!,
      recurrent: own(this[`weightHhL${layer}${direction}`])!,
      inputBias: own(this[`biasIhL${layer}${direction}`]) ?? null,
      recurrentBias: own(this[`biasHhL${layer}${direction}`]) ?? null,
      projection: own(this[`weightHrL${layer}${direction}`]) ?? null,
    };
  }

  /** Features of h, or of h and c. */
  get #stateSizes(): readonly number[] {
    return [this.stateSize, this.hiddenSize].slice(0, this.#recurrence.stateCount);
  }

  #zeroStates(x: Tensor, batch: number): readonly Tensor[] {
    return this.#stateSizes.map((size) => zeroState(x, batch, size));
  }

  /** What was given, as `[layers · directions, N, size]` each. */
  #initialStates(
    x: Tensor,
    given: readonly Operand[] | undefined,
    batch: number | undefined,
  ): readonly Tensor[] | undefined {
    return given?.map((operand, s) => {
      const state = toTensor(x.trace, operand);
      const count = this.numLayers * this.#directions.length;
      const expected = [count, ...(batch === undefined ? [] : [batch]), this.#stateSizes[s]!];
      if (!sameShape(state.shape, expected)) {
        x.trace.fail(
          "shape",
          `${this.constructor.name}: the initial ${s === 0 ? "h" : "c"} is ${formatShape(state.shape)}, expected ${formatShape(expected)} for the input ${formatShape(x.shape)}.`,
        );
      }
      return batch === undefined ? state.unsqueeze(1) : state;
    });
  }
}

/**
 * Elman's recurrent layer: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).
 *
 *     const [output, h] = new RNN(4, 8, { nonlinearity: "relu" }).forward(x); // x [L, N, 4], output [L, N, 8]
 */
export class RNN extends RecurrentLayers {
  constructor(
    inputSize: number,
    hiddenSize: number,
    ...rest: OptionArguments<RNNOptions, typeof rnnArguments.order>
  ) {
    const options = readOptions<RNNOptions>("RNN", sizes, rnnArguments, rest);
    super(elmanRecurrence("RNN", options.nonlinearity), inputSize, hiddenSize, options);
  }

  /** `[output, h]`; h, given or not, is `[layers · directions, N, hiddenSize]`. */
  override forward(x: Tensor, h?: Operand): [Tensor, Tensor] {
    const [output, [last]] = this.run(x, h === undefined ? undefined : [h]);
    return [output, last!];
  }
}

/**
 * Long short-term memory. With `projSize` P the hidden state has P features in place of `hiddenSize`.
 *
 *     const [output, [h, c]] = new LSTM(4, 8, { numLayers: 2 }).forward(x); // h and c [2, N, 8]
 */
export class LSTM extends RecurrentLayers {
  constructor(
    inputSize: number,
    hiddenSize: number,
    ...rest: OptionArguments<LSTMOptions, typeof lstmArguments.order>
  ) {
    const options = readOptions<LSTMOptions>("LSTM", sizes, lstmArguments, rest);
    super(lstmRecurrence, inputSize, hiddenSize, options);
  }

  /** `[output, [h, c]]`; the states, given or not, are `[layers · directions, N, features]`. */
  override forward(x: Tensor, state?: readonly [Operand, Operand]): [Tensor, [Tensor, Tensor]] {
    checkStatePair(x, "LSTM", state);
    const [output, last] = this.run(x, state);
    return [output, [...last] as [Tensor, Tensor]];
  }
}

/**
 * Gated recurrent unit.
 *
 *     const [output, h] = new GRU(4, 8, { bidirectional: true }).forward(x); // output [L, N, 16], h [2, N, 8]
 */
export class GRU extends RecurrentLayers {
  constructor(
    inputSize: number,
    hiddenSize: number,
    ...rest: OptionArguments<RecurrentOptions, typeof gruArguments.order>
  ) {
    const options = readOptions<RecurrentOptions>("GRU", sizes, gruArguments, rest);
    super(gruRecurrence, inputSize, hiddenSize, options);
  }

  /** `[output, h]`; h, given or not, is `[layers · directions, N, hiddenSize]`. */
  override forward(x: Tensor, h?: Operand): [Tensor, Tensor] {
    const [output, [last]] = this.run(x, h === undefined ? undefined : [h]);
    return [output, last!];
  }
}
