"""Batch normalisation in inference and in training, through PyTorch's layers."""

import torch
from torch import nn

from recorder import Recorder, shape_name

LAYERS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
SHAPES = [
    [4, 3],
    [13, 7],
    [2, 1],
    [3, 5, 7],
    [1, 4, 11],
    [2, 1, 5],
    [2, 3, 4, 4],
    [1, 8, 5, 3],
    [3, 17, 7, 5],
    [2, 1, 3, 3],
    [5, 2, 1, 1],
    [2, 3, 2, 3, 5],
    [1, 2, 3, 1, 2],
]


def layer(shape, eps, momentum, tracked, state):
    module = LAYERS[len(shape)](shape[1], eps=eps, momentum=momentum, track_running_stats=tracked).double()
    weight, bias, mean, variance, batches = state
    with torch.no_grad():
        module.weight.copy_(weight), module.bias.copy_(bias)
        if tracked:
            module.running_mean.copy_(mean), module.running_var.copy_(variance)
            module.num_batches_tracked.fill_(batches)
    return module


def random_state(channels, batches=0, fresh=False):
    if fresh:
        return torch.ones(channels), torch.zeros(channels), torch.zeros(channels), torch.ones(channels), batches
    return torch.randn(channels), torch.randn(channels), torch.randn(channels), torch.rand(channels) + 0.1, batches


def record_batch_norm():
    r = Recorder("batch-norm")

    def inference(name, x, eps=1e-5, state=None):
        weight, bias, mean, variance, _ = state = state or random_state(x.shape[1])
        module = layer(x.shape, eps, 0.1, True, state).eval()
        r.case(name, "batch_norm", [x, mean, variance, weight, bias], {"eps": eps}, [module(x.double())])

    def training(name, x, eps=1e-5, momentum=0.1, tracked=True, state=None, offset=None):
        weight, bias, mean, variance, batches = state = state or random_state(x.shape[1])
        module = layer(x.shape, eps, momentum, tracked, state).train()
        seen = x.double()
        axes = [axis for axis in range(x.dim()) if axis != 1]
        statistics = [seen.mean(axes), 1 / torch.sqrt(seen.var(axes, unbiased=False) + eps)]
        if offset is not None:
            seen = seen + offset.double().reshape([-1] + [1] * (x.dim() - 2))
        results = [module(seen), *statistics]
        operands = [x, weight, bias]
        if tracked:
            operands += [mean, variance, torch.tensor(batches, dtype=torch.int32)]
            results += [module.running_mean, module.running_var, module.num_batches_tracked.int()]
        attributes = {
            "eps": eps,
            "momentum": momentum,
            "tracked": tracked,
            "meanOffset": offset is not None,
            "singleValue": "error",
            "lowering": "undecided",
            "reason": "",
        }
        r.case(name, "batch_norm_training", operands + ([] if offset is None else [offset]), attributes, results)

    for shape in SHAPES:
        name = shape_name(shape)
        inference(name, torch.randn(shape))
        training(name, torch.randn(shape))
        training(f"{name}-untracked", torch.randn(shape), tracked=False)
    for rank, shape in [(2, [31, 3]), (3, [4, 3, 29]), (4, [4, 3, 7, 11]), (5, [2, 3, 5, 3, 7])]:
        state = random_state(3, fresh=True)
        training(f"offset-1e4-{rank}d", torch.randn(shape) + 1e4, state=state)
        inference(f"offset-1e4-{rank}d", torch.randn(shape) + 1e4, state=(*state[:2], torch.full([3], 1e4), *state[3:]))
    x = torch.randn(4, 5, 3, 3)
    for batches in [0, 1, 2, 9]:
        training(f"cumulative-{batches}", torch.randn(4, 5, 3, 3), momentum=None, state=random_state(5, batches))
    for momentum in [0.0, 0.01, 0.5, 1.0]:
        training(f"momentum-{momentum}", x, momentum=momentum)
    for eps in [1e-3, 1e-12, 0.5]:
        training(f"eps-{eps}", x, eps=eps)
        inference(f"eps-{eps}", x, eps=eps)
    constant = torch.full([3, 2, 4, 4], 5.0)
    training("constant-input", constant)
    training("fresh", torch.randn(2, 3, 4, 4), state=random_state(3, fresh=True))
    training("wide-map", torch.randn(1, 2, 37, 41))
    for shape in [[7, 3], [2, 4, 5], [2, 3, 4, 4]]:
        training(f"mean-offset-{shape_name(shape)}", torch.randn(shape), offset=torch.randn(shape[1]))
    training("mean-offset-cumulative", torch.randn(3, 2, 2, 2), momentum=None, state=random_state(2, 3), offset=torch.randn(2))
    return r
