"""More small networks: detectors' bodies, language models with masks, recommenders, volumes, unusual operators."""

import torch
from torch import nn
from torch.nn import functional


class YoloBody(nn.Module):
    """Space to depth, split bottlenecks, pyramid pooling, upsampling and concatenation, three heads decoded to boxes."""

    def __init__(self):
        super().__init__()
        def conv(inputs, outputs, size=3, stride=1):
            return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), nn.SiLU())
        self.stem = conv(12, 16)
        self.down_1, self.down_2, self.down_3 = conv(16, 32, stride=2), conv(32, 64, stride=2), conv(64, 96, stride=2)
        self.left, self.right, self.join = conv(32, 16, 1), conv(16, 16), conv(32, 32, 1)
        self.pools = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, 13))
        self.after = conv(4 * 96, 64, 1)
        self.merge = conv(128, 48)
        self.heads = nn.ModuleList([nn.Conv2d(48, 18, 1), nn.Conv2d(64, 18, 1)])

    def decode(self, x, stride):
        n, _, rows, columns = x.shape
        x = x.view(n, 3, 6, rows, columns).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
        y, z = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        grid = torch.stack((z, y), 2).view(1, 1, rows, columns, 2).float()
        centre = (x[..., 0:2] * 2 - 0.5 + grid) * stride
        size = (x[..., 2:4] * 2) ** 2 * torch.tensor([8.0, 16.0])
        return torch.cat((centre, size, x[..., 4:]), -1).view(n, -1, 6)

    def forward(self, image):
        x = torch.cat([image[..., ::2, ::2], image[..., 1::2, ::2], image[..., ::2, 1::2], image[..., 1::2, 1::2]], 1)
        x = self.down_1(self.stem(x))
        left = self.left(x)
        x = self.join(torch.cat([left + self.right(left), left], 1))
        middle = self.down_2(x)
        x = self.down_3(middle)
        x = self.after(torch.cat([x, *(pool(x) for pool in self.pools)], 1))
        up = functional.interpolate(x, size=middle.shape[2:], mode="nearest")
        merged = self.merge(torch.cat([up, middle], 1))
        return torch.cat([self.decode(self.heads[0](merged), 8), self.decode(self.heads[1](x), 16)], 1)


class Bert(nn.Module):
    """Tokens and a mask of which count, attention under an additive mask, the first token's state."""

    def __init__(self, width=64, heads=4):
        super().__init__()
        self.tokens, self.positions, self.kinds = nn.Embedding(99, width), nn.Embedding(40, width), nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(nn.ModuleDict({
            "q": nn.Linear(width, width), "k": nn.Linear(width, width), "v": nn.Linear(width, width),
            "out": nn.Linear(width, width), "norm": nn.LayerNorm(width), "up": nn.Linear(width, 4 * width),
            "down": nn.Linear(4 * width, width), "norm_2": nn.LayerNorm(width)}) for _ in range(2))
        self.pooler = nn.Linear(width, width)
        self.heads = heads

    def forward(self, tokens, mask):
        n, t = tokens.shape
        x = self.norm(self.tokens(tokens) + self.positions(torch.arange(t))[None] + self.kinds(torch.zeros_like(tokens)))
        bias = (1.0 - mask[:, None, None, :].float()) * -10000.0
        for layer in self.layers:
            q, k, v = (layer[key](x).view(n, t, self.heads, -1).permute(0, 2, 1, 3) for key in "qkv")
            weights = functional.softmax(torch.matmul(q, k.transpose(-1, -2)) / 4 + bias, dim=-1)
            mixed = torch.matmul(weights, v).permute(0, 2, 1, 3).contiguous().view(n, t, -1)
            x = layer["norm"](x + layer["out"](mixed))
            x = layer["norm_2"](x + layer["down"](functional.gelu(layer["up"](x))))
        return x, torch.tanh(self.pooler(x[:, 0]))


class Recommender(nn.Module):
    """Embeddings of several categories, their products, a multilayer perceptron."""

    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(30, 12) for _ in range(5))
        self.bottom = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 12))
        self.top = nn.Sequential(nn.Linear(12 + 15, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, categories):
        embedded = torch.stack([table(categories[:, i]) for i, table in enumerate(self.tables)], 1)
        dense = self.bottom(embedded.mean(1))
        features = torch.cat([embedded, dense[:, None]], 1)
        products = torch.bmm(features, features.transpose(1, 2))
        rows, columns = torch.tril_indices(6, 6, -1)
        return self.top(torch.cat([dense, products[:, rows, columns]], 1))


class VolumeUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.BatchNorm3d(8), nn.LeakyReLU(0.01))
        self.down = nn.Sequential(nn.Conv3d(8, 16, 3, stride=2, padding=1), nn.InstanceNorm3d(16), nn.ReLU())
        self.up = nn.ConvTranspose3d(16, 8, 2, stride=2)
        self.last = nn.Conv3d(24, 3, 3, padding=1)

    def forward(self, volume):
        first = self.first(volume)
        down = self.down(first)
        wide = functional.interpolate(functional.avg_pool3d(first, 2), scale_factor=2, mode="trilinear", align_corners=False)
        x = self.last(torch.cat([first, self.up(down), wide], 1))
        return functional.softmax(x, 1)


class PyramidPooling(nn.Module):
    """PSPNet's: adaptive averages of several sizes, back to the size of the image."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU6())
        self.branches = nn.ModuleList(nn.Sequential(nn.AdaptiveAvgPool2d(size), nn.Conv2d(24, 6, 1), nn.BatchNorm2d(6), nn.ReLU()) for size in (1, 2, 3, 6))
        self.head = nn.Conv2d(48, 5, 3, padding=1)

    def forward(self, image):
        x = self.stem(image)
        parts = [functional.interpolate(branch(x), size=x.shape[2:], mode="bilinear", align_corners=True) for branch in self.branches]
        x = self.head(torch.cat([x, *parts], 1))
        return functional.interpolate(x, size=image.shape[2:], mode="bicubic", align_corners=False)


class Attentive(nn.Module):
    """Squeeze and excitation, spatial attention by channel maxima, a non-local block, channel shuffling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, 2, 1)
        self.grouped = nn.Conv2d(24, 24, 3, padding=1, groups=3)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 6, 1), nn.ReLU(), nn.Conv2d(6, 24, 1), nn.Hardsigmoid())
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)
        self.theta, self.phi, self.g, self.out = nn.Conv2d(24, 12, 1), nn.Conv2d(24, 12, 1), nn.Conv2d(24, 12, 1), nn.Conv2d(12, 24, 1)

    def forward(self, image):
        x = functional.mish(self.stem(image))
        n, c, rows, columns = x.shape
        x = self.grouped(x).view(n, 3, c // 3, rows, columns).transpose(1, 2).reshape(n, c, rows, columns)
        x = x * self.squeeze(x)
        x = x * torch.sigmoid(self.spatial(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))
        theta, phi, g = (part(x).flatten(2) for part in (self.theta, self.phi, self.g))
        weights = torch.softmax(theta.transpose(1, 2) @ phi, -1)
        x = x + self.out((g @ weights.transpose(1, 2)).view(n, 12, rows, columns))
        return functional.normalize(x.flatten(1), dim=1), functional.glu(x, 1), x.std((2, 3))


class SpatialTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.locate = nn.Sequential(nn.Conv2d(1, 8, 7), nn.MaxPool2d(2), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(72, 6))
        self.features = nn.Conv2d(1, 10, 5)

    def forward(self, image):
        theta = self.locate(image).view(-1, 2, 3) * 0.1 + torch.tensor([[1.0, 0, 0], [0, 1, 0]])
        rows = torch.linspace(-1, 1, image.shape[2]).view(1, -1, 1).expand(1, -1, image.shape[3])
        columns = torch.linspace(-1, 1, image.shape[3]).view(1, 1, -1).expand(1, image.shape[2], -1)
        base = torch.stack([columns, rows, torch.ones_like(rows)], -1).view(1, -1, 3)
        grid = (base @ theta.transpose(1, 2)).view(-1, image.shape[2], image.shape[3], 2)
        return self.features(functional.grid_sample(image, grid, align_corners=False, padding_mode="border"))


class Variational(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(60, 40), nn.Softplus(), nn.BatchNorm1d(40), nn.Linear(40, 20))
        self.decoder = nn.Sequential(nn.Linear(10, 40), nn.SELU(), nn.Linear(40, 60), nn.Softsign())

    def forward(self, x, noise):
        mean, logarithm = self.encoder(x).chunk(2, 1)
        loss = -0.5 * torch.sum(1 + logarithm - mean.pow(2) - logarithm.exp(), 1)
        return self.decoder(mean + torch.exp(0.5 * logarithm) * noise), loss


class ConvLSTM(nn.Module):
    """A recurrent cell of convolutions, unrolled by the exporter."""

    def __init__(self):
        super().__init__()
        self.gates = nn.Conv2d(3 + 8, 32, 3, padding=1)

    def forward(self, frames):
        n, t, _, rows, columns = frames.shape
        h = c = torch.zeros(n, 8, rows, columns)
        for i in range(t):
            input_gate, forget, output, cell = self.gates(torch.cat([frames[:, i], h], 1)).chunk(4, 1)
            c = torch.sigmoid(forget) * c + torch.sigmoid(input_gate) * torch.tanh(cell)
            h = torch.sigmoid(output) * torch.tanh(c)
        return h, c


class Siamese(nn.Module):
    """One body for two images, their distances and similarity."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
                                  nn.Conv2d(16, 24, 3, padding=2, dilation=2), nn.PReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(24, 16))

    def forward(self, first, second):
        a, b = self.body(first), self.body(second)
        return functional.cosine_similarity(a, b), (a - b).norm(dim=1), torch.cat([a, b], 1).clamp(-1, 1)


class SpeechRecognizer(nn.Module):
    """Convolutions over a spectrogram, a GRU over time, log probabilities: CRNN's shape."""

    def __init__(self):
        super().__init__()
        self.convolutions = nn.Sequential(nn.Conv2d(1, 8, (11, 5), (2, 2), (5, 2)), nn.BatchNorm2d(8), nn.Hardtanh(0, 20), nn.Conv2d(8, 16, (11, 1), (2, 1), (5, 0)), nn.BatchNorm2d(16), nn.GELU())
        self.recurrent = nn.GRU(16 * 8, 24, bidirectional=True)
        self.head = nn.Linear(48, 29)

    def forward(self, spectrogram):
        x = self.convolutions(spectrogram)
        x = x.flatten(1, 2).permute(2, 0, 1)
        states, last = self.recurrent(x)
        return functional.log_softmax(self.head(states), -1), last


class SequenceToSequence(nn.Module):
    """Encoder, decoder, cross attention, by PyTorch's Transformer."""

    def __init__(self):
        super().__init__()
        self.transformer = nn.Transformer(32, 4, 2, 2, 64, batch_first=True)

    def forward(self, source, target):
        mask = torch.full((7, 7), float("-inf")).triu(1)
        return self.transformer(source, target, tgt_mask=mask)


class Manipulations(nn.Module):
    """Operators that are seldom: rolls, flips, cumulative sums, unfold, einsum, gathers, sorting, triangles."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 5))
        self.mix = nn.Linear(5, 5)

    def forward(self, x):
        rolled = torch.roll(x, (1, -2), (1, 2)).flip(2)
        running = torch.cumsum(self.mix(x), 1)
        product = torch.einsum("nij,kj->nki", x, self.weight)
        top, places = running.topk(3, dim=2)
        gathered = torch.gather(x, 2, places)
        patches = functional.unfold(x[:, None], 3, padding=1)
        lower = torch.tril(x @ x.transpose(1, 2))
        chosen = torch.where(x > 0.5, x.exp(), x.abs().sqrt())
        pooled = functional.lp_pool2d(chosen[:, None], 2, 2)
        return rolled, product, top + gathered, patches, lower, chosen.logsumexp(2), pooled, x.argmax(2).float(), x.var(1)
