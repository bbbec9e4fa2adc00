"""Records what PyTorch computes, for the tests to compare with: writes test/recordings/*.{safetensors,json}.

    python3 scripts/recordings/make-recordings.py

Needs PyTorch 1.13 or later and nothing else. Inputs are float32; PyTorch computes in float64, and results are
rounded once to float32. Seeded: the same PyTorch writes the same bytes.
"""

import pathlib
import sys

import torch

from elementwise import record_elementwise
from extra_modules import record_extra_modules
from functions import record_functions
from modules import record_modules
from normalization import record_batch_norm
from placement import record_placement
from recurrent_modules import record_recurrent_modules
from shapes import record_matmul, record_movement, record_reductions, record_softmax
from windows import record_conv, record_pools

FAMILIES = [
    record_elementwise,
    record_movement,
    record_reductions,
    record_placement,
    record_softmax,
    record_matmul,
    record_conv,
    record_pools,
    record_batch_norm,
]


def main():
    folder = pathlib.Path(__file__).resolve().parents[2] / "test" / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for family in FAMILIES:
        torch.manual_seed(20240229)
        recorder = family()
        cases, size_bytes = recorder.write(folder)
        print(f"{recorder.family}: {cases} cases, {size_bytes} bytes of tensors", file=sys.stderr)
    torch.manual_seed(20240229)
    print(f"modules: {record_modules(folder)} cases", file=sys.stderr)
    torch.manual_seed(20240229)
    print(f"extra-modules: {record_extra_modules(folder)} cases", file=sys.stderr)
    torch.manual_seed(20240229)
    print(f"functions: {record_functions(folder)} cases", file=sys.stderr)
    torch.manual_seed(20240229)
    print(f"recurrent-modules: {record_recurrent_modules(folder)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
