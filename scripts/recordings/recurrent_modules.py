"""Recurrent layers and cells, transformers and bags of embeddings: state, inputs and outputs.

One recording is one network, run once. Results are listed as PyTorch returns them, tuples within tuples flattened.
"""

import pathlib
import sys

import torch
from torch import nn

from recorder import Recorder


class WithState(nn.Module):
    """The state of an LSTM arrives as two inputs, as a compiled network takes them."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, h, c):
        return self.layer(x, (h, c))


class CellLoop(nn.Module):
    """A cell over the steps of a sequence, and once without a state."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x, *state):
        first = self.cell(x[0])
        state = state if len(state) == 2 else state[0]
        outputs = []
        for step in x:
            state = self.cell(step, state)
            outputs.append(state)
        return first, outputs


def causal(size):
    return torch.ones(size, size, dtype=torch.bool).triu(1)


def padding(batch, length):
    """The last key of the first sequence is to be ignored."""
    mask = torch.zeros(batch, length, dtype=torch.bool)
    mask[0, -1] = True
    return mask


class MaskedEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False)

    def forward(self, x, scores):
        ignored = padding(x.shape[0], x.shape[1])
        return [
            self.encoder(x),
            self.encoder(x, mask=causal(x.shape[1])),
            self.encoder(x, mask=scores),
            self.encoder(x, src_key_padding_mask=ignored),
        ]


class MaskedDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerDecoderLayer(8, 2, 12, batch_first=True, activation="gelu")
        self.decoder = nn.TransformerDecoder(layer, 2, nn.LayerNorm(8))

    def forward(self, x, memory, scores):
        batch, length, _ = x.shape
        return [
            self.decoder(x, memory),
            self.decoder(
                x,
                memory,
                tgt_mask=causal(length),
                memory_mask=scores,
                tgt_key_padding_mask=padding(batch, length),
                memory_key_padding_mask=padding(batch, memory.shape[1]),
            ),
        ]


class MaskedTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.transformer = nn.Transformer(8, 2, 1, 2, 12, batch_first=True)
        # The fast path gives zeros for padding instead of what the formulas give.
        self.transformer.encoder.enable_nested_tensor = False

    def forward(self, source, target):
        ignored = padding(source.shape[0], source.shape[1])
        return self.transformer(
            source,
            target,
            tgt_mask=causal(target.shape[1]),
            src_key_padding_mask=ignored,
            memory_key_padding_mask=ignored,
        )


def flattened(value):
    return [value] if isinstance(value, torch.Tensor) else [x for item in value for x in flattened(item)]


def record_recurrent_modules(folder):
    r = Recorder("recurrent-modules")
    index = []

    def module(name, network, *inputs):
        for value in network.state_dict().values():
            # Initial ones and zeros would hide what is multiplied and added.
            value.copy_(torch.randn(value.shape) * 0.5)
        state = [[key, r.store(f"{name}/{key}", value.clone())] for key, value in network.state_dict().items()]
        # With gradients wanted, PyTorch takes no fast path of its own around the modules.
        network = network.double().eval()
        given = [torch.randn(shape) if isinstance(shape, list) else shape for shape in inputs]
        outputs = flattened(network(*(x.double() if x.is_floating_point() else x for x in given)))
        step = r.step(name, given, outputs)
        # A run leaves the state as it was.
        index.append({"id": name, "training": False, "before": state, "steps": [step], "after": []})

    module("rnn", nn.RNN(3, 4), [5, 2, 3])
    module("rnn-relu-no-bias", nn.RNN(3, 4, nonlinearity="relu", bias=False), [5, 2, 3], [1, 2, 4])
    module("rnn-unbatched", nn.RNN(3, 4, 2, bidirectional=True), [5, 3], [4, 4])
    module("rnn-unbatched-batch-first", nn.RNN(3, 4, batch_first=True), [5, 3])
    module("gru", nn.GRU(3, 4), [5, 2, 3])
    module("gru-no-bias", nn.GRU(3, 4, bias=False), [3, 2, 3])
    module("gru-deep", nn.GRU(3, 4, 2, batch_first=True, bidirectional=True), [2, 5, 3], [4, 2, 4])
    module("gru-unbatched", nn.GRU(3, 4), [5, 3], [1, 4])
    module("lstm", nn.LSTM(3, 4), [5, 2, 3])
    module("lstm-no-bias", nn.LSTM(3, 4, bias=False), [3, 2, 3])
    module("lstm-one-step", nn.LSTM(3, 4), [1, 1, 3])
    module("lstm-batch-first", nn.LSTM(3, 4, 2, batch_first=True), [2, 5, 3])
    module("lstm-deep", WithState(nn.LSTM(3, 4, 2, bidirectional=True)), [5, 2, 3], [4, 2, 4], [4, 2, 4])
    module("lstm-unbatched", WithState(nn.LSTM(3, 4)), [5, 3], [1, 4], [1, 4])
    module("lstm-projected", WithState(nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)), [5, 2, 3], [4, 2, 2], [4, 2, 4])
    module("rnn-cell", CellLoop(nn.RNNCell(3, 4)), [3, 2, 3], [2, 4])
    module("rnn-cell-relu", CellLoop(nn.RNNCell(3, 4, nonlinearity="relu", bias=False)), [3, 2, 3], [2, 4])
    module("gru-cell", CellLoop(nn.GRUCell(3, 4)), [3, 2, 3], [2, 4])
    module("gru-cell-unbatched", CellLoop(nn.GRUCell(3, 4)), [3, 3], [4])
    module("lstm-cell", CellLoop(nn.LSTMCell(3, 4)), [3, 2, 3], [2, 4], [2, 4])
    module("lstm-cell-unbatched", CellLoop(nn.LSTMCell(3, 4, bias=False)), [3, 3], [4], [4])

    module("encoder-layer", nn.TransformerEncoderLayer(8, 2, 12), [5, 2, 8])
    module("encoder-layer-batch-first", nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, activation="gelu"), [2, 5, 8])
    module("encoder-layer-norm-first", nn.TransformerEncoderLayer(8, 2, 12, norm_first=True, layer_norm_eps=1e-2), [5, 2, 8])
    module("encoder-layer-unbatched", nn.TransformerEncoderLayer(8, 4, 12), [5, 8])
    module("encoder-masked", MaskedEncoder(), [2, 5, 8], [4, 5, 5])
    module("decoder-layer", nn.TransformerDecoderLayer(8, 2, 12), [5, 2, 8], [3, 2, 8])
    module("decoder-layer-norm-first", nn.TransformerDecoderLayer(8, 2, 12, norm_first=True), [5, 2, 8], [3, 2, 8])
    module("decoder-masked", MaskedDecoder(), [2, 5, 8], [2, 3, 8], [5, 3])
    module("transformer", nn.Transformer(8, 2, 2, 1, 12, norm_first=True), [5, 2, 8], [3, 2, 8])
    module("transformer-masked", MaskedTransformer(), [2, 5, 8], [2, 3, 8])
    module("transformer-unbatched", nn.Transformer(8, 2, 1, 1, 12), [5, 8], [3, 8])

    bags = torch.tensor([[0, 8, 3], [3, 1, 7], [2, 2, 2]], dtype=torch.int32)
    for mode in ("sum", "mean", "max"):
        module(f"embedding-bag-{mode}", nn.EmbeddingBag(9, 4, mode=mode), bags)
        module(f"embedding-bag-{mode}-padded", nn.EmbeddingBag(9, 4, mode=mode, padding_idx=2), bags)

    return r.write_modules(folder, index)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(20240229)
    folder = pathlib.Path(__file__).resolve().parents[2] / "test" / "recordings"
    print(f"recurrent-modules: {record_recurrent_modules(folder)} cases", file=sys.stderr)
