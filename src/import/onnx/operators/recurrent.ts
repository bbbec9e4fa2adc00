/**
 * Recurrent layers, unrolled: one set of nodes a time step. Gates are computed for all gates of a step at once;
 * steps beyond a sequence's length leave the state as it is and put zeros out.
 */
import { concat, stack } from "../../../nn/functional.ts";
import { toTensor, type Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { softplus } from "../../../nn/activation-functions.ts";

type Activation = (x: Tensor) => Tensor;

/** By name, with the alpha and beta that the node gives it. */
function activation(node: OperatorNode, name: string, alpha?: number, beta?: number): Activation {
  const [a, b] = [alpha, beta];
  const known: Readonly<Record<string, Activation>> = {
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
  };
  const key = name.toLowerCase();
  return Object.hasOwn(known, key)
    ? known[key]!
    : node.fail("unsupported", `activation ${name} is not known.`);
}

interface Direction {
  readonly weight: Tensor;
  readonly recurrence: Tensor;
  readonly inputBias: Tensor | undefined;
  readonly recurrentBias: Tensor | undefined;
  readonly peepholes: Tensor | undefined;
  readonly activations: readonly Activation[];
  readonly clip: (x: Tensor) => Tensor;
}

type Step = (x: Tensor, states: readonly Tensor[], direction: Direction) => readonly Tensor[];

/** `x·Wᵀ + b` in one product, split into gates. */
function gates(x: Tensor, weight: Tensor, bias: Tensor | undefined, count: number): Tensor[] {
  const product = x.matmul(weight.transpose(0, 1));
  const sum = bias === undefined ? product : product.add(bias);
  const size = weight.shape[0]! / count;
  return Array.from({ length: count }, (_, i) => sum.slice(1, i * size, (i + 1) * size));
}

const rnnStep: Step = (x, [h], { weight, recurrence, inputBias, recurrentBias, activations, clip }) => {
  const [input] = gates(x, weight, inputBias, 1) as [Tensor];
  const [recurrent] = gates(h!, recurrence, recurrentBias, 1) as [Tensor];
  return [activations[0]!(clip(input.add(recurrent)))];
};

const gruStep =
  (linearBeforeReset: boolean): Step =>
  (x, [h], { weight, recurrence, inputBias, recurrentBias, activations, clip }) => {
    const [f, g] = activations as [Activation, Activation];
    const size = recurrence.shape[1]!;
    const [zx, rx, hx] = gates(x, weight, inputBias, 3) as [Tensor, Tensor, Tensor];
    const [zh, rh, hh] = gates(h!, recurrence, recurrentBias, 3) as [Tensor, Tensor, Tensor];
    const z = f(clip(zx.add(zh)));
    const r = f(clip(rx.add(rh)));
    const bias = recurrentBias?.slice(0, 2 * size);
    const reset = linearBeforeReset
      ? r.mul(hh)
      : gates(r.mul(h!), recurrence.slice(0, 2 * size), bias, 1)[0]!;
    const candidate = g(clip(hx.add(reset)));
    return [candidate.add(z.mul(h!.sub(candidate)))];
  };

const lstmStep =
  (inputForget: boolean): Step =>
  (x, [h, c], { weight, recurrence, inputBias, recurrentBias, peepholes, activations, clip }) => {
    const [f, g, last] = activations as [Activation, Activation, Activation];
    const size = recurrence.shape[1]!;
    const fromInput = gates(x, weight, inputBias, 4);
    const fromState = gates(h!, recurrence, recurrentBias, 4);
    const [i, o, forget, cell] = fromInput.map((part, at) => part.add(fromState[at]!)) as Tensor[];
    const peep = (gate: Tensor, state: Tensor, at: number) =>
      peepholes === undefined ? gate : gate.add(peepholes.slice(0, at * size, (at + 1) * size).mul(state));
    const input = f(clip(peep(i!, c!, 0)));
    const kept = inputForget ? input.neg().add(1) : f(clip(peep(forget!, c!, 2)));
    const nextC = kept.mul(c!).add(input.mul(g(clip(cell!))));
    return [f(clip(peep(o!, nextC, 1))).mul(last(nextC)), nextC];
  };

interface Layer {
  readonly gateCount: number;
  readonly defaults: readonly string[];
  readonly step: Step;
  readonly hasCell: boolean;
}

const longestUnrolled = 1024;

function recurrent(node: OperatorNode, layer: Layer): readonly Tensor[] {
  // Before operator set 7 whether the first output is wanted; it is left out where not.
  if (node.opset < 7) node.ignore("output_sequence");
  const isBatchFirst = node.flag("layout", false);
  const x = isBatchFirst ? node.input(0).transpose(0, 1) : node.input(0);
  const [steps, batch] = x.shape as [number, number];
  if (steps > longestUnrolled)
    return node.fail("unsupported", `${steps} time steps; at most ${longestUnrolled} are unrolled.`);
  const [weight, recurrence] = [node.input(1), node.input(2)];
  const [bias, lengths, peepholes] = [node.optional(3), node.optional(4), node.optional(7)];
  const size = node.int("hidden_size", recurrence.shape[2]!);
  const direction = node.string("direction", "forward");
  const count = direction === "bidirectional" ? 2 : 1;
  if (weight.shape[0] !== count) return node.fail("shape", `weights for ${weight.shape[0]} directions.`);
  const names = node.strings("activations") ?? Array.from({ length: count }, () => layer.defaults).flat();
  const [alphas, betas] = [node.floats("activation_alpha") ?? [], node.floats("activation_beta") ?? []];
  if (names.length !== count * layer.defaults.length)
    return node.fail("argument", `${names.length} activations, expected ${count * layer.defaults.length}.`);
  const functions = pairedActivations(node, names, alphas, betas);
  const limit = node.float("clip", 0);
  const initial = layer.hasCell ? [node.optional(5), node.optional(6)] : [node.optional(5)];
  const results = Array.from({ length: count }, (_, d) => {
    const gateSize = layer.gateCount * size;
    const own: Direction = {
      weight: weight.select(0, d),
      recurrence: recurrence.select(0, d),
      inputBias: bias?.select(0, d).slice(0, 0, gateSize),
      recurrentBias: bias?.select(0, d).slice(0, gateSize),
      peepholes: peepholes?.select(0, d),
      activations: functions.slice(d * layer.defaults.length, (d + 1) * layer.defaults.length),
      clip: limit > 0 ? (value) => value.clamp(-limit, limit) : (value) => value,
    };
    const isReverse = direction === "reverse" || d === 1;
    let states = initial.map((given) =>
      given === undefined ? toTensor(x.trace, 0).expand(batch, size) : given.select(isBatchFirst ? 1 : 0, d),
    );
    const outputs = new Array<Tensor>(steps);
    for (let i = 0; i < steps; i++) {
      const t = isReverse ? steps - 1 - i : i;
      const next = layer.step(x.select(0, t), states, own);
      const runs = lengths?.gt(t).unsqueeze(1);
      outputs[t] = runs === undefined ? next[0]! : next[0]!.where(runs, 0);
      const before = states;
      states = next.map((state, s) => (runs === undefined ? state : state.where(runs, before[s]!)));
    }
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
      step: gruStep(node.flag("linear_before_reset", false)),
      hasCell: false,
    }),
  LSTM: (node) =>
    recurrent(node, {
      gateCount: 4,
      defaults: ["Sigmoid", "Tanh", "Tanh"],
      step: lstmStep(node.flag("input_forget", false)),
      hasCell: true,
    }),
};
