/**
 * One time step of each recurrent layer, `[N, H]` in and out, from gates before their activation. Layers, cells and
 * importers differ in how gates are packed and computed; what happens after that is here, once.
 */
import { toTensor, type Tensor } from "./tensor.ts";

export type Activation = (x: Tensor) => Tensor;

/** Sequences are unrolled, a set of nodes a step: beyond this a graph takes too long to compile. */
export const longestUnrolled = 1024;

const sigmoid: Activation = (x) => x.sigmoid();
const tanh: Activation = (x) => x.tanh();

export interface LSTMGates {
  readonly input: Tensor;
  /** null: what the input gate lets in replaces as much, forget = 1 − input. */
  readonly forget: Tensor | null;
  readonly candidate: Tensor;
  readonly output: Tensor;
}

/** What gates see of the cell state (Gers & Schmidhuber, 2000), `[H]`, by which each element is multiplied. */
export interface Peepholes {
  readonly input: Tensor;
  readonly forget: Tensor;
  readonly output: Tensor;
}

/**
 * The next `[h, c]` of an LSTM (Hochreiter & Schmidhuber, 1997; the forget gate is that of Gers et al., 2000):
 *
 *     c' = σ(forget) · c + σ(input) · tanh(candidate)
 *     h' = σ(output) · tanh(c')
 *
 * With peepholes p, `input + p · c`, `forget + p · c` and `output + p · c'` are the gates.
 */
export function lstmStep(
  gates: LSTMGates,
  c: Tensor,
  options: {
    readonly gate?: Activation;
    readonly candidate?: Activation;
    readonly hidden?: Activation;
    readonly peepholes?: Peepholes | undefined;
  } = {},
): readonly [Tensor, Tensor] {
  const { gate = sigmoid, candidate = tanh, hidden = tanh, peepholes } = options;
  const opened = (value: Tensor, weights: Tensor | undefined, state: Tensor) =>
    gate(weights === undefined ? value : value.add(weights.mul(state)));
  const entering = opened(gates.input, peepholes?.input, c);
  const kept = gates.forget === null ? entering.neg().add(1) : opened(gates.forget, peepholes?.forget, c);
  const nextC = kept.mul(c).add(entering.mul(candidate(gates.candidate)));
  return [opened(gates.output, peepholes?.output, nextC).mul(hidden(nextC)), nextC];
}

/**
 * The next h of a GRU (Cho et al., 2014): with r = σ(reset), z = σ(update) and n = `candidate(r)`,
 *
 *     h' = (1 − z) · n + z · h = n + z · (h − n)
 */
export function gruStep(
  gates: { readonly reset: Tensor; readonly update: Tensor },
  candidate: (reset: Tensor) => Tensor,
  h: Tensor,
  gate: Activation = sigmoid,
): Tensor {
  const z = gate(gates.update);
  const n = candidate(gate(gates.reset));
  return n.add(z.mul(h.sub(n)));
}

/** `gates [N, count · H]` in `count` parts `[N, H]`. */
export function splitGates(gates: Tensor, count: number): Tensor[] {
  const size = gates.shape.at(-1)! / count;
  return Array.from({ length: count }, (_, i) => gates.slice(-1, i * size, (i + 1) * size));
}

/** What a direction of a layer goes through: the state after each step, and after the last. */
export interface UnrolledSteps {
  /** The output of each step, in the order of time. */
  readonly outputs: readonly Tensor[];
  readonly states: readonly Tensor[];
}

/**
 * Steps 0 … `count` − 1, or backwards, each with the states that the one before leaves.
 * @param step gives what goes out and the next states
 */
export function unroll(
  count: number,
  isReverse: boolean,
  initial: readonly Tensor[],
  step: (t: number, states: readonly Tensor[]) => readonly [Tensor, readonly Tensor[]],
): UnrolledSteps {
  const outputs = new Array<Tensor>(count);
  let states = initial;
  for (let i = 0; i < count; i++) {
    const t = isReverse ? count - 1 - i : i;
    [outputs[t], states] = step(t, states);
  }
  return { outputs, states };
}

/** The state that a sequence starts from unless one is given. */
export function zeroState(like: Tensor, batch: number, size: number): Tensor {
  return toTensor(like.trace, 0).expand(batch, size);
}
