"""Runs one of torchvision's networks in PyTorch, run by run as asked, for pytorch.ts, which starts it:

    pytorch_runner.py eager|frozen NETWORK THREADS

Rebuilds the network as export-networks.py did, seed for seed, so that its weights are those of the ONNX file.
Reads one command a line: "run" answers the run's time in ms, "result" the first output as base64 of f32.
"""

import base64
import importlib.util
import json
import os
import sys
import time
import warnings

import numpy
import torch

warnings.simplefilter("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
EXPORT = os.path.join(HERE, "../../scripts/torchvision/export-networks.py")


def load_export():
    spec = importlib.util.spec_from_file_location("export_networks", EXPORT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blas_libraries():
    """Which BLAS computes matrix products: Debian's reference one is many times slower than OpenBLAS."""
    try:
        with open("/proc/self/maps", encoding="utf8") as maps:
            paths = {line.split()[-1] for line in maps if "blas" in line}
    except OSError:
        return []
    return sorted(path for path in paths if ".so" in path)


def answer(**fields):
    print(json.dumps(fields), flush=True)


def main(mode, name, threads):
    torch.set_num_threads(threads)
    export = load_export()
    torch.manual_seed(len(name))
    network = export.build(name).eval()
    with torch.no_grad():
        export.randomize(network)
    image = torch.from_numpy(numpy.load(os.path.join(export.FOLDER, f"{name}.input.npy")))
    with torch.inference_mode():
        if mode == "frozen":
            network = torch.jit.freeze(torch.jit.trace(network, image))
        answer(ready=torch.__version__, threads=torch.get_num_threads(), blas=blas_libraries())
        for line in sys.stdin:
            if line.strip() == "run":
                start = time.perf_counter()
                network(image)
                answer(ms=(time.perf_counter() - start) * 1000)
            else:
                answer(result=base64.b64encode(network(image).numpy().tobytes()).decode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
