"""PyTorch's own samples of its optimizers: every optimizer that exists here takes the steps of PyTorch's."""

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
from tests.support.torch_samples import NotApplicable, convert, optim_db

OPTIMIZERS = {i.optim_cls.__name__: i for i in optim_db if hasattr(tg.optim, i.optim_cls.__name__)}
FLAGS: dict[str, Any] = {"foreach": True, "differentiable": False, "fused": False, "capturable": False}


def path(package: Any, name: str, options: dict[str, Any]) -> list[np.ndarray]:
    """Return the parameters after each of five steps on a smooth loss."""
    rng = np.random.default_rng(0)
    weight, bias = (package.tensor(rng.standard_normal(n), requires_grad=True) for n in ((3, 4), (4, 3)))
    optimizer = getattr(package.optim, name)([weight, bias], **options)
    goal = package.tensor(rng.standard_normal((3, 3)))
    seen = []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((weight @ bias - goal) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
        seen += [p.detach().numpy().copy() for p in (weight, bias)]
    return seen


def failure(name: str, sample: Any, flags: dict[str, Any]) -> str | None:
    options = {**sample.kwargs, **flags}
    text = f"{name}({', '.join(f'{key}={value!r}' for key, value in options.items())})"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = path(torch, name, options)
        except Exception:
            return None
        try:
            ours = path(tg, name, convert(options))
        except Exception as error:
            return f"{text}: {type(error).__name__}: {error}"
    close = all(np.allclose(a, b, 1e-6, 1e-8) for a, b in zip(ours, theirs, strict=True))
    return None if close else f"{text}: {ours[-1].ravel()[:3]} instead of {theirs[-1].ravel()[:3]}"


def failures(name: str) -> Iterator[str | None]:
    for sample in OPTIMIZERS[name].optim_inputs_func(device="cpu"):
        yield failure(name, sample, {})
        for flag, value in FLAGS.items():
            if flag not in sample.kwargs:
                yield failure(name, sample, {flag: value})


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_take_the_steps_of_pytorch(name: str) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # its counts and products are kept in the default type
    try:
        found = [text for text in failures(name) if text]
    finally:
        torch.set_default_dtype(before)
    want_only_known("optimizers", name, found)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_printed_and_saved_as_pytorchs(name: str) -> None:
    for sample in OPTIMIZERS[name].optim_inputs_func(device="cpu"):
        made = []
        for package, options in ((torch, sample.kwargs), (tg, convert(sample.kwargs))):
            p = package.ones(2, 3, requires_grad=True)
            optimizer = getattr(package.optim, name)([p], **options)

            def closure(p: Any = p, optimizer: Any = optimizer) -> Any:
                optimizer.zero_grad()
                loss = (p**2).sum()
                loss.backward()
                return loss

            optimizer.step(closure)
            made.append(optimizer)
        assert repr(made[0]) == repr(made[1])
        states = [optimizer.state_dict() for optimizer in made]
        assert states[0]["param_groups"][0].keys() == states[1]["param_groups"][0].keys()
        kept = [state["state"].get(0, {}).keys() - {"al"} for state in states]  # al: scratch
        assert kept[0] == kept[1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_refuse_what_pytorch_refuses(name: str) -> None:
    found = []
    for wrong in OPTIMIZERS[name].optim_error_inputs_func(device="cpu", dtype=torch.float64):
        sample = wrong.optimizer_error_input
        taken = []
        try:
            converted = convert(sample.params)
        except NotApplicable:
            continue
        for package, given in ((torch, sample.params), (tg, converted)):
            parameters = [package.ones(2, requires_grad=True)] if given is None else given
            try:
                getattr(package.optim, name)(parameters, **sample.kwargs)
                taken.append(package)
            except Exception:
                pass
        if taken == [tg]:
            found.append(f"{name}: takes {sample.desc}")
    want_only_known("optimizer-errors", name, found)


def test_known_differences_are_of_optimizers_that_are_run() -> None:
    check_named(["optimizers", "optimizer-errors"], OPTIMIZERS)
