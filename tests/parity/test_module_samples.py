"""PyTorch's own samples of its modules: every module that exists here gives what PyTorch's gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import tinygrad_cnn as tg
from tests.support.known_differences import check_named, want_only_known
from tests.support.torch_samples import (
    NotApplicable,
    convert,
    described,
    difference,
    gradient_difference,
    gradients,
    module_db,
    tensors_in,
    theirs_of,
)

MODULES = {
    info.name.removeprefix("nn."): info
    for info in module_db
    if hasattr(tg.nn, info.name.removeprefix("nn.")) and torch.float64 in info.dtypes
}


def twin(name: str, arguments: Any, options: Any, module: Any) -> Any:
    """Return our module of the same arguments, with the parameters and buffers of PyTorch's."""
    ours = getattr(tg.nn, name)(*convert(list(arguments)), **convert(options))
    ours.double().train(module.training)
    ours.load_state_dict({key: convert(value) for key, value in module.state_dict().items()})
    return ours


def failure(name: str, sample: Any, training: bool) -> str | None:
    """Run one sample with both modules, and say what differs: results, gradients, buffers."""
    made, given = sample.constructor_input, sample.forward_input
    text = described(f"{name}{'' if training else '.eval()'}", made.args, made.kwargs)
    try:
        module = type_of(name)(*made.args, **made.kwargs).double().train(training)
        if MODULES[name].is_lazy:
            theirs_of(module, given.args, given.kwargs)
    except Exception:
        return None
    try:
        ours = twin(name, made.args, made.kwargs, module)
    except NotApplicable:
        return None
    except Exception as error:
        return f"{text}: {type(error).__name__}: {error}"
    if given is None:
        return None
    text = f"{text} of {described('', given.args, given.kwargs)}"
    try:
        theirs, is_random = theirs_of(module, given.args, given.kwargs)
    except Exception:
        return None
    converted = convert([list(given.args), given.kwargs])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = ours(*converted[0], **converted[1])
        found = difference(result, theirs, 1e-8, not is_random)
    except Exception as error:
        return f"{text}: {type(error).__name__}: {error}"
    if found is None and not is_random:
        mine = [t for t in tensors_in(converted, tg.Tensor) if t.requires_grad] + list(ours.parameters())
        sources = [t for t in tensors_in([given.args, given.kwargs], torch.Tensor) if t.requires_grad]
        sources += list(module.parameters())
        with np.errstate(all="ignore"):
            a = gradients(tg, list(tensors_in(result, tg.Tensor)), mine, 1)
        b = gradients(torch, list(tensors_in(theirs, torch.Tensor)), sources, 1)
        found = gradient_difference(a, b, 1e-7) or difference(
            list(ours.state_dict().values()), list(module.state_dict().values()), 1e-8
        )
    return found and f"{text}: {found}"


def type_of(name: str) -> Any:
    return getattr(torch.nn, name)


def failures(name: str) -> Iterator[str | None]:
    info = MODULES[name]
    for training in (True, False):
        samples = info.module_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
        )
        for sample in samples:
            yield failure(name, sample, training)


@pytest.mark.parametrize("name", MODULES)
def test_modules_give_what_pytorch_gives(name: str) -> None:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [text for text in failures(name) if text]
    want_only_known("modules", name, found)


def test_known_differences_are_of_modules_that_are_run() -> None:
    check_named(["modules"], MODULES)
