"""ONNX layers with windows, normalisation and resampling: expected results from PyTorch in float64."""

import numpy as np
import torch
import torch.nn.functional as F

from onnx_elementwise import d, ints, normal, uniform
from onnx_structure import i64
from onnx_writer import Constant


def record_convolutions(r):
    x, w, b = normal(2, 4, 7, 8), normal(6, 4, 3, 3), normal(6)
    conv = lambda *a, **k: F.conv2d(*[d(v) for v in a], **k)
    r.case("default", "Conv", [x, w, b], [conv(x, w, b)])
    r.case("attributes", "Conv", [x, Constant(w)], [conv(np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 1))), w, stride=(2, 1), dilation=(1, 2))], kernel_shape=[3, 3], pads=[1, 0, 2, 1], strides=[2, 1], dilations=[1, 2])
    g = normal(6, 2, 3, 2)
    r.case("groups", "Conv", [x, g], [conv(x, g, groups=2)], group=2)
    r.case("same-upper", "Conv", [x, w], [conv(np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 1))), w, stride=2)], auto_pad="SAME_UPPER", strides=[2, 2])
    r.case("same-lower", "Conv", [x, w], [conv(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 0))), w, stride=2)], auto_pad="SAME_LOWER", strides=[2, 2])
    r.case("valid", "Conv", [x, w], [conv(x, w)], auto_pad="VALID")
    x1, w1 = normal(1, 2, 9), normal(3, 2, 3)
    r.case("1d", "Conv", [x1, w1], [F.conv1d(d(x1), d(w1), padding=1)], pads=[1, 1])
    x3, w3 = normal(1, 2, 4, 5, 3), normal(3, 2, 2, 2, 2)
    r.case("3d", "Conv", [x3, w3], [F.conv3d(d(x3), d(w3))])
    t, tb = normal(4, 3, 3, 3), normal(3)
    transposed = lambda *a, **k: F.conv_transpose2d(*[d(v) for v in a], **k)
    r.case("default", "ConvTranspose", [x, t, tb], [transposed(x, t, tb)])
    r.case("attributes", "ConvTranspose", [x, t], [transposed(x, t, stride=2, padding=1, output_padding=1, dilation=(2, 1))], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1], dilations=[2, 1])
    gt = normal(4, 3, 2, 2)
    r.case("groups", "ConvTranspose", [x, gt], [transposed(x, gt, groups=2, stride=(1, 3))], group=2, strides=[1, 3])
    r.case("asymmetric", "ConvTranspose", [x, t], [transposed(x, t)[:, :, 1:, : -2]], pads=[1, 0, 0, 2])
    full = transposed(x, t, stride=3)  # 21 × 24
    r.case("output-shape", "ConvTranspose", [x, t], [full[:, :, 1:, 1:]], strides=[3, 3], output_shape=[20, 23])
    three, one = np.arange(1, 4, dtype="float32").reshape(1, 1, 3), np.full((1, 1, 1), 2, "float32")
    longer = F.conv_transpose1d(d(three), d(one), stride=3, output_padding=2)
    r.case("output-shape-longer", "ConvTranspose", [three, one], [longer], strides=[3], output_shape=[9])
    full = transposed(x, t, stride=2)  # 15 × 17
    r.case("same-upper", "ConvTranspose", [x, t], [full[:, :, :-1, :-1]], strides=[2, 2], auto_pad="SAME_UPPER")
    r.case("same-lower", "ConvTranspose", [x, t], [full[:, :, 1:, 1:]], strides=[2, 2], auto_pad="SAME_LOWER")
    t1 = normal(2, 3, 4)
    r.case("1d", "ConvTranspose", [x1, t1], [F.conv_transpose1d(d(x1), d(t1), stride=2)], strides=[2])
    r.case("3d", "ConvTranspose", [x3, normal(2, 1, 2, 2, 2) * 0 + 1], [F.conv_transpose3d(d(x3), torch.ones(2, 1, 2, 2, 2).double())])
    columns = normal(1, 12, 9)
    folded = lambda v, size, k, **a: F.fold(d(v), size, k, **a)
    r.case("plain", "Col2Im", [columns, i64(5, 4), i64(3, 2)], [folded(columns, (5, 4), (3, 2))])
    strided = normal(2, 8, 12)
    r.case("attributes", "Col2Im", [strided, i64(6, 8), i64(2, 2)], [folded(strided, (6, 8), (2, 2), stride=2)], strides=[2, 2])
    wide = normal(2, 8, 15)
    r.case("dilated", "Col2Im", [wide, i64(6, 6), i64(2, 2)], [folded(wide, (6, 6), (2, 2), stride=(2, 1), padding=(1, 1), dilation=(2, 3))], strides=[2, 1], pads=[1, 1, 1, 1], dilations=[2, 3])


def record_pooling(r):
    x = normal(2, 3, 9, 8)
    pool = lambda *a, **k: F.max_pool2d(d(x), *a, **k)
    r.case("default", "MaxPool", [x], [pool((2, 3), 1)], kernel_shape=[2, 3])
    r.case("ceil", "MaxPool", [x], [pool(3, 2, 1, ceil_mode=True)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)
    r.case("dilated", "MaxPool", [x], [pool(3, 2, 1, dilation=2)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], dilations=[2, 2])
    far = lambda v, p: np.pad(v, ((0, 0), (0, 0), *p), constant_values=-np.inf)
    r.case("same-upper", "MaxPool", [x], [F.max_pool2d(d(far(x, ((0, 1), (0, 1)))), 2, 1)], kernel_shape=[2, 2], auto_pad="SAME_UPPER")
    r.case("same-lower", "MaxPool", [x], [F.max_pool2d(d(far(x, ((1, 0), (1, 0)))), 2, 1)], kernel_shape=[2, 2], auto_pad="SAME_LOWER")
    y, i = F.max_pool2d(d(x), 3, 2, 1, ceil_mode=True, return_indices=True)
    starts = torch.arange(6).reshape(2, 3, 1, 1) * 72
    attributes = dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)
    r.case("indices", "MaxPool", [x], [y, i + starts], **attributes)
    r.case("column-major", "MaxPool", [x], [y, (i % 8) * 9 + i // 8 + starts], storage_order=1, **attributes)
    z, k = F.max_pool2d(d(x), 2, 2, dilation=(1, 2), return_indices=True)
    r.case("indices-dilated", "MaxPool", [x], [z, k + starts], kernel_shape=[2, 2], strides=[2, 2], dilations=[1, 2])
    x1 = normal(1, 2, 10)
    r.case("1d", "MaxPool", [x1], [F.max_pool1d(d(x1), 3, 2)], kernel_shape=[3], strides=[2])
    average = lambda *a, **k: F.avg_pool2d(d(x), *a, **k)
    r.case("default", "AveragePool", [x], [average(2, 1)], kernel_shape=[2, 2])
    for include in (0, 1):
        r.case(f"pads{include}", "AveragePool", [x], [average(3, 2, 1, ceil_mode=True, count_include_pad=bool(include))], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=include)
    taps = sum(d(x)[:, :, a : a + 7, b : b + 6] for a in (0, 2) for b in (0, 2)) / 4
    r.case("dilated", "AveragePool", [x], [taps], opset=19, kernel_shape=[2, 2], dilations=[2, 2])
    lp = lambda v, p, k, s: (F.avg_pool2d(d(v).abs() ** p, k, s) * k * k) ** (1 / p)
    r.case("default", "LpPool", [x], [lp(x, 2, 3, 1)], kernel_shape=[3, 3])
    r.case("pads", "LpPool", [x], [lp(np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 1))), 3, 2, 2)], p=3, kernel_shape=[2, 2], strides=[2, 2], pads=[1, 2, 0, 1])
    r.case("ceil", "LpPool", [x], [lp(np.pad(x, ((0, 0), (0, 0), (0, 0), (0, 1))), 1, 3, 2)], p=1, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    r.case("plain", "GlobalAveragePool", [x], [d(x).mean((2, 3), keepdim=True)])
    r.case("plain", "GlobalMaxPool", [x], [d(x).amax((2, 3), keepdim=True)])
    r.case("default", "GlobalLpPool", [x], [(d(x) ** 2).sum((2, 3), keepdim=True).sqrt()])
    r.case("p", "GlobalLpPool", [x], [(d(x).abs() ** 3).sum((2, 3), keepdim=True) ** (1 / 3)], p=3)
    s = normal(2, 2, 4, 6)
    v, at = F.max_pool2d(d(s), 2, 2, return_indices=True)
    offset = at + torch.arange(4).reshape(2, 2, 1, 1) * 24
    r.case("plain", "MaxUnpool", [v, offset], [F.max_unpool2d(v, at, 2, 2)], kernel_shape=[2, 2], strides=[2, 2])
    r.case("shape", "MaxUnpool", [v, offset, i64(2, 2, 5, 7)], [F.pad(F.max_unpool2d(v, at, 2, 2), (0, 1, 0, 1))], kernel_shape=[2, 2], strides=[2, 2])


def record_normalization(r):
    x = normal(3, 4, 5, 2)
    t = d(x)
    gamma, beta, mean, var = normal(4), normal(4), normal(4), uniform(0.5, 2, 4)
    c = lambda v: d(v).reshape(1, -1, 1, 1)
    inference = (t - c(mean)) / torch.sqrt(c(var) + 1e-3) * c(gamma) + c(beta)
    r.case("inference", "BatchNormalization", [x, gamma, beta, mean, var], [inference], epsilon=1e-3)
    m, v = t.mean((0, 2, 3)), t.var((0, 2, 3), unbiased=False)
    y = (t - c(m)) / torch.sqrt(c(v) + 1e-5) * c(gamma) + c(beta)
    running = [0.9 * d(mean) + 0.1 * m, 0.9 * d(var) + 0.1 * v]
    r.case("training", "BatchNormalization", [x, gamma, beta, mean, var], [y, *running], training_mode=1)
    r.case("momentum", "BatchNormalization", [x, gamma, beta, mean, var], [y, 0.25 * d(mean) + 0.75 * m, 0.25 * d(var) + 0.75 * v], training_mode=1, momentum=0.25)
    r.case("old-training", "BatchNormalization", [x, gamma, beta, mean, var], [y, *running, m, v], opset=9)
    r.case("plain", "InstanceNormalization", [x, gamma, beta], [F.instance_norm(t, weight=d(gamma), bias=d(beta), eps=1e-5)])
    r.case("channels", "GroupNormalization", [x, gamma, beta], [F.group_norm(t, 2, d(gamma), d(beta), 1e-5)], opset=21, num_groups=2)
    g, h = normal(2), normal(2)
    r.case("groups", "GroupNormalization", [x, g, h], [F.group_norm(t, 2, d(g).repeat_interleave(2), d(h).repeat_interleave(2), 1e-5)], opset=18, num_groups=2)
    scale, shift = normal(5, 2), normal(5, 2)
    r.case("axis", "LayerNormalization", [x, scale, shift], [F.layer_norm(t, (5, 2), d(scale), d(shift), 1e-5)], axis=2)
    last = normal(2)
    mu = t.mean(-1, keepdim=True)
    inverse = 1 / torch.sqrt(t.var(-1, unbiased=False, keepdim=True) + 1e-2)
    r.case("statistics", "LayerNormalization", [x, last], [(t - mu) * inverse * d(last), mu, inverse], epsilon=1e-2)
    rms = lambda axes: t / torch.sqrt((t**2).mean(axes, keepdim=True) + 1e-5)
    r.case("default", "RMSNormalization", [x, last], [rms(-1) * d(last)], opset=23)
    r.case("axis", "RMSNormalization", [x, scale], [rms((2, 3)) * d(scale)], opset=23, axis=-2)
    r.case("default", "LRN", [x], [F.local_response_norm(t, 3, 1e-4, 0.75, 1)], size=3)
    r.case("attributes", "LRN", [x], [F.local_response_norm(t, 5, 0.5, 0.6, 2)], size=5, alpha=0.5, beta=0.6, bias=2.0)
    squares = F.pad(t**2, (0, 0, 0, 0, 0, 1))
    r.case("even", "LRN", [x], [t / (1 + 0.25 * (squares[:, :4] + squares[:, 1:])) ** 0.75], size=2, alpha=0.5)
    mvn = lambda axes: (t - t.mean(axes, keepdim=True)) / (t.var(axes, unbiased=False, keepdim=True).sqrt() + 1e-9)
    r.case("default", "MeanVarianceNormalization", [x], [mvn((0, 2, 3))])
    r.case("axes", "MeanVarianceNormalization", [x], [mvn((1, 2))], axes=[1, 2])
    r.case("default", "LpNormalization", [x], [t / t.norm(2, -1, keepdim=True)])
    r.case("p1", "LpNormalization", [x], [t / t.norm(1, 1, keepdim=True)], axis=1, p=1)
    zero = np.array([[0, 0], [3, 4]], "float32")
    r.case("zero", "LpNormalization", [zero], [np.array([[0, 0], [0.6, 0.8]])])


def record_resizing(r):
    x = normal(1, 2, 5, 6)
    t = d(x)
    scales = lambda *v: Constant(v, "float32")
    none = Constant([], "float32")
    up = lambda mode, size, **k: F.interpolate(t, size, mode=mode, **k)
    # 5 · 2.6 in f32 is 13, and 6.5 / 1.3 is 5.
    five = np.arange(5, dtype="float32").reshape(1, 1, 5)
    thirteen = F.interpolate(d(five), scale_factor=2.6, mode="nearest")
    r.case("rounded-length", "Resize", [five, None, scales(1, 1, 2.6)], [thirteen], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    r.case("nearest", "Resize", [x, None, scales(1, 1, 2, 2)], [up("nearest", (10, 12))], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    r.case("linear", "Resize", [x, none, none, i64(1, 2, 8, 11)], [up("bilinear", (8, 11), align_corners=False)], mode="linear")
    r.case("pytorch", "Resize", [x, none, none, i64(1, 2, 3, 4)], [up("bilinear", (3, 4), align_corners=False)], mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    r.case("corners", "Resize", [x, none, none, i64(1, 2, 8, 11)], [up("bilinear", (8, 11), align_corners=True)], mode="linear", coordinate_transformation_mode="align_corners")
    r.case("cubic", "Resize", [x, none, none, i64(1, 2, 8, 11)], [up("bicubic", (8, 11), align_corners=False)], mode="cubic")
    r.case("cubic-corners", "Resize", [x, none, none, i64(1, 2, 8, 3)], [up("bicubic", (8, 3), align_corners=True)], mode="cubic", coordinate_transformation_mode="align_corners")
    r.case("axes", "Resize", [x, None, None, i64(7, 9)], [up("bilinear", (7, 9), align_corners=False)], mode="linear", axes=[2, 3])
    r.case("old", "Resize", [x, scales(1, 1, 2, 3)], [up("nearest", (10, 18))], opset=10)
    line = np.arange(4, dtype="float32").reshape(1, 1, 4)
    rows = {"round_prefer_floor": [0, 1, 3], "round_prefer_ceil": [0, 2, 3], "floor": [0, 1, 2], "ceil": [1, 2, 3]}
    for mode, expected in rows.items():
        r.case(mode, "Resize", [line, None, None, i64(1, 1, 3)], [np.float32([[expected]])], mode="nearest", nearest_mode=mode)
    def reference(value, scale, coefficients, antialias=False, target=None, exclude=False, position=None):
        size = len(value)
        target = target or int(size * scale)
        out = []
        for i in range(target):
            at = position(i) if position else (i + 0.5) / scale - 0.5
            base = int(np.floor(at))
            offsets, weights = coefficients(at - base)
            inside = [0 <= base + o < size for o in offsets]
            if exclude:
                weights = [w if ok else 0 for w, ok in zip(weights, inside)]
            weights = np.array(weights) / np.sum(weights)
            out.append(sum(w * value[min(max(base + o, 0), size - 1)] for o, w in zip(offsets, weights)))
        return np.array(out)
    def cubic(a, scale=1.0):
        start = int(np.floor(-2 / scale) + 1)
        def weight(s):
            s = abs(s)
            if s <= 1:
                return (a + 2) * s**3 - (a + 3) * s**2 + 1
            return a * s**3 - 5 * a * s**2 + 8 * a * s - 4 * a if s < 2 else 0
        return lambda f: (range(start, 2 - start), [weight(scale * (o - f)) for o in range(start, 2 - start)])
    def linear(scale=1.0):
        start = int(np.floor(-1 / scale) + 1)
        return lambda f: (range(start, 2 - start), [max(0, 1 - abs(scale * (o - f))) for o in range(start, 2 - start)])
    v = normal(1, 1, 9)
    w = v[0, 0].astype("float64")
    s = lambda k: Constant([1, 1, k], "float32")
    r.case("exclude", "Resize", [v, None, s(2)], [reference(w, 2, cubic(-0.5), exclude=True)[None, None]], mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)
    r.case("antialias-linear", "Resize", [v, None, s(0.5)], [reference(w, 0.5, linear(0.5))[None, None]], mode="linear", antialias=1)
    r.case("antialias-cubic", "Resize", [v, None, s(0.5)], [reference(w, 0.5, cubic(-0.75, 0.5))[None, None]], mode="cubic", antialias=1)
    r.case("symmetric", "Resize", [v, None, s(0.4)], [reference(w, np.float32(0.4), linear(), position=lambda i: 4.5 * (1 - 3 / (np.float32(0.4) * 9)) + (i + 0.5) / np.float32(0.4) - 0.5)[None, None]], opset=19, mode="linear", coordinate_transformation_mode="half_pixel_symmetric")
    crop = [i * 0.75 * 8 / 4 + 0.5 * 8 for i in range(5)]
    expected = [np.interp(at, range(9), w) if at <= 8 else 7.0 for at in crop]
    r.case("crop", "Resize", [v, Constant([0, 0, 0.5, 1, 1, 1.25], "float32"), None, i64(1, 1, 5)], [np.array([[expected]])], mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=7.0)
    r.case("not-larger", "Resize", [x, None, None, i64(10, 9)], [up("bilinear", (8, 9), align_corners=False)], mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_larger")
    r.case("nearest", "Upsample", [x, scales(1, 1, 2, 2)], [up("nearest", (10, 12))], opset=9)
    r.case("attribute", "Upsample", [x], [up("nearest", (10, 12))], opset=7, scales=[1.0, 1.0, 2.0, 2.0])
    r.case("linear", "Upsample", [line, scales(1, 1, 2)], [np.float32([[[0, 0.5, 1, 1.5, 2, 2.5, 3, 3]]])], opset=9, mode="linear")


def record_sampling(r):
    x = normal(2, 3, 5, 6)
    grid = uniform(-1.4, 1.4, 2, 4, 3, 2)
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            for align in (0, 1):
                expected = F.grid_sample(d(x), d(grid), mode, padding, bool(align))
                r.case(f"{mode}-{padding}-{align}", "GridSample", [x, grid], [expected], opset=16, mode=mode, padding_mode=padding, align_corners=align)
    x3, grid3 = normal(1, 2, 3, 4, 3), uniform(-1.2, 1.2, 1, 2, 2, 3, 3)
    r.case("3d", "GridSample", [x3, grid3], [F.grid_sample(d(x3), d(grid3), align_corners=False)], opset=20, mode="linear")
    theta = normal(2, 2, 3)
    theta3 = normal(1, 3, 4)
    for align in (0, 1):
        r.case(f"2d-{align}", "AffineGrid", [theta, i64(2, 1, 3, 4)], [F.affine_grid(d(theta), (2, 1, 3, 4), bool(align))], opset=20, align_corners=align)
        r.case(f"3d-{align}", "AffineGrid", [theta3, i64(1, 1, 2, 3, 4)], [F.affine_grid(d(theta3), (1, 1, 2, 3, 4), bool(align))], opset=20, align_corners=align)


def record_layers(r):
    record_convolutions(r)
    record_pooling(r)
    record_normalization(r)
    record_resizing(r)
    record_sampling(r)
