"""Small networks of kinds that torchvision has none of: recurrent, generative, autoregressive, other normalizations."""

import torch
from torch import nn
from torch.nn import functional


class UNet(nn.Module):
    """Two levels with transposed convolutions and skip concatenations, for images of any size."""

    def __init__(self, width=16):
        super().__init__()
        self.first = self.block(3, width)
        self.second = self.block(width, 2 * width)
        self.bottom = self.block(2 * width, 4 * width)
        self.up_second = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.after_second = self.block(4 * width, 2 * width)
        self.up_first = nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1)
        self.after_first = self.block(2 * width, width)
        self.head = nn.Conv2d(width, 5, 1)

    @staticmethod
    def block(inputs, outputs):
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

    @staticmethod
    def join(skip, up):
        rows, columns = skip.shape[2] - up.shape[2], skip.shape[3] - up.shape[3]
        return torch.cat([skip, functional.pad(up, (0, columns, 0, rows))], 1)

    def forward(self, image):
        first = self.first(image)
        second = self.second(functional.max_pool2d(first, 2))
        bottom = self.bottom(functional.max_pool2d(second, 2))
        second = self.after_second(self.join(second, self.up_second(bottom)))
        return self.head(self.after_first(self.join(first, self.up_first(second))))


class Recurrent(nn.Module):
    """Tokens, an embedding, a recurrent layer in both directions, the last state, a classifier."""

    def __init__(self, layer):
        super().__init__()
        self.embedding = nn.Embedding(50, 24)
        self.layer = layer(24, 32, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, 7)

    def forward(self, tokens):
        states, _ = self.layer(self.embedding(tokens))
        return self.head(states.mean(1)), states


class DecoderBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = self.qkv(self.norm_1(x)).split(width, 2)
        q, k, v = (part.view(n, t, self.heads, width // self.heads).transpose(1, 2) for part in (q, k, v))
        mask = torch.ones(t, t, dtype=torch.bool).tril()
        scores = (q @ k.transpose(2, 3) * (width // self.heads) ** -0.5).masked_fill(~mask, float("-inf"))
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, width)
        x = x + self.out(mixed)
        return x + self.mlp(self.norm_2(x))


class Decoder(nn.Module):
    """GPT's shape: token and position embeddings, causal attention, the embedding again as the head."""

    def __init__(self, width=96, heads=6, blocks=3, vocabulary=131, context=64):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(DecoderBlock(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        return self.norm(self.blocks(x)) @ self.tokens.weight.t()


class WaveNet(nn.Module):
    """Gated, dilated, causal convolutions over samples, with residual and skip connections."""

    def __init__(self, width=24, dilations=(1, 2, 4, 8, 16, 32)):
        super().__init__()
        self.dilations = dilations
        self.first = nn.Conv1d(1, width, 1)
        self.gated = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=d) for d in dilations)
        self.residual = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in dilations)
        self.skip = nn.ModuleList(nn.Conv1d(width, 32, 1) for _ in dilations)
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(32, 32, 1), nn.ReLU(), nn.Conv1d(32, 16, 1))

    def forward(self, samples):
        x, total = self.first(samples), 0
        for dilation, gated, residual, skip in zip(self.dilations, self.gated, self.residual, self.skip):
            value, gate = gated(functional.pad(x, (dilation, 0))).chunk(2, 1)
            mixed = value.tanh() * gate.sigmoid()
            x, total = x + residual(mixed), total + skip(mixed)
        return self.head(total)


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.LeakyReLU(0.1),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ELU(),
        nn.Conv2d(32, 8, 3, padding=1), nn.Tanh(),
        nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(8, 32, 3, padding=1), nn.PReLU(32),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), nn.Conv2d(32, 16, 3, padding=1), nn.SiLU(),
        nn.Upsample(size=(63, 65), mode="bilinear", align_corners=True), nn.Conv2d(16, 3, 5, padding=2), nn.Sigmoid())


def super_resolution():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 9, 3, padding=1), nn.PixelShuffle(3))


def generator():
    """DCGAN's."""
    def up(inputs, outputs, stride, padding):
        return [nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*up(100, 128, 1, 0), *up(128, 64, 2, 1), *up(64, 32, 2, 1), *up(32, 16, 2, 1),
                         nn.ConvTranspose2d(16, 3, 4, 2, 1, bias=False), nn.Tanh())


def discriminator():
    """A discriminator on spectrally plain convolutions with leaky units, down to one score."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1), nn.InstanceNorm2d(32, affine=True),
        nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.LeakyReLU(0.2), nn.Conv2d(64, 1, 4))


class GroupNormResNet(nn.Module):
    """Residual blocks of 3x3 convolutions under a normalization of one's choice."""

    def __init__(self, norm, width=32):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(norm(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
                          norm(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)) for _ in range(2))
        self.head = nn.Linear(width, 10)

    def forward(self, image):
        x = self.first(image)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x.mean((2, 3)))


class StyleTransfer(nn.Module):
    """Reflection padding, instance norms, nearest upsampling: the net of fast neural style."""

    def __init__(self):
        super().__init__()
        def conv(inputs, outputs, size, stride=1):
            return nn.Sequential(nn.ReflectionPad2d(size // 2), nn.Conv2d(inputs, outputs, size, stride),
                                 nn.InstanceNorm2d(outputs, affine=True))
        self.down = nn.Sequential(conv(3, 16, 9), nn.ReLU(), conv(16, 32, 3, 2), nn.ReLU(), conv(32, 48, 3, 2), nn.ReLU())
        self.residual = nn.ModuleList(nn.Sequential(conv(48, 48, 3), nn.ReLU(), conv(48, 48, 3)) for _ in range(2))
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), conv(48, 32, 3), nn.ReLU(),
                                nn.Upsample(scale_factor=2), conv(32, 16, 3), nn.ReLU())
        self.last = nn.Sequential(nn.ReflectionPad2d(4), nn.Conv2d(16, 3, 9))

    def forward(self, image):
        x = self.down(image)
        for block in self.residual:
            x = x + block(x)
        return self.last(self.up(x))


class WideConcat(nn.Module):
    """Many branches concatenated, and many values summed: kernels that could want a buffer for each."""

    def __init__(self, branches=24):
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(4, 3 + i % 4, 1 + 2 * (i % 2), padding=i % 2) for i in range(branches))
        self.same = nn.ModuleList(nn.Conv2d(4, 8, 3, padding=1) for _ in range(branches))
        self.mix = nn.Conv2d(sum(branch.out_channels for branch in self.branches), 8, 1)

    def forward(self, image):
        x = self.mix(torch.cat([branch(image).relu() for branch in self.branches], 1))
        return x + sum(conv(image).sigmoid() for conv in self.same)


class TransformerEncoder(nn.Module):
    """PyTorch's own encoder layers, which export as many small operators."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(48, 4, 96, batch_first=True, norm_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2)

    def forward(self, x):
        return self.encoder(x)


class TransposedConvolutions(nn.Module):
    """Transposed convolutions of one, two and three dimensions with groups, dilation and output padding."""

    def __init__(self):
        super().__init__()
        self.one = nn.ConvTranspose1d(6, 8, 5, stride=3, padding=2, output_padding=1, groups=2)
        self.two = nn.ConvTranspose2d(8, 12, (3, 4), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=4)
        self.three = nn.ConvTranspose3d(6, 4, 3, stride=2, padding=1, output_padding=(1, 0, 1))

    def forward(self, signal):
        one = self.one(signal)
        two = self.two(one.unsqueeze(2).expand(-1, -1, 5, -1))
        three = self.three(two[:, :6, :4, :12].reshape(-1, 6, 4, 3, 4))
        return two, three


class Mixer(nn.Module):
    """MLP-Mixer: linear layers over patches and over channels in turns."""

    def __init__(self, patches=49, width=64, blocks=3):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 8, stride=8)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * blocks))
        self.tokens = nn.ModuleList(self.mlp(patches, 32) for _ in range(blocks))
        self.channels = nn.ModuleList(self.mlp(width, 128) for _ in range(blocks))
        self.head = nn.Linear(width, 11)

    @staticmethod
    def mlp(size, hidden):
        return nn.Sequential(nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, size))

    def forward(self, image):
        x = self.stem(image).flatten(2).transpose(1, 2)
        for i, (tokens, channels) in enumerate(zip(self.tokens, self.channels)):
            x = x + tokens(self.norms[2 * i](x).transpose(1, 2)).transpose(1, 2)
            x = x + channels(self.norms[2 * i + 1](x))
        return self.head(x.mean(1))


class PointNet(nn.Module):
    """Shared layers over points, a maximum over them, and its copy beside every point."""

    def __init__(self):
        super().__init__()
        self.local = nn.Sequential(nn.Conv1d(3, 32, 1), nn.BatchNorm1d(32), nn.ReLU(), nn.Conv1d(32, 64, 1), nn.BatchNorm1d(64), nn.ReLU())
        self.head = nn.Sequential(nn.Conv1d(128, 32, 1), nn.BatchNorm1d(32), nn.Hardswish(), nn.Conv1d(32, 6, 1))

    def forward(self, points):
        x = self.local(points)
        whole = x.max(2, keepdim=True)[0].expand(-1, -1, points.shape[2])
        return functional.log_softmax(self.head(torch.cat([x, whole], 1)), 1)
