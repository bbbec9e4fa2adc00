"""Writes checkpoints as PyTorch saves them, and NumPy files, with what they hold: test/import/data.

    python3 scripts/recordings/pytorch_files.py

The expected values are in JSON beside each file, so that no test has to trust the reader for them.
"""

import argparse
import collections
import json
import pathlib

import numpy
import torch

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "test" / "import" / "data"

NAMES = {torch.int32: "i32", torch.int16: "i32", torch.int8: "i32", torch.uint8: "i32", torch.bool: "bool"}


def described(tensor):
    values = tensor.detach().contiguous().flatten()
    values = values.float() if values.is_floating_point() else values
    if tensor.dtype == torch.int64:  # as text: JSON's readers have 53 bits
        return {"dtype": "i64", "shape": list(tensor.shape), "data": [str(x) for x in values.tolist()]}
    return {"dtype": NAMES.get(tensor.dtype, "f32"), "shape": list(tensor.shape), "data": [repr(x) if x != x or abs(x) == float("inf") else x for x in values.tolist()]}


def save(name, value, tensors, **options):
    torch.save(value, FOLDER / f"{name}.pt", **options)
    text = json.dumps({key: described(tensor) for key, tensor in tensors.items()}, separators=(",", ":"))
    (FOLDER / f"{name}.json").write_text(text + "\n")


def dtypes():
    numbers = torch.tensor([[0.0, -1.5, 3.25], [65504.0, 6e-8, -0.0]])
    integers = torch.tensor([-128, 0, 1, 127])
    return collections.OrderedDict(
        f32=numbers,
        f64=numbers.double() / 3,
        f16=torch.cat([numbers.half().flatten(), torch.tensor([float("inf"), float("nan")]).half()]),
        bf16=numbers.bfloat16(),
        i64=torch.tensor([-(2**62), 2**53 + 1, 5]),
        i32=integers.int() * 2**24,
        i16=integers.short() * 256,
        i8=integers.to(torch.int8),
        u8=torch.tensor([0, 1, 254, 255], dtype=torch.uint8),
        bool=torch.tensor([True, False, True]),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
    )


def views():
    """Views of one storage: offsets, strides, transposes, a repeated element, a tied weight."""
    base = torch.arange(24.0)
    grid = base.reshape(4, 6)
    tied = torch.randn(2, 2)
    return {
        "transposed": grid.t(),
        "part": grid[1:3, 2:5],
        "steps": base[1::5],
        "permuted": base.reshape(2, 3, 4).permute(2, 0, 1),
        "expanded": torch.tensor([1.0, 2.0]).expand(3, 2),
        "channels_last": torch.arange(16.0).reshape(1, 2, 2, 4).contiguous(memory_format=torch.channels_last),
        "a": tied,
        "b": tied,
    }


class Net(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 3))


def write_numpy():
    arrays = {}
    for letter in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "b1"):
        values = numpy.array([[0, 1, 2], [3, 4, 5]]) if letter != "b1" else numpy.array([[0, 1, 1], [1, 0, 1]])
        arrays[letter] = values.astype(letter)
    arrays["big-endian"] = numpy.array([[1.5, -2.0]], dtype=">f4")
    arrays["fortran"] = numpy.asfortranarray(numpy.arange(24, dtype="f4").reshape(2, 3, 4))
    arrays["scalar"] = numpy.array(7.5, dtype="f4")
    arrays["vector"] = numpy.array([1, 2], dtype="i4")
    arrays["empty"] = numpy.zeros((2, 0), dtype="f4")
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(FOLDER / f"version-{version[0]}.npy", "wb") as file:
            numpy.lib.format.write_array(file, numpy.array([1.0, 2.0], dtype="f4"), version=version)
    expected = {}
    for name, array in arrays.items():
        numpy.save(FOLDER / f"{name}.npy", array)
        expected[name] = {"shape": list(array.shape), "data": [float(x) for x in array.flatten(order="C").tolist()]}
    (FOLDER / "npy.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


def write_legacy(everything, several, state):
    """The format before version 1.6."""
    legacy = {"_use_new_zipfile_serialization": False}
    save("legacy", {"weight": torch.zeros(2)}, {"weight": torch.zeros(2)}, **legacy)
    save("legacy-dtypes", everything, everything, **legacy)
    save("legacy-views", several, several, **legacy)
    save("legacy-state-dict", {"epoch": 3, "state_dict": state}, state, **legacy)
    torch.save(Net(), FOLDER / "legacy-module.pt", **legacy)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(20240229)
    everything = dtypes()
    save("dtypes", everything, everything)
    several = views()
    save("views", several, several)
    net = Net()
    state = net.state_dict()
    save("state-dict", state, state)
    save("checkpoint", {"epoch": 3, "loss": 0.25, "tags": ["a", ("b", None, True)], "big": 2**70, "state_dict": state, "optimizer": torch.optim.SGD(net.parameters(), 0.1, 0.9).state_dict()}, state)
    save("parameters", {name: parameter for name, parameter in net.named_parameters()}, dict(net.named_parameters()))
    save("protocol-4", state, state, pickle_protocol=4)
    torch.save(net, FOLDER / "whole-module.pt")
    torch.save({"state_dict": state, "args": argparse.Namespace(lr=0.1)}, FOLDER / "namespace.pt")
    torch.save({"generator": state, "critic": state}, FOLDER / "two-networks.pt")
    torch.save([torch.zeros(2)], FOLDER / "list.pt")
    torch.save({"epoch": 3}, FOLDER / "no-tensors.pt")
    write_legacy(everything, several, state)
    write_numpy()


if __name__ == "__main__":
    main()
