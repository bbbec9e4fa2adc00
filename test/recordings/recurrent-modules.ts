/** The modules of `scripts/recordings/recurrent_modules.py`, built the same way, by the id of their recording. */
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/nn/tensor.ts";

/** The state of an LSTM arrives as two inputs. */
class WithState extends nn.Module {
  constructor(readonly layer: nn.LSTM) {
    super();
  }

  override forward(x: Tensor, h: Tensor, c: Tensor): unknown {
    return this.layer.forward(x, [h, c]);
  }
}

/** A cell over the steps of a sequence, and once without a state. */
class CellLoop extends nn.Module {
  constructor(readonly cell: nn.RNNCell | nn.GRUCell) {
    super();
  }

  override forward(x: Tensor, h: Tensor): Tensor[] {
    const outputs = [this.cell.forward(x.select(0, 0))];
    let state = h;
    for (let t = 0; t < x.shape[0]!; t++) {
      state = this.cell.forward(x.select(0, t), state);
      outputs.push(state);
    }
    return outputs;
  }
}

class LSTMCellLoop extends nn.Module {
  constructor(readonly cell: nn.LSTMCell) {
    super();
  }

  override forward(x: Tensor, h: Tensor, c: Tensor): Tensor[][] {
    const outputs = [this.cell.forward(x.select(0, 0))];
    let state: [Tensor, Tensor] = [h, c];
    for (let t = 0; t < x.shape[0]!; t++) {
      state = this.cell.forward(x.select(0, t), state);
      outputs.push(state);
    }
    return outputs;
  }
}

function mask(
  rows: number,
  columns: number,
  at: (row: number, column: number) => boolean,
): HostTensor<"bool"> {
  const data = Uint8Array.from({ length: rows * columns }, (_, i) =>
    at(Math.floor(i / columns), i % columns) ? 1 : 0,
  );
  return { dtype: "bool", shape: [rows, columns], data };
}

const causal = (size: number) => mask(size, size, (row, column) => column > row);

/** The last key of the first sequence is to be ignored. */
const padding = (batch: number, length: number) =>
  mask(batch, length, (row, column) => row === 0 && column === length - 1);

class MaskedEncoder extends nn.Module {
  readonly encoder = new nn.TransformerEncoder(
    new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true }),
    2,
    new nn.LayerNorm(8),
  );

  override forward(x: Tensor, scores: Tensor): Tensor[] {
    const [batch, length] = x.shape as [number, number];
    return [
      this.encoder.forward(x),
      this.encoder.forward(x, { srcMask: causal(length) }),
      this.encoder.forward(x, { srcMask: scores }),
      this.encoder.forward(x, { srcKeyPaddingMask: padding(batch, length) }),
    ];
  }
}

class MaskedDecoder extends nn.Module {
  readonly decoder = new nn.TransformerDecoder(
    new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true, activation: "gelu" }),
    2,
    new nn.LayerNorm(8),
  );

  override forward(x: Tensor, memory: Tensor, scores: Tensor): Tensor[] {
    const [batch, length] = x.shape as [number, number];
    return [
      this.decoder.forward(x, memory),
      this.decoder.forward(x, memory, {
        tgtMask: causal(length),
        memoryMask: scores,
        tgtKeyPaddingMask: padding(batch, length),
        memoryKeyPaddingMask: padding(batch, memory.shape[1]!),
      }),
    ];
  }
}

class MaskedTransformer extends nn.Module {
  readonly transformer = new nn.Transformer({
    dModel: 8,
    nhead: 2,
    numEncoderLayers: 1,
    numDecoderLayers: 2,
    dimFeedforward: 12,
    batchFirst: true,
  });

  override forward(source: Tensor, target: Tensor): Tensor {
    const ignored = padding(source.shape[0]!, source.shape[1]!);
    return this.transformer.forward(source, target, {
      tgtMask: nn.Transformer.generateSquareSubsequentMask(target.shape[1]!),
      srcKeyPaddingMask: ignored,
      memoryKeyPaddingMask: ignored,
    });
  }
}

const encoderLayer = (options: nn.TransformerLayerOptions = {}, nhead = 2) =>
  new nn.TransformerEncoderLayer(8, nhead, { dimFeedforward: 12, ...options });
const decoderLayer = (options: nn.TransformerLayerOptions = {}) =>
  new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 12, ...options });
const transformer = (options: nn.TransformerOptions) =>
  new nn.Transformer({ dModel: 8, nhead: 2, numDecoderLayers: 1, dimFeedforward: 12, ...options });

export const recurrentModules: Readonly<Record<string, () => nn.Module>> = {
  rnn: () => new nn.RNN(3, 4),
  "rnn-relu-no-bias": () => new nn.RNN(3, 4, { nonlinearity: "relu", bias: false }),
  "rnn-unbatched": () => new nn.RNN(3, 4, { numLayers: 2, bidirectional: true }),
  "rnn-unbatched-batch-first": () => new nn.RNN(3, 4, { batchFirst: true }),
  gru: () => new nn.GRU(3, 4),
  "gru-no-bias": () => new nn.GRU(3, 4, { bias: false }),
  "gru-deep": () => new nn.GRU(3, 4, { numLayers: 2, batchFirst: true, bidirectional: true }),
  "gru-unbatched": () => new nn.GRU(3, 4),
  lstm: () => new nn.LSTM(3, 4),
  "lstm-no-bias": () => new nn.LSTM(3, 4, { bias: false }),
  "lstm-one-step": () => new nn.LSTM(3, 4),
  "lstm-batch-first": () => new nn.LSTM(3, 4, { numLayers: 2, batchFirst: true }),
  "lstm-deep": () => new WithState(new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true })),
  "lstm-unbatched": () => new WithState(new nn.LSTM(3, 4)),
  "lstm-projected": () =>
    new WithState(new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, projSize: 2 })),
  "rnn-cell": () => new CellLoop(new nn.RNNCell(3, 4)),
  "rnn-cell-relu": () => new CellLoop(new nn.RNNCell(3, 4, { nonlinearity: "relu", bias: false })),
  "gru-cell": () => new CellLoop(new nn.GRUCell(3, 4)),
  "gru-cell-unbatched": () => new CellLoop(new nn.GRUCell(3, 4)),
  "lstm-cell": () => new LSTMCellLoop(new nn.LSTMCell(3, 4)),
  "lstm-cell-unbatched": () => new LSTMCellLoop(new nn.LSTMCell(3, 4, { bias: false })),
  "encoder-layer": () => encoderLayer(),
  "encoder-layer-batch-first": () => encoderLayer({ batchFirst: true, activation: "gelu" }),
  "encoder-layer-norm-first": () => encoderLayer({ normFirst: true, layerNormEps: 1e-2 }),
  "encoder-layer-unbatched": () => encoderLayer({}, 4),
  "encoder-masked": () => new MaskedEncoder(),
  "decoder-layer": () => decoderLayer(),
  "decoder-layer-norm-first": () => decoderLayer({ normFirst: true }),
  "decoder-masked": () => new MaskedDecoder(),
  transformer: () => transformer({ numEncoderLayers: 2, normFirst: true }),
  "transformer-masked": () => new MaskedTransformer(),
  "transformer-unbatched": () => transformer({ numEncoderLayers: 1 }),
  ...Object.fromEntries(
    (["sum", "mean", "max"] as const).flatMap((mode): [string, () => nn.Module][] => [
      [`embedding-bag-${mode}`, () => new nn.EmbeddingBag(9, 4, { mode })],
      [`embedding-bag-${mode}-padded`, () => new nn.EmbeddingBag(9, 4, { mode, paddingIdx: 2 })],
    ]),
  ),
};
