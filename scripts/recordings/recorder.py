"""Collects recorded cases and writes them: one safetensors file and one JSON index a family.

Inputs are float32 (or int32, uint32, bool) tensors. Results are computed by the caller in float64 and rounded
once, here, so a recorded f32 result is the correctly rounded one up to PyTorch's own double rounding errors.
uint32 does not exist in this PyTorch: such tensors are int64 inside and are written modulo 2^32.
"""

import json
import math
import struct

import torch

FILE_DTYPES = {torch.float32: "F32", torch.int32: "I32", torch.bool: "BOOL", torch.int64: "I64"}


class U32:
    """An int64 tensor that stands for a uint32 one."""

    def __init__(self, value):
        self.value = value & 0xFFFFFFFF


def storable(tensor):
    """(file dtype, shape, bytes) of a tensor; float64 is rounded to float32."""
    if isinstance(tensor, U32):
        return "U32", list(tensor.value.shape), tensor.value.numpy().astype("uint32").tobytes()
    if tensor.dtype == torch.float64:
        tensor = tensor.float()
    tensor = tensor.detach().contiguous()
    return FILE_DTYPES[tensor.dtype], list(tensor.shape), tensor.numpy().tobytes()


def jsonable(value):
    """JSON has no infinities and no NaN: they are written as strings, which the loader turns back."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return value


class Recorder:
    def __init__(self, family):
        self.family = family
        self.cases = []
        self.ids = set()
        self.tensors = {}
        self.known = {}

    def store(self, name, tensor):
        """Stores a tensor and returns its name; equal tensors are stored once."""
        content = storable(tensor)
        key = (content[0], tuple(content[1]), content[2])
        if key not in self.known:
            self.known[key] = name
            self.tensors[name] = content
        return self.known[key]

    def case(self, name, op, operands, attributes, results):
        identifier = f"{self.family}/{op}/{name}"
        assert identifier not in self.ids, identifier
        self.ids.add(identifier)
        self.cases.append(
            {
                "id": identifier,
                "op": op,
                "operands": [self.store(f"{op}/{name}/operand{i}", x) for i, x in enumerate(operands)],
                "attributes": jsonable(attributes),
                "results": [self.store(f"{op}/{name}/result{i}", x) for i, x in enumerate(results)],
            }
        )

    def step(self, name, given, outputs):
        """Inputs and outputs of one run of a module, stored."""
        return {
            "inputs": [self.store(f"{name}/input{i}", x) for i, x in enumerate(given)],
            "outputs": [self.store(f"{name}/output{i}", x) for i, x in enumerate(outputs)],
        }

    def write_modules(self, folder, index):
        """Writes the tensors, and an index of modules in place of that of cases. Returns how many there are."""
        self.write(folder)
        lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in index)
        (folder / f"{self.family}.json").write_text(f"[\n{lines}\n]\n")
        return len(index)

    def write(self, folder):
        # Wide elements first, so that every tensor is aligned.
        order = sorted(self.tensors, key=lambda name: {"I64": 0, "BOOL": 2}.get(self.tensors[name][0], 1))
        header, data = {}, b""
        for name in order:
            dtype, shape, content = self.tensors[name]
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
            data += content
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        (folder / f"{self.family}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in self.cases)
        (folder / f"{self.family}.json").write_text(f"[\n{lines}\n]\n")
        return len(self.cases), len(data)


def shape_name(shape):
    return "x".join(map(str, shape)) if len(shape) > 0 else "scalar"
