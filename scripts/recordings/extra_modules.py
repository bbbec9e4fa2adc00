"""Normalisation, attention, embedding, resizing and transposed convolution modules: state, inputs and outputs."""

import pathlib
import sys

import torch
from torch import nn

import layers_and_losses as more
from recorder import Recorder


class Activations(nn.Module):
    def forward(self, x):
        return [
            nn.ELU()(x),
            nn.ELU(0.7)(x),
            nn.SELU()(x),
            nn.CELU(1.5)(x),
            nn.Softplus()(x),
            nn.Softplus(3, 1.5)(x),
            nn.Softsign()(x),
            nn.Mish()(x),
            nn.Hardtanh()(x),
            nn.Hardtanh(-2, 0.5)(x),
            nn.LogSigmoid()(x),
        ]


class Resizing(nn.Module):
    """Every mode by factor, by size, and with corners aligned."""

    def forward(self, line, image, volume):
        up = nn.Upsample
        return [
            up(scale_factor=2)(line),
            up(size=4)(line),
            up(scale_factor=1.7)(line),
            up(size=11, mode="linear")(line),
            up(size=11, mode="linear", align_corners=True)(line),
            up(scale_factor=2)(image),
            up(size=(7, 3))(image),
            up(size=(7, 3), mode="nearest-exact")(image),
            up(scale_factor=2, mode="bilinear")(image),
            up(scale_factor=2, mode="bilinear", align_corners=True)(image),
            up(scale_factor=(1.3, 0.6), mode="bilinear")(image),
            up(size=(3, 9), mode="bilinear")(image),
            up(size=(1, 9), mode="bilinear", align_corners=True)(image),
            up(size=(9, 4), mode="bicubic")(image),
            up(scale_factor=2, mode="bicubic", align_corners=True)(image),
            up(scale_factor=2)(volume),
            up(size=(4, 3, 5), mode="trilinear")(volume),
        ]


class Padding(nn.Module):
    def forward(self, line, image, volume):
        return [
            nn.ReflectionPad1d((3, 1))(line),
            nn.ReplicationPad1d(2)(line),
            nn.ConstantPad1d((1, 2), 3.5)(line),
            nn.ReflectionPad2d((1, 2, 3, 0))(image),
            nn.ReplicationPad2d((1, 2, 3, 7))(image),
            nn.ZeroPad2d((1, -1, 0, 2))(image),
            nn.ConstantPad2d(1, -1.0)(image),
            nn.ReplicationPad3d(1)(volume),
            nn.ReflectionPad3d(1)(volume),
            nn.ConstantPad3d(1, 0.5)(volume),
        ]


class Rearranging(nn.Module):
    def forward(self, x):
        return [nn.PixelShuffle(2)(x), nn.PixelUnshuffle(2)(x), nn.PixelShuffle(2)(x[0]), nn.Unflatten(1, (2, -1))(x)]


class RMSNorm(nn.Module):
    """As in PyTorch 2.4, which this PyTorch may not have: by its formula."""

    def __init__(self, shape, eps=None):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))
        self.axes = tuple(range(-len(shape), 0))
        self.eps = torch.finfo(torch.float32).eps if eps is None else eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(self.axes, keepdim=True) + self.eps) * self.weight


class Attention(nn.Module):
    """Self-attention or cross-attention, the weights left out of the result."""

    def __init__(self, *arguments, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(*arguments, **options)

    def forward(self, query, key=None, value=None):
        key = query if key is None else key
        return self.attention(query, key, key if value is None else value, need_weights=False)[0]


class MaskedAttention(nn.Module):
    """Bool masks, a mask of scores for every head, and a causal mask."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x, scores):
        batch, length, _ = x.shape
        causal = torch.ones(length, length, dtype=torch.bool).triu(1)
        padding = torch.zeros(batch, length, dtype=torch.bool)
        padding[0, -2:] = True
        return [
            self.attention(x, x, x, need_weights=False, attn_mask=causal)[0],
            self.attention(x, x, x, need_weights=False, key_padding_mask=padding)[0],
            self.attention(x, x, x, need_weights=False, attn_mask=scores)[0],
            self.attention(x, x, x, need_weights=False, attn_mask=causal, key_padding_mask=padding)[0],
        ]


def record_extra_modules(folder):
    r = Recorder("extra-modules")
    index = []

    def module(name, build, *inputs, training=False):
        network = build()
        for key, value in network.state_dict().items():
            # Ones and zeros would hide what is multiplied and added.
            if value.dtype == torch.float32:
                value.copy_(torch.rand(value.shape) + 0.5 if key.endswith("var") else torch.randn(value.shape) * 0.5)
        before = {key: r.store(f"{name}/before/{key}", value.clone()) for key, value in network.state_dict().items()}
        network = network.double().train(training)
        given = [torch.randn(shape) if isinstance(shape, list) else shape for shape in inputs]
        with torch.no_grad():
            outputs = network(*(x.double() if x.is_floating_point() else x for x in given))
        outputs = outputs if isinstance(outputs, list) else [outputs]
        step = r.step(name, given, outputs)
        after = {key: r.store(f"{name}/after/{key}", value) for key, value in network.state_dict().items()}
        index.append({"id": name, "training": training, "before": list(before.items()), "steps": [step], "after": list(after.items())})

    module("conv-transpose-1d", lambda: nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), [2, 4, 5])
    module("conv-transpose-2d", lambda: nn.ConvTranspose2d(3, 5, (4, 3), stride=(2, 1), padding=(1, 2), dilation=(1, 2)), [2, 3, 4, 5])
    module("conv-transpose-2d-unbatched", lambda: nn.ConvTranspose2d(3, 2, 2, stride=2, bias=False), [3, 3, 4])
    module("conv-transpose-3d", lambda: nn.ConvTranspose3d(2, 3, (1, 2, 3), stride=2, padding=(0, 1, 1)), [1, 2, 2, 3, 3])
    module("layer-norm", lambda: nn.LayerNorm(7), [3, 4, 7])
    module("layer-norm-2", lambda: nn.LayerNorm((4, 5), eps=1e-3), [2, 3, 4, 5])
    module("layer-norm-plain", lambda: nn.LayerNorm(6, elementwise_affine=False), [2, 6])
    module("rms-norm", lambda: RMSNorm((7,)), [3, 4, 7])
    module("rms-norm-2", lambda: RMSNorm((4, 5), 1e-2), [3, 4, 5])
    module("group-norm", lambda: nn.GroupNorm(3, 6), [2, 6, 4, 5])
    module("group-norm-plain", lambda: nn.GroupNorm(2, 4, eps=1e-2, affine=False), [3, 4])
    module("instance-norm-1d", lambda: nn.InstanceNorm1d(3), [2, 3, 7])
    module("instance-norm-2d", lambda: nn.InstanceNorm2d(3, affine=True, eps=1e-3), [2, 3, 4, 5])
    module("instance-norm-2d-unbatched", lambda: nn.InstanceNorm2d(3), [3, 4, 5])
    module("instance-norm-3d", lambda: nn.InstanceNorm3d(2, affine=True), [2, 2, 3, 2, 4])
    for training in (False, True):
        mode = "train" if training else "eval"
        module(f"instance-norm-tracked-{mode}", lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True, momentum=0.3), [2, 3, 4, 5], training=training)
    module("embedding", lambda: nn.Embedding(9, 5), torch.tensor([[0, 8, 3], [3, 1, 7]], dtype=torch.int32))
    module("attention", lambda: Attention(8, 2), [5, 3, 8])
    module("attention-batch-first", lambda: Attention(12, 3, batch_first=True), [2, 5, 12], [2, 7, 12])
    module("attention-no-bias", lambda: Attention(8, 4, bias=False), [5, 8])
    module("attention-kdim", lambda: Attention(8, 2, kdim=6, vdim=5, batch_first=True), [2, 3, 8], [2, 4, 6], [2, 4, 5])
    module("attention-masked", MaskedAttention, [2, 5, 8], [4, 5, 5])
    module("prelu", lambda: nn.PReLU(), [3, 4])
    module("prelu-channels", lambda: nn.PReLU(4), [2, 4, 3, 3])
    module("smooth-activations", Activations, torch.cat([torch.randn(3, 16) * 3, torch.tensor([[-100.0, -30, -20, -1e-3, 0, 1e-3, 0.5, 1, 2, 3, 10, 19, 20, 21, 30, 100]])]))
    module("resizing", Resizing, [2, 3, 7], [2, 3, 5, 6], [1, 2, 3, 4, 3])
    module("padding", Padding, [2, 3, 6], [2, 3, 5, 6], [1, 2, 3, 4, 3])
    module("rearranging", Rearranging, [2, 8, 4, 6])
    module("shrinking", more.Shrinking, torch.cat([torch.randn(3, 8) * 2, torch.tensor([[-1.5, -0.5, -1e-3, 0, 0.25, 0.5, 1, 1.5]])]))
    module("softmax-of-channels", more.SoftmaxOfChannels, [2, 3, 4, 5], [4, 2, 3])
    module("more-pooling", more.MorePooling, [2, 3, 9], [2, 3, 7, 6], [1, 2, 5, 4, 6], [3, 7, 6], torch.rand(2, 2, 7, 6))
    module("unpooling", more.Unpooling, [2, 3, 9], [2, 3, 7, 6], [1, 2, 5, 4, 6], [3, 7, 6])
    module("by-neighbours", more.ByNeighbours, [2, 7, 5], [2, 6, 4, 5])
    distant = torch.randn(3, 4, 5)
    distant[1, 2] = 0
    module("distances", more.Distances, distant, [3, 4, 5], [5])
    module("folding", more.Folding, [2, 3, 5, 6], [2, 5, 4], [2, 12, 8])
    module("shuffling-and-resizing", more.ShufflingAndResizing, [2, 6, 4, 5], [2, 4, 3])
    module("bilinear", lambda: nn.Bilinear(4, 5, 3), [2, 3, 4], [2, 3, 5])
    module("bilinear-no-bias", lambda: nn.Bilinear(2, 4, 6, bias=False), [3, 2], [3, 4])
    module("dictionaries", more.Dictionaries, [2, 3])
    module("regression-losses", more.RegressionLosses, [4, 5], [4, 5])
    numbers = torch.tensor([[0, 4, 2], [-100, 1, 1], [3, -100, 2], [2, 0, 4]], dtype=torch.int32)
    module("class-losses", more.ClassLosses, [4, 5, 3], numbers, [6], torch.tensor(4, dtype=torch.int32))
    certain = torch.rand(3, 4)
    certain[0, 0], certain[1, 1], certain[2, 2], certain[0, 3] = 0, 1, 0, 1
    truth = torch.rand(3, 4)
    truth[0], truth[1] = torch.tensor([0.0, 1, 0, 1]), torch.tensor([1.0, 0, 1, 0])
    module("binary-losses", more.BinaryLosses, torch.randn(3, 4) * 3, certain, truth)

    return r.write_modules(folder, index)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(20240229)
    print(f"extra-modules: {record_extra_modules(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'recordings')} cases", file=sys.stderr)
