/** What recurrent layers, transformers and bags refuse, how they start, what they drop and how they are traced. */
import { describe, expect, test } from "vitest";
import { compile, type HostTensor } from "../../src/index.ts";
import { UserError } from "../../src/errors.ts";
import { tensor, zeros } from "../../src/ir/host-tensor.ts";
import { seededRandom } from "../../src/nn/init.ts";
import * as nn from "../../src/nn/index.ts";
import { traceModule, type InputSpec } from "../../src/nn/trace-module.ts";
import { randomTensor } from "../api/networks.ts";
import { runTraced } from "../recordings/run-traced.ts";

/** Calls a module with what does not come as an input of its own. */
class Calling extends nn.Module {
  constructor(
    readonly inner: nn.Module,
    readonly call: (...inputs: nn.Tensor[]) => unknown,
  ) {
    super();
  }
  override forward(...inputs: nn.Tensor[]): unknown {
    return this.call(...inputs);
  }
}

const encoderLayer = (options: nn.TransformerLayerOptions = {}) =>
  new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 6, random: seededRandom(5), ...options });

describe("input that does not fit is refused", () => {
  const lstm = new nn.LSTM(3, 4, { projSize: 2 });
  const bag = new nn.EmbeddingBag(5, 2);
  const sumBag = new nn.EmbeddingBag(5, 2, { mode: "sum" });
  const bags: InputSpec = { shape: [2, 3], dtype: "i32" };
  test.each<readonly [nn.Module, readonly InputSpec[], RegExp]>([
    [
      new nn.RNN(3, 4),
      [{ shape: [5, 2, 4] }],
      /RNN: the input is \[5,2,4\], expected \[sequence, batch, 3\]/,
    ],
    [new nn.GRU(3, 4, { batchFirst: true }), [{ shape: [3] }], /GRU: .* expected \[batch, sequence, 3\]/],
    [new nn.GRU(3, 4), [{ shape: [0, 2, 3] }], /GRU: 0 time steps; 1 to 1024 are unrolled/],
    [new nn.RNN(3, 4), [{ shape: [1025, 3] }], /RNN: 1025 time steps/],
    [
      new nn.GRU(3, 4, { bidirectional: true }),
      [{ shape: [5, 2, 3] }, { shape: [1, 2, 4] }],
      /GRU: the initial h is \[1,2,4\], expected \[2,2,4\] for the input \[5,2,3\]/,
    ],
    [new nn.RNN(3, 4), [{ shape: [5, 3] }, { shape: [1, 1, 4] }], /initial h is \[1,1,4\], expected \[1,4\]/],
    [lstm, [{ shape: [5, 2, 3] }, { shape: [1, 2, 2] }], /LSTM: the state must be an array of two tensors/],
    [
      new Calling(lstm, (x, h) => lstm.forward(x!, [h!, h!])),
      [{ shape: [5, 2, 3] }, { shape: [1, 2, 2] }],
      /LSTM: the initial c is \[1,2,2\], expected \[1,2,4\]/,
    ],
    [new nn.GRUCell(3, 4), [{ shape: [2, 1, 3] }], /GRUCell: the input is \[2,1,3\], expected \[batch, 3\]/],
    [
      new nn.RNNCell(3, 4),
      [{ shape: [2, 3] }, { shape: [4] }],
      /RNNCell: the h given is \[4\], expected \[2,4\]/,
    ],
    [new nn.LSTMCell(3, 4), [{ shape: [3] }, { shape: [4] }], /LSTMCell: the state must be an array/],
    [
      new nn.Transformer({
        dModel: 4,
        nhead: 2,
        numEncoderLayers: 1,
        numDecoderLayers: 1,
        dimFeedforward: 4,
      }),
      [{ shape: [5, 2, 4] }, { shape: [3, 1, 4] }],
      /Transformer: source \[5,2,4\] and target \[3,1,4\] must have 4 features and the same batch/,
    ],
    [bag, [{ shape: [6], dtype: "i32" }], /EmbeddingBag: indices \[6\] must be \[bags, length\]/],
    [
      new Calling(bag, (x) => bag.forward(x!, { offsets: zeros([2], "i32") })),
      [bags],
      /bags given by offsets have lengths that are not known.*Fill bags up to one length with paddingIdx/,
    ],
    [
      new Calling(bag, (x) => bag.forward(x!, { perSampleWeights: zeros([2, 3], "f32") })),
      [bags],
      /perSampleWeights need mode "sum", got "mean"/,
    ],
    [
      new Calling(sumBag, (x) => sumBag.forward(x!, { perSampleWeights: zeros([3], "f32") })),
      [bags],
      /perSampleWeights \[3\] must have the shape of the indices, \[2,3\]/,
    ],
  ])("%#: $2", (module, inputs, message) => {
    expect(() => traceModule(module, inputs)).toThrow(message);
    expect(() => traceModule(module, inputs)).toThrow(UserError);
  });

  class Subclass extends nn.TransformerEncoderLayer {}
  test.each<readonly [() => unknown, RegExp]>([
    [() => new nn.LSTM(0, 4), /LSTM: inputSize must be a whole number from 1, got 0/],
    [() => new nn.GRUCell(3, 1.5), /GRUCell: hiddenSize must be a whole number from 1, got 1.5/],
    [() => new nn.RNN(3, 4, { numLayers: 0 }), /RNN: numLayers must be a whole number from 1/],
    [() => new nn.RNN(3, 4, { dropout: 2 }), /Dropout: probability must be from 0 to 1, got 2/],
    [() => new nn.LSTM(3, 4, { projSize: 4 }), /projSize must be from 0 \(none\) to less than hiddenSize 4/],
    [
      () => new nn.RNN(3, 4, { nonlinearity: "sigmoid" as "tanh" }),
      /RNN: nonlinearity must be "tanh" or "relu", got "sigmoid"/,
    ],
    [
      () => encoderLayer({ activation: "silu" as "gelu" }),
      /TransformerEncoderLayer: activation must be "relu", "gelu" or a function, got "silu"/,
    ],
    [() => new nn.TransformerEncoder(encoderLayer(), 0), /TransformerEncoder: numLayers must be/],
    [
      () => new nn.TransformerEncoder(new Subclass(4, 2), 2),
      /copy\(\) of Subclass gives a TransformerEncoderLayer. Override copy\(\)/,
    ],
    [() => new nn.EmbeddingBag(4, 2, { mode: "min" as "max" }), /mode must be "sum", "mean" or "max"/],
    [() => new nn.EmbeddingBag(4, 2, { paddingIdx: -5 }), /paddingIdx -5 is not one of 4 rows/],
  ])("%#: $1", (build, message) => {
    expect(build).toThrow(message);
    expect(build).toThrow(UserError);
  });
});

describe("initial values", () => {
  test.each([
    new nn.LSTM(3, 25, { random: seededRandom(1) }),
    new nn.GRUCell(3, 25, { random: seededRandom(2) }),
  ])("of $constructor.name are within 1 / √hiddenSize", (layer) => {
    for (const parameter of layer.parameters()) {
      const values = Array.from(parameter.value.data as Float32Array, Math.abs);
      expect(Math.max(...values)).toBeLessThanOrEqual(0.2);
      expect(Math.max(...values)).toBeGreaterThan(0.18);
    }
  });

  test("an encoder's layers start alike and are trained apart", () => {
    const layer = encoderLayer();
    const { layers } = new nn.TransformerEncoder(layer, 2);
    expect(layers[0]!.stateDict()).toEqual(layer.stateDict());
    layers[0]!.linear1.bias!.assign(zeros([6], "f32"));
    expect(layers[1]!.stateDict()).toEqual(layer.stateDict());
  });

  test("a Transformer's matrices are Xavier-uniform and its layers differ", () => {
    const random = seededRandom(3);
    const network = new nn.Transformer({ dModel: 16, nhead: 2, numEncoderLayers: 2, numDecoderLayers: 1, dimFeedforward: 32, random }); // prettier-ignore
    const [first, second] = Array.from(network.encoder.layers, (layer) =>
      Array.from(layer.linear1.weight.value.data as Float32Array, Math.abs),
    ) as [number[], number[]];
    expect(first).not.toEqual(second);
    const bound = Math.sqrt(6 / (16 + 32));
    expect(Math.max(...first)).toBeLessThanOrEqual(bound);
    expect(Math.max(...first)).toBeGreaterThan(0.97 * bound);
  });
});

describe("a recurrent layer", () => {
  test("multiplies the input by its weights once for all steps", () => {
    const { graph } = traceModule(new nn.LSTM(3, 4), [{ shape: [7, 2, 3] }]);
    const products = Object.values(graph.nodes).filter(({ op }) => op === "matmul");
    // One for the input, and one a step for the hidden state.
    expect(products).toHaveLength(1 + 7);
  });

  test("takes states that a network gives back: two halves of a sequence are the whole", () => {
    const gru = new nn.GRU(3, 4, { random: seededRandom(6) });
    const x = randomTensor([6, 2, 3]);
    const halves = new Calling(gru, (whole) => {
      const [first, h] = gru.forward(whole!.slice(0, 0, 4));
      const [second, last] = gru.forward(whole!.slice(0, 4), h);
      return [nn.functional.concat([first, second]), last];
    });
    expect(runTraced(halves, [x])).toEqual(runTraced(gru, [x]));
  });

  test("drops between its layers, in training only", () => {
    const rnn = new nn.RNN(3, 4, { numLayers: 2, dropout: 1, random: seededRandom(7) });
    const run = (seed: number) => runTraced(rnn, [randomTensor([5, 2, 3], seed)])[0];
    // All that the second layer gets is its own biases and state.
    expect(run(1)).toEqual(run(2));
    rnn.eval();
    expect(run(1)).not.toEqual(run(2));
  });

  test("does not drop what goes in or out", () => {
    const gru = new nn.GRU(3, 4, { dropout: 1, random: seededRandom(8) });
    const x = randomTensor([5, 2, 3]);
    expect(runTraced(gru, [x])).toEqual(runTraced(gru.eval(), [x]));
  });

  test("gives its results as PyTorch's tuples are nested", async () => {
    const lstm = new nn.LSTM(3, 4, { batchFirst: true, bidirectional: true });
    const x = randomTensor([2, 5, 3]);
    await using compiled = await compile(lstm, [x], { device: "cpu" });
    const [output, [h, c]] = await compiled.run<[HostTensor, [HostTensor, HostTensor]]>(x);
    expect([output, h, c].map(({ shape }) => shape)).toEqual([[2, 5, 8], [2, 2, 4], [2, 2, 4]]); // prettier-ignore
  });
});

describe("a transformer layer", () => {
  test("drops in training only", () => {
    const layer = encoderLayer({ dropout: 1, normFirst: true });
    const x = randomTensor([3, 4]);
    // Without its parts only what enters is left.
    expect(runTraced(layer, [x])).toEqual([x]);
    expect(runTraced(layer.eval(), [x])).not.toEqual([x]);
  });

  test("takes any function as its activation", () => {
    const x = randomTensor([3, 4]);
    const named = encoderLayer({ activation: "gelu" }).eval();
    const given = encoderLayer({ activation: (value) => value.gelu() }).eval();
    given.loadStateDict(named.stateDict());
    expect(runTraced(given, [x])).toEqual(runTraced(named, [x]));
    expect(runTraced(given.copy(), [x])).toEqual(runTraced(named, [x]));
  });
});

describe("a bag", () => {
  const weight = tensor([0, 1, 10, 11, 20, 21], [3, 2]);
  const bagOf = (options: nn.EmbeddingBagOptions) => {
    const bag = new nn.EmbeddingBag(3, 2, options);
    bag.weight.assign(weight);
    return bag;
  };

  test("weights its rows in mode sum", () => {
    const bag = bagOf({ mode: "sum" });
    const weighted = new Calling(bag, (indices, perSampleWeights) =>
      bag.forward(indices!, { perSampleWeights: perSampleWeights! }),
    );
    const indices = tensor([1, 2], [1, 2], "i32");
    expect(runTraced(weighted, [indices, tensor([2, -1], [1, 2])])).toEqual([tensor([0, 1], [1, 2])]);
  });

  test("without a row that counts is zeros", () => {
    for (const mode of ["sum", "mean", "max"] as const) {
      const padded = bagOf({ mode, paddingIdx: -1 });
      expect(runTraced(padded, [tensor([2, 2], [1, 2], "i32")])).toEqual([zeros([1, 2], "f32")]);
      const empty = new Calling(padded, (x) => padded.forward(x!.slice(1, 0, 0)));
      expect(runTraced(empty, [tensor([1, 2], [1, 2], "i32")])).toEqual([zeros([1, 2], "f32")]);
    }
  });
});
