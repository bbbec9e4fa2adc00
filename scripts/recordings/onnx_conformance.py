"""What ONNX's own backend tests led to: narrow integers, old operator sets, operators that choose by value."""

import numpy as np
import torch
import torch.nn.functional as F
import torchvision.ops

from onnx_elementwise import d, ints, normal, uniform
from onnx_writer import Constant

BFLOAT16 = 16


def i64(*values):
    return Constant(values, "int64")


def record_narrow_integers(r):
    """NumPy wraps them."""
    for dtype in ("uint8", "int8", "uint16", "int16"):
        limits = np.iinfo(dtype)
        a, b = (ints(limits.min, limits.max + 1, 3, 5, dtype=dtype) for _ in range(2))
        a[0, 0], b[0, 0] = limits.min, limits.max
        for operator, function in (("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply)):
            r.case(dtype, operator, [a, b], [function(a, b)])
        r.case(dtype, "Sum", [a, b, a], [a + b + a])
        powers = ints(0, 6, 3, 5, dtype=dtype)
        r.case(dtype, "Pow", [a, powers], [np.power(a, powers)])
        if limits.min < 0:
            r.case(dtype, "Neg", [a], [np.negative(a)])
            r.case(dtype, "Abs", [a], [np.abs(a)])
            r.case(dtype, "Div", [np.array([limits.min, 7, -7], dtype), np.array([-1, 2, 2], dtype)], [np.array([limits.min, 3, -3], dtype)])
        indices = ints(0, 3, 4, 5, dtype="int64")
        added = a.copy()
        updates = ints(limits.min, limits.max + 1, 4, 5, dtype=dtype)
        for row in range(4):
            for column in range(5):
                added[indices[row, column], column] += updates[row, column]
        r.case(dtype, "ScatterElements", [a, indices, updates], [added], axis=0, reduction="add")
        r.case(dtype, "Einsum", [a, b], [np.sum(a * b, axis=1, dtype=dtype)], equation="ij,ij->i")
    image = ints(0, 256, 1, 2, 5, 6, dtype="uint8")
    pooled = F.max_pool2d(d(image), 3, 2, 1).numpy().astype("uint8")
    r.case("uint8", "MaxPool", [image], [pooled], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


def record_integer_layers(r):
    """Operators that are mostly met with floats."""
    i, j = ints(-20, 20, 3, 4), ints(-20, 20, 4, 5)
    small = ints(0, 256, 2, 3, 4, dtype="uint8")
    signed = ints(-128, 128, 2, 3, 4, dtype="int8")
    flags = ints(0, 2, 3, 4).astype(bool)
    r.case("i32", "MatMul", [i, j], [i @ j])
    batch = ints(-9, 9, 2, 3, 4)
    r.case("i32-batch", "MatMul", [batch, j], [batch @ j])
    r.case("i32-vector", "MatMul", [i[0], j], [i[0] @ j])
    unsigned = ints(0, 2**31, 3, 3, dtype="uint32")
    r.case("u32", "MatMul", [unsigned, unsigned], [unsigned @ unsigned])
    r.case("i32", "Gemm", [i, j, j[0]], [i @ j + j[0]])
    r.case("i32-scaled", "Gemm", [i, i, j[:3, :3]], [2 * (i @ i.T) + 3 * j[:3, :3]], alpha=2.0, beta=3.0, transB=1)
    r.case("i32", "Relu", [i], [np.maximum(i, 0)], opset=14)
    slope = ints(1, 4, 4)
    r.case("i32", "PRelu", [i, slope], [np.where(i < 0, i * slope, i)])
    fours = ints(-9, 9, 3, 4) * 4
    r.case("i32", "ReduceMean", [fours, i64(1)], [fours.sum(1) // 4], keepdims=0)
    for operator, function in (("ReduceL1", lambda v: np.abs(v).sum(1)), ("ReduceSumSquare", lambda v: (v * v).sum(1)), ("ReduceProd", lambda v: v.prod(1)), ("ReduceMax", lambda v: v.max(1)), ("ReduceMin", lambda v: v.min(1))):
        r.case("i32", operator, [i, i64(1)], [function(i).astype("int32")], keepdims=0)
    squares = np.array([[3, 4], [6, 8]], "int32")
    r.case("i32", "ReduceL2", [squares, i64(1)], [np.array([5, 10], "int32")], keepdims=0)
    r.case("u8", "ReduceMax", [small, i64(2)], [small.max(2)], keepdims=0)
    r.case("i8", "ReduceMin", [signed, i64(0)], [signed.min(0)], keepdims=0)
    r.case("flags", "ReduceMax", [flags, i64(0)], [flags.max(0)], opset=20, keepdims=0)
    r.case("flags", "ReduceMin", [flags, i64(0)], [flags.min(0)], opset=20, keepdims=0)
    r.case("i32", "ArgMax", [i], [np.argmax(i, 1)], axis=1, keepdims=0)
    r.case("u8", "ArgMin", [small], [np.argmin(small, 2)], axis=2, keepdims=0)
    order = np.argsort(-i, 1, kind="stable")[:, :2]
    r.case("i32", "TopK", [i, i64(2)], [np.take_along_axis(i, order, 1), order])
    r.case("i32", "CumSum", [i, Constant(np.int32(1))], [np.cumsum(i, 1, dtype="int32")])
    r.case("i32", "Pad", [i, i64(1, 0, 0, 2), np.array(-7, "int32")], [np.pad(i, ((1, 0), (0, 2)), constant_values=-7)])
    r.case("i32-constant", "Pad", [i, i64(1, 0, 0, 2), Constant(np.int32(-7))], [np.pad(i, ((1, 0), (0, 2)), constant_values=-7)])
    r.case("flags", "Pad", [flags, i64(1, 0, 0, 2), Constant(np.array(True))], [np.pad(flags, ((1, 0), (0, 2)), constant_values=True)])
    r.case("u8", "Pad", [small, i64(0, 0, 1, 0, 0, 2)], [np.pad(small, ((0, 0), (0, 0), (1, 2)), mode="reflect")], mode="reflect")
    r.case("flags", "Trilu", [flags], [np.triu(flags)])
    r.case("i32", "Trilu", [i], [np.tril(i)], upper=0)
    r.case("flags", "Where", [flags, flags, ~flags], [np.ones_like(flags)])
    r.case("flags", "Concat", [flags, flags], [np.concatenate([flags, flags], 1)], axis=1)
    r.case("flags", "Slice", [flags, i64(1), i64(3), i64(0)], [flags[1:3]])
    r.case("flags", "Transpose", [flags], [flags.T])
    r.case("flags", "Tile", [flags, i64(2, 1)], [np.tile(flags, (2, 1))])
    r.case("flags", "Expand", [flags, i64(2, 3, 4)], [np.broadcast_to(flags, (2, 3, 4))])
    r.case("flags", "Gather", [flags, np.array([2, -1])], [flags[[2, -1]]])
    r.case("flags", "GatherElements", [flags, np.array([[0, 1, 2, -1]])], [np.take_along_axis(flags, np.array([[0, 1, 2, 2]]), 0)])
    r.case("flags", "GatherND", [flags, np.array([[0, 1], [2, 3]])], [flags[[0, 2], [1, 3]]])
    scattered = flags.copy()
    scattered[1] = True
    r.case("flags", "ScatterND", [flags, np.array([[1]]), np.ones((1, 4), bool)], [scattered])
    r.case("flags", "ScatterElements", [flags, np.full((1, 4), 1), np.ones((1, 4), bool)], [scattered])
    r.case("flags", "Equal", [flags, ~flags], [np.zeros_like(flags)])
    r.case("flags", "Compress", [flags, Constant(np.array([True, False, True]))], [flags[[0, 2]]], axis=0)
    r.case("flags", "EyeLike", [flags], [np.eye(3, 4, dtype=bool)], dtype=9)
    r.case("uint8-to-bool-like", "OneHot", [np.array([2, 0], "uint8"), Constant(np.int64(3)), np.array([5, 900], "int32")], [np.where(np.eye(3, dtype=bool)[[2, 0]], 900, 5).astype("int32")])
    r.case("i32", "Clip", [i, np.array(-3, "int32"), np.array(9, "int32")], [np.clip(i, -3, 9)])
    r.case("i32", "Sign", [i], [np.sign(i)])
    r.case("u8", "Max", [small, small[::-1]], [np.maximum(small, small[::-1])])
    r.case("u8", "Mod", [small, np.array(7, "uint8")], [small % 7])
    r.case("u8", "Greater", [small, small[::-1]], [small > small[::-1]])
    blocks = ints(0, 99, 1, 4, 1, 2)
    r.case("i32", "DepthToSpace", [blocks], [blocks.reshape(2, 2, 2).transpose(0, 2, 1).reshape(1, 1, 2, 4)], blocksize=2)
    image = ints(0, 256, 1, 1, 2, 3, dtype="uint8")
    r.case("uint8-nearest", "Resize", [image, None, None, i64(1, 1, 4, 6)], [image.repeat(2, 2).repeat(2, 3)], coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    linear = F.interpolate(d(image), (4, 5), mode="bilinear", align_corners=False).numpy()
    r.case("uint8-linear", "Resize", [image, None, None, i64(1, 1, 4, 5)], [np.trunc(linear).astype("uint8")], mode="linear")
    r.case("i8", "MaxPool", [signed[:, :, None]], [F.max_pool2d(d(signed[:, :, None]), (1, 2), 1).numpy().astype("int8")], kernel_shape=[1, 2])


def record_powers(r):
    """Exact modulo 2^32, where f32 is not."""
    base = np.array([3, -3, 7, -2, 1, -1, 0, 12345], "int32")
    powers = np.array([19, 19, 11, 31, 1000, 1001, 0, 7], "int32")
    exact = [pow(int(b), int(p)) for b, p in zip(base, powers)]
    wrapped = np.array([(value + 2**31) % 2**32 - 2**31 for value in exact]).astype("int32")
    r.case("large", "Pow", [base, powers], [wrapped])
    r.case("large-constant", "Pow", [base, Constant(powers)], [wrapped])
    fractions = np.array([0.5, 2.5, 0.75], "float32")
    whole = np.array([5, 3, 16], "int32")
    r.case("truncated", "Pow", [whole, fractions], [(whole.astype("float64") ** fractions).astype("int32")])


def record_bfloats(r):
    x = np.concatenate([normal(40), normal(20) * 1e30, normal(20) * 1e-30, np.array([3.4e38, 1 + 2**-8, 1 + 3 * 2**-8, -0.5, 0, np.inf])]).astype("float32")
    r.case("bfloat16", "Cast", [x], [torch.from_numpy(x).bfloat16().float()], to=BFLOAT16)


def record_old_operator_sets(r):
    a, b = normal(2, 3, 4, 5), normal(3, 4)
    along = b[None, :, :, None]
    for operator, function in (("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply), ("Div", np.divide)):
        r.case("axis", operator, [a, b], [function(a.astype("float64"), along)], opset=6, axis=1, broadcast=1)
    r.case("suffix", "Add", [a, normal(4, 5) * 0 + 2], [a.astype("float64") + 2], opset=1, broadcast=1, consumed_inputs=[0, 0])
    r.case("axis", "Greater", [a, b], [a > along], opset=1, axis=1, broadcast=1)
    slope = uniform(0, 1, 3)
    r.case("per-channel", "PRelu", [a, slope], [np.where(a > 0, a, a * slope.astype("float64")[:, None, None])], opset=6)
    x = normal(1, 2, 3, 4)
    r.case("one-axis", "Tile", [x, i64(3), i64(1)], [np.tile(x, (1, 3, 1, 1))], opset=1)
    r.case("paddings", "Pad", [x], [np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 3)), constant_values=1.5)], opset=1, paddings=[0, 0, 1, 2, 0, 0, 0, 3], value=1.5)
    r.case("height-width", "Upsample", [x], [x.repeat(2, 2).repeat(3, 3)], opset=1, height_scale=2.0, width_scale=3.0)
    across = np.clip(np.arange(8) / 2, 0, 3)
    low = np.floor(across).astype(int)
    wide = x.astype("float64")
    linear = wide[..., low] * (1 - across + low) + wide[..., np.minimum(low + 1, 3)] * (across - low)
    r.case("bilinear", "Upsample", [x], [linear], opset=1, mode="bilinear", height_scale=1.0, width_scale=2.0)
    r.case("default-axis", "Concat", [x, x], [np.concatenate([x, x], 1)], opset=3)
    r.case("named-type", "Cast", [x * 10], [(x * 10).astype("int32")], opset=5, to="INT32")
    scale, bias, mean, variance = uniform(0.5, 2, 2), normal(2), normal(2), uniform(0.5, 2, 2)
    statistics = [scale, bias, mean, variance]
    inference = F.batch_norm(d(x), *(d(v) for v in (mean, variance, scale, bias)), eps=1e-3)
    r.case("is-test", "BatchNormalization", [x, *statistics], [inference], opset=5, is_test=1, epsilon=1e-3, consumed_inputs=[0, 0, 0, 1, 1])
    trained = F.batch_norm(d(x), None, None, d(scale), d(bias), training=True, eps=1e-3)
    r.case("no-test", "BatchNormalization", [x, *statistics], [trained], opset=6, epsilon=1e-3)
    r.case("is-test", "Dropout", [x], [x], opset=6, is_test=1)
    r.case("mask-of-numbers", "Dropout", [x], [x, np.ones_like(x)], opset=7)
    r.case("nothing-to-drop", "Dropout", [x, Constant(np.float32(0)), Constant(np.array(True))], [x, np.ones(x.shape, bool)], opset=13)
    m, n, c = normal(2, 3), normal(3, 4), normal(4)
    r.case("broadcast", "Gemm", [m, n, c], [m.astype("float64") @ n + c], opset=6, broadcast=1)
    norm = (np.abs(x.astype("float64")) ** 2.5).sum((2, 3), keepdims=True) ** 0.4
    r.case("fractional", "GlobalLpPool", [x], [norm], opset=1, p=2.5)
    r.case("shape-attribute", "Reshape", [x], [x.reshape(2, 12)], opset=1, shape=[2, -1], consumed_inputs=[0])
    selu = np.where(x > 0, x, 1.6732 * np.expm1(x.astype("float64"))) * 1.0507
    r.case("old", "Selu", [x], [selu], opset=1)


def record_resizing(r):
    x = normal(1, 1, 1, 7)
    half = np.floor((np.arange(4) + 0.5) / (4 / 7)).astype(int)
    r.case("half-pixel-nn", "Resize", [x, None, None, i64(1, 1, 1, 4)], [x[..., half]], opset=11, coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="floor")
    # 0.6 of 7 elements are 4.2, of which there are 4 at distances of 6 / 3.2.
    scale = np.float32(0.6)
    positions = np.arange(4) * 6 / (7 * float(scale) - 1)
    linear = np.interp(positions, np.arange(7), x.reshape(-1)).reshape(1, 1, 1, 4)
    r.case("fractional-corners", "Resize", [x, None, Constant([1, 1, 1, scale], "float32")], [linear], opset=13, mode="linear", coordinate_transformation_mode="align_corners")
    value = np.array(2.5, "float32")
    r.case("computed-value", "Pad", [x, i64(0, 0, 1, -1, 0, 0, 0, 2), value], [np.pad(x[..., 1:], ((0, 0), (0, 0), (1, 0), (0, 2)), constant_values=2.5)])


def record_selection(r):
    x = normal(3, 4)
    x[0, 1] = x[2, 2] = x[2, 3] = 0
    r.case("matrix", "NonZero", [Constant(x)], [np.array(np.nonzero(x))])
    r.case("bools", "NonZero", [Constant(np.array([False, True, True]))], [np.array([[1, 2]])])
    keep = np.array([True, False, True])
    r.case("axis", "Compress", [x, Constant(keep)], [np.compress(keep, x, 0)], axis=0)
    r.case("negative", "Compress", [x, Constant(keep)], [np.compress(keep, x, -1)], axis=-1)
    r.case("flat", "Compress", [x, Constant(keep)], [np.compress(keep, x)])


def record_matrices(r):
    for name, shape in (("one", (1, 1)), ("matrix", (5, 5)), ("batch", (2, 3, 4, 4))):
        x = normal(*shape)
        r.case(name, "Det", [x], [np.linalg.det(x.astype("float64"))])
    singular = normal(3, 3)
    singular[:, 1] = 0
    r.case("singular", "Det", [singular], [np.array(0.0)])
    r.case("permuted", "Det", [np.array([[0, 0, 2], [3, 0, 0], [0, 5, 0]], "float32")], [np.array(30.0)])


def record_regions(r):
    x = normal(2, 3, 8, 10)
    corners = uniform(-2, 16, 5, 2)
    boxes = np.concatenate([corners, corners + uniform(0.2, 9, 5, 2)], 1).astype("float32")
    images = np.array([0, 1, 1, 0, 1], "int64")
    rois = torch.cat([d(images)[:, None], d(boxes)], 1)
    for name, aligned, opset in (("half-pixel", True, 16), ("old", False, 10)):
        expected = torchvision.ops.roi_align(d(x), rois, (3, 2), 0.5, 2, aligned)
        r.case(name, "RoiAlign", [x, boxes, images], [expected], opset=opset, output_height=3, output_width=2, sampling_ratio=2, spatial_scale=0.5)


def record_deformed(r):
    def case(name, image, weight, offset_groups=1, groups=1, bias=False, masked=False, reach=2.0, **window):
        stride, padding, dilation = (window.get(key, default) for key, default in (("strides", (1, 1)), ("pads", (0, 0)), ("dilations", (1, 1))))
        out = [(size + 2 * pad - step * (k - 1) - 1) // s + 1 for size, pad, step, k, s in zip(image[2:], padding, dilation, weight[2:], stride)]
        taps = weight[2] * weight[3]
        x, w = normal(*image), normal(*weight)
        offset = uniform(-reach, reach, image[0], 2 * offset_groups * taps, *out)
        b = normal(weight[0]) if bias else None
        mask = uniform(0, 1, image[0], offset_groups * taps, *out) if masked else None
        y = torchvision.ops.deform_conv2d(d(x), d(offset), d(w), None if b is None else d(b), stride, padding, dilation, None if mask is None else d(mask))
        attributes = {**window, "pads": [*padding, *padding], "group": groups, "offset_group": offset_groups}
        inputs = [x, Constant(w), offset, None if b is None else Constant(b), mask]
        while inputs[-1] is None:
            inputs.pop()
        r.case(name, "DeformConv", inputs, [y], opset=19, **attributes)

    case("plain", (1, 3, 6, 7), (4, 3, 3, 3))
    case("mask", (2, 4, 5, 6), (6, 4, 3, 3), bias=True, masked=True, pads=(1, 1))
    case("groups", (2, 4, 7, 8), (6, 2, 3, 3), groups=2, offset_groups=2, masked=True, pads=(1, 1), strides=(2, 1))
    case("window", (1, 6, 9, 8), (4, 6, 3, 2), offset_groups=3, bias=True, pads=(2, 1), dilations=(2, 3), strides=(1, 2))
    case("far", (1, 2, 4, 4), (2, 2, 1, 1), reach=9.0)


def record_caches(r):
    cache, update = normal(3, 2, 6, 4), normal(3, 2, 2, 4)
    starts = np.array([0, 3, 4], "int64")
    for mode, places in (("linear", starts), ("circular", np.array([5, 3, 0], "int64"))):
        y = cache.copy()
        for batch, start in enumerate(places):
            for step in range(2):
                y[batch, :, (start + step) % 6] = update[batch, :, step]
        r.case(mode, "TensorScatter", [cache, update, places], [y], opset=24, mode=mode)
    y = cache.copy()
    y[:, :, :, :3] = normal(3, 2, 6, 3)
    r.case("start", "TensorScatter", [cache, y[:, :, :, :3].copy()], [y], opset=24, axis=3)


def record_ngrams(r):
    rows = ints(0, 4, 3, 9)
    grams = [(0,), (2,), (3,), (1, 2), (0, 0), (3, 1), (2, 1, 0)]
    places = [4, 0, 1, 2, 6, 3, 7]
    weights = [0.5, 1.5, 2.0, 3.0, 0.25, 1.0, 4.0]

    def counted(row, shortest, longest, skips):
        result = np.zeros(8)
        for gram, place in zip(grams, places):
            if not shortest <= len(gram) <= longest:
                continue
            for step in range(1, (1 if len(gram) == 1 else skips + 1) + 1):
                for start in range(len(row) - (len(gram) - 1) * step):
                    result[place] += all(row[start + k * step] == word for k, word in enumerate(gram))
        return result

    weight_at = np.zeros(8)
    weight_at[places] = weights
    common = dict(pool_int64s=[word for gram in grams for word in gram], ngram_counts=[0, 3, 9], ngram_indexes=places)
    for name, mode, shortest, longest, skips in (("tf", "TF", 1, 3, 0), ("skips", "TF", 2, 3, 2), ("idf", "IDF", 1, 2, 1), ("tfidf", "TFIDF", 1, 2, 0)):
        found = np.stack([counted(row, shortest, longest, skips) for row in rows])
        expected = {"TF": found, "IDF": (found > 0) * weight_at, "TFIDF": found * weight_at}[mode]
        extra = {} if mode == "TF" else {"weights": weights}
        r.case(name, "TfIdfVectorizer", [rows], [expected], mode=mode, min_gram_length=shortest, max_gram_length=longest, max_skip_count=skips, **common, **extra)
    r.case("one-row", "TfIdfVectorizer", [rows[0]], [counted(rows[0], 1, 2, 0)], mode="TF", min_gram_length=1, max_gram_length=2, max_skip_count=0, **common)


def record_conformance(r):
    record_narrow_integers(r)
    record_integer_layers(r)
    record_powers(r)
    record_bfloats(r)
    record_old_operator_sets(r)
    record_resizing(r)
    record_selection(r)
    record_matrices(r)
    record_regions(r)
    record_ngrams(r)
    record_deformed(r)
    record_caches(r)
