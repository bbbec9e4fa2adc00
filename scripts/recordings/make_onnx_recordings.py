"""Records what ONNX operators give: one-node models, inputs and results, in test/recordings/onnx/.

    /usr/bin/python3 scripts/recordings/make_onnx_recordings.py

Needs PyTorch 1.13 or later, torchvision and NumPy. Results are computed in float64 by PyTorch where it has the operator, else
by the formula of the operator's specification in NumPy, and rounded once. Seeded: runs write the same bytes.
"""

import pathlib
import sys

import torch

from onnx_conformance import record_conformance
from onnx_elementwise import record_elementwise
from onnx_layers import record_layers
from onnx_recorder import OnnxRecorder
from onnx_sequences import record_sequences
from onnx_structure import record_structure


def main():
    folder = pathlib.Path(__file__).resolve().parents[2] / "test" / "recordings" / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(20240229)
    recorder = OnnxRecorder()
    for record in (record_elementwise, record_structure, record_layers, record_sequences, record_conformance):
        record(recorder)
    cases, size_bytes = recorder.write(folder)
    print(f"onnx: {cases} cases, {size_bytes} bytes of tensors", file=sys.stderr)


if __name__ == "__main__":
    main()
