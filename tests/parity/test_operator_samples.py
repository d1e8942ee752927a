"""PyTorch's own samples of its operators: every operator that exists here gives what PyTorch gives.

Some samples of each operator are run; ``TINYGRAD_CNN_SAMPLES=all`` runs all of them (minutes). What differs is in
`tests/support/known_differences.py`, with the line of `docs/pytorch.md` that says so.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import tinygrad_cnn as tg
from tests.support.known_differences import check_named, want_only_known
from tests.support.torch_samples import DTYPES, OPERATORS, failure, spread, taken

ALL = os.environ.get("TINYGRAD_CNN_SAMPLES") == "all"
every_operator = pytest.mark.parametrize("name", OPERATORS)


def most(number: int) -> int:
    return 1 << 30 if ALL else number


def in_float64(name: str) -> Iterator[str | None]:
    """Values, types, shared memory and gradients; of every fourth sample second derivatives too."""
    op = OPERATORS[name]
    samples = op.sample_inputs("cpu", torch.float64, requires_grad=op.supports_autograd)
    for i, sample in enumerate(spread(samples, most(4))):
        yield failure(name, sample, 2 if i % 4 == 0 and op.supports_gradgrad else 1, memory=True)


def in_other_types(name: str) -> Iterator[str | None]:
    """Values and types."""
    op = OPERATORS[name]
    for dtype in [d for d in DTYPES if d in op.dtypes and d is not torch.float64]:
        for sample in spread(op.sample_inputs("cpu", dtype, requires_grad=False), most(1)):
            yield failure(name, sample, 0)


def of_reference(name: str) -> Iterator[str | None]:
    """Values, types and shared memory for the larger set of samples: odd layouts, broadcasting, extreme values."""
    op = OPERATORS[name]
    for sample in spread(op.reference_inputs("cpu", torch.float64, requires_grad=False), most(3)):
        yield failure(name, sample, 0, memory=True)


def of_errors(name: str) -> Iterator[str | None]:
    """What PyTorch refuses is refused.

    Some samples are ``torch.empty``, whose values differ from run to run: here they are 1.
    """
    op = OPERATORS[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "empty", torch.ones)
        samples = list(op.error_inputs("cpu")) if op.error_inputs_func is not None else []
    for sample in samples:
        yield taken(name, sample)


KINDS = {"samples": in_float64, "types": in_other_types, "reference": of_reference, "errors": of_errors}


@every_operator
@pytest.mark.parametrize("kind", KINDS)
def test_samples_give_what_pytorch_gives(kind: str, name: str) -> None:
    if kind in ("samples", "reference") and torch.float64 not in OPERATORS[name].dtypes:
        return
    torch.manual_seed(0)
    tg.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # some samples are drawn from it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # samples are made with old functions too
        failures = [text for text in KINDS[kind](name) if text]
    want_only_known(kind, name, failures, ALL)


def test_known_differences_are_of_operators_that_are_run() -> None:
    check_named(KINDS, OPERATORS)
