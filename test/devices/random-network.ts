/**
 * Networks that nobody drew: steps in any order, each on a value that there is already, with layers that fit its
 * shape. As plain data, so that a failing one shrinks to the steps that matter.
 *
 * All steps are continuous and, on the values they get here, well conditioned (a value less its own mean may be
 * nothing but rounding): what differs between two correct devices is rounding.
 */
import fc from "fast-check";
import { nn, tensor, UserError, type HostTensor } from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { elementCount, sameShape } from "../../src/ir/shape.ts";
import type { Stored } from "../../src/ir/stored-tensor.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import { Trace } from "../../src/ir/trace.ts";
import { seededRandom } from "../../src/nn/init.ts";

const F = nn.functional;

export interface RandomNetwork {
  readonly shape: readonly [batch: number, channels: number, height: number, width: number];
  /** For inputs and parameters. */
  readonly seed: number;
  readonly steps: readonly {
    readonly name: string;
    /** How many values back its operand is. */
    readonly back: number;
    /** What it draws its sizes and variants with. */
    readonly draws: readonly number[];
  }[];
}

/** What a step may use. */
interface Workshop {
  /** One of the choices. */
  pick<const Choices extends readonly unknown[]>(...choices: Choices): Choices[number];
  layer(module: nn.Module & { forward(x: nn.Tensor): nn.Tensor }): (x: nn.Tensor) => nn.Tensor;
  /** Values there are already, the newest first. */
  readonly values: readonly nn.Tensor[];
}

type Step = (x: nn.Tensor, workshop: Workshop) => nn.Tensor;

const [batch, channel, row, column] = [0, 1, 2, 3];
const channelsOf = (x: nn.Tensor): number => x.shape[channel]!;
const outputs = [1, 3, 8, 13, 16, 24, 40, 64];

const steps: Readonly<Record<string, Step>> = {
  conv: (x, { pick, layer }) =>
    layer(
      new nn.Conv2d(channelsOf(x), pick(...outputs), pick(1, 2, 3, 3, 5, [1, 3], [3, 1]), {
        stride: pick(1, 1, 2, 3, [1, 2]),
        padding: pick(0, 1, 1, 2, [2, 0]),
        dilation: pick(1, 1, 1, 2),
        bias: pick(true, false),
      }),
    )(x),
  pointwise: (x, { pick, layer }) => layer(new nn.Conv2d(channelsOf(x), pick(...outputs), 1))(x),
  depthwise: (x, { pick, layer }) =>
    layer(
      new nn.Conv2d(channelsOf(x), channelsOf(x) * pick(1, 1, 2), pick(3, 3, 5), {
        groups: channelsOf(x),
        stride: pick(1, 1, 2),
        padding: pick(1, 2),
        bias: pick(true, false),
      }),
    )(x),
  grouped: (x, { pick, layer }) => {
    const groups = pick(2, 3, 4);
    return layer(new nn.Conv2d(channelsOf(x), groups * pick(1, 4, 5, 8), 3, { groups, padding: 1 }))(x);
  },
  convTranspose: (x, { pick, layer }) =>
    layer(new nn.ConvTranspose2d(channelsOf(x), pick(1, 4, 13), pick(2, 3), { stride: pick(1, 2) }))(x),
  batchNorm: (x, { layer }) => layer(new nn.BatchNorm2d(channelsOf(x)))(x),
  block: (x, { pick, layer, values }) => {
    const width = pick(8, 16, 20, 32);
    const conv = layer(
      new nn.Conv2d(channelsOf(x), width, pick(1, 3), { padding: 1, stride: pick(1, 1, 2), bias: false }),
    );
    const normalized = layer(new nn.BatchNorm2d(width))(conv(x));
    const other = values.find((value) => sameShape(value.shape, normalized.shape));
    return (other === undefined || pick(true, false) ? normalized : normalized.add(other)).relu();
  },
  groupNorm: (x, { pick, layer }) => layer(new nn.GroupNorm(pick(1, 2, 4), channelsOf(x), { eps: 0.1 }))(x),
  layerNorm: (x, { layer }) =>
    layer(new nn.LayerNorm([channelsOf(x)], { eps: 0.1 }))(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
  activation: (x, { pick }) =>
    pick<((y: nn.Tensor) => nn.Tensor)[]>(
      F.relu, F.sigmoid, F.tanh, F.silu, F.gelu, F.hardswish, F.hardsigmoid, F.elu, F.softplus, F.mish,
      (y) => y.abs(), (y) => y.neg(), (y) => y.sin(), (y) => y.square().clamp(0, 9), (y) => y.clamp(-4, 2).exp(),
      (y) => y.abs().add(0.5).sqrt(), (y) => y.abs().add(0.5).reciprocal(), (y) => F.leakyRelu(y, 0.2),
    )(x), // prettier-ignore
  combine: (x, { pick, values }) => {
    const other =
      values.find((value) => value !== x && sameShape(value.shape, x.shape)) ?? x.mul(0.5).sub(0.25);
    return pick(
      x.add(other),
      x.sub(other.mul(0.3)),
      x.mul(other).clamp(-9, 9),
      x.maximum(other),
      x.minimum(other),
    );
  },
  broadcast: (x, { pick }) => {
    const part = pick(x.mean([row, column], true), x.amax([channel], true), x.narrow(row, 0, 1), x.narrow(column, 0, 1));
    return pick(x.add(part), x.sub(part.mul(0.3)), x.mul(part.sigmoid()));
  }, // prettier-ignore
  squeezeExcite: (x, { layer }) => {
    const width = Math.max(1, channelsOf(x) >> 2);
    const narrow = layer(new nn.Conv2d(channelsOf(x), width, 1))(x.mean([row, column], true)).relu();
    return x.mul(layer(new nn.Conv2d(width, channelsOf(x), 1))(narrow).sigmoid());
  },
  concat: (x, { values }) => {
    const fits = (value: nn.Tensor): boolean =>
      [batch, row, column].every((axis) => value.shape[axis!] === x.shape[axis!]);
    return F.concat([x, ...values.filter(fits).slice(0, 3)], 1);
  },
  maxPool: (x, { pick, layer }) =>
    layer(new nn.MaxPool2d(pick(2, 3), { stride: pick(1, 2), padding: pick(0, 1), ceilMode: pick(true, false) }))(x), // prettier-ignore
  avgPool: (x, { pick, layer }) =>
    layer(new nn.AvgPool2d(pick(2, 3), { stride: pick(1, 2), padding: pick(0, 1), countIncludePad: pick(true, false) }))(x), // prettier-ignore
  adaptivePool: (x, { pick, layer }) => layer(new nn.AdaptiveAvgPool2d(pick(1, 2, 3, [2, 1])))(x),
  upsample: (x, { pick, layer }) =>
    layer(new nn.Upsample({ scaleFactor: 2, mode: pick("nearest", "bilinear", "bicubic") }))(x),
  pad: (x, { pick, layer }) =>
    layer(pick(new nn.ZeroPad2d(1), new nn.ReflectionPad2d(1), new nn.ReplicationPad2d([1, 0, 2, 1])))(x),
  slice: (x, { pick }) => {
    const axis = pick(1, 2, 3);
    const size = x.shape[axis]!;
    return x.slice(axis, pick(0, size >> 2), size - pick(0, size >> 2), pick(1, 1, 2));
  },
  chunk: (x) => F.concat([...x.chunk(2, 1)].reverse(), 1),
  pixels: (x, { pick, layer }) => layer(pick(new nn.PixelShuffle(2), new nn.PixelUnshuffle(2)))(x),
  permute: (x, { pick }) => x.permute(...pick([0, 1, 3, 2], [0, 3, 1, 2], [0, 2, 3, 1])),
  reshape: (x, { pick }) => {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    return x.reshape(pick([n, c * h, w, 1], [n, h, c, w], [n, c, h * w, 1]));
  },
  softmax: (x, { pick }) => x.softmax(pick(1, 2, 3)),
  flip: (x, { pick }) => pick(x.flip(pick(1, 2, 3)), x.roll(1, pick(2, 3))),
  attention: (x) => {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const tokens = x.reshape([n, c, h * w]).permute(0, 2, 1);
    const weights = tokens.matmul(tokens.permute(0, 2, 1)).mul(1 / Math.sqrt(c)).softmax(-1);
    return weights.matmul(tokens).permute(0, 2, 1).reshape(x.shape);
  }, // prettier-ignore
  linear: (x, { pick, layer }) => layer(new nn.Linear(x.shape[column]!, pick(1, 5, 16, 33)))(x),
  where: (x) => F.where(x.gt(x.mul(-0.5)), x, x.mul(-0.5)),
};

export const randomNetworks: fc.Arbitrary<RandomNetwork> = fc.record({
  shape: fc.tuple(
    fc.constantFrom(1, 1, 2, 3),
    fc.constantFrom(1, 2, 3, 8, 12, 16, 17, 32, 64),
    fc.integer({ min: 1, max: 18 }),
    fc.integer({ min: 1, max: 18 }),
  ),
  seed: fc.nat(),
  steps: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(steps), "block", "block", "conv", "combine", "concat"),
      back: fc.constantFrom(0, 0, 0, 1, 2),
      draws: fc.array(fc.nat({ max: 2 ** 16 }), { minLength: 8, maxLength: 8 }),
    }),
    { minLength: 4, maxLength: 14 },
  ),
});

/** Larger values take `evaluate` long. */
const mostElements = 40_000;

/** The graph and the values of its inputs. Steps that fit no value's shape are left out. */
export function buildRandomNetwork({ shape, seed, steps: wanted }: RandomNetwork): {
  readonly graph: Graph;
  readonly values: Readonly<Record<string, HostTensor>>;
} {
  const names = new Map<Stored, string>();
  const trace = new Trace("random", names, { isUserCode: false });
  const values = [new nn.Tensor(trace, trace.input("x", tensorType("f32", shape)))];
  wanted.forEach(({ name, back, draws }) => {
    let drawn = 0;
    const workshop: Workshop = {
      pick: (...choices) => choices[draws[drawn++ % draws.length]! % choices.length]!,
      layer: (module) => {
        for (const [path, stored] of module.namedStored()) names.set(stored, `${names.size}.${path}`);
        module.eval();
        return (x) => module.forward(x);
      },
      values,
    };
    try {
      const made = steps[name]!(values[Math.min(back, values.length - 1)]!, workshop);
      const count = elementCount(made.shape);
      if (made.shape.length === 4 && count > 0 && count <= mostElements) values.unshift(made.clamp(-20, 20));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  });
  const { graph, stored } = trace.finish(
    values.slice(0, 2).map(({ id }, i) => ({ name: `y${i}`, value: id })),
  );
  const random = seededRandom(seed);
  const valueOf = (valueShape: readonly number[], from: number, to: number): HostTensor =>
    tensor(
      Float32Array.from({ length: elementCount(valueShape) }, () => from + (to - from) * random()),
      valueShape,
    );
  const filled: Record<string, HostTensor> = { x: valueOf(shape, -1, 1) };
  for (const [name, { shape: own }] of stored) {
    const scale = own.length > 1 ? 1.5 / Math.sqrt(elementCount(own.slice(1))) : 1;
    filled[name] = name.endsWith("running_var") ? valueOf(own, 0.5, 1.5) : valueOf(own, -scale, scale);
  }
  return { graph, values: filled };
}
