/**
 * Recurrent layers, unrolled: one set of nodes a time step. What gates take from the input is computed for all steps
 * at once; steps beyond a sequence's length leave the state as it is and put zeros out.
 */
import { checkElements, checkIs, checkRank, positive } from "./constraints.ts";
import { softplus } from "../../../nn/activation-functions.ts";
import { concat, linear, stack } from "../../../nn/functional.ts";
import {
  gruStep,
  longestUnrolled,
  lstmStep,
  splitGates,
  unroll,
  zeroState,
  type Activation,
} from "../../../nn/recurrent-steps.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

/** By name, with the alpha and beta that the node gives it. */
function activation(node: OperatorNode, name: string, alpha?: number, beta?: number): Activation {
  const [a, b] = [alpha, beta];
  const known: ReadonlyMap<string, Activation> = new Map<string, Activation>(
    Object.entries({
      relu: (x) => x.relu(),
      tanh: (x) => x.tanh(),
      sigmoid: (x) => x.sigmoid(),
      affine: (x) => x.mul(a ?? 1).add(b ?? 0),
      leakyrelu: (x) => x.leakyRelu(a ?? 0.01),
      thresholdedrelu: (x) => x.where(x.gt(a ?? 1), 0),
      scaledtanh: (x) =>
        x
          .mul(b ?? 1)
          .tanh()
          .mul(a ?? 1),
      hardsigmoid: (x) =>
        x
          .mul(a ?? 0.2)
          .add(b ?? 0.5)
          .clamp(0, 1),
      elu: (x) =>
        x.relu().add(
          x
            .clamp(null, 0)
            .exp()
            .sub(1)
            .mul(a ?? 1),
        ),
      softsign: (x) => x.div(x.abs().add(1)),
      softplus: (x) => softplus(x, 1, Infinity),
    } satisfies Readonly<Record<string, Activation>>),
  );
  return (
    known.get(name.toLowerCase()) ??
    node.fail(
      "unsupported",
      `activation ${name.slice(0, 60)} is not known; expected one of ${[...known.keys()].join(", ")}.`,
    )
  );
}

interface Direction {
  readonly recurrence: Tensor;
  readonly recurrentBias: Tensor | null;
  readonly peepholes: Tensor | undefined;
  /** Each after the limit that the node sets on what goes into it. */
  readonly activations: readonly Activation[];
  /** That of h in an LSTM, without the limit. */
  readonly lastUnlimited: Activation;
}

/** From what the gates take from the input, `[N, gates · H]`, and the states to the next states. */
type Step = (fromInput: Tensor, states: readonly Tensor[], direction: Direction) => readonly Tensor[];

const rnnStep: Step = (fromInput, [h], { recurrence, recurrentBias, activations }) => {
  return [activations[0]!(fromInput.add(linear(h!, recurrence, recurrentBias)))];
};

/** Gates in the order update, reset, hidden. */
const gruStepOf =
  (linearBeforeReset: boolean): Step =>
  (fromInput, [h], { recurrence, recurrentBias, activations }) => {
    const [f, g] = activations as [Activation, Activation];
    const size = recurrence.shape[1]!;
    const [zx, rx, hx] = splitGates(fromInput, 3) as [Tensor, Tensor, Tensor];
    const before = linearBeforeReset ? 3 : 2;
    const product = linear(
      h!,
      recurrence.slice(0, 0, before * size),
      recurrentBias && recurrentBias.slice(0, 0, before * size),
    );
    const [zh, rh, hh] = splitGates(product, before) as [Tensor, Tensor, Tensor?];
    const candidate = (reset: Tensor) =>
      hh === undefined
        ? linear(
            reset.mul(h!),
            recurrence.slice(0, 2 * size),
            recurrentBias && recurrentBias.slice(0, 2 * size),
          )
        : reset.mul(hh);
    const gates = { reset: rx.add(rh), update: zx.add(zh) };
    return [gruStep(gates, (reset) => g(hx.add(candidate(reset))), h!, f)];
  };

/** Gates in the order input, output, forget, cell; peepholes in the order input, output, forget. */
const lstmStepOf =
  (inputForget: boolean): Step =>
  (fromInput, [h, c], { recurrence, recurrentBias, peepholes, activations, lastUnlimited }) => {
    const [gate, candidate] = activations as [Activation, Activation];
    const sum = fromInput.add(linear(h!, recurrence, recurrentBias));
    const [input, output, forget, cell] = splitGates(sum, 4) as [Tensor, Tensor, Tensor, Tensor];
    const [pi, po, pf] = peepholes === undefined ? [] : splitGates(peepholes, 3);
    return lstmStep({ input, forget: inputForget ? null : forget, candidate: cell, output }, c!, {
      gate,
      candidate,
      hidden: lastUnlimited,
      peepholes: peepholes && { input: pi!, forget: pf!, output: po! },
    });
  };

interface Layer {
  readonly gateCount: number;
  readonly defaults: readonly string[];
  readonly step: Step;
  readonly hasCell: boolean;
}

function recurrent(node: OperatorNode, layer: Layer): readonly Tensor[] {
  // Before operator set 7 whether the first output is wanted; it is left out where not.
  if (node.opset < 7) node.ignore("output_sequence");
  const isBatchFirst = node.int("layout", 0, [0, 1]) === 1;
  const x = isBatchFirst ? node.input(0).transpose(0, 1) : node.input(0);
  const [steps, batch] = x.shape as [number, number];
  if (steps > longestUnrolled)
    return node.fail("unsupported", `${steps} time steps; at most ${longestUnrolled} are unrolled.`);
  const [weight, recurrence] = [node.input(1), node.input(2)];
  const [bias, lengths, peepholes] = [node.optional(3), node.optional(4), node.optional(7)];
  checkRank(node, "the input", x, 3);
  checkRank(node, "the recurrence weight", recurrence, 3);
  const size = node.int("hidden_size", recurrence.shape[2]!, positive);
  const direction = node.choice("direction", ["forward", "reverse", "bidirectional"], "forward");
  const count = direction === "bidirectional" ? 2 : 1;
  const gates = layer.gateCount * size;
  checkIs(node, "the weight", weight, [count, gates, x.shape[2]!]);
  checkIs(node, "the recurrence weight", recurrence, [count, gates, size]);
  if (bias !== undefined) checkIs(node, "the bias", bias, [count, 2 * gates]);
  if (peepholes !== undefined) checkIs(node, "the peepholes", peepholes, [count, 3 * size]);
  if (lengths !== undefined) {
    checkIs(node, "sequence_lens", lengths, [batch]);
    checkElements(node, 4, "sequence_lens", [0, steps]);
  }
  const names = node.strings("activations") ?? Array.from({ length: count }, () => layer.defaults).flat();
  const [alphas, betas] = [node.floats("activation_alpha") ?? [], node.floats("activation_beta") ?? []];
  if (names.length !== count * layer.defaults.length)
    return node.fail("argument", `${names.length} activations, expected ${count * layer.defaults.length}.`);
  const functions = pairedActivations(node, names, alphas, betas);
  const limit = node.float("clip", 0);
  if (!(limit >= 0)) return node.fail("argument", `clip is ${limit}, expected 0 or more.`);
  const initial = layer.hasCell ? [node.optional(5), node.optional(6)] : [node.optional(5)];
  for (const state of initial)
    if (state !== undefined)
      checkIs(node, "an initial state", state, isBatchFirst ? [batch, count, size] : [count, batch, size]);
  const results = Array.from({ length: count }, (_, d) => {
    const gateSize = layer.gateCount * size;
    const activations = functions.slice(d * layer.defaults.length, (d + 1) * layer.defaults.length);
    const clip: Activation = limit > 0 ? (value) => value.clamp(-limit, limit) : (value) => value;
    const own: Direction = {
      recurrence: recurrence.select(0, d),
      recurrentBias: bias?.select(0, d).slice(0, gateSize) ?? null,
      peepholes: peepholes?.select(0, d),
      activations: activations.map((apply) => (value) => apply(clip(value))),
      lastUnlimited: activations.at(-1)!,
    };
    const inputBias = bias?.select(0, d).slice(0, 0, gateSize) ?? null;
    const fromInput = linear(x, weight.select(0, d), inputBias);
    const before = initial.map((given) =>
      given === undefined ? zeroState(x, batch, size) : given.select(isBatchFirst ? 1 : 0, d),
    );
    const isReverse = direction === "reverse" || d === 1;
    const { outputs, states } = unroll(steps, isReverse, before, (t, states) => {
      const next = layer.step(fromInput.select(0, t), states, own);
      const runs = lengths?.gt(t).unsqueeze(1);
      if (runs === undefined) return [next[0]!, next];
      return [next[0]!.where(runs, 0), next.map((state, s) => state.where(runs, states[s]!))];
    });
    return { outputs: stack(outputs, 0).unsqueeze(1), states };
  });
  const y = concat(
    results.map(({ outputs }) => outputs),
    1,
  );
  const last = initial.map((_, s) =>
    stack(
      results.map(({ states }) => states[s]!),
      0,
    ),
  );
  if (!isBatchFirst) return [y, ...last];
  return [y.permute([2, 0, 1, 3]), ...last.map((state) => state.transpose(0, 1))];
}

/** Alphas and betas are given in order to those activations that take them. */
function pairedActivations(
  node: OperatorNode,
  names: readonly string[],
  alphas: readonly number[],
  betas: readonly number[],
): Activation[] {
  const takesAlpha = ["affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"];
  const takesBeta = ["affine", "scaledtanh", "hardsigmoid"];
  let [a, b] = [0, 0];
  return names.map((name) => {
    const key = name.toLowerCase();
    const alpha = takesAlpha.includes(key) ? alphas[a++] : undefined;
    const beta = takesBeta.includes(key) ? betas[b++] : undefined;
    return activation(node, name, alpha, beta);
  });
}

export const recurrentLayers: OperatorFamily = {
  RNN: (node) => recurrent(node, { gateCount: 1, defaults: ["Tanh"], step: rnnStep, hasCell: false }),
  GRU: (node) =>
    recurrent(node, {
      gateCount: 3,
      defaults: ["Sigmoid", "Tanh"],
      step: gruStepOf(node.flag("linear_before_reset", false)),
      hasCell: false,
    }),
  LSTM: (node) =>
    recurrent(node, {
      gateCount: 4,
      defaults: ["Sigmoid", "Tanh", "Tanh"],
      step: lstmStepOf(node.flag("input_forget", false)),
      hasCell: true,
    }),
};
