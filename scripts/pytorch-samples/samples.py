"""The samples that PyTorch's own tests run its operators and modules with, as callables and their tensors."""

import sys
import types
import unittest
import warnings

import torch

# PyTorch's test helpers want this package, of which nothing is used here.
sys.modules.setdefault(
    "expecttest", types.SimpleNamespace(TestCase=unittest.TestCase, ACCEPT=False, __name__="expecttest")
)
warnings.filterwarnings("ignore")

from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_nn import module_tests, new_module_tests

DTYPES = [torch.float32, torch.int64, torch.bool]
# What graphs hold; complex numbers, f64 and sparse tensors are others' business.
PLAIN = {torch.float32, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool}
# Results that depend on chance, or on memory that nobody wrote.
RANDOM = ["rand", "bernoulli", "multinomial", "normal", "uniform", "dropout", "empty", "rrelu", "fractional"]


def is_plain(tensors):
    return all(isinstance(t, torch.Tensor) and t.dtype in PLAIN and not t.is_sparse for t in tensors)


def split(value, tensors):
    """Moves the tensors of nested arguments to a list; what is left makes them anew from such a list."""
    if isinstance(value, torch.Tensor):
        tensors.append(value.detach().contiguous().clone())
        at = len(tensors) - 1
        return lambda given: given[at]
    if isinstance(value, dict):
        parts = {key: split(item, tensors) for key, item in value.items()}
        return lambda given: {key: part(given) for key, part in parts.items()}
    if isinstance(value, (list, tuple)):
        items = [split(item, tensors) for item in value]
        make = tuple if isinstance(value, tuple) else list
        return lambda given: make(item(given) for item in items)
    return lambda given: value


class Call(torch.nn.Module):
    """An operator with all arguments but its tensors."""

    def __init__(self, function, arguments):
        super().__init__()
        self.function = function
        self.arguments = arguments

    def forward(self, *tensors):
        first, others, named = self.arguments(tensors)
        return self.function(first, *others, **named)


def operator_jobs(most):
    """Name, and a function that gives `most` samples of the operator for each dtype."""
    for info in op_db:
        if any(word in info.name for word in RANDOM):
            continue
        name = ".".join(part for part in [info.name, info.variant_test_name] if part)
        yield name, lambda info=info: operator_samples(info, most)


def operator_samples(info, most):
    for dtype in DTYPES:
        if dtype not in info.dtypes:
            continue
        samples = list(info.sample_inputs("cpu", dtype, requires_grad=False))
        step = max(len(samples) / most, 1)
        for number in range(min(len(samples), most)):
            sample = samples[int(number * step)]
            tensors = []
            arguments = split((sample.input, tuple(sample.args), dict(sample.kwargs)), tensors)
            if tensors and is_plain(tensors):
                yield f"{str(dtype)[6:]}-{number}", Call(info.op, arguments).eval(), tensors


def module_jobs():
    """Name, and a function that gives the module of one test, and where it normalises, it in training, too."""
    for number, test in enumerate(module_tests + list(new_module_tests)):
        name = test.get("fullname") or test.get("module_name") or "module"
        parts = [name, str(test.get("desc", "")), str(number)]
        yield "nn-" + "-".join(part for part in parts if part), lambda test=test: module_samples(test)


def module_samples(test):
    arguments = test.get("constructor_args", ())
    make = test.get("constructor") or getattr(torch.nn, test["module_name"])
    module = make(*(arguments() if callable(arguments) else arguments)).float()
    given = test["input_fn"]() if "input_fn" in test else torch.randn(*test["input_size"])
    tensors = list(given) if isinstance(given, (list, tuple)) else [given]
    tensors = [t.float() if t.dtype == torch.float64 else t for t in tensors]
    if not is_plain(tensors):
        return
    normalises = False
    for part in module.modules():
        if getattr(part, "running_mean", None) is not None:
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
        normalises = normalises or isinstance(part, torch.nn.modules.batchnorm._NormBase)
    yield "eval", module.eval(), tensors
    if normalises:
        yield "training", module.train(), tensors
