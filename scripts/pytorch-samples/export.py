"""Exports the samples of PyTorch's own operator and module tests as ONNX files, with what PyTorch computes for each:

    /usr/bin/python3 scripts/pytorch-samples/export.py [--folder DIR] [--most N] [name ...]

Writes model.onnx and TENSOR.npy for every input (i0, i1, ...) and result (o0, ...) to DIR/NAME (.cache/pytorch-samples),
of each operator N samples a dtype. Needs python3-torch of Debian. What PyTorch cannot export is left out; each
operator has a process of its own, because some samples end it or never return.
"""

import argparse
import copy
import io
import multiprocessing
import os
import re
import zlib

import numpy
import torch

from samples import is_plain, module_jobs, operator_jobs

OPSET = 16
MOST_SECONDS = 60


def export(name, samples, folder):
    torch.manual_seed(zlib.crc32(name.encode()))
    torch.set_num_threads(1)
    for label, module, tensors in samples():
        try:
            results = copy.deepcopy(module)(*[tensor.clone() for tensor in tensors])
            results = list(results) if isinstance(results, (list, tuple)) else [results]
            if not results or not is_plain(results):
                continue
            file = io.BytesIO()
            mode = torch.onnx.TrainingMode
            torch.onnx.export(
                copy.deepcopy(module),
                tuple(tensor.clone() for tensor in tensors),
                file,
                opset_version=OPSET,
                input_names=[f"i{i}" for i in range(len(tensors))],
                output_names=[f"o{i}" for i in range(len(results))],
                training=mode.TRAINING if module.training else mode.EVAL,
                do_constant_folding=not module.training,
            )
        except Exception:
            continue
        case = os.path.join(folder, re.sub(r"[^\w.-]", "_", f"{name}-{label}"))
        os.makedirs(case, exist_ok=True)
        for prefix, values in (("i", tensors), ("o", results)):
            for i, value in enumerate(values):
                numpy.save(os.path.join(case, f"{prefix}{i}.npy"), value.detach().contiguous().numpy())
        with open(os.path.join(case, "model.onnx"), "wb") as model:
            model.write(file.getvalue())


def main():
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".cache", "pytorch-samples")
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", default=os.path.normpath(default))
    parser.add_argument("--most", type=int, default=14)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    jobs = [*operator_jobs(options.most), *module_jobs()]
    for name, samples in jobs:
        if options.names and name not in options.names:
            continue
        process = multiprocessing.Process(target=quietly, args=(name, samples, options.folder))
        process.start()
        process.join(MOST_SECONDS)
        if process.is_alive():
            process.kill()
            print(f"{name}: longer than {MOST_SECONDS} seconds")
        elif process.exitcode < 0:
            print(f"{name}: ended by signal {-process.exitcode}")
    print(f"{len(os.listdir(options.folder))} samples in {options.folder}")


def quietly(name, samples, folder):
    """The exporter warns at length of what it leaves out."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    export(name, samples, folder)


if __name__ == "__main__":
    main()
