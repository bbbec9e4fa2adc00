"""Elementwise ops: ordinary values, special values, large values, integers, broadcasting."""

import math

import torch
import torch.nn.functional as F

from recorder import Recorder, U32, shape_name

INF, NAN = math.inf, math.nan

# Function, and the range its ordinary inputs come from.
UNARY = {
    "neg": (torch.neg, (-9, 9)),
    "abs": (torch.abs, (-9, 9)),
    "sign": (torch.sign, (-9, 9)),
    "floor": (torch.floor, (-9, 9)),
    "ceil": (torch.ceil, (-9, 9)),
    "round": (torch.round, (-9, 9)),
    "trunc": (torch.trunc, (-9, 9)),
    "exp": (torch.exp, (-9, 9)),
    "expm1": (torch.expm1, (-2, 2)),
    "log": (torch.log, (0.001, 50)),
    "log1p": (torch.log1p, (-0.99, 2)),
    "sqrt": (torch.sqrt, (0, 50)),
    "rsqrt": (torch.rsqrt, (0.01, 50)),
    "reciprocal": (torch.reciprocal, (0.1, 9)),
    "sin": (torch.sin, (-9, 9)),
    "cos": (torch.cos, (-9, 9)),
    "tan": (torch.tan, (-1.5, 1.5)),
    "asin": (torch.asin, (-1, 1)),
    "acos": (torch.acos, (-1, 1)),
    "atan": (torch.atan, (-9, 9)),
    "sinh": (torch.sinh, (-5, 5)),
    "cosh": (torch.cosh, (-5, 5)),
    "asinh": (torch.asinh, (-9, 9)),
    "acosh": (torch.acosh, (1, 9)),
    "atanh": (torch.atanh, (-0.99, 0.99)),
    "tanh": (torch.tanh, (-5, 5)),
    "erf": (torch.erf, (-4, 4)),
    "sigmoid": (torch.sigmoid, (-9, 9)),
    "relu": (F.relu, (-9, 9)),
    "silu": (F.silu, (-9, 9)),
    "hardswish": (F.hardswish, (-5, 5)),
    "hardsigmoid": (F.hardsigmoid, (-5, 5)),
}
ROUNDING = ["floor", "ceil", "round", "trunc"]
INTEGER_UNARY = ["neg", "abs", "sign", "relu"]
BINARY = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "rem": torch.fmod,
    "pow": torch.pow,
    "max": torch.maximum,
    "min": torch.minimum,
}
INTEGER_BINARY = {**BINARY, "div": lambda a, b: torch.div(a, b, rounding_mode="trunc")}
COMPARISON = {name: getattr(torch, name) for name in ["eq", "ne", "lt", "le", "gt", "ge"]}
LOGICAL = {"and": torch.logical_and, "or": torch.logical_or, "xor": torch.logical_xor}

SPECIAL = torch.tensor([0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 0.5, -0.5, 1e-3, -1e-3, 3.0, -3.0, 6.0, 2.0, -2.0])
HALVES = torch.tensor([0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5, -3.5, 0.49999997, -0.49999997, 8388607.5, 1e20, -0.25])
LARGE = torch.tensor([30.0, -30.0, 88.0, -88.0, 104.0, -104.0, 1e4, -1e4, 1e30, -1e30, 1e-30, -1e-30])
INTEGERS = torch.tensor([0, 1, -1, 2, -7, 7, 100, -100, 65536, 46341, 2**31 - 1, -(2**31)], dtype=torch.int32)
DIVISORS = torch.tensor([3, -3, 1, -2, 2, 7, 100, 9, -65536, 46341, 5, 2], dtype=torch.int32)
NATURALS = torch.tensor([0, 1, 2, 7, 65536, 2**31, 2**32 - 1, 3000000000], dtype=torch.int64)
NATURAL_DIVISORS = torch.tensor([5, 1, 7, 2, 65537, 2**31, 10, 4000000000], dtype=torch.int64)

BROADCASTS = [
    ([], []),
    ([3], []),
    ([], [2, 3]),
    ([3], [2, 1]),
    ([2, 3], [3]),
    ([4, 1, 5], [3, 1]),
    ([2, 3, 1, 1], [3, 5, 7]),
    ([1, 3, 1, 5], [2, 1, 4, 1]),
    ([2, 1, 3, 1, 2], [4, 1, 5, 1]),
    ([2, 3, 2, 3, 2], [1]),
    ([0, 3], [1, 3]),
]


def uniform(shape, low, high):
    return torch.rand(shape) * (high - low) + low


def record(recorder, name, op, function, *operands, **attributes):
    inputs = [x.double() if x.dtype == torch.float32 else x for x in operands]
    recorder.case(name, op, operands, attributes, [function(*inputs)])


def record_u32(recorder, name, op, function, *operands, **attributes):
    result = function(*operands)
    recorder.case(name, op, list(map(U32, operands)), attributes, [result if result.dtype == torch.bool else U32(result)])


def record_elementwise():
    r = Recorder("elementwise")
    for op, (function, (low, high)) in UNARY.items():
        record(r, "ordinary", op, function, uniform([5, 7], low, high))
        record(r, "special", op, function, SPECIAL)
        record(r, "large", op, function, LARGE)
        if op in ROUNDING:
            record(r, "halves", op, function, HALVES)
        if op in INTEGER_UNARY:
            record(r, "i32", op, function, INTEGERS)
    record_u32(r, "u32", "neg", lambda x: -x, NATURALS)
    record(r, "special", "isnan", torch.isnan, SPECIAL)
    record(r, "bool", "not", torch.logical_not, torch.tensor([True, False]))

    pairs = torch.cartesian_prod(SPECIAL, SPECIAL)
    for op, function in BINARY.items():
        a = uniform([5, 7], 0.1, 5) if op == "pow" else torch.randn(5, 7)
        record(r, "ordinary", op, function, a, torch.randn(5, 7) * 3)
        record(r, "special", op, function, pairs[:, 0].clone(), pairs[:, 1].clone())
        if op != "pow":
            record(r, "i32", op, INTEGER_BINARY[op], INTEGERS, DIVISORS)
            record_u32(r, "u32", op, INTEGER_BINARY[op], NATURALS, NATURAL_DIVISORS)
    for op, function in COMPARISON.items():
        record(r, "ordinary", op, function, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[2.0], [3.0]]))
        record(r, "special", op, function, pairs[:, 0].clone(), pairs[:, 1].clone())
        record(r, "i32", op, function, INTEGERS, DIVISORS)
        record_u32(r, "u32", op, function, NATURALS, NATURAL_DIVISORS)
        record(r, "bool", op, function, torch.tensor([True, False]), torch.tensor([[True], [False]]))
    for op, function in LOGICAL.items():
        record(r, "table", op, function, torch.tensor([True, False]), torch.tensor([[True], [False]]))
    for a, b in BROADCASTS:
        name = f"broadcast-{shape_name(a)}-{shape_name(b)}"
        record(r, name, "add", torch.add, torch.randn(a), torch.randn(b))
        record(r, name, "sub", torch.sub, torch.randn(b), torch.randn(a))
    record_attributed(r)
    record_bits(r)
    return r


def record_bits(r):
    bitwise = {"bit_and": torch.bitwise_and, "bit_or": torch.bitwise_or, "bit_xor": torch.bitwise_xor}
    for op, function in bitwise.items():
        record(r, "i32", op, function, INTEGERS, DIVISORS)
        record_u32(r, "u32", op, function, NATURALS, NATURAL_DIVISORS)
    record(r, "i32", "bit_not", torch.bitwise_not, INTEGERS)
    record_u32(r, "u32", "bit_not", torch.bitwise_not, NATURALS)
    counts = torch.tensor([0, 1, 2, 5, 8, 13, 16, 21, 27, 30, 31, 4], dtype=torch.int32)
    record(r, "i32", "shift_left", torch.bitwise_left_shift, INTEGERS, counts)
    record(r, "i32", "shift_right", torch.bitwise_right_shift, INTEGERS, counts)
    natural_counts = torch.tensor([0, 1, 2, 7, 16, 31, 31, 3])
    record_u32(r, "u32", "shift_right", torch.bitwise_right_shift, NATURALS, natural_counts)


def record_attributed(r):
    ordinary = torch.randn(5, 7) * 3
    for slope in [0.01, 0.2, 0.0]:
        for name, x in [("ordinary", ordinary), ("special", SPECIAL), ("large", LARGE)]:
            record(r, f"{name}-{slope}", "leaky_relu", lambda x: F.leaky_relu(x, slope), x, slope=slope)
    bounds = [(-1.0, 2.0), (0.0, 6.0), (None, 1.5), (-0.5, None), (2.0, -1.0), (-INF, 0.0)]
    for low, high in bounds:
        for name, x in [("ordinary", ordinary), ("special", SPECIAL), ("large", LARGE)]:
            record(r, f"{name}-{low}-{high}", "clamp", lambda x: torch.clamp(x, low, high), x, min=low, max=high)
    record(r, "i32", "clamp", lambda x: torch.clamp(x, -5, 70000), INTEGERS, min=-5, max=70000)
    record_u32(r, "u32", "clamp", lambda x: torch.clamp(x, 3, 3000000000), NATURALS, min=3, max=3000000000)
    for approximate in ["none", "tanh"]:
        for name, x in [("ordinary", ordinary), ("special", SPECIAL), ("large", LARGE)]:
            record(r, f"{name}-{approximate}", "gelu", lambda x: F.gelu(x, approximate=approximate), x, approximate=approximate)

    floats = torch.tensor([0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 100.99, -7.0, 16777217.0, 2147483520.0, -2147483648.0])
    record(r, "f32-i32", "cast", lambda x: x.int(), floats, dtype="i32")
    record(r, "f32-bool", "cast", lambda x: x.bool(), SPECIAL, dtype="bool")
    record(r, "f32-f32", "cast", lambda x: x, SPECIAL, dtype="f32")
    naturals = torch.tensor([0.0, 0.9, 1.5, 255.99, 3e9, 4294967040.0])
    r.case("f32-u32", "cast", [naturals], {"dtype": "u32"}, [U32(naturals.long())])
    rounding = torch.tensor([0, 1, -1, 16777217, 16777219, -16777217, 2**31 - 1, -(2**31)], dtype=torch.int32)
    record(r, "i32-f32", "cast", lambda x: x.float(), rounding, dtype="f32")
    record(r, "i32-bool", "cast", lambda x: x.bool(), INTEGERS, dtype="bool")
    r.case("i32-u32", "cast", [INTEGERS], {"dtype": "u32"}, [U32(INTEGERS.long())])
    r.case("u32-i32", "cast", [U32(NATURALS)], {"dtype": "i32"}, [NATURALS.int()])
    r.case("u32-f32", "cast", [U32(NATURALS)], {"dtype": "f32"}, [NATURALS.float()])
    booleans = torch.tensor([True, False, True])
    record(r, "bool-f32", "cast", lambda x: x.float(), booleans, dtype="f32")
    record(r, "bool-i32", "cast", lambda x: x.int(), booleans, dtype="i32")

    condition = torch.rand(5, 7) > 0.5
    record(r, "ordinary", "where", torch.where, condition, torch.randn(5, 7), torch.randn(5, 7))
    record(r, "broadcast", "where", torch.where, condition[:, :1].clone(), torch.randn(7), torch.tensor(2.0))
    record(r, "special", "where", torch.where, SPECIAL > 0, SPECIAL, SPECIAL.flip(0))
    record(r, "i32", "where", torch.where, INTEGERS > 0, INTEGERS, DIVISORS)
