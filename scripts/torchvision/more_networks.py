"""Networks beyond the list of `export-networks.py`: NAME → how it is built, what it takes, how it is exported."""

from dataclasses import dataclass
from typing import Callable, Tuple

import torch
from torch import nn
from torchvision import models
from torchvision.models.detection import backbone_utils

import other_networks as other
import small_networks as small


@dataclass
class Network:
    build: Callable[[], nn.Module]
    """The size of each input; a size that is the name of a dimension is symbolic in the file."""
    inputs: Tuple[tuple, ...] = ((1, 3, 224, 224),)
    """Below: tokens from 0 to this; f32 from a normal distribution where there is none."""
    tokens: int = 0
    opset: int = 16
    training: bool = False
    """Whether the batch is a symbolic dimension N."""
    symbolic: bool = True


class Named(nn.Module):
    """Some results of a network that returns a dictionary."""

    def __init__(self, network, *names):
        super().__init__()
        self.network, self.names = network, names

    def forward(self, image):
        results = self.network(image)
        chosen = tuple(results[name] for name in self.names)
        return chosen if len(chosen) > 1 else chosen[0]


class LastFlow(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, first, second):
        return self.network(first, second, num_flow_updates=2)[-1]


def image(batch=1, height=224, width=224, channels=3):
    return ((batch, channels, height, width),)


def clip(batch=1, frames=8, size=64):
    return ((batch, 3, frames, size, size),)


def classifier(name, inputs=image(), **options):
    arguments = {"weights": None}
    if name in ("googlenet", "inception_v3"):
        arguments.update(aux_logits=False, init_weights=False)
    return Network(lambda: getattr(models, name)(**arguments), inputs, **options)


def segmentation(name, inputs):
    build = getattr(models.segmentation, name)
    return Network(lambda: Named(build(weights=None, weights_backbone=None), "out"), inputs)


def video(name, inputs, **options):
    return Network(lambda: getattr(models.video, name)(weights=None, **options), inputs)


def pyramid(name, inputs):
    """A detection backbone: every level of its feature pyramid."""
    if name.startswith("resnet"):
        build = lambda: backbone_utils.resnet_fpn_backbone(name, weights=None)
        return Network(lambda: Named(build(), "0", "1", "2", "3", "pool"), inputs)
    build = lambda: backbone_utils.mobilenet_backbone(name, weights=None, fpn=True)
    return Network(lambda: Named(build(), "0", "1", "pool"), inputs)


TORCHVISION = {
    "alexnet": classifier("alexnet", image(2)),
    "vgg16_bn": classifier("vgg16_bn"),
    "resnet34": classifier("resnet34", image(3, 193, 257)),
    "resnet101": classifier("resnet101"),
    "resnext50_32x4d": classifier("resnext50_32x4d"),
    "wide_resnet50_2": classifier("wide_resnet50_2"),
    "inception_v3": classifier("inception_v3", image(1, 299, 299)),
    "mnasnet1_0": classifier("mnasnet1_0", image(2)),
    "mnasnet0_5": classifier("mnasnet0_5", image(1, 193, 257)),
    "mobilenet_v2_odd": classifier("mobilenet_v2", image(3, 193, 257)),
    "mobilenet_v3_large": classifier("mobilenet_v3_large", image(3)),
    "shufflenet_v2_x0_5": classifier("shufflenet_v2_x0_5", image(2)),
    "shufflenet_v2_x1_5": classifier("shufflenet_v2_x1_5", image(1, 193, 257)),
    "squeezenet1_0": classifier("squeezenet1_0", image(3, 193, 257)),
    "densenet169": classifier("densenet169"),
    "densenet161_odd": classifier("densenet161", image(2, 97, 129)),
    "efficientnet_v2_s": classifier("efficientnet_v2_s"),
    "efficientnet_b3": classifier("efficientnet_b3", image(1, 193, 257)),
    "regnet_x_800mf": classifier("regnet_x_800mf", image(2)),
    "regnet_y_8gf": classifier("regnet_y_8gf"),
    "convnext_small": classifier("convnext_small", image(1, 193, 257)),
    "swin_t": classifier("swin_t"),
    "swin_t_odd": classifier("swin_t", image(1, 193, 257)),
    "swin_v2_t": classifier("swin_v2_t", image(2, 256, 256)),
    "maxvit_t": classifier("maxvit_t"),
    "vit_b_32": classifier("vit_b_32", image(2)),
    "googlenet_odd": classifier("googlenet", image(2, 193, 257)),
    "resnet18_fixed_3": classifier("resnet18", image(3), symbolic=False),
    "resnet18_training": classifier("resnet18", image(3, 65, 97), training=True),
    "densenet121_training": classifier("densenet121", image(2, 64, 96), training=True),
    "mobilenet_v3_small_opset_9": classifier("mobilenet_v3_small", image(2), opset=9),
    "resnet50_opset_17": classifier("resnet50", image(2, 193, 257), opset=17),
    "convnext_tiny_opset_17": classifier("convnext_tiny", image(2, 128, 160), opset=17),
    "lraspp_mobilenet_v3_large": segmentation("lraspp_mobilenet_v3_large", image(1, 193, 257)),
    "deeplabv3_resnet50": segmentation("deeplabv3_resnet50", image(1, 129, 161)),
    "fcn_resnet50_odd": segmentation("fcn_resnet50", image(2, 97, 129)),
    "r3d_18": video("r3d_18", clip()),
    "mc3_18": video("mc3_18", clip(2)),
    "r2plus1d_18": video("r2plus1d_18", clip(1, 7, 49)),
    "s3d": video("s3d", clip(1, 16, 224)),
    "mvit_v1_b": video("mvit_v1_b", clip(1, 16, 224)),
    "mvit_v2_s": video("mvit_v2_s", clip(1, 16, 224)),
    "raft_small": Network(lambda: LastFlow(models.optical_flow.raft_small(weights=None)),
                          image(1, 128, 136) + image(1, 128, 136), symbolic=False),
    "raft_large": Network(lambda: LastFlow(models.optical_flow.raft_large(weights=None)),
                          image(1, 128, 136) + image(1, 128, 136), symbolic=False),
    "resnet18_fpn": pyramid("resnet18", image(2, 193, 257)),
    "resnet50_fpn": pyramid("resnet50", image(1, 193, 257)),
    "mobilenet_v3_large_fpn": pyramid("mobilenet_v3_large", image(1, 193, 257)),
}

SMALL = {
    "unet": Network(small.UNet, image(2, 64, 96)),
    "unet_odd": Network(small.UNet, image(1, 61, 83)),
    "unet_training": Network(small.UNet, image(3, 33, 47), training=True),
    "lstm": Network(lambda: small.Recurrent(nn.LSTM), ((2, 9),), tokens=50),
    "gru": Network(lambda: small.Recurrent(nn.GRU), ((3, 11),), tokens=50),
    "rnn": Network(lambda: small.Recurrent(nn.RNN), ((1, 5),), tokens=50),
    "lstm_100": Network(lambda: small.Recurrent(nn.LSTM), ((1, 100),), tokens=50),
    "gru_300": Network(lambda: small.Recurrent(nn.GRU), ((1, 300),), tokens=50),
    "decoder": Network(small.Decoder, ((2, 17),), tokens=131),
    "decoder_64": Network(small.Decoder, ((1, 64),), tokens=131, opset=14),
    "wavenet": Network(small.WaveNet, ((2, 1, 251),)),
    "autoencoder": Network(small.autoencoder, image(2, 45, 67)),
    "super_resolution": Network(small.super_resolution, image(3, 33, 47, 1)),
    "generator": Network(small.generator, ((2, 100, 1, 1),)),
    "discriminator": Network(small.discriminator, image(3, 64, 64)),
    "discriminator_training": Network(small.discriminator, image(3, 64, 64), training=True),
    "group_norm": Network(lambda: small.GroupNormResNet(lambda width: nn.GroupNorm(8, width)), image(2, 61, 47)),
    "instance_norm": Network(lambda: small.GroupNormResNet(nn.InstanceNorm2d), image(3, 61, 47)),
    "one_group": Network(lambda: small.GroupNormResNet(lambda width: nn.GroupNorm(1, width)), image(1, 48, 48)),
    "style_transfer": Network(small.StyleTransfer, image(1, 61, 83)),
    "wide_concat": Network(small.WideConcat, image(2, 19, 23, 4)),
    "wide_concat_300": Network(lambda: small.WideConcat(300), image(1, 9, 7, 4)),
    "wide_concat_80": Network(lambda: small.WideConcat(80), image(1, 19, 23, 4)),
    "transformer_encoder": Network(small.TransformerEncoder, ((2, 13, 48),)),
    "transposed_convolutions": Network(small.TransposedConvolutions, ((2, 6, 9),)),
    "mixer": Network(small.Mixer, image(2, 56, 56)),
    "point_net": Network(small.PointNet, ((2, 3, 101),)),
}

OTHER = {
    "yolo_body": Network(other.YoloBody, image(2, 96, 128)),
    "bert": Network(other.Bert, ((2, 13), (2, 13)), tokens=2),
    "recommender": Network(other.Recommender, ((7, 5),), tokens=30),
    "volume_unet": Network(other.VolumeUNet, ((2, 1, 12, 16, 20),)),
    "pyramid_pooling": Network(other.PyramidPooling, image(2, 96, 144)),
    "attentive": Network(other.Attentive, image(2, 33, 47)),
    "spatial_transformer": Network(other.SpatialTransformer, image(3, 30, 30, 1)),
    "variational": Network(other.Variational, ((4, 60), (4, 10))),
    "variational_training": Network(other.Variational, ((9, 60), (9, 10)), training=True),
    "conv_lstm": Network(other.ConvLSTM, ((2, 6, 3, 17, 13),)),
    "siamese": Network(other.Siamese, image(2, 31, 29, 1) + image(2, 31, 29, 1)),
    "speech_recognizer": Network(other.SpeechRecognizer, ((2, 1, 32, 50),)),
    "sequence_to_sequence": Network(other.SequenceToSequence, ((2, 9, 32), (2, 7, 32))),
    "manipulations": Network(other.Manipulations, ((3, 6, 5),)),
}

NETWORKS = {**SMALL, **OTHER, **TORCHVISION}
