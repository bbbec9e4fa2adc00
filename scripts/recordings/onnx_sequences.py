"""ONNX operators on sequences and quantised tensors: recurrent layers, attention, losses, transforms."""

import numpy as np
import torch
import torch.nn.functional as F

from onnx_elementwise import d, ints, normal, rng, uniform
from onnx_structure import i64
from onnx_writer import Constant


def quantized(x, scale, zero, low, high):
    return np.clip(np.rint(np.float32(x) / np.float32(scale)) + zero, low, high)


def record_quantization(r):
    x = uniform(-3, 3, 3, 4)
    s = np.float32(0.02)
    u8, i8 = np.uint8(100), np.int8(-5)
    r.case("uint8", "QuantizeLinear", [x, s, Constant(u8)], [quantized(x, s, 100, 0, 255).astype("uint8")])
    r.case("int8", "QuantizeLinear", [x, s, Constant(i8)], [quantized(x, s, -5, -128, 127).astype("int8")])
    r.case("no-zero", "QuantizeLinear", [x, s], [quantized(x, s, 0, 0, 255).astype("uint8")])
    scales, zeros = uniform(0.01, 0.05, 4), ints(0, 200, 4, dtype="uint8")
    r.case("axis", "QuantizeLinear", [x, scales, zeros], [quantized(x, scales, zeros, 0, 255).astype("uint8")], axis=-1)
    q = ints(0, 256, 3, 4, dtype="uint8")
    real = lambda v, sc, z: (v.astype("float64") - z) * sc
    r.case("scalar", "DequantizeLinear", [q, s, u8], [real(q, s, 100.0)])
    r.case("no-zero", "DequantizeLinear", [q.astype("int32"), s], [real(q, s, 0)])
    rows = uniform(0.01, 0.05, 3)
    r.case("axis", "DequantizeLinear", [q, rows, ints(0, 9, 3, dtype="uint8") * 0 + 3], [real(q, rows[:, None], 3)], axis=0)
    blocks = uniform(0.01, 0.05, 3, 2)
    r.case("blocks", "DequantizeLinear", [q, blocks], [real(q, np.repeat(blocks, 2, 1), 0)], opset=21, axis=1, block_size=2)
    low, high = min(x.min(), 0), max(x.max(), 0)
    scale = np.float32((np.float32(high) - np.float32(low)) / np.float32(255))
    zero = np.uint8(np.clip(np.rint(-low / scale), 0, 255))
    r.case("plain", "DynamicQuantizeLinear", [x], [quantized(x, scale, int(zero), 0, 255).astype("uint8"), scale, zero])
    a, b = ints(0, 256, 2, 3, 5, dtype="uint8"), ints(-128, 128, 5, 4, dtype="int8")
    A, B = a.astype("int64"), b.astype("int64")
    r.case("plain", "MatMulInteger", [a, b], [(A @ B).astype("int32")])
    r.case("zeros", "MatMulInteger", [a, b, np.uint8(12), np.array([1, -2, 3, 4], "int8")], [((A - 12) @ (B - [1, -2, 3, 4])).astype("int32")])
    ys, yz = np.float32(2.5), np.uint8(110)
    product = ((A - 12) @ (B - 3)).astype("float32") * np.float32(0.05) * np.float32(0.1)
    r.case("plain", "QLinearMatMul", [a, np.float32(0.05), np.uint8(12), b, np.float32(0.1), np.int8(3), ys, Constant(yz)], [quantized(product, ys, 110, 0, 255).astype("uint8")])
    image, kernel = ints(0, 256, 1, 4, 5, 6, dtype="uint8"), ints(-128, 128, 6, 2, 3, 2, dtype="int8")
    conv = lambda v, k, **o: F.conv2d(d(v), d(k), **o).numpy()
    options = dict(stride=(2, 1), padding=(1, 1), groups=2)
    attributes = dict(strides=[2, 1], pads=[1, 1, 1, 1], group=2)
    r.case("plain", "ConvInteger", [image, kernel[:, :, :, :]], [conv(image, kernel, **options).astype("int32")], **attributes)
    kernel4 = ints(-128, 128, 3, 4, 2, 2, dtype="int8")
    r.case("zeros", "ConvInteger", [image, kernel4, np.uint8(9), np.array([1, 2, 3], "int8")], [conv(image.astype("int64") - 9, kernel4.astype("int64") - np.array([1, 2, 3])[:, None, None, None]).astype("int32")])
    ws, bias = uniform(0.01, 0.1, 3), ints(-500, 500, 3)
    total = (conv(image.astype("int64") - 9, kernel4) + bias[:, None, None]).astype("float32")
    result = total * np.float32(0.05) * ws[:, None, None]
    r.case("plain", "QLinearConv", [image, np.float32(0.05), np.uint8(9), kernel4, ws, np.zeros(3, "int8"), np.float32(4), Constant(np.uint8(128)), bias], [quantized(result, 4, 128, 0, 255).astype("uint8")])


def onnx_order(w, order, size):
    return np.concatenate([w[i * size : (i + 1) * size] for i in order])


def record_recurrent(r):
    T, N, I, H = 4, 3, 2, 5
    x = normal(T, N, I)
    gates = {"RNN": (torch.nn.RNN, [0]), "GRU": (torch.nn.GRU, [1, 0, 2]), "LSTM": (torch.nn.LSTM, [0, 3, 1, 2])}
    for operator, (layer, order) in gates.items():
        for direction, both in (("forward", False), ("bidirectional", True)):
            torch.manual_seed(3)
            net = layer(I, H, bidirectional=both).float()
            count = 2 if both else 1
            part = lambda name: np.stack([onnx_order(getattr(net, name + suffix).detach().numpy(), order, H) for suffix in ["", "_reverse"][:count]])
            w, rec = part("weight_ih_l0"), part("weight_hh_l0")
            bias = np.concatenate([part("bias_ih_l0"), part("bias_hh_l0")], 1)
            net = net.double()
            h0 = normal(count, N, H)
            state = (d(h0), d(h0) * 0.5) if operator == "LSTM" else d(h0)
            extra = [h0, h0 * 0.5] if operator == "LSTM" else [h0]
            with torch.no_grad():
                y, last = net(d(x), state)
                y_start, last_start = net(d(x))
            shaped = lambda v: v.reshape(T, N, count, H).permute(0, 2, 1, 3)
            states = list(last) if operator == "LSTM" else [last]
            options = dict(linear_before_reset=1) if operator == "GRU" else {}
            r.case(direction, operator, [x, w, rec, bias, None, *extra], [shaped(y), *states], hidden_size=H, direction=direction, **options)
            if not both:
                begin = list(last_start) if operator == "LSTM" else [last_start]
                first = lambda v: v.permute(1, 0, 2)
                r.case("layout", operator, [x.transpose(1, 0, 2), w, rec, bias], [shaped(y_start).permute(2, 0, 1, 3), *[first(v) for v in begin]], hidden_size=H, layout=1, **options)
                flipped, end = net(d(x[::-1].copy()))
                ends = list(end) if operator == "LSTM" else [end]
                r.case("reverse", operator, [x, w, rec, bias], [shaped(flipped.detach()).flip(0), *[v.detach() for v in ends]], hidden_size=H, direction="reverse", **options)
                lengths = np.array([4, 2, 1], "int32")
                packed = torch.nn.utils.rnn.pack_padded_sequence(d(x), torch.tensor([4, 2, 1]))
                with torch.no_grad():
                    out, end = net(packed)
                out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, total_length=T)
                ends = list(end) if operator == "LSTM" else [end]
                r.case("lengths", operator, [x, w, rec, bias, lengths], [shaped(out), *ends], hidden_size=H, **options)
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    w, rec, bias = normal(1, 3 * H, I), normal(1, 3 * H, H), normal(1, 6 * H)
    W, R, B = (v[0].astype("float64") for v in (w, rec, bias))
    h = np.zeros((N, H))
    for t in range(T):
        z = sigmoid(x[t] @ W[:H].T + h @ R[:H].T + B[:H] + B[3 * H : 4 * H])
        g = sigmoid(x[t] @ W[H : 2 * H].T + h @ R[H : 2 * H].T + B[H : 2 * H] + B[4 * H : 5 * H])
        c = np.tanh(x[t] @ W[2 * H :].T + (g * h) @ R[2 * H :].T + B[2 * H : 3 * H] + B[5 * H :])
        h = (1 - z) * c + z * h
    r.case("reset-before", "GRU", [x, w, rec, bias], [None, h[None]], hidden_size=H)
    w, rec, bias, peep = normal(1, 4 * H, I), normal(1, 4 * H, H), normal(1, 8 * H), normal(1, 3 * H)
    W, R, B, P = (v[0].astype("float64") for v in (w, rec, bias, peep))
    for name, forget in (("peepholes", 0), ("input-forget", 1)):
        h, c = np.zeros((N, H)), np.zeros((N, H))
        clip = lambda v: np.clip(v, -1.5, 1.5)
        for t in range(T):
            i, o, f, g = np.split(x[t] @ W.T + h @ R.T + B[: 4 * H] + B[4 * H :], 4, 1)
            i = sigmoid(clip(i + P[:H] * c))
            f = 1 - i if forget else sigmoid(clip(f + P[2 * H :] * c))
            c = f * c + i * np.tanh(clip(g))
            o = sigmoid(clip(o + P[H : 2 * H] * c))
            h = o * np.tanh(c)
        r.case(name, "LSTM", [x, w, rec, bias, None, None, None, peep], [None, h[None], c[None]], hidden_size=H, clip=1.5, input_forget=forget)
    w, rec = normal(1, H, I), normal(1, H, H) * 0.3
    named = {
        "Relu": lambda v: np.maximum(v, 0), "Affine": lambda v: 0.5 * v + 0.25, "LeakyRelu": lambda v: np.where(v > 0, v, 0.5 * v),
        "ScaledTanh": lambda v: 0.5 * np.tanh(0.25 * v), "HardSigmoid": lambda v: np.clip(0.5 * v + 0.25, 0, 1),
        "Elu": lambda v: np.where(v > 0, v, 0.5 * np.expm1(v)), "Softsign": lambda v: v / (1 + abs(v)),
        "Softplus": lambda v: np.log1p(np.exp(v)), "ThresholdedRelu": lambda v: np.where(v > 0.5, v, 0), "Sigmoid": sigmoid,
    }  # fmt: skip
    for name, function in named.items():
        h = np.zeros((N, H))
        for t in range(T):
            h = function(x[t] @ w[0].astype("float64").T + h @ rec[0].astype("float64").T)
        r.case(name, "RNN", [x, w, rec], [None, h[None]], hidden_size=H, activations=[name], activation_alpha=[0.5], activation_beta=[0.25])


def record_attention(r):
    q, k, v = normal(2, 4, 3, 6), normal(2, 2, 5, 6), normal(2, 2, 5, 4)
    def attend(q, k, v, mask=None, scale=None, cap=0):
        group = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        scores = q @ k.transpose(2, 3) * (scale or q.shape[-1] ** -0.5)
        masked = scores if mask is None else scores + mask
        capped = cap * torch.tanh(masked / cap) if cap else masked
        return capped.softmax(-1) @ v, scores
    Q, K, V = d(q), d(k), d(v)
    y, scores = attend(Q, K, V)
    r.case("grouped", "Attention", [q, k, v], [y], opset=23)
    r.case("scores", "Attention", [q, k, v], [y, None, None, scores], opset=23)
    mask = normal(3, 5)
    r.case("mask", "Attention", [q, k, v, mask], [attend(Q, K, V, d(mask), 0.3)[0]], opset=23, scale=0.3)
    allowed = rng.random((2, 1, 3, 5)) > 0.3
    allowed[..., 0] = True
    negative = torch.where(torch.from_numpy(allowed), 0.0, -torch.inf)
    r.case("bool-mask", "Attention", [q, k, v, allowed], [attend(Q, K, V, negative)[0]], opset=23)
    causal = torch.where(torch.ones(3, 5).tril() > 0, 0.0, -torch.inf)
    r.case("causal", "Attention", [q, k, v], [attend(Q, K, V, causal)[0]], opset=23, is_causal=1)
    r.case("softcap", "Attention", [q, k, v], [attend(Q, K, V, None, None, 2.0)[0]], opset=23, softcap=2.0)
    past_k, past_v = normal(2, 2, 2, 6), normal(2, 2, 2, 4)
    all_k, all_v = torch.cat([d(past_k), K], 2), torch.cat([d(past_v), V], 2)
    r.case("past", "Attention", [q, k, v, None, past_k, past_v], [attend(Q, all_k, all_v)[0], all_k, all_v], opset=23)
    flat = lambda t: np.ascontiguousarray(t.transpose(0, 2, 1, 3).reshape(t.shape[0], t.shape[2], -1))
    r.case("flat", "Attention", [flat(q), flat(k), flat(v)], [y.transpose(1, 2).reshape(2, 3, 16)], opset=23, q_num_heads=4, kv_num_heads=2)
    x = normal(2, 3, 4, 8)
    cos, sin = uniform(-1, 1, 10, 4), uniform(-1, 1, 10, 4)
    positions = np.array([[0, 1, 2, 7], [3, 3, 9, 0]])
    def rotate(x, c, s, size, interleaved):
        c, s = c[:, None, :, : size // 2].astype("float64"), s[:, None, :, : size // 2].astype("float64")
        head, tail = x[..., :size].astype("float64"), x[..., size:]
        a, b = (head[..., 0::2], head[..., 1::2]) if interleaved else np.split(head, 2, -1)
        real, imaginary = c * a - s * b, s * a + c * b
        turned = np.stack([real, imaginary], -1).reshape(head.shape) if interleaved else np.concatenate([real, imaginary], -1)
        return np.concatenate([turned, tail], -1)
    full = rotate(x, cos[positions], sin[positions], 8, False)
    r.case("positions", "RotaryEmbedding", [x, cos, sin, positions], [full], opset=23)
    r.case("interleaved", "RotaryEmbedding", [x, cos, sin, positions], [rotate(x, cos[positions], sin[positions], 8, True)], opset=23, interleaved=1)
    r.case("partial", "RotaryEmbedding", [x, cos[:, :2].copy(), sin[:, :2].copy(), positions], [rotate(x, cos[positions][..., :2], sin[positions][..., :2], 4, False)], opset=23, rotary_embedding_dim=4)
    r.case("caches", "RotaryEmbedding", [x, cos[positions], sin[positions]], [full], opset=23)
    flat3 = full.transpose(0, 2, 1, 3).reshape(2, 4, 24)
    r.case("flat", "RotaryEmbedding", [flat(x), cos, sin, positions], [flat3], opset=23, num_heads=3)


def record_losses(r):
    x, w = normal(3, 5, 2), uniform(0.5, 2, 5)
    t = ints(0, 5, 3, 2, dtype="int64")
    p = torch.log_softmax(d(x), 1)
    target = torch.from_numpy(t)
    for reduction in ("mean", "sum", "none"):
        r.case(reduction, "NegativeLogLikelihoodLoss", [p.float(), t], [F.nll_loss(p.float().double(), target, reduction=reduction)], reduction=reduction)
        r.case(f"{reduction}-weights", "NegativeLogLikelihoodLoss", [p.float(), t, w], [F.nll_loss(p.float().double(), target, d(w), ignore_index=2, reduction=reduction)], reduction=reduction, ignore_index=2)
        r.case(reduction, "SoftmaxCrossEntropyLoss", [x, t, w], [F.cross_entropy(d(x), target, d(w), ignore_index=1, reduction=reduction)], reduction=reduction, ignore_index=1)
    r.case("probabilities", "SoftmaxCrossEntropyLoss", [x, t], [F.cross_entropy(d(x), target), p])


def record_transforms(r):
    x = normal(2, 6, 3, 1)
    pair = lambda v: np.stack([v.real, v.imag], -1)
    wide = x[..., 0].astype("float64")
    r.case("real", "DFT", [x], [pair(np.fft.fft(wide, axis=1))], opset=17)
    r.case("onesided", "DFT", [x], [pair(np.fft.rfft(wide, axis=1))], opset=17, onesided=1)
    r.case("axis", "DFT", [x, None, Constant(np.int64(2))], [pair(np.fft.fft(wide, axis=2))], opset=20)
    r.case("longer", "DFT", [x, Constant(np.int64(8))], [pair(np.fft.fft(wide, 8, axis=1))], opset=17)
    r.case("shorter", "DFT", [x, Constant(np.int64(4))], [pair(np.fft.fft(wide, 4, axis=1))], opset=17)
    z = normal(2, 5, 2)
    complex_ = z[..., 0].astype("float64") + 1j * z[..., 1]
    r.case("complex", "DFT", [z], [pair(np.fft.fft(complex_, axis=1))], opset=20)
    r.case("inverse", "DFT", [z], [pair(np.fft.ifft(complex_, axis=1))], opset=17, inverse=1)
    signal, window = normal(2, 20, 1), uniform(0, 1, 8)
    frames = np.stack([signal[:, s : s + 8, 0].astype("float64") for s in range(0, 13, 4)], 1)
    step = Constant(np.int64(4))
    r.case("window", "STFT", [signal, step, window], [pair(np.fft.rfft(frames * window))], opset=17)
    r.case("length", "STFT", [signal, step, None, Constant(np.int64(8))], [pair(np.fft.fft(frames))], opset=17, onesided=0)


def record_sequences(r):
    record_quantization(r)
    record_recurrent(r)
    record_attention(r)
    record_losses(r)
    record_transforms(r)
