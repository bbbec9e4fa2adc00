"""Movement ops, reductions, softmax and matrix products."""

import itertools
import math

import torch

from recorder import Recorder, U32, shape_name


def numbers(*shape):
    """Distinct values, so that a misplaced element shows."""
    return torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape) - 3.5


def subsets(rank):
    return [axes for size in range(1, rank + 1) for axes in itertools.combinations(range(rank), size)]


def record_movement():
    r = Recorder("movement")
    for shape, target in [([2, 3], [3, 2]), ([6], [1, 2, 3, 1]), ([2, 3, 5], [30]), ([], [1, 1]), ([1], []), ([0, 3], [3, 0, 2])]:
        x = numbers(*shape)
        r.case(f"{shape_name(shape)}-{shape_name(target)}", "reshape", [x], {"shape": target}, [x.reshape(target)])
    for shape in [[4], [2, 3], [2, 3, 5], [2, 1, 3, 2]]:
        for axes in itertools.permutations(range(len(shape))):
            x = numbers(*shape)
            r.case(f"{shape_name(shape)}-{shape_name(axes)}", "permute", [x], {"axes": axes}, [x.permute(axes)])
    x = numbers(2, 3, 1, 2, 3)
    r.case("rank5", "permute", [x], {"axes": [4, 2, 0, 3, 1]}, [x.permute(4, 2, 0, 3, 1)])
    x = torch.tensor([[True, False], [False, False]])
    r.case("bool", "permute", [x], {"axes": [1, 0]}, [x.permute(1, 0)])
    for shape, target in [([], [2, 3]), ([3], [2, 3]), ([2, 1], [2, 3]), ([1, 3, 1], [4, 3, 5]), ([2, 1, 1], [3, 2, 4, 5]), ([1], [0]), ([3], [2, 1, 2, 1, 3])]:
        x = numbers(*shape)
        r.case(f"{shape_name(shape)}-{shape_name(target)}", "broadcast", [x], {"shape": target}, [x.expand(target)])
    for shape, ranges in [
        ([7], [(1, 6, 2)]),
        ([7], [(6, None, -1)]),
        ([5, 7], [(0, 5, 1), (2, 7, 1)]),
        ([5, 7], [(4, None, -2), (5, 0, -3)]),
        ([3, 4, 5], [(1, 2, 1), (0, 4, 3), (4, None, -1)]),
        ([5], [(2, 2, 1)]),
        ([2, 3, 2, 3], [(0, 2, 1), (1, 3, 1), (1, 2, 1), (0, 3, 2)]),
    ]:
        x = numbers(*shape)
        y, start, size, step = x, [], [], []
        for axis, (first, end, by) in enumerate(ranges):
            positions = list(range(shape[axis]))[first:end:by]
            y = y.index_select(axis, torch.tensor(positions, dtype=torch.long))
            start.append(first), size.append(len(positions)), step.append(by)
        name = f"{shape_name(shape)}-{'_'.join(f'{a}.{b}.{c}' for a, b, c in zip(start, size, step))}"
        r.case(name, "slice", [x], {"start": start, "size": size, "step": step}, [y])
    for shapes, axis in [
        ([[3], [2]], 0),
        ([[2, 3], [5, 3]], 0),
        ([[2, 3], [2, 1], [2, 4]], 1),
        ([[2, 3, 5], [2, 1, 5]], 1),
        ([[1, 2, 3, 2], [1, 2, 3, 5]], 3),
        ([[0, 3], [2, 3]], 0),
        ([[4, 2]], 1),
    ]:
        operands = [numbers(*shape) + 100 * i for i, shape in enumerate(shapes)]
        name = "-".join(map(shape_name, shapes)) + f"-axis{axis}"
        r.case(name, "concat", operands, {"axis": axis}, [torch.cat(operands, axis)])
    integers = [torch.tensor([1, -2], dtype=torch.int32), torch.tensor([2**31 - 1], dtype=torch.int32)]
    r.case("i32", "concat", integers, {"axis": 0}, [torch.cat(integers)])
    for shape, padding, value in [
        ([3], [(1, 2)], 0.0),
        ([2, 3], [(0, 0), (2, 1)], 1.5),
        ([2, 3], [(3, 1), (0, 2)], -math.inf),
        ([1, 2, 3, 2], [(0, 0), (0, 1), (1, 0), (2, 2)], 0.0),
        ([0, 2], [(1, 1), (0, 0)], 7.0),
    ]:
        x = numbers(*shape)
        y = torch.nn.functional.pad(x, [n for pair in reversed(padding) for n in pair], value=value)
        r.case(f"{shape_name(shape)}-{'_'.join(shape_name(p) for p in padding)}", "pad", [x], {"padding": padding, "value": value}, [y])
    x = torch.tensor([5, -6], dtype=torch.int32)
    r.case("i32", "pad", [x], {"padding": [(1, 2)], "value": -9}, [torch.nn.functional.pad(x, (1, 2), value=-9)])
    # Negative positions count from the end.
    x = numbers(3, 5, 4)
    for axis in range(3):
        size = x.shape[axis]
        flat = torch.tensor([size - 1, 0, 1, 1], dtype=torch.int32)
        r.case(f"axis{axis}", "gather", [x, flat], {"axis": axis}, [x.index_select(axis, flat)])
        grid = torch.tensor([[-1, 0, -size], [1, 2, 0]], dtype=torch.int32)
        taken = x.index_select(axis, (grid.flatten() % size).int())
        shape = [*x.shape[:axis], 2, 3, *x.shape[axis + 1:]]
        r.case(f"axis{axis}-grid", "gather", [x, grid], {"axis": axis}, [taken.reshape(shape)])
    one = torch.tensor(2, dtype=torch.int32)
    r.case("scalar", "gather", [x, one], {"axis": 1}, [x[:, 2]])
    return r


FOLDS = {
    "sum": lambda x, axes, keep: x.sum(axes, keep),
    "mean": lambda x, axes, keep: x.mean(axes, keep),
    "reduce_max": lambda x, axes, keep: x.amax(axes, keep),
    "reduce_min": lambda x, axes, keep: x.amin(axes, keep),
}


def prod(x, axes, keep):
    for axis in reversed(axes):
        x = x.prod(axis, keep)
    return x


def record_reductions():
    r = Recorder("reduction")
    folds = {**FOLDS, "prod": prod}

    def fold(name, op, x, axes, keep=False):
        attributes = {"axes": list(axes), "keepDims": keep}
        y = folds[op](x.double() if x.dtype == torch.float32 else x, list(axes), keep)
        r.case(name, op, [x], attributes, [y.int() if x.dtype == torch.int32 else y])

    for op in folds:
        for shape in [[3], [1], [5, 7], [2, 3, 5], [1, 1, 1], [2, 3, 2, 3], [13, 17]]:
            x = torch.randn(shape)
            for axes in subsets(len(shape)):
                for keep in [False, True]:
                    fold(f"{shape_name(shape)}-axes{shape_name(axes)}{'-keep' if keep else ''}", op, x, axes, keep)
        fold("wide", op, torch.randn(3, 1009) * (0.03 if op == "prod" else 1) + (1 if op == "prod" else 0), [1])
        fold("tall", op, torch.randn(1009, 3) * (0.03 if op == "prod" else 1) + (1 if op == "prod" else 0), [0])
        # Products of many small numbers would be denormal, which GPUs may flush.
        fold("channels", op, torch.randn(3, 5, 7, 3) * 0.3 + (1 if op == "prod" else 0), [0, 2, 3])
        fold("rank5", op, torch.randn(2, 3, 1, 3, 2), [1, 3, 4])
        x = torch.randn(4, 11)
        x[1, 3], x[2, 0], x[3, 10] = math.nan, math.inf, -math.inf
        fold("special", op, x, [1])
        if op != "prod":
            fold("offset", op, torch.randn(4, 101) + 1e4, [1])
        if op != "mean":
            small = torch.randint(-9, 9, (5, 7), dtype=torch.int32)
            for axes in subsets(2):
                fold(f"i32-axes{shape_name(axes)}", op, small, axes)
            fold("i32-wrapping", op, torch.tensor([[2**31 - 1, 3, 2**30, 99991], [-(2**31), -1, 65537, 5], [99991, -99989, 99971, 99961]], dtype=torch.int32), [1])
            naturals = torch.tensor([[2**32 - 1, 2**31, 5], [4000000000, 1, 65537]])
            result = U32(folds[op](naturals, [1], False))
            r.case("u32", op, [U32(naturals)], {"axes": [1], "keepDims": False}, [result])
        if op in ["sum", "mean", "prod"]:
            fold("empty", op, torch.zeros(0, 3), [0])

    for op, function in [("argmax", torch.argmax), ("argmin", torch.argmin)]:
        def position(name, x, axis, keep=False):
            r.case(name, op, [x], {"axis": axis, "keepDims": keep}, [function(x, axis, keep).int()])

        for shape in [[3], [1], [5, 7], [2, 3, 5], [13, 17]]:
            x = torch.randn(shape)
            for axis in range(len(shape)):
                for keep in [False, True]:
                    position(f"{shape_name(shape)}-axis{axis}{'-keep' if keep else ''}", x, axis, keep)
        position("ties", torch.tensor([[1.0, 3, 3, 0, 0], [2, 2, 2, 2, 2], [-0.0, 0, -0.0, 0, 0]]), 1)
        n, i = math.nan, math.inf
        position("special", torch.tensor([[1, n, 2, n], [n, 1, i, 0], [i, 1, i, 0], [-i, -i, 0, 1], [-i, -i, -i, -i]]), 1)
        position("wide", torch.randn(3, 1009), 1)
        position("i32", torch.tensor([[5, -7, 5], [-(2**31), 2**31 - 1, 0]], dtype=torch.int32), 1)
    return r


def record_softmax():
    r = Recorder("softmax")
    n, i = math.nan, math.inf
    special = torch.tensor([[1e4, 9.99e3, -1e4], [-i, 0, 1], [-i, -i, -i], [i, 1, 2], [n, 1, 2], [1e30, -1e30, 0], [0, -0.0, 0]])
    for op in ["softmax", "log_softmax"]:
        function = getattr(torch, op)
        for shape in [[5], [1], [3, 7], [2, 3, 5], [2, 3, 2, 3], [13, 17]]:
            x = torch.randn(shape) * 3
            for axis in range(len(shape)):
                r.case(f"{shape_name(shape)}-axis{axis}", op, [x], {"axis": axis}, [function(x.double(), axis)])
        r.case("special", op, [special], {"axis": 1}, [function(special.double(), 1)])
        x = torch.randn(3, 1009)
        r.case("wide", op, [x], {"axis": 1}, [function(x.double(), 1)])
        x = torch.randn(4, 10) + 1e4
        r.case("offset", op, [x], {"axis": 1}, [function(x.double(), 1)])
    return r


def record_matmul():
    r = Recorder("matmul")
    for a, b in [
        ([1, 1], [1, 1]),
        ([2, 3], [3, 5]),
        ([1, 17], [17, 1]),
        ([7, 1], [1, 11]),
        ([13, 17], [17, 19]),
        ([64, 32], [32, 48]),
        ([33, 65], [65, 31]),
        ([4, 257], [257, 8]),
        ([1, 64], [64, 10]),
        ([2, 3, 4], [4, 5]),
        ([2, 3, 4], [2, 4, 5]),
        ([2, 3, 4], [1, 4, 5]),
        ([3, 4], [2, 4, 5]),
        ([2, 1, 3, 4], [3, 4, 2]),
        ([2, 3, 1, 2, 3], [1, 4, 3, 2]),
        ([2, 0], [0, 3]),
        ([0, 2], [2, 3]),
    ]:
        x, y = torch.randn(a), torch.randn(b)
        attributes = {"packing": None}
        r.case(f"{shape_name(a)}-{shape_name(b)}", "matmul", [x, y], attributes, [x.double() @ y.double()])
    x, y = torch.randn(5, 67) + 100, torch.randn(67, 6) + 100
    r.case("offset", "matmul", [x, y], {"packing": None}, [x.double() @ y.double()])
    return r
