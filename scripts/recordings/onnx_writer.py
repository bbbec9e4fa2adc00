"""Writes one-node ONNX models: the few protobuf messages they need, by field number (see onnx.proto)."""

import struct

import numpy

ELEMENT_TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
    "float16": 10, "float64": 11, "uint32": 12,
}  # fmt: skip


class Constant:
    """An input that is an initialiser of the model."""

    def __init__(self, value, dtype=None, form="raw"):
        self.value = numpy.asarray(value, dtype=dtype)
        self.form = form


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, float):
        return varint(number << 3 | 5) + struct.pack("<f", content)
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name, value):
    dims = b"".join(field(1, int(size)) for size in value.shape)
    kind = ELEMENT_TYPES[value.dtype.name]
    return dims + field(2, kind) + field(8, name) + field(9, value.tobytes())


def attribute(name, value):
    if isinstance(value, Constant):
        body, kind = field(5, tensor("", value.value)), 4
    elif isinstance(value, (bool, int)):
        body, kind = field(3, int(value)), 2
    elif isinstance(value, float):
        body, kind = field(2, value), 1
    elif isinstance(value, str):
        body, kind = field(4, value), 3
    elif len(value) > 0 and isinstance(value[0], str):
        body, kind = b"".join(field(9, item) for item in value), 8
    elif len(value) > 0 and isinstance(value[0], float):
        body, kind = b"".join(field(7, item) for item in value), 6
    else:
        body, kind = b"".join(field(8, int(item)) for item in value), 7
    return field(1, name) + body + field(20, kind)


def value_info(name, array):
    dims = b"".join(field(1, field(1, int(size))) for size in array.shape)
    shape = field(1, ELEMENT_TYPES[array.dtype.name]) + field(2, dims)
    return field(1, name) + field(2, field(1, shape))


def one_node_model(operator, inputs, outputs, attributes, opset):
    """`inputs` and `outputs` are (name, array or Constant); an empty name leaves a place out."""
    node = b"".join(field(1, name) for name, _ in inputs)
    node += b"".join(field(2, name) for name, _ in outputs)
    node += field(3, operator.lower()) + field(4, operator)
    node += b"".join(field(5, attribute(name, value)) for name, value in attributes.items())
    graph = field(1, node) + field(2, "one")
    for name, value in inputs:
        if name != "" and isinstance(value, Constant):
            graph += field(5, tensor(name, value.value))
    for name, value in inputs:
        if name != "" and not isinstance(value, Constant):
            graph += field(11, value_info(name, value))
    for name, value in outputs:
        if name != "":
            graph += field(12, value_info(name, value))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset))
