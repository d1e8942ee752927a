"""The CTC loss is PyTorch's: values, gradients behind log_softmax, and every form of its arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")


def loss_and_gradient(p: Any, logits: Any, targets: Any, lengths: Any, counts: Any, **options: Any) -> list[Any]:
    x = p.tensor(logits, requires_grad=True)
    as_given = lambda n: p.tensor(n) if isinstance(n, np.ndarray) else n  # noqa: E731
    out = p.nn.CTCLoss(**options)(x.log_softmax(-1), p.tensor(targets), as_given(lengths), as_given(counts))
    (out * p.arange(1.0, out.numel() + 1).reshape(out.shape)).sum().backward()
    return [out.detach().numpy(), x.grad.numpy()]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("seed", range(6))
def test_losses_and_gradients_are_those_of_pytorch(reduction: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, batch, classes, longest = 12, 4, 5, 4
    logits, lengths = rng.standard_normal((steps, batch, classes)) * 3, rng.integers(9, steps + 1, batch)
    counts = rng.integers(1, longest + 1, batch)
    blank = int(rng.integers(classes))
    targets = (blank + rng.integers(1, classes, (batch, longest))) % classes
    in_a_row = np.concatenate([row[:n] for row, n in zip(targets, counts, strict=True)])
    options = {"reduction": reduction, "blank": blank}
    forms = [(targets, lengths, counts), (in_a_row, lengths, counts), (targets, lengths.tolist(), counts.tolist())]
    for form in forms:
        results = [loss_and_gradient(p, logits, *form, **options) for p in (tg, torch)]
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_one_sequence_and_one_that_is_too_short() -> None:
    logits = np.random.default_rng(0).standard_normal((3, 4))
    for targets, options in [([1, 2], {}), ([1, 1, 2], {"zero_infinity": True})]:
        given = np.array(targets), np.array(3), np.array(len(targets))
        results = [loss_and_gradient(p, logits, *given, **options) for p in (tg, torch)]
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    short = tg.nn.CTCLoss()(tg.zeros(3, 1, 4), tg.tensor([[1, 1, 2]]), [3], [3])
    assert short.item() == np.inf
