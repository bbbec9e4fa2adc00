"""Convolutions and pools in one to three dimensions."""

import math

import torch
import torch.nn.functional as F

from recorder import Recorder, shape_name

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


def pairs(padding, rank):
    """An int, or one int or pair a dimension, as pairs."""
    if isinstance(padding, int):
        return [(padding, padding)] * rank
    return [(p, p) if isinstance(p, int) else tuple(p) for p in padding]


def every(value, rank):
    return [value] * rank if isinstance(value, int) else list(value)


def padded(x, padding, value=0.0):
    return F.pad(x, [n for pair in reversed(padding) for n in pair], value=value)


def record_conv():
    r = Recorder("conv")

    def conv(name, x_shape, w_shape, stride=1, padding=0, dilation=1, groups=1, offset=0.0):
        rank = len(w_shape) - 2
        x, w = torch.randn(x_shape) + offset, torch.randn(w_shape)
        pads = pairs(padding, rank)
        attributes = {
            "kernel": list(w_shape[2:]),
            "stride": every(stride, rank),
            "padding": pads,
            "dilation": every(dilation, rank),
            "groups": groups,
            "packing": None,
        }
        y = CONV[rank](padded(x.double(), pads), w.double(), None, every(stride, rank), 0, every(dilation, rank), groups)
        r.case(f"{rank}d-{name}", "conv", [x, w], attributes, [y])

    conv("plain", [2, 3, 11], [5, 3, 3])
    conv("same", [1, 4, 13], [4, 4, 5], padding=2)
    conv("stride-dilation", [2, 3, 17], [4, 3, 3], stride=2, padding=1, dilation=2)
    conv("depthwise", [1, 5, 11], [5, 1, 3], groups=5)
    conv("asymmetric", [1, 2, 7], [3, 2, 4], padding=[(1, 2)])
    conv("pointwise", [2, 7, 5], [3, 7, 1])

    conv("plain", [1, 3, 8, 8], [4, 3, 3, 3])
    conv("same", [2, 3, 7, 9], [5, 3, 3, 3], padding=1)
    conv("stride2", [1, 4, 11, 11], [6, 4, 3, 3], stride=2, padding=1)
    conv("stem", [1, 3, 23, 23], [8, 3, 7, 7], stride=2, padding=3)
    conv("stride-larger-than-kernel", [1, 2, 11, 13], [3, 2, 2, 2], stride=3)
    conv("stride-mixed", [1, 2, 9, 11], [3, 2, 3, 2], stride=[1, 3], padding=[0, 1])
    conv("asymmetric", [1, 3, 7, 6], [4, 3, 3, 2], padding=[(0, 1), (2, 0)])
    conv("even-kernel", [1, 3, 8, 8], [4, 3, 4, 4], padding=[(1, 2), (1, 2)])
    conv("dilation", [1, 2, 11, 13], [3, 2, 3, 3], padding=2, dilation=2)
    conv("dilation-mixed", [1, 2, 13, 11], [3, 2, 3, 2], dilation=[3, 1])
    conv("groups", [2, 6, 7, 7], [9, 2, 3, 3], padding=1, groups=3)
    conv("depthwise", [1, 7, 9, 9], [7, 1, 3, 3], padding=1, groups=7)
    conv("depthwise-multiplier", [1, 3, 8, 8], [6, 1, 3, 3], stride=2, padding=1, groups=3)
    conv("pointwise", [2, 16, 5, 5], [24, 16, 1, 1])
    conv("pointwise-stride", [1, 5, 9, 9], [7, 5, 1, 1], stride=2)
    conv("one-channel", [1, 1, 13, 11], [1, 1, 5, 3], padding=[2, 1])
    conv("primes", [3, 13, 11, 7], [17, 13, 3, 3], padding=1)
    conv("vectors", [1, 32, 8, 8], [32, 32, 3, 3], padding=1)
    conv("one-output", [2, 4, 3, 3], [5, 4, 3, 3])
    conv("kernel-larger-than-input", [1, 2, 3, 3], [3, 2, 5, 5], padding=2)
    conv("one-by-n", [1, 3, 6, 9], [4, 3, 1, 7], padding=[0, 3])
    conv("offset", [1, 3, 6, 6], [4, 3, 3, 3], padding=1, offset=1e3)

    conv("plain", [1, 2, 5, 6, 7], [3, 2, 3, 3, 3])
    conv("same-stride", [2, 3, 5, 5, 7], [4, 3, 3, 3, 3], stride=[1, 2, 2], padding=1)
    conv("depthwise", [1, 3, 4, 5, 5], [3, 1, 2, 3, 3], groups=3)
    conv("dilation", [1, 2, 7, 7, 5], [2, 2, 2, 3, 2], padding=[1, 0, (0, 1)], dilation=2)
    return r


def record_pools():
    r = Recorder("pool")

    def pool(op, name, shape, kernel, stride=None, padding=0, dilation=1, ceil=False, include=True, offset=0.0):
        rank = len(shape) - 2
        x = torch.randn(shape) + offset
        kernel, pads = every(kernel, rank), pairs(padding, rank)
        stride = kernel if stride is None else every(stride, rank)
        symmetric = all(before == after for before, after in pads)
        source = x.double() if symmetric else padded(x.double(), pads, -math.inf if op == "max_pool" else 0.0)
        own = [before for before, _ in pads] if symmetric else 0
        attributes = {"kernel": kernel, "stride": stride, "padding": pads, "dilation": every(dilation, rank), "ceilMode": ceil}
        if op == "max_pool":
            y = MAX_POOL[rank](source, kernel, stride, own, every(dilation, rank), ceil)
        else:
            attributes["countIncludePad"] = include
            y = AVG_POOL[rank](source, kernel, stride, own, ceil, include)
        r.case(f"{rank}d-{name}", op, [x], attributes, [y])

    for op in ["max_pool", "avg_pool"]:
        pool(op, "halves", [2, 3, 12], 2)
        pool(op, "ceil-odd", [1, 3, 11], 3, 2, ceil=True)
        pool(op, "halves", [2, 3, 8, 8], 2)
        pool(op, "resnet", [1, 4, 11, 11], 3, 2, 1)
        pool(op, "odd", [1, 3, 7, 9], 2)
        pool(op, "ceil-odd", [1, 3, 7, 9], 2, ceil=True)
        pool(op, "ceil-padded", [1, 2, 7, 8], 3, 2, 1, ceil=True)
        pool(op, "ceil-window-in-padding-only", [1, 1, 4, 4], 2, 3, 1, ceil=True)
        pool(op, "ceil-larger-than-input", [1, 2, 2, 3], 3, 2, ceil=True)
        pool(op, "overlapping", [1, 3, 7, 7], 3, 1, 1)
        pool(op, "mixed", [1, 3, 9, 11], [3, 2], [2, 1], [1, 0])
        pool(op, "global", [2, 5, 6, 7], [6, 7])
        pool(op, "one", [1, 3, 4, 4], 1)
        pool(op, "primes", [3, 17, 13, 11], 3, 2)
        pool(op, "asymmetric", [1, 2, 6, 7], 3, 2, [(0, 1), (1, 0)])
        pool(op, "negative", [1, 2, 7, 7], 3, 2, 1, offset=-50.0)
        pool(op, "plain", [1, 2, 5, 6, 7], 2)
        pool(op, "ceil-padded", [1, 2, 5, 5, 6], 3, 2, 1, ceil=True)
    pool("max_pool", "dilation", [1, 3, 11, 13], 3, 2, 1, dilation=2)
    pool("max_pool", "dilation-ceil", [1, 2, 10, 11], [2, 3], 2, 1, dilation=[3, 2], ceil=True)
    pool("max_pool", "dilation", [1, 2, 13], 2, 1, 1, dilation=3)
    for name, shape, kernel, stride, padding, ceil in [
        ("padded", [1, 3, 11, 11], 3, 2, 1, False),
        ("ceil", [1, 2, 7, 8], 3, 2, 1, True),
        ("padded", [1, 3, 11], 4, 3, 2, False),
        ("ceil", [1, 2, 5, 5, 6], 3, 2, 1, True),
    ]:
        pool("avg_pool", f"exclude-{name}", shape, kernel, stride, padding, ceil=ceil, include=False)
    x = torch.randn(1, 2, 6, 6)
    x[0, 0, 1, 1], x[0, 1, 2, 3], x[0, 1, 4, 4] = math.nan, math.inf, -math.inf
    window = {"kernel": [3, 3], "stride": [2, 2], "padding": [(1, 1), (1, 1)], "dilation": [1, 1], "ceilMode": False}
    r.case("2d-special", "max_pool", [x], window, [F.max_pool2d(x.double(), 3, 2, 1)])
    r.case("2d-special", "avg_pool", [x], {**window, "countIncludePad": True}, [F.avg_pool2d(x.double(), 3, 2, 1)])

    for shape, size in [
        ([2, 3, 11], [4]),
        ([1, 3, 7, 7], [1, 1]),
        ([2, 5, 7, 9], [3, 4]),
        ([1, 2, 5, 5], [5, 5]),
        ([1, 2, 3, 4], [5, 7]),
        ([1, 2, 5, 6, 7], [2, 1, 3]),
        ([3, 64, 8, 8], [1, 1]),
    ]:
        x = torch.randn(shape)
        y = ADAPTIVE[len(size)](x.double(), size)
        r.case(f"{shape_name(shape)}-{shape_name(size)}", "adaptive_avg_pool", [x], {"outputSize": size}, [y])
    return r
