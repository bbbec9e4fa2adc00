"""Exports the networks of `more_networks.py` with seeded random weights, and records what PyTorch computes for two
inputs of each. Nothing is downloaded. Usage (python3-torch and python3-torchvision of Debian):

    /usr/bin/python3 scripts/torchvision/export-more-networks.py [--folder DIR] [network ...]

Writes model.onnx, 0/TENSOR.npy and 1/TENSOR.npy for every input and result to DIR/NAME (.cache/more-networks).
A batch is the symbolic dimension N, whose size is in the recorded inputs.
"""

import argparse
import copy
import os
import sys
import warnings

import numpy
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from more_networks import NETWORKS

CASES = 2


def export_zero(graph, value):
    """PyTorch 1.13 cannot export `zero_`, with which Swin V2 clears a part of its biases."""
    return graph.op("Sub", value, value)


torch.onnx.register_custom_op_symbolic("aten::zero", export_zero, 9)


def randomize(network):
    """Batch-norm statistics and affine parameters that matter, and no parameter that is zero throughout."""
    for key, buffer in network.named_buffers():
        if key.endswith("running_mean"):
            buffer.copy_(torch.randn_like(buffer) * 0.1)
        if key.endswith("running_var"):
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._NormBase) and module.affine:
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, std=0.1)
    for parameter in network.parameters():
        if float(parameter.detach().abs().max()) == 0:
            torch.nn.init.normal_(parameter, std=0.02)


def without_randomness(network):
    """Networks in training mode would draw numbers: dropout and stochastic depth are left out."""
    for module in network.modules():
        if isinstance(module, torch.nn.modules.dropout._DropoutNd) or type(module).__name__ == "StochasticDepth":
            module.eval()
        if hasattr(module, "drop_rate"):
            module.drop_rate = 0


def make_input(shape, tokens):
    return torch.randint(tokens, shape) if tokens > 0 else torch.randn(shape)


def export(name, folder):
    spec = NETWORKS[name]
    torch.manual_seed(len(name))
    network = spec.build().train(spec.training)
    without_randomness(network)
    with torch.no_grad():
        randomize(network)
    inputs = tuple(make_input(shape, spec.tokens) for shape in spec.inputs)
    input_names = [f"input_{i}" for i in range(len(inputs))]
    with torch.no_grad():
        results = as_tuple(network(*inputs))
    output_names = [f"output_{i}" for i in range(len(results))]
    axes = {key: {0: "N"} for key in [*input_names, *output_names]} if spec.symbolic else None
    target = os.path.join(folder, name)
    os.makedirs(target, exist_ok=True)
    mode = torch.onnx.TrainingMode.TRAINING if spec.training else torch.onnx.TrainingMode.EVAL
    state = copy.deepcopy(network.state_dict())
    torch.onnx.export(network, inputs, f"{target}/model.onnx", input_names=input_names, output_names=output_names,
                      dynamic_axes=axes, opset_version=spec.opset, training=mode,
                      do_constant_folding=not spec.training)
    for case in range(CASES):
        # The export itself runs the network once more.
        network.load_state_dict(state)
        network.train(spec.training)
        without_randomness(network)
        inputs = tuple(make_input(shape, spec.tokens) for shape in spec.inputs)
        with torch.no_grad():
            results = as_tuple(network(*inputs))
        os.makedirs(f"{target}/{case}", exist_ok=True)
        for key, value in zip([*input_names, *output_names], [*inputs, *results]):
            numpy.save(f"{target}/{case}/{key}.npy", value.numpy())
    size = os.path.getsize(f"{target}/model.onnx") / 1e6
    print(f"{name}: {size:.1f} MB, results {', '.join(str(tuple(result.shape)) for result in results)}", flush=True)


def as_tuple(results):
    return results if isinstance(results, tuple) else (results,)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", default=os.path.join(os.path.dirname(__file__), "../../.cache/more-networks"))
    parser.add_argument("networks", nargs="*")
    arguments = parser.parse_args()
    failed = []
    for network_name in arguments.networks or NETWORKS:
        try:
            export(network_name, arguments.folder)
        except Exception as error:  # pylint: disable=broad-except
            failed.append(network_name)
            print(f"{network_name}: not exported: {str(error).splitlines()[0] if str(error) else repr(error)}", flush=True)
    sys.exit(f"not exported: {', '.join(failed)}" if failed else 0)
