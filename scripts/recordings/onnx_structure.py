"""ONNX operators that move, select, order and fold elements: expected results from NumPy."""

import numpy as np
import torch
import torch.nn.functional as F

from onnx_elementwise import d, ints, normal, rng, uniform
from onnx_writer import Constant

SMALLEST, LARGEST = -(2**63), 2**63 - 1


def i64(*values):
    return Constant(values, "int64")


def record_shapes(r):
    x = normal(2, 3, 4)
    r.case("infer", "Reshape", [x, i64(0, -1)], [x.reshape(2, 12)])
    r.case("zero", "Reshape", [x, i64(4, 0, 2)], [x.reshape(4, 3, 2)])
    r.case("attribute-less", "Reshape", [x, i64(24)], [x.reshape(24)])
    r.case("axis0", "Flatten", [x], [x.reshape(1, 24)], axis=0)
    r.case("default", "Flatten", [x], [x.reshape(2, 12)])
    r.case("negative", "Flatten", [x], [x.reshape(6, 4)], axis=-1, opset=13)
    y = normal(1, 3, 1, 4)
    r.case("all", "Squeeze", [y], [y.squeeze()])
    r.case("input", "Squeeze", [y, i64(-2)], [y.squeeze(2)], opset=13)
    r.case("attribute", "Squeeze", [y], [y.squeeze(0)], opset=11, axes=[0])
    r.case("input", "Unsqueeze", [x, i64(-1, 0)], [x[None, ..., None]], opset=13)
    r.case("attribute", "Unsqueeze", [x], [x[:, None, :, :, None]], opset=11, axes=[4, 1])
    r.case("plain", "Shape", [x], [np.array([2, 3, 4])])
    r.case("range", "Shape", [x], [np.array([3])], opset=15, start=-2, end=2)
    r.case("plain", "Size", [x], [np.array(24)])
    r.case("two-sided", "Expand", [y, i64(2, 1, 5, 1)], [np.broadcast_to(y, (2, 3, 5, 4))])
    r.case("shorter", "Expand", [y, i64(2, 4)], [np.broadcast_to(y, (1, 3, 2, 4))])
    r.case("plain", "Tile", [x, i64(2, 1, 3)], [np.tile(x, (2, 1, 3))])
    r.case("tensor", "Constant", [], [x], value=Constant(x))
    r.case("floats", "Constant", [], [np.array([1.5, 2.5], "float32")], value_floats=[1.5, 2.5])
    r.case("int", "Constant", [], [np.array(7)], value_int=7)
    r.case("ints", "Constant", [], [np.array([7, -8])], value_ints=[7, -8])
    r.case("float", "Constant", [], [np.array(0.25, "float32")], value_float=0.25)
    r.case("default", "ConstantOfShape", [i64(2, 3)], [np.zeros((2, 3), "float32")])
    r.case("value", "ConstantOfShape", [i64(2, 3)], [np.full((2, 3), 5, "int32")], value=Constant([5], "int32"))
    r.case("large", "ConstantOfShape", [i64(100, 200)], [np.full((100, 200), 1, "float32")], value=Constant([1], "float32"))
    f = lambda v: Constant(np.float32(v))
    r.case("float", "Range", [f(1), f(2.6), f(0.5)], [np.arange(1, 2.6, 0.5, dtype="float32")])
    n = lambda v: Constant(np.int64(v))
    r.case("int", "Range", [n(10), n(4), n(-2)], [np.arange(10, 4, -2)])
    r.case("plain", "Dropout", [x], [x], opset=13)
    r.case("mask", "Dropout", [x], [x, np.ones(x.shape, bool)], opset=13)
    r.case("old", "Dropout", [x], [x], opset=7, ratio=0.5)


def record_movement(r):
    x = normal(2, 3, 4)
    r.case("default", "Transpose", [x], [x.transpose()])
    r.case("perm", "Transpose", [x], [x.transpose(1, 2, 0)], perm=[1, 2, 0])
    y = normal(2, 1, 4)
    r.case("axis1", "Concat", [x, y, x], [np.concatenate([x, y, x], 1)], axis=1)
    r.case("negative", "Concat", [x, x], [np.concatenate([x, x], -1)], axis=-1)
    s = normal(6, 9)
    r.case("attributes", "Slice", [s], [s[1:5, -4:]], opset=9, starts=[1, -4], ends=[5, 1000], axes=[0, 1])
    r.case("steps", "Slice", [s, i64(1, 0), i64(6, LARGEST), i64(0, 1), i64(2, 3)], [s[1:6:2, ::3]])
    r.case("backwards", "Slice", [s, i64(-1), i64(SMALLEST), i64(1), i64(-2)], [s[:, ::-2]])
    r.case("backwards-part", "Slice", [s, i64(4, LARGEST), i64(0, 2), i64(0, -1), i64(-1, -3)], [s[4:0:-1, :2:-3]])
    r.case("far", "Slice", [s, i64(-100), i64(100)], [s])
    # A start in front of everything is clamped to the first element, in which NumPy differs.
    r.case("backwards-far", "Slice", [s, i64(-100), i64(SMALLEST), i64(0), i64(-1)], [s[:1]])
    r.case("equal", "Split", [s], [s[:, :3], s[:, 3:6], s[:, 6:]], opset=11, axis=1)
    r.case("sizes", "Split", [s, i64(2, 4)], [s[:2], s[2:]], opset=13)
    r.case("attribute", "Split", [s], [s[:1], s[1:]], opset=7, split=[1, 5])
    r.case("uneven", "Split", [s[:, :8]], [s[:, :3], s[:, 3:6], s[:, 6:8]], opset=18, axis=1, num_outputs=3)
    p = normal(4, 5)
    full = np.pad(p, ((0, 0), (1, 2)))[0:3]
    r.case("negative", "Pad", [p, i64(0, 1, -1, 2)], [full])
    unused = Constant(np.float32(1.5))
    r.case("negative-wrap", "Pad", [p, i64(-1, 0, 2, 1), unused], [np.pad(p[1:], ((0, 2), (0, 1)), mode="wrap")], opset=19, mode="wrap")
    r.case("value", "Pad", [p, i64(1, 0, 0, 2), Constant(np.float32(1.5))], [np.pad(p, ((1, 0), (0, 2)), constant_values=1.5)])
    r.case("old", "Pad", [p], [np.pad(p, ((1, 0), (0, 2)), constant_values=2)], opset=7, pads=[1, 0, 0, 2], value=2.0, mode="constant")
    r.case("axes", "Pad", [p, i64(1, 2), Constant(np.float32(0)), i64(-1)], [np.pad(p, ((0, 0), (1, 2)))])
    i = ints(0, 9, 3, 2)
    r.case("int", "Pad", [i, i64(1, 0, 0, 2), Constant(np.int32(-7))], [np.pad(i, ((1, 0), (0, 2)), constant_values=-7)])
    for mode in ("reflect", "edge", "wrap"):
        r.case(mode, "Pad", [p, i64(2, 1, 1, 3)], [np.pad(p, ((2, 1), (1, 3)), mode=mode)], opset=19, mode=mode)
        r.case(f"{mode}-negative", "Pad", [p, i64(-1, 1, 0, 0)], [np.pad(p, ((0, 0), (1, 0)), mode=mode)[1:]], opset=19, mode=mode)
    b = normal(2, 8, 2, 3)
    dcr = b.reshape(2, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(2, 2, 4, 6)
    crd = b.reshape(2, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 4, 6)
    r.case("dcr", "DepthToSpace", [b], [dcr], blocksize=2)
    r.case("crd", "DepthToSpace", [b], [crd], blocksize=2, mode="CRD")
    r.case("plain", "SpaceToDepth", [dcr], [b], blocksize=2)
    c = normal(5, 7, 3)
    r.case("crop", "CenterCropPad", [c, i64(2, 4, 3)], [c[1:3, 1:5]])
    r.case("pad", "CenterCropPad", [c, i64(8, 10)], [np.pad(c, ((0, 0), (0, 1), (3, 4)))], axes=[1, 2])
    r.case("identity", "CenterCropPad", [c, i64(5, 7, 6)], [np.pad(c, ((0, 0), (0, 0), (1, 2)))])
    q = normal(4, 3, 2)
    lengths = np.array([4, 1, 2])
    time_first = q.copy()
    for n, length in enumerate(lengths):
        time_first[:length, n] = q[:length, n][::-1]
    r.case("time0", "ReverseSequence", [q, lengths], [time_first])
    r.case("time1", "ReverseSequence", [q.transpose(1, 0, 2), lengths], [time_first.transpose(1, 0, 2)], time_axis=1, batch_axis=0)


def record_indexing(r):
    x = normal(3, 4, 5)
    i = np.array([[0, -1], [2, 1]])
    r.case("axis0", "Gather", [x, i], [x[i]])
    r.case("axis1", "Gather", [x, i], [np.take(x, i, 1)], axis=1)
    r.case("scalar", "Gather", [x, Constant(np.int64(2))], [x[:, :, 2]], axis=-1)
    e = ints(-4, 4, 2, 6, 5, dtype="int64")
    r.case("axis1", "GatherElements", [x, e], [np.take_along_axis(x[:2], e, 1)], axis=1)
    o = ints(0, 3, 4, 4, 5)
    r.case("axis0", "GatherElements", [x, o], [np.take_along_axis(x, o.astype("int64"), 0)])
    nd = np.array([[[0, 1], [-1, -1]], [[2, 3], [1, 0]]])
    r.case("partial", "GatherND", [x, nd], [x[nd[..., 0], nd[..., 1]]])
    full = np.array([[0, 1, 2], [2, -1, 4]])
    r.case("full", "GatherND", [x, full], [x[full[:, 0], full[:, 1], full[:, 2]]])
    batch = np.array([[[1], [0]], [[3], [3]], [[-1], [2]]])
    r.case("batch", "GatherND", [x, batch], [np.stack([x[n][batch[n, :, 0]] for n in range(3)])], batch_dims=1)
    data, updates = normal(3, 5), normal(2, 3)
    at = np.array([[0, 1, 2], [2, -1, 4]])
    unique = data.copy()
    for a in range(2):
        for b in range(3):
            unique[a, at[a, b]] = updates[a, b]
    r.case("axis1", "ScatterElements", [data, at, updates], [unique], axis=1)
    r.case("old", "Scatter", [data, at, updates], [unique], opset=9, axis=1)
    rows = np.array([[1, 0, 2], [0, 2, 1]])
    plain = data.copy()
    for a in range(2):
        for b in range(3):
            plain[rows[a, b], b] = updates[a, b]
    r.case("axis0", "ScatterElements", [data, rows, updates], [plain])
    functions = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    repeated = np.array([[1, 1, 1], [0, 1, 0]])
    for name, function in functions.items():
        out = data.astype("float64")
        integers = ints(-9, 9, 3, 5)
        integer_updates = ints(-9, 9, 2, 3)
        whole = integers.copy()
        for a in range(2):
            for b in range(3):
                out[a, repeated[a, b]] = function(out[a, repeated[a, b]], updates[a, b])
                whole[a, repeated[a, b]] = function(whole[a, repeated[a, b]], integer_updates[a, b])
        r.case(name, "ScatterElements", [data, repeated, updates], [out], axis=1, reduction=name)
        r.case(f"int-{name}", "ScatterElements", [integers, repeated, integer_updates], [whole], axis=1, reduction=name)
    target, index = normal(4, 3, 2), np.array([[1], [3]])
    slices = normal(2, 3, 2)
    result = target.copy()
    result[[1, 3]] = slices
    r.case("slices", "ScatterND", [target, index, slices], [result])
    points, values = np.array([[[0, 1], [3, -1]]]), normal(1, 2, 2)
    result = target.copy()
    result[0, 1], result[3, -1] = values[0, 0], values[0, 1]
    r.case("points", "ScatterND", [target, points, values], [result])
    twice = np.array([[1], [1]])
    for name, function in functions.items():
        out = target.astype("float64")
        for k in range(2):
            out[1] = function(out[1], slices[k])
        r.case(name, "ScatterND", [target, twice, slices], [out], reduction=name)
    hot = np.array([[0, -1], [2, 1]])
    values = np.array([-1, 5], "float32")
    expected = np.where(np.arange(3) == (hot % 3)[..., None], 5, -1).astype("float32")
    r.case("last", "OneHot", [hot, Constant(np.int64(3)), values], [expected])
    r.case("first", "OneHot", [hot, Constant(np.int64(3)), values], [expected.transpose(2, 0, 1)], axis=0)


def record_ordering(r):
    x = normal(3, 7)
    x[0, 2] = x[0, 5]
    def top(value, k, axis, largest):
        order = np.argsort(-value if largest else value, axis, kind="stable")
        order = np.take(order, range(k), axis)
        return np.take_along_axis(value, order, axis), order
    r.case("largest", "TopK", [x, i64(3)], top(x, 3, 1, True))
    r.case("smallest", "TopK", [x, i64(2)], top(x, 2, 0, False), axis=0, largest=0, sorted=0)
    r.case("old", "TopK", [x], top(x, 4, 1, True), opset=9, k=4)
    i = ints(-3, 3, 4, 9)
    r.case("int", "TopK", [i, i64(5)], top(i, 5, 1, True))
    wide = normal(2, 300)
    for operator, axis in (("plain", 1), ("first", 0)):
        r.case(operator, "CumSum", [x, Constant(np.int64(axis))], [np.cumsum(x.astype("float64"), axis)])
    total = np.cumsum(x.astype("float64"), 1)
    r.case("exclusive", "CumSum", [x, Constant(np.int64(-1))], [np.concatenate([np.zeros((3, 1)), total[:, :-1]], 1)], exclusive=1)
    back = np.cumsum(x.astype("float64")[:, ::-1], 1)[:, ::-1]
    r.case("reverse", "CumSum", [x, Constant(np.int64(1))], [back], reverse=1)
    r.case("both", "CumSum", [x, Constant(np.int64(1))], [np.concatenate([back[:, 1:], np.zeros((3, 1))], 1)], reverse=1, exclusive=1)
    r.case("long", "CumSum", [wide, Constant(np.int64(1))], [np.cumsum(wide.astype("float64"), 1)])
    r.case("int", "CumSum", [i, Constant(np.int64(0))], [np.cumsum(i, 0).astype("int32")])
    for k in (-1, 0, 2):
        r.case(f"upper{k}", "Trilu", [x, Constant(np.int64(k))], [np.triu(x, k)])
        r.case(f"lower{k}", "Trilu", [x, Constant(np.int64(k))], [np.tril(x, k)], upper=0)
    r.case("bool", "Trilu", [x > 0], [np.triu(x > 0)])
    r.case("default", "EyeLike", [x], [np.eye(3, 7, dtype="float32")])
    r.case("k", "EyeLike", [x], [np.eye(3, 7, k=-1, dtype="int32")], k=-1, dtype=6)


def record_reductions(r):
    x = uniform(0.5, 2, 2, 3, 4)
    functions = {
        "ReduceSum": np.sum, "ReduceMean": np.mean, "ReduceMax": np.max, "ReduceMin": np.min, "ReduceProd": np.prod,
        "ReduceL1": lambda v, axis=None, keepdims=False: np.sum(abs(v), axis, keepdims=keepdims),
        "ReduceL2": lambda v, axis=None, keepdims=False: np.sqrt(np.sum(v * v, axis, keepdims=keepdims)),
        "ReduceSumSquare": lambda v, axis=None, keepdims=False: np.sum(v * v, axis, keepdims=keepdims),
        "ReduceLogSum": lambda v, axis=None, keepdims=False: np.log(np.sum(v, axis, keepdims=keepdims)),
        "ReduceLogSumExp": lambda v, axis=None, keepdims=False: np.log(np.sum(np.exp(v), axis, keepdims=keepdims)),
    }  # fmt: skip
    w = x.astype("float64")
    for operator, function in functions.items():
        old = 11
        r.case("all", operator, [x], [function(w, axis=(0, 1, 2), keepdims=True)], opset=old)
        r.case("attribute", operator, [x], [function(w, axis=(0, 2))], opset=old, axes=[0, -1], keepdims=0)
        r.case("input", operator, [x, i64(1)], [function(w, axis=1, keepdims=True)])
        # Nothing is folded, but all else is done.
        r.case("noop", operator, [x], [function(w[..., None], axis=-1)], noop_with_empty_axes=1)
    i = ints(-9, 9, 3, 4)
    r.case("int", "ReduceSum", [i, i64(0)], [i.sum(0).astype("int32")], keepdims=0)
    r.case("int", "ReduceMax", [i, i64(1)], [i.max(1)], keepdims=0)
    r.case("int", "ReduceMin", [i, i64(1)], [i.min(1)], keepdims=0)
    r.case("int-mean", "ReduceMean", [i * 4, i64(1)], [np.trunc((i * 4).mean(1)).astype("int32")], keepdims=0)
    r.case("bool", "ReduceMax", [i > 5, i64(1)], [(i > 5).any(1)], opset=20, keepdims=0)
    far = np.array([[-np.inf, -np.inf], [1000, 1001], [-1000, -np.inf]], "float32")
    r.case("far", "ReduceLogSumExp", [far, i64(1)], [torch.logsumexp(d(far), 1)], keepdims=0)
    ties = ints(0, 3, 3, 6).astype("float32")
    for operator, function in (("ArgMax", np.argmax), ("ArgMin", np.argmin)):
        last = lambda axis: ties.shape[axis] - 1 - function(np.flip(ties, axis), axis)
        r.case("default", operator, [ties], [function(ties, 0)[None]])
        r.case("axis1", operator, [ties], [function(ties, 1)], axis=-1, keepdims=0)
        r.case("last", operator, [ties], [last(1)[:, None]], axis=1, select_last_index=1)


def record_matrices(r):
    a, b = normal(3, 4), normal(4, 5)
    A, B = a.astype("float64"), b.astype("float64")
    c = normal(5)
    r.case("plain", "Gemm", [a, b, c], [A @ B + c])
    r.case("attributes", "Gemm", [a.T.copy(), b.T.copy(), normal(3, 1) * 0 + 2], [0.5 * A @ B + 0.25 * 2], alpha=0.5, beta=0.25, transA=1, transB=1)
    r.case("no-bias", "Gemm", [a, b], [A @ B])
    for name, left, right in (("plain", (3, 4), (4, 5)), ("batch", (2, 1, 3, 4), (3, 4, 2)), ("vector", (4,), (2, 4, 3)), ("vectors", (4,), (4,)), ("right", (2, 3, 4), (4,))):
        p, q = normal(*left), normal(*right)
        r.case(name, "MatMul", [p, q], [np.asarray(p.astype("float64") @ q)])
    equations = {
        "matmul": ("ij,jk->ik", (3, 4), (4, 5)),
        "batch": ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
        "implicit": ("ij,jk", (3, 4), (4, 2)),
        "ellipsis": ("...ij,...jk->...ik", (2, 1, 3, 4), (3, 4, 2)),
        "outer": ("i,j->ji", (3,), (4,)),
        "attention": ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
        "transpose": ("ijk->kij", (2, 3, 4)),
        "sum": ("ij->", (3, 4)),
        "diagonal": ("ii->i", (4, 4)),
        "trace": ("bii->b", (2, 3, 3)),
        "three": ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
        "ellipsis-sum": ("b...->...", (2, 3, 4)),
        "hadamard": ("ij,ij->ij", (3, 4), (3, 4)),
    }  # fmt: skip
    for name, (equation, *shapes) in equations.items():
        values = [normal(*shape) for shape in shapes]
        r.case(name, "Einsum", values, [np.asarray(np.einsum(equation, *[v.astype("float64") for v in values]))], equation=equation)
    i, j = ints(-5, 5, 2, 3), ints(-5, 5, 3, 4)
    r.case("int", "Einsum", [i, j], [i @ j], equation="ij,jk->ik")


def record_generators(r):
    for operator, coefficients in (("HannWindow", [0.5, 0.5]), ("HammingWindow", [25 / 46, 21 / 46]), ("BlackmanWindow", [0.42, 0.5, 0.08])):
        for periodic in (0, 1):
            n = np.arange(10)
            turns = 2 * np.pi * n / (10 if periodic else 9)
            values = sum((-1) ** k * a * np.cos(k * turns) for k, a in enumerate(coefficients))
            r.case(f"periodic{periodic}", operator, [Constant(np.int64(10))], [values], periodic=periodic)
    edges = np.floor(17 * 700 * (10 ** ((np.arange(10) * 2595 * np.log10(1 + 4000 / 700) / 10) / 2595) - 1) / 8192).astype(int)
    mel = np.zeros((9, 8))
    for m in range(8):
        left, centre, right = edges[m], edges[m + 1], edges[m + 2]
        if centre == left:
            mel[centre, m] = 1
        else:
            for row in range(left, centre + 1):
                mel[row, m] = (row - left) / (centre - left)
        if right != centre:
            for row in range(centre, right):
                mel[row, m] = (right - row) / (right - centre)
    n = lambda v: Constant(np.int64(v))
    f = lambda v: Constant(np.float32(v))
    r.case("plain", "MelWeightMatrix", [n(8), n(16), n(8192), f(0), f(4000)], [mel])


def record_structure(r):
    record_shapes(r)
    record_movement(r)
    record_indexing(r)
    record_ordering(r)
    record_reductions(r)
    record_matrices(r)
    record_generators(r)
