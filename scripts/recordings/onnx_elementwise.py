"""Elementwise ONNX operators: expected results from PyTorch and NumPy in float64."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from onnx_writer import Constant as C

rng = np.random.default_rng(7)


def normal(*shape):
    return rng.standard_normal(shape).astype("float32")


def uniform(low, high, *shape):
    return rng.uniform(low, high, shape).astype("float32")


def ints(low, high, *shape, dtype="int32"):
    return rng.integers(low, high, shape).astype(dtype)


def d(x):
    return torch.from_numpy(np.asarray(x, dtype="float64"))


def record_unary(r):
    x = np.concatenate([normal(2, 11) * 2, np.array([[0.0, 0.5, -0.5, 1.5, 2.5, -1.5, 1, -1, 3, -3, 5]], "float32")])
    inside = uniform(-0.95, 0.95, 3, 5)
    above = uniform(1.05, 5, 3, 5)
    positive = uniform(0.1, 5, 3, 5)
    functions = {
        "Abs": x, "Ceil": x, "Floor": x, "Round": x, "Sign": x, "Neg": x, "Exp": x, "Sin": x, "Cos": x,
        "Tan": inside, "Sinh": x, "Cosh": x, "Tanh": x, "Erf": x, "Sigmoid": x, "Asin": inside, "Acos": inside,
        "Atan": x, "Asinh": x, "Acosh": above, "Atanh": inside, "Log": positive, "Sqrt": positive,
        "Reciprocal": positive,
    }  # fmt: skip
    for operator, value in functions.items():
        r.case("plain", operator, [value], [getattr(torch, operator.lower())(d(value))])
    for operator in ("Abs", "Neg", "Sign"):
        value = ints(-9, 9, 4, 3)
        r.case("int", operator, [value], [getattr(torch, operator.lower())(torch.from_numpy(value))])
    special = np.array([[1, np.nan, np.inf, -np.inf, 0, -3]], "float32")
    r.case("plain", "IsNaN", [special], [np.isnan(special)])
    r.case("plain", "IsInf", [special], [np.isinf(special)])
    r.case("positive", "IsInf", [special], [special == np.inf], detect_negative=0)
    r.case("negative", "IsInf", [special], [special == -np.inf], detect_positive=0)
    r.case("neither", "IsInf", [special], [np.zeros((1, 6), bool)], detect_positive=0, detect_negative=0)


def record_activations(r):
    x = np.concatenate([normal(3, 7) * 3, np.array([[0, -1, 1, 0.5, -0.5, 3, -3]], "float32")])
    t = d(x)
    r.case("plain", "Relu", [x], [F.relu(t)])
    r.case("default", "LeakyRelu", [x], [F.leaky_relu(t, 0.01)])
    r.case("alpha", "LeakyRelu", [x], [F.leaky_relu(t, 0.25)], alpha=0.25)
    y = normal(2, 3, 4, 5)
    slope = uniform(0.1, 0.5, 3, 1, 1)
    r.case("channels", "PRelu", [y, slope], [np.where(y > 0, y, y.astype("float64") * slope)])
    r.case("scalar", "PRelu", [y, C([0.25], "float32")], [np.where(y > 0, y, y * np.float64(0.25))])
    full = uniform(-1, 1, 2, 3, 4, 5)
    r.case("full", "PRelu", [y, full], [np.where(y > 0, y, y.astype("float64") * full)])
    r.case("default", "ThresholdedRelu", [x], [np.where(x > 1, x, 0)])
    r.case("alpha", "ThresholdedRelu", [x], [np.where(x > 0.5, x, 0)], alpha=0.5)
    r.case("default", "Elu", [x], [F.elu(t)])
    r.case("alpha", "Elu", [x], [F.elu(t, 2.0)], alpha=2.0)
    r.case("default", "Selu", [x], [F.selu(t)])
    r.case("attributes", "Selu", [x], [3 * F.elu(t, 2.0)], alpha=2.0, gamma=3.0)
    r.case("default", "Celu", [x], [F.celu(t)])
    r.case("alpha", "Celu", [x], [F.celu(t, 2.0)], alpha=2.0)
    r.case("default", "Gelu", [x], [F.gelu(t)], opset=20)
    tanh_gelu = 0.5 * t * (1 + torch.tanh(math.sqrt(2 / math.pi) * (t + 0.044715 * t**3)))
    r.case("tanh", "Gelu", [x], [tanh_gelu], opset=20, approximate="tanh")
    r.case("default", "HardSigmoid", [x], [(t * 0.2 + 0.5).clamp(0, 1)])
    r.case("attributes", "HardSigmoid", [x], [(t * 0.5 + 0.6).clamp(0, 1)], alpha=0.5, beta=0.6)
    r.case("plain", "HardSwish", [x], [F.hardswish(t)])
    r.case("plain", "Mish", [x], [F.mish(t)])
    r.case("plain", "Softplus", [x], [F.softplus(t)])
    wide = np.array([-200, -40, 0, 40, 200], "float32")
    r.case("wide", "Softplus", [wide], [F.softplus(d(wide), threshold=1000)])
    r.case("plain", "Softsign", [x], [F.softsign(t)])
    r.case("default", "Swish", [x], [F.silu(t)], opset=24)
    r.case("alpha", "Swish", [x], [t * torch.sigmoid(1.5 * t)], opset=24, alpha=1.5)
    shrink = lambda l, b: np.where(x < -l, x.astype("float64") + b, np.where(x > l, x.astype("float64") - b, 0))
    r.case("default", "Shrink", [x], [shrink(0.5, 0)])
    r.case("attributes", "Shrink", [x], [shrink(1, 1.5)], lambd=1.0, bias=1.5)
    z = normal(2, 3, 4)
    for operator, function in (("Softmax", torch.softmax), ("LogSoftmax", torch.log_softmax)):
        r.case("default", operator, [z], [function(d(z), -1)])
        r.case("axis0", operator, [z], [function(d(z), 0)], axis=0)
        r.case("old", operator, [z], [function(d(z).reshape(2, 12), 1).reshape(2, 3, 4)], opset=11)
        r.case("old-last", operator, [z], [function(d(z), -1)], opset=11, axis=-1)
    hard = lambda value, axis: F.one_hot(d(value).argmax(axis), value.shape[axis]).movedim(-1, axis).double()
    r.case("default", "Hardmax", [z], [hard(z, 2)])
    r.case("axis1", "Hardmax", [z], [hard(z, 1)], axis=1)
    r.case("old", "Hardmax", [z], [hard(z.reshape(2, 12), 1).reshape(2, 3, 4)], opset=11)


def record_arithmetic(r):
    a, b = normal(2, 3, 4), uniform(0.5, 2, 3, 1)
    i, j = ints(-20, 20, 3, 4), ints(1, 6, 4)
    functions = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
    for operator, function in functions.items():
        r.case("float", operator, [a, b], [function(a.astype("float64"), b)])
        integers = np.trunc(i / j).astype("int32") if operator == "Div" else function(i, j)
        r.case("int", operator, [i, j], [integers])
    for fmod in (0, 1):
        negative = ints(-6, -1, 4)
        function = np.fmod if fmod else np.mod
        r.case(f"int{fmod}", "Mod", [i, j], [function(i, j)], fmod=fmod)
        r.case(f"negative{fmod}", "Mod", [i, negative], [function(i, negative)], fmod=fmod)
    r.case("float", "Mod", [a, b], [np.fmod(a.astype("float64"), b)], fmod=1)
    base = uniform(0.2, 3, 2, 3)
    exponent = normal(3)
    r.case("float", "Pow", [base, exponent], [base.astype("float64") ** exponent])
    powers = ints(0, 5, 3)
    r.case("int-exponent", "Pow", [base, powers], [base.astype("float64") ** powers])
    integer_base = ints(-6, 7, 2, 3)
    r.case("int-base", "Pow", [integer_base, powers], [(integer_base.astype("int64") ** powers).astype("int32")])
    r.case("old", "Clip", [a], [np.clip(a, -0.5, 0.5)], opset=7, min=-0.5, max=0.5)
    low, high = np.array(-0.25, "float32"), np.array(0.75, "float32")
    r.case("both", "Clip", [a, low, high], [np.clip(a, low, high)])
    r.case("min", "Clip", [a, C(low)], [np.maximum(a, low)])
    r.case("max", "Clip", [a, None, C(high)], [np.minimum(a, high)])
    r.case("none", "Clip", [a], [a])
    r.case("int", "Clip", [i, C(np.int32(-3)), C(np.int32(5))], [np.clip(i, -3, 5)])
    c = normal(1, 3, 1)
    three = [a, b, c]
    wide = [value.astype("float64") for value in three]
    r.case("three", "Sum", three, [sum(wide)])
    r.case("three", "Mean", three, [sum(wide) / 3])
    r.case("three", "Max", three, [np.maximum(np.maximum(a, b), c)])
    r.case("three", "Min", three, [np.minimum(np.minimum(a, b), c)])
    for operator in ("Sum", "Mean", "Max", "Min"):
        r.case("one", operator, [a], [a])
    r.case("int", "Max", [i, j], [np.maximum(i, j)])
    r.case("int", "Min", [i, j], [np.minimum(i, j)])


def record_logic(r):
    a, b = ints(0, 3, 3, 4), ints(0, 3, 4)
    f, g = a.astype("float32"), b.astype("float32")
    functions = {
        "Equal": np.equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Less": np.less,
        "LessOrEqual": np.less_equal,
    }  # fmt: skip
    for operator, function in functions.items():
        r.case("int", operator, [a, b], [function(a, b)])
        r.case("float", operator, [f, g], [function(f, g)])
    p, q = a > 0, b > 1
    r.case("bool", "Equal", [p, q], [p == q])
    for operator, function in (("And", np.logical_and), ("Or", np.logical_or), ("Xor", np.logical_xor)):
        r.case("plain", operator, [p, q], [function(p, q)])
    r.case("plain", "Not", [p], [~p])
    r.case("float", "Where", [p, f, g], [np.where(p, f, g)])
    r.case("int", "Where", [q, a, C(np.int32(7))], [np.where(q, a, 7).astype("int32")])
    r.case("bool", "Where", [p, q, ~p], [np.where(p, q, ~p)])
    x, y = ints(-1000, 1000, 3, 4), ints(-1000, 1000, 4)
    for operator, function in (("BitwiseAnd", np.bitwise_and), ("BitwiseOr", np.bitwise_or), ("BitwiseXor", np.bitwise_xor)):
        r.case("int", operator, [x, y], [function(x, y)])
        r.case("uint32", operator, [x.astype("uint32"), y.astype("uint32")], [function(x.astype("uint32"), y.astype("uint32"))])
    r.case("int", "BitwiseNot", [x], [~x])
    bytes_ = ints(0, 256, 3, 4, dtype="uint8")
    r.case("uint8", "BitwiseNot", [bytes_], [~bytes_])
    r.case("int8", "BitwiseNot", [bytes_.astype("int8")], [~bytes_.astype("int8")])
    counts = ints(0, 9, 4, dtype="uint8")
    for direction, function in (("LEFT", np.left_shift), ("RIGHT", np.right_shift)):
        r.case(f"uint8-{direction}", "BitShift", [bytes_, counts], [function(bytes_, counts)], direction=direction)
        words, far = x.astype("uint32"), np.array([0, 5, 31, 40], "uint32")
        expected = np.where(far > 31, 0, function(words, far & 31)).astype("uint32")
        r.case(f"uint32-{direction}", "BitShift", [words, far], [expected], direction=direction)


def record_casts(r):
    x = np.array([[-2.7, -0.5, 0, 0.5, 1, 300.25]], "float32")
    r.case("int32", "Cast", [x], [np.trunc(x).astype("int32")], to=6)
    r.case("int64", "Cast", [x], [np.trunc(x).astype("int64")], to=7)
    r.case("bool", "Cast", [x], [x != 0], to=9)
    i = ints(-5, 5, 7)
    r.case("float", "Cast", [i], [i.astype("float32")], to=1)
    r.case("like-int", "CastLike", [x, i], [np.trunc(x).astype("int32")])
    r.case("like-bool", "CastLike", [i, i > 0], [i != 0])
    half = np.array([0.5, -1.25, 65504, 2**-24], "float16")
    r.case("float16", "Identity", [C(half)], [half.astype("float32")])
    r.case("float64", "Identity", [C([0.5, 1 / 3], "float64")], [np.array([0.5, 1 / 3], "float32")])
    r.case("int8", "Identity", [C([-128, 127], "int8")], [np.array([-128, 127], "int8")])
    r.case("input", "Identity", [x], [x])


def record_elementwise(r):
    record_unary(r)
    record_activations(r)
    record_arithmetic(r)
    record_logic(r)
    record_casts(r)
