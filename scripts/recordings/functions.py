"""What PyTorch's functions and tensor methods compute: one recording a topic, each a list of results."""


import torch
import torch.nn.functional as F

from recorder import Recorder

INF, NAN = float("inf"), float("nan")


def numbers(rows):
    return torch.tensor(rows, dtype=torch.float32)


def integers(rows):
    return torch.tensor(rows, dtype=torch.int32)


def flat(results):
    """Tuples of values and indices one after the other; indices as i32."""
    for result in results:
        if isinstance(result, (tuple, list)):
            yield from flat(result)
        else:
            yield result.int() if result.dtype == torch.int64 else result


def ordering(x, ties):
    return [
        x.topk(3), x.topk(2, 0, largest=False), x.sort(1), x.sort(0, descending=True),
        x.argsort(-1), torch.sort(ties, dim=-1, stable=True), torch.sort(ties, dim=-1, descending=True, stable=True), x.flip(0, 1), x.flip(-1),
        x.cumsum(0), x.cumsum(-1), x.tril(), x.triu(1), x.tril(-1), x[0].topk(1),
    ]


def long_sums(x):
    return [x.cumsum(1)]


def gathering(x, image, index, wide):
    return [
        x.gather(1, index.long()), x.gather(0, index.long() % 3), image.index_select(3, index[0].long()),
        image.take_along_dim(wide.long(), 1), F.one_hot(index.long(), 6),
        x.scatter(1, index.long()[:, :1], x + 1), x.scatter(1, index.long()[:, :1], 7.0), x.scatter_add(0, index.long() % 2, x * 2),
        x.scatter_reduce(1, index.long() % 3, x, "prod"), x.scatter_reduce(1, index.long() % 3, x, "amax"),
        x.scatter_reduce(1, index.long() % 3, x, "amin"), x.scatter_reduce(1, index.long() % 3, x, "sum"),
        x.masked_fill(x > 0.3, -2.5), index.masked_fill(index > 2, 9),
    ]


def splitting(x, image):
    return [
        x.split(2, 1), x.split([1, 3, 1], -1), image.chunk(2, 1), image.chunk(3, 2), x.unbind(0), x.repeat(2, 3), x.repeat(2, 1, 2),
        image.tile(2), x.tile(2, 1, 1), image.movedim(1, -1), image.movedim((0, 1), (2, 3)), x.roll(2, 1), x.roll((1, -2), (0, 1)), x.roll(4),
        x.narrow(1, 1, 3), x.t(), x[0].t(), image.unflatten(3, (5, 1)), image.view(image.size(0), -1), x[:, :1].expand_as(x), image.swapaxes(1, 2),
    ]


def statistics(x, special, counts):
    return [
        x.std(), x.std(1), x.std((0, 1), keepdim=True), x.std(0, unbiased=False), x.amax(1), x.amin((0, 1)), x.norm(), x.norm(1, 1),
        x.norm(3, 0), x.norm(INF, 1), x.norm(-INF, 1), counts.float().norm(0, 1), x.logsumexp(1), special.logsumexp(1), (x * 200).logsumexp((0, 1)),
        (counts > 1).any(1), (counts > 1).all(0), (counts >= 0).all(), counts.any(), special.isinf(), special.isfinite(), x.argmax(1), x.argmin(0),
    ]


def arithmetic(x, y, counts, divisors):
    return [
        x.remainder(y), x.remainder(0.7), x.remainder(-0.7), counts.remainder(divisors), torch.floor_divide(x, y), counts // divisors,
        x.exp2(), x.abs().log2(), x.abs().log10(), x.expm1(), x.abs().log1p(), counts & divisors, counts | divisors, counts ^ divisors, ~counts,
        (x > 0) & (y > 0), torch.addmm(y[:, :3], x, y.t(), beta=0.5, alpha=2), x.mm(y.t()), x[None].bmm(y.t()[None]),
        x.addcmul(x, y, value=0.5), x.addcdiv(x, y, value=2), x.lerp(y, 0.3), x.clip(-0.2, 0.4), x.bool().float(), x.int(),
    ]


def einsums(a, b, image):
    return [
        torch.einsum("ij,kj->ik", a, b), torch.einsum("ij,ij", a, b), torch.einsum("ij->ji", a), torch.einsum("ij,kj->", a, b),
        torch.einsum("bchw,bchw->bc", image, image), torch.einsum("...hw,...wk->...hk", image, image.transpose(-1, -2)), torch.einsum("ij,kj,kl->il", a, b, b),
        torch.einsum("ii->i", a[:, :3]), torch.einsum("ii", a[:, :3]),
    ]


def sampling(image, grid, volume, places, theta):
    results = []
    for mode in ["bilinear", "nearest", "bicubic"]:
        for padding in ["zeros", "border", "reflection"]:
            for corners in [False, True]:
                results.append(F.grid_sample(image, grid, mode, padding, corners))
    return results + [
        F.grid_sample(volume, places, align_corners=False), F.grid_sample(volume, places, "nearest", align_corners=False),
        F.affine_grid(theta, (2, 3, 4, 5), align_corners=False), F.affine_grid(theta, (2, 3, 4, 5), align_corners=True),
    ]


def padding(line, image):
    return [
        F.pad(image, (1, 2, 3, 1), "circular"), F.pad(line, (2, 1), "replicate"), F.pad(image, (1, 2, 0, 3), "reflect"),
        F.pad(line, (3, 3), "circular"), F.pad(image, (1, -1, 2, 0), value=1.5),
    ]


def record_functions(folder):
    r = Recorder("functions")
    index = []

    def record(function, *inputs):
        name = function.__name__.replace("_", "-")
        outputs = list(flat(function(*(x.double() if x.is_floating_point() else x for x in inputs))))
        step = r.step(name, inputs, outputs)
        index.append({"id": name, "training": False, "before": [], "steps": [step], "after": []})

    x, y = torch.randn(3, 5), torch.randn(3, 5)
    image = torch.randn(2, 3, 4, 5)
    counts = integers([[0, -7, 3, 12, 5], [2, 2, -9, 0, 1], [4, 4, 4, 4, -4]])
    divisors = integers([[3, 2, -2, 5, -3], [7, -7, 4, 1, 2], [3, -3, 5, 2, 3]])
    record(ordering, x, numbers([[1, 0, 1, 2, 0, 2], [NAN, 1, -INF, INF, 1, 0]]))
    record(long_sums, torch.randn(2, 300))
    record(gathering, x, image, integers([[0, 4, 2], [3, 3, 1], [1, 0, 0]]), integers([[[[1, 0, 2, 2, 1]], [[0, 0, 1, 2, 0]]]]))
    record(splitting, x, image)
    record(statistics, x, numbers([[INF, 1, 2], [-INF, -INF, -INF], [0, NAN, 1], [-INF, 3, 4]]), counts)
    record(arithmetic, x, y, counts, divisors)
    record(einsums, x, y, image)
    record(sampling, image, torch.rand(2, 3, 6, 2) * 3 - 1.5, torch.randn(1, 2, 3, 4, 3), torch.rand(1, 2, 2, 3, 3) * 3 - 1.5, torch.randn(2, 2, 3))
    record(padding, torch.randn(2, 3, 6), image)

    return r.write_modules(folder, index)
