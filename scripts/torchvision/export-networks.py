"""Exports torchvision's networks to ONNX with seeded random weights and batch-norm statistics, and records what
PyTorch computes. Nothing is downloaded. Usage (python3-torch and python3-torchvision of Debian):

    /usr/bin/python3 scripts/torchvision/export-networks.py [network ...]

Writes NAME.onnx, NAME.input.npy and NAME.output.npy to .cache/torchvision/.
"""

import os
import sys
import warnings

import numpy
import torch
from torchvision import models

NETWORKS = [
    "resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "densenet121",
    "squeezenet1_1", "shufflenet_v2_x1_0", "vgg11", "googlenet", "regnet_y_400mf", "convnext_tiny",
    "vit_b_16", "deeplabv3_mobilenet_v3_large", "fcn_resnet50",
]
SEGMENTATION = {"deeplabv3_mobilenet_v3_large", "fcn_resnet50"}
FOLDER = os.path.join(os.path.dirname(__file__), "../../.cache/torchvision")


class Segmentation(torch.nn.Module):
    """The main output of a segmentation network, which returns a dictionary."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        return self.network(image)["out"]


def build(name):
    if name in SEGMENTATION:
        return Segmentation(getattr(models.segmentation, name)(weights=None, weights_backbone=None))
    if name == "googlenet":
        return models.googlenet(weights=None, aux_logits=False, init_weights=True)
    return getattr(models, name)(weights=None)


def randomize(network):
    """Statistics that matter, and no parameter that is zero throughout (ViT's head starts so)."""
    for key, buffer in network.named_buffers():
        if key.endswith("running_mean"):
            buffer.copy_(torch.randn_like(buffer) * 0.1)
        if key.endswith("running_var"):
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    for parameter in network.parameters():
        if float(parameter.detach().abs().max()) == 0:
            torch.nn.init.normal_(parameter, std=0.02)


def export(name):
    torch.manual_seed(len(name))
    network = build(name).eval()
    with torch.no_grad():
        randomize(network)
        image = torch.randn(1, 3, 224, 224)
        logits = network(image)
    path = os.path.join(FOLDER, name)
    axes = {"image": {0: "N"}, "logits": {0: "N"}}
    torch.onnx.export(network, image, f"{path}.onnx", input_names=["image"], output_names=["logits"],
                      dynamic_axes=axes, opset_version=16)
    numpy.save(f"{path}.input.npy", image.numpy())
    numpy.save(f"{path}.output.npy", logits.numpy())
    print(f"{name}: {os.path.getsize(path + '.onnx') / 1e6:.1f} MB, logits {tuple(logits.shape)}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    os.makedirs(FOLDER, exist_ok=True)
    for network_name in sys.argv[1:] or NETWORKS:
        export(network_name)
