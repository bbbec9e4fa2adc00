/**
 * The recurrences of PyTorch's layers and cells: how their weights pack the gates, and which part of a step does not
 * wait for the step before and is computed for all steps at once.
 */
import { UserError } from "../errors.ts";
import { linear } from "./functional.ts";
import { gruStep, lstmStep, splitGates } from "./recurrent-steps.ts";
import type { Tensor } from "./tensor.ts";

/** Weights of one direction of one layer, G gates below each other. */
export interface RecurrentWeights {
  /** `[G · H, I]` */
  readonly input: Tensor;
  /** `[G · H, H]`, or `[G · H, P]` where the hidden state is projected. */
  readonly recurrent: Tensor;
  /** `[G · H]` both, or null both. */
  readonly inputBias: Tensor | null;
  readonly recurrentBias: Tensor | null;
  /** `[P, H]`: the hidden state of an LSTM is multiplied by it. */
  readonly projection: Tensor | null;
}

/** What distinguishes RNN, LSTM and GRU. */
export interface Recurrence {
  readonly gateCount: number;
  /** 1: h; 2: h and c. */
  readonly stateCount: 1 | 2;
  /** The part of the gates that comes from `x [..., I]`: `[..., G · H]`, for any number of steps. */
  fromInput(x: Tensor, weights: RecurrentWeights): Tensor;
  /** From one step's part `[N, G · H]` and the states to the next states; the first goes out. */
  step(fromInput: Tensor, states: readonly Tensor[], weights: RecurrentWeights): readonly Tensor[];
}

/** x · W_ihᵀ + (b_ih + b_hh): where gates only add, both biases are added once for all steps. */
function fromInputWithBothBiases(x: Tensor, weights: RecurrentWeights): Tensor {
  const { inputBias, recurrentBias } = weights;
  return linear(x, weights.input, inputBias && recurrentBias && inputBias.add(recurrentBias));
}

export type Nonlinearity = "tanh" | "relu";

/** h' = act(W_ih x + b_ih + W_hh h + b_hh) (Elman, 1990). */
export function elmanRecurrence(name: string, nonlinearity: Nonlinearity = "tanh"): Recurrence {
  if (nonlinearity !== "tanh" && nonlinearity !== "relu") {
    throw new UserError("argument", `${name}: nonlinearity must be "tanh" or "relu", got "${nonlinearity}".`);
  }
  return {
    gateCount: 1,
    stateCount: 1,
    fromInput: fromInputWithBothBiases,
    step: (fromInput, [h], { recurrent }) => {
      const sum = fromInput.add(linear(h!, recurrent));
      return [nonlinearity === "relu" ? sum.relu() : sum.tanh()];
    },
  };
}

/** Gates in the order input, forget, candidate, output; h' may be projected: W_hr h' (Sak et al., 2014). */
export const lstmRecurrence: Recurrence = {
  gateCount: 4,
  stateCount: 2,
  fromInput: fromInputWithBothBiases,
  step: (fromInput, [h, c], { recurrent, projection }) => {
    const gates = splitGates(fromInput.add(linear(h!, recurrent)), 4);
    const [input, forget, candidate, output] = gates as [Tensor, Tensor, Tensor, Tensor];
    const [nextH, nextC] = lstmStep({ input, forget, candidate, output }, c!);
    return [projection === null ? nextH : linear(nextH, projection), nextC];
  },
};

/**
 * Gates in the order reset, update, candidate. The reset gate applies after the product with h, as in PyTorch and
 * cuDNN, which is why b_hh stays within the step: n = tanh(W_in x + b_in + r · (W_hn h + b_hn)).
 */
export const gruRecurrence: Recurrence = {
  gateCount: 3,
  stateCount: 1,
  fromInput: (x, { input, inputBias }) => linear(x, input, inputBias),
  step: (fromInput, [h], { recurrent, recurrentBias }) => {
    const [rx, zx, nx] = splitGates(fromInput, 3) as [Tensor, Tensor, Tensor];
    const [rh, zh, nh] = splitGates(linear(h!, recurrent, recurrentBias), 3) as [Tensor, Tensor, Tensor];
    const gates = { reset: rx.add(rh), update: zx.add(zh) };
    return [gruStep(gates, (reset) => nx.add(reset.mul(nh)).tanh(), h!)];
  },
};
