"""Collects ONNX cases: a one-node model, its inputs and what they give. See make_onnx_recordings.py."""

import base64
import zlib
import json

import numpy
import torch

from onnx_writer import Constant, one_node_model
from recorder import Recorder, U32


def storable(value):
    """Arrays as recorder.py stores them: what is narrower than 32 bits becomes int32."""
    if value.dtype == numpy.uint32:
        return U32(torch.from_numpy(value.astype("int64")))
    if value.dtype in (numpy.uint8, numpy.int8, numpy.uint16, numpy.int16, numpy.int64):
        value = value.astype("int32")
    if value.dtype == numpy.float16:
        value = value.astype("float32")
    return torch.from_numpy(numpy.ascontiguousarray(value)).reshape(value.shape)


def array(value):
    """Tensors and lists as arrays; float64 results become float32."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    value = numpy.asarray(value)
    return value.astype("float32") if value.dtype == numpy.float64 else value


class OnnxRecorder(Recorder):
    def __init__(self):
        super().__init__("onnx")

    def case(self, name, operator, inputs, results, opset=18, **attributes):
        """Inputs are arrays (run inputs), Constants (initialisers) or None; results arrays or None."""
        identifier = f"{operator}/{name}"
        assert identifier not in self.ids, identifier
        self.ids.add(identifier)
        inputs = [x if x is None or isinstance(x, Constant) else array(x) for x in inputs]
        results = [None if y is None else array(y) for y in results]
        named_inputs = [("" if x is None else f"x{i}", x) for i, x in enumerate(inputs)]
        named_results = [("" if y is None else f"y{i}", y) for i, y in enumerate(results)]
        model = one_node_model(operator, named_inputs, named_results, attributes, opset)
        given = {
            key: self.store(f"{identifier}/{key}", storable(x))
            for key, x in named_inputs
            if x is not None and not isinstance(x, Constant)
        }
        expected = {
            key: self.store(f"{identifier}/{key}", storable(y)) for key, y in named_results if y is not None
        }
        packed = base64.b64encode(zlib.compress(model, 9)).decode()
        self.cases.append({"id": identifier, "model": packed, "inputs": given, "outputs": expected})
