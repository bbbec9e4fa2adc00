"""Whole modules: state before, inputs and outputs of each step, state after. Built the same way in TypeScript."""


import torch
from torch import nn

from recorder import Recorder


class ConvBatchNormReLU(nn.Sequential):
    def __init__(self, inputs, outputs, **options):
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs, **options), nn.ReLU())


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + identity)


class Shared(nn.Module):
    """One BatchNorm called twice in a forward pass: its statistics are updated twice."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 5)
        self.bn = nn.BatchNorm1d(5)

    def forward(self, x):
        return self.bn(self.fc(self.bn(self.fc(x))))


class Mixed(nn.Module):
    """A buffer registered before a parameter and a child before both: the state dict has an order of its own."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.register_buffer("shift", torch.randn(3))
        self.scale = nn.Parameter(torch.randn(3))

    def forward(self, x):
        return self.fc(x) * self.scale + self.shift


class Products(nn.Module):
    def forward(self, vector, matrix, batch):
        return [vector @ vector, matrix @ vector, vector @ matrix, batch @ vector, vector @ batch, matrix @ batch]


class Activations(nn.Module):
    def forward(self, x):
        return [
            nn.ReLU()(x),
            nn.ReLU6()(x),
            nn.LeakyReLU()(x),
            nn.Sigmoid()(x),
            nn.Tanh()(x),
            nn.SiLU()(x),
            nn.GELU()(x),
            nn.GELU(approximate="tanh")(x),
            nn.Hardswish()(x),
            nn.Hardsigmoid()(x),
            nn.Softmax(1)(x),
            nn.LogSoftmax(-1)(x),
        ]


class Shapes(nn.Module):
    def forward(self, x):
        return [
            x.flatten(1),
            x.flatten(0, 1),
            x.transpose(0, -1),
            x[:, 1],
            x[..., -3:-1],
            x[:, :, ::2],
            x.var(1),
            x.var((0, 2), unbiased=False, keepdim=True),
            x.mean((0, -1)),
            x.amax(2, keepdim=True),
            torch.stack([x, x * 2], 1),
            torch.cat([x, x[:, :1]], 1),
            nn.functional.pad(x, (1, 2, -1, 0), value=3.0),
            torch.where(x > 0, x, x * -2),
            x.reshape(-1, 2),
        ]


def record_modules(folder):
    r = Recorder("modules")
    index = []

    def module(name, build, *inputs, training=False, steps=1, warm=True):
        network = build()
        if warm:
            for key, value in network.state_dict().items():
                if key.endswith("running_mean"):
                    value.copy_(torch.randn(value.shape))
                elif key.endswith("running_var"):
                    value.copy_(torch.rand(value.shape) + 0.5)
                elif key.endswith(("bn.weight", "bn1.weight", "bn2.weight")):
                    value.copy_(torch.rand(value.shape) + 0.5)
        before = {key: r.store(f"{name}/before/{key}", value.clone()) for key, value in network.state_dict().items()}
        network = network.double().train(training)
        record = []
        with torch.no_grad():
            for step in range(steps):
                given = [torch.randn(shape) for shape in inputs]
                outputs = network(*(x.double() for x in given))
                outputs = outputs if isinstance(outputs, list) else [outputs]
                record.append(r.step(f"{name}/{step}", given, outputs))
        after = {key: r.store(f"{name}/after/{key}", value) for key, value in network.state_dict().items()}
        # Lists of pairs, because the order of a state dict is part of what is recorded.
        index.append({"id": name, "training": training, "before": list(before.items()), "steps": record, "after": list(after.items())})

    module("linear", lambda: nn.Linear(5, 3), [4, 5])
    module("linear-vector", lambda: nn.Linear(5, 3), [5])
    module("linear-no-bias", lambda: nn.Linear(5, 3, bias=False), [2, 3, 5])
    module("conv1d", lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), [2, 4, 9])
    module("conv2d-same", lambda: nn.Conv2d(2, 3, (4, 3), padding="same", dilation=(1, 2)), [1, 2, 7, 6])
    module("conv2d-valid", lambda: nn.Conv2d(2, 3, 3, padding="valid"), [1, 2, 5, 6])
    module("conv2d-unbatched", lambda: nn.Conv2d(2, 3, 3, padding=1), [2, 5, 6])
    module("conv3d", lambda: nn.Conv3d(2, 3, (1, 3, 2), padding=(0, 1, 0)), [1, 2, 3, 5, 4])
    for training in [False, True]:
        mode = "train" if training else "eval"
        steps = 3 if training else 1
        module(f"conv-bn-relu-{mode}", lambda: ConvBatchNormReLU(3, 5), [2, 3, 6, 6], training=training, steps=steps)
        module(f"conv-bn-relu-cumulative-{mode}", lambda: ConvBatchNormReLU(3, 4, momentum=None), [2, 3, 5, 5], training=training, steps=steps, warm=False)
        module(f"basic-block-{mode}", lambda: BasicBlock(4, 8, 2), [2, 4, 8, 8], training=training, steps=steps)
        module(f"basic-block-identity-{mode}", lambda: BasicBlock(4, 4, 1), [2, 4, 5, 5], training=training, steps=steps)
        module(f"mlp-{mode}", lambda: nn.Sequential(nn.Linear(7, 11), nn.BatchNorm1d(11), nn.ReLU(), nn.Linear(11, 3)), [5, 7], training=training, steps=steps)
        module(f"batch-norm-3d-{mode}", lambda: nn.BatchNorm3d(3, eps=1e-3, momentum=0.3), [2, 3, 2, 3, 2], training=training, steps=steps)
        module(f"batch-norm-plain-{mode}", lambda: nn.BatchNorm1d(4, affine=False, track_running_stats=False), [3, 4, 5], training=training, steps=steps)
        module(f"batch-norm-no-affine-{mode}", lambda: nn.BatchNorm2d(4, affine=False), [3, 4, 5, 2], training=training, steps=steps)
        module(f"shared-{mode}", Shared, [6, 5], training=training, steps=steps)
    module("mixed", Mixed, [2, 3])
    module("pools", lambda: nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False), nn.AdaptiveAvgPool2d((None, 2)), nn.Flatten()), [2, 3, 13, 12])
    module("products", Products, [4], [4, 4], [2, 4, 4])
    module("activations", Activations, [4, 9])
    module("shapes", Shapes, [2, 3, 5 + 1])

    return r.write_modules(folder, index)
