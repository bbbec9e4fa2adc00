/** One step of a recurrent layer as a module, to write loops with, with PyTorch's parameters. */
import { formatShape, sameShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import {
  elmanRecurrence,
  gruRecurrence,
  lstmRecurrence,
  type Nonlinearity,
  type Recurrence,
} from "./recurrences.ts";
import { checkCount, checkStatePair } from "./recurrent-arguments.ts";
import { zeroState } from "./recurrent-steps.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { snakeCase } from "./snake-case.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** What recurrent cells may be told. */
export interface RecurrentCellOptions {
  /** Both biases; true. */
  readonly bias?: boolean;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const cellArguments = {
  known: { bias: "boolean", random: "function" },
  order: ["bias"],
} as const satisfies ArgumentNames<RecurrentCellOptions>;

/** What RNNCell may be told. */
export interface RNNCellOptions extends RecurrentCellOptions {
  /** What the next state goes through; "tanh". */
  readonly nonlinearity?: Nonlinearity;
}

const rnnCellArguments = {
  known: { ...cellArguments.known, nonlinearity: ["tanh", "relu"] },
  order: ["bias", "nonlinearity"],
} as const satisfies ArgumentNames<RNNCellOptions>;

const sizes = ["inputSize", "hiddenSize"];

abstract class RecurrentCell extends Module {
  /** What the input is multiplied by. */
  readonly weightIh: Parameter;
  /** What the state is multiplied by. */
  readonly weightHh: Parameter;
  /** Bias of the input's product; null without bias. */
  readonly biasIh: Parameter | null;
  /** Bias of the state's product; null without bias. */
  readonly biasHh: Parameter | null;
  readonly #recurrence: Recurrence;

  constructor(
    recurrence: Recurrence,
    /** Features of the input. */
    readonly inputSize: number,
    /** Features of the state. */
    readonly hiddenSize: number,
    options: RecurrentCellOptions,
  ) {
    super();
    checkCount(this.constructor.name, "inputSize", inputSize);
    checkCount(this.constructor.name, "hiddenSize", hiddenSize);
    const rows = recurrence.gateCount * hiddenSize;
    const { bias = true, random } = options;
    const initial = (...shape: number[]) => new Parameter(uniform(shape, defaultBound(hiddenSize), random));
    this.weightIh = initial(rows, inputSize);
    this.weightHh = initial(rows, hiddenSize);
    this.biasIh = bias ? initial(rows) : null;
    this.biasHh = bias ? initial(rows) : null;
    this.#recurrence = recurrence;
  }

  protected override stateName(property: string): string {
    return snakeCase(property);
  }

  protected override settings(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh === null ? ", bias=False" : ""}`;
  }

  /** The next states, `[N, hiddenSize]` or `[hiddenSize]` as `x` is `[N, inputSize]` or `[inputSize]`. */
  protected run(x: Tensor, given: readonly Operand[] | undefined): readonly Tensor[] {
    const { trace } = x;
    const name = this.constructor.name;
    if ((x.rank !== 1 && x.rank !== 2) || x.shape.at(-1) !== this.inputSize) {
      trace.fail(
        "shape",
        `${name}: the input is ${formatShape(x.shape)}, expected [batch, ${this.inputSize}] or, without a batch, [${this.inputSize}].`,
      );
    }
    const isBatched = x.rank === 2;
    const rows = isBatched ? x : x.unsqueeze(0);
    const own = (stored: Parameter | null) => stored && toTensor(trace, stored);
    const weights = {
      input: own(this.weightIh)!,
      recurrent: own(this.weightHh)!,
      inputBias: own(this.biasIh),
      recurrentBias: own(this.biasHh),
      projection: null,
    };
    const expected = [...x.shape.slice(0, -1), this.hiddenSize];
    const states = Array.from({ length: this.#recurrence.stateCount }, (_, s) => {
      if (given === undefined) return zeroState(x, rows.shape[0]!, this.hiddenSize);
      const state = toTensor(trace, given[s]!);
      if (!sameShape(state.shape, expected)) {
        trace.fail(
          "shape",
          `${name}: the ${s === 0 ? "h" : "c"} given is ${formatShape(state.shape)}, expected ${formatShape(expected)} for the input ${formatShape(x.shape)}.`,
        );
      }
      return isBatched ? state : state.unsqueeze(0);
    });
    const next = this.#recurrence.step(this.#recurrence.fromInput(rows, weights), states, weights);
    return isBatched ? next : next.map((state) => state.squeeze(0));
  }
}

/** h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it. */
export class RNNCell extends RecurrentCell {
  /** What the next state goes through. */
  readonly nonlinearity: Nonlinearity;

  constructor(
    inputSize: number,
    hiddenSize: number,
    ...rest: OptionArguments<RNNCellOptions, typeof rnnCellArguments.order>
  ) {
    const options = readOptions<RNNCellOptions>("RNNCell", sizes, rnnCellArguments, rest);
    super(elmanRecurrence("RNNCell", options.nonlinearity), inputSize, hiddenSize, options);
    this.nonlinearity = options.nonlinearity ?? "tanh";
  }

  /** As PyTorch prints them: the nonlinearity only where it is another than tanh. */
  protected override settings(): string {
    const { nonlinearity } = this;
    return `${super.settings()}${nonlinearity === "tanh" ? "" : `, nonlinearity=${nonlinearity}`}`;
  }

  override forward(x: Tensor, h?: Operand): Tensor {
    return this.run(x, h === undefined ? undefined : [h])[0]!;
  }
}

/** One step of an LSTM: `[h, c]` from the input and `[h, c]`. */
export class LSTMCell extends RecurrentCell {
  constructor(
    inputSize: number,
    hiddenSize: number,
    ...rest: OptionArguments<RecurrentCellOptions, typeof cellArguments.order>
  ) {
    const options = readOptions<RecurrentCellOptions>("LSTMCell", sizes, cellArguments, rest);
    super(lstmRecurrence, inputSize, hiddenSize, options);
  }

  override forward(x: Tensor, state?: readonly [Operand, Operand]): [Tensor, Tensor] {
    checkStatePair(x, "LSTMCell", state);
    return [...this.run(x, state)] as [Tensor, Tensor];
  }
}

/** One step of a GRU. */
export class GRUCell extends RecurrentCell {
  constructor(
    inputSize: number,
    hiddenSize: number,
    ...rest: OptionArguments<RecurrentCellOptions, typeof cellArguments.order>
  ) {
    const options = readOptions<RecurrentCellOptions>("GRUCell", sizes, cellArguments, rest);
    super(gruRecurrence, inputSize, hiddenSize, options);
  }

  override forward(x: Tensor, h?: Operand): Tensor {
    return this.run(x, h === undefined ? undefined : [h])[0]!;
  }
}
