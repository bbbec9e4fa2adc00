"""Modules that only call layers and losses, for extra_modules.py to record."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn


class Shrinking(nn.Module):
    def forward(self, x):
        return [
            nn.Threshold(0.25, 20)(x),
            nn.Threshold(-1, -1)(x),
            nn.Hardshrink()(x),
            nn.Hardshrink(1.5)(x),
            nn.Softshrink()(x),
            nn.Softshrink(1.5)(x),
            nn.Tanhshrink()(x),
            nn.Softmin(1)(x),
            nn.GLU()(x),
            nn.GLU(0)(x),
            nn.RReLU().eval()(x),
            nn.RReLU(0.1, 0.2).eval()(x),
        ]


class SoftmaxOfChannels(nn.Module):
    def forward(self, image, unbatched):
        return [nn.Softmax2d()(image), nn.Softmax2d()(unbatched)]


class MorePooling(nn.Module):
    """Sizes that divide the input's and others; positive input for odd powers; LPPool3d by its formula."""

    def forward(self, line, image, volume, unbatched, positive):
        return [
            nn.AdaptiveMaxPool1d(3)(line),
            nn.AdaptiveMaxPool1d(9)(line),
            nn.AdaptiveMaxPool2d((3, None))(image),
            nn.AdaptiveMaxPool2d((3, 4))(image),
            nn.AdaptiveMaxPool2d((7, 2))(image),
            nn.AdaptiveMaxPool2d(1)(unbatched),
            nn.AdaptiveMaxPool3d((2, 4, 5))(volume),
            nn.LPPool1d(2, 3, stride=2)(line),
            nn.LPPool1d(2, 3, stride=2, ceil_mode=True)(line),
            nn.LPPool1d(1, 2)(line[0]),
            nn.LPPool2d(2, (2, 3))(image),
            nn.LPPool2d(2, 2, stride=1)(unbatched),
            nn.LPPool2d(1.5, 2, ceil_mode=True)(positive),
            nn.LPPool2d(3, (3, 2), stride=(2, 1))(positive),
            (nn.AvgPool3d(2)(volume.square()) * 8).sqrt(),
        ]


def pooled_and_back(rank, x, kernel, output_size=None, **options):
    pool = [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d][rank - 1](kernel, return_indices=True, **options)
    values, indices = pool(x)
    back = {key: value for key, value in options.items() if key in ("stride", "padding")}
    unpool = [nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d][rank - 1](kernel, **back)
    return [values, indices.int(), unpool(values, indices, output_size=output_size)]


class Unpooling(nn.Module):
    """What max pooling takes and where from, and the way back."""

    def forward(self, line, image, volume, unbatched):
        return [
            *pooled_and_back(1, line, 2),
            *pooled_and_back(1, line, 3, stride=2, padding=1),
            *pooled_and_back(2, image, 2, output_size=(7, 6)),
            *pooled_and_back(2, image, 3, output_size=(7, 6), stride=2, padding=1),
            *pooled_and_back(2, image, (2, 3), stride=(2, 1), output_size=image.shape),
            *pooled_and_back(2, unbatched, 2, output_size=(7, 6)),
            *pooled_and_back(3, volume, 2, output_size=volume.shape[2:]),
            *[x.int() if x.dtype == torch.int64 else x for x in F.max_pool2d(image, 2, stride=3, dilation=2, ceil_mode=True, return_indices=True)],
            *[x.int() if x.dtype == torch.int64 else x for x in F.max_pool1d(line, 2, ceil_mode=True, return_indices=True)],
        ]


class ByNeighbours(nn.Module):
    def forward(self, line, image):
        return [
            nn.LocalResponseNorm(2)(image),
            nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5)(image),
            nn.LocalResponseNorm(4, alpha=0.9, beta=1.2, k=0.5)(line),
            nn.LocalResponseNorm(9, alpha=0.7)(line),
        ]


class Distances(nn.Module):
    def forward(self, a, b, row):
        return [
            nn.CosineSimilarity()(a, b),
            nn.CosineSimilarity(dim=-1)(a, row),
            nn.CosineSimilarity(dim=0, eps=1e-2)(a, b),
            nn.PairwiseDistance()(a, b),
            nn.PairwiseDistance(1, eps=1e-3)(a, row),
            nn.PairwiseDistance(3.0, keepdim=True)(a, b),
            nn.PairwiseDistance(float("inf"))(a, b),
            F.normalize(a),
            F.normalize(a, p=1, dim=-1),
            F.normalize(a, p=3, dim=0, eps=2.0),
        ]


class Folding(nn.Module):
    def forward(self, image, unbatched, columns):
        return [
            nn.Unfold((2, 3))(image),
            nn.Unfold(2, dilation=2, padding=1, stride=2)(image),
            nn.Unfold((3, 1), padding=(2, 0), stride=(2, 1))(unbatched),
            nn.Fold((5, 6), (2, 3))(nn.Unfold((2, 3))(image)),
            nn.Fold((5, 6), 2, dilation=2, padding=1, stride=2)(nn.Unfold(2, dilation=2, padding=1, stride=2)(image)),
            nn.Fold((4, 5), 2, stride=(2, 1))(columns),
            nn.Fold((4, 5), 2, stride=(2, 1))(columns[0]),
        ]


class ShufflingAndResizing(nn.Module):
    def forward(self, image, line):
        return [
            nn.ChannelShuffle(3)(image),
            nn.ChannelShuffle(2)(line),
            nn.UpsamplingNearest2d(scale_factor=2)(image),
            nn.UpsamplingNearest2d(size=(3, 9))(image),
            nn.UpsamplingBilinear2d(scale_factor=2)(image),
            nn.UpsamplingBilinear2d(size=(3, 9))(image),
        ]


class Dictionaries(nn.Module):
    """Names that are numbers, and in an order of their own."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict(OrderedDict([("wide", nn.Linear(3, 4)), ("1", nn.Linear(4, 3)), ("0", nn.ReLU())]))
        self.named = nn.ParameterDict(OrderedDict([("scale", nn.Parameter(torch.ones(3))), ("by", nn.Parameter(torch.ones(1)))]))
        self.listed = nn.ParameterList([nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 3))])

    def forward(self, x):
        y = self.layers["1"](self.layers["0"](self.layers["wide"](x)))
        return y * self.named["scale"] + self.named["by"] + self.listed[0] * self.listed[1]


class RegressionLosses(nn.Module):
    def forward(self, x, target):
        return [
            nn.MSELoss()(x, target),
            nn.MSELoss(reduction="sum")(x, target),
            nn.MSELoss(reduction="none")(x, target),
            nn.L1Loss()(x, target),
            nn.L1Loss(reduction="none")(x, target),
            nn.SmoothL1Loss()(x, target),
            nn.SmoothL1Loss(reduction="none", beta=0.4)(x, target),
            nn.SmoothL1Loss(reduction="sum", beta=0)(x, target),
            nn.HuberLoss()(x, target),
            nn.HuberLoss(reduction="none", delta=0.4)(x, target),
            nn.KLDivLoss()(x.log_softmax(1), target.softmax(1)),
            nn.KLDivLoss(reduction="batchmean")(x.log_softmax(1), target.softmax(1)),
            nn.KLDivLoss(reduction="none")(x.log_softmax(1), target.relu()),
            nn.KLDivLoss(reduction="sum", log_target=True)(x.log_softmax(1), target.log_softmax(1)),
        ]


class ClassLosses(nn.Module):
    """Class numbers, of which some are −100 and are not counted, and probabilities."""

    def __init__(self):
        super().__init__()
        self.weighted = nn.CrossEntropyLoss(weight=torch.ones(5))
        self.smoothed = nn.CrossEntropyLoss(weight=torch.ones(5), label_smoothing=0.3, ignore_index=2)
        self.negative = nn.NLLLoss(weight=torch.ones(5), ignore_index=1)

    def forward(self, x, target, one, number):
        target, number = target.long(), number.long()
        valid = target.clamp(0)
        probabilities = (x * 2).softmax(1)
        loss = nn.CrossEntropyLoss
        return [
            loss()(x, target),
            loss(reduction="sum")(x, target),
            loss(reduction="none")(x, target),
            loss(ignore_index=3)(x, valid),
            loss(label_smoothing=0.2)(x, target),
            loss(label_smoothing=0.2, reduction="none")(x, target),
            loss()(x, probabilities),
            loss(reduction="none", label_smoothing=0.1)(x, probabilities),
            loss()(one, number),
            loss(label_smoothing=0.5)(one, number),
            loss()(one, one.softmax(0)),
            nn.NLLLoss()(x.log_softmax(1), target),
            nn.NLLLoss(reduction="none")(x.log_softmax(1), target),
            self.weighted(x, target),
            self.weighted(x, probabilities),
            self.smoothed(x, valid),
            self.negative(x.log_softmax(1), valid),
        ]


class BinaryLosses(nn.Module):
    """Probabilities of exactly 0 and 1, and scores whose exponential overflows."""

    def __init__(self):
        super().__init__()
        self.weighted = nn.BCELoss(weight=torch.ones(4))
        self.both = nn.BCEWithLogitsLoss(weight=torch.ones(3, 1), pos_weight=torch.ones(4))

    def forward(self, x, probabilities, target):
        return [
            nn.BCELoss()(probabilities, target),
            nn.BCELoss(reduction="none")(probabilities, target),
            nn.BCELoss(reduction="sum")((x * 0.5).sigmoid(), target),
            self.weighted((x * 0.5).sigmoid(), target),
            nn.BCEWithLogitsLoss()(x, target),
            nn.BCEWithLogitsLoss(reduction="none")(x, target),
            nn.BCEWithLogitsLoss(reduction="sum")(x * 60, target),
            self.both(x, target),
        ]
