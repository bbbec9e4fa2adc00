"""Scattering and the order of elements, as PyTorch computes them."""

import math

import torch

from recorder import Recorder
from shapes import shape_name

REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def distinct_positions(shape, axis, size):
    """Positions that name no element twice: which of two writes is the last is not PyTorch's to say."""
    scores = torch.rand([size if i == axis else n for i, n in enumerate(shape)])
    return scores.argsort(axis).narrow(axis, 0, shape[axis])


def record_placement():
    r = Recorder("placement")

    def scatter(name, x, axis, index, updates, reduction, whole=None):
        """`whole`: the index as PyTorch needs it, where one position serves a whole slice."""
        whole = index if whole is None else whole
        data, source = (x.double(), updates.double()) if x.dtype == torch.float32 else (x, updates)
        if reduction == "none":
            y = data.scatter(axis, whole, source)
        else:
            y = data.scatter_reduce(axis, whole, source, REDUCTIONS[reduction], include_self=True)
        attributes = {"axis": axis, "reduction": reduction}
        r.case(name, "scatter", [x, index.int(), updates], attributes, [y])

    for reduction in ["none", *REDUCTIONS]:
        for shape, axis, count in [([9], 0, 5), ([1], 0, 1), ([200], 0, 31), ([7, 5], 0, 4), ([4, 90], 1, 60), ([3, 11, 4], 1, 8), ([2, 3, 65], 2, 64), ([130, 16], 0, 17)]:
            of = [count if i == axis else size for i, size in enumerate(shape)]
            index = distinct_positions(of, axis, shape[axis]) if reduction == "none" else torch.randint(0, shape[axis], of)
            x, updates = torch.randn(shape), torch.randn(of)
            scatter(f"{reduction}-{shape_name(shape)}-axis{axis}", x, axis, index, updates, reduction)
        x, updates = torch.randint(-99, 99, (40, 6), dtype=torch.int32), torch.randint(-99, 99, (12, 6), dtype=torch.int32)
        rows = torch.randperm(40)[:12].reshape(12, 1)
        scatter(f"{reduction}-i32-rows", x, 0, rows, updates, reduction, rows.expand(12, 6))
    x = torch.tensor([1.0, math.nan, 3, -math.inf, 5])
    for reduction in ["add", "max", "min"]:
        scatter(f"{reduction}-special", x, 0, torch.tensor([0, 1, 2, 3]), torch.tensor([math.nan, 2, math.inf, 4]), reduction)
    flags = torch.rand(30) < 0.5
    index = torch.randperm(30)[:9]
    r.case("none-bool", "scatter", [flags, index.int(), ~flags[:9]], {"axis": 0, "reduction": "none"}, [flags.scatter(0, index, ~flags[:9])])

    def order(name, x, axis, k, largest):
        positions = x.sort(dim=axis, descending=largest, stable=True).indices.narrow(axis, 0, k)
        r.case(name, "topk", [x], {"axis": axis, "k": k, "largest": largest}, [positions.int()])

    for largest in [True, False]:
        which = "largest" if largest else "smallest"
        for shape, axis, k in [([1], 0, 1), ([7], 0, 3), ([100], 0, 100), ([1000], 0, 10), ([5, 33], 1, 33), ([33, 5], 0, 4), ([2, 67, 3], 1, 20), ([3, 4], 1, 0)]:
            order(f"{which}-{shape_name(shape)}-axis{axis}-{k}", torch.randn(shape), axis, k, largest)
        order(f"{which}-ties", torch.randint(0, 5, (4, 90)).float(), 1, 90, largest)
        order(f"{which}-special", torch.tensor([0.0, math.nan, -0.0, math.inf, 1, -math.inf, math.nan, 1]), 0, 8, largest)
        order(f"{which}-i32", torch.randint(-9, 9, (3, 70), dtype=torch.int32), 1, 70, largest)
    return r
