"""Old arguments mean what they mean in PyTorch, warnings included: size_average, reduce, no dim for a softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

PAIRS = (
    "mse_loss l1_loss smooth_l1_loss soft_margin_loss hinge_embedding_loss kl_div poisson_nll_loss "
    "binary_cross_entropy_with_logits multilabel_soft_margin_loss"
).split()
MODULES = "MSELoss L1Loss SmoothL1Loss KLDivLoss PoissonNLLLoss BCELoss BCEWithLogitsLoss SoftMarginLoss".split()


def both(call: Any) -> None:
    """Call with both libraries: both warn, and return the same."""
    results = []
    for lib in (tg, torch):
        with pytest.warns(UserWarning, match="deprecated|will be deprecated|reduction"):
            results.append(call(lib).numpy())
    np.testing.assert_allclose(*results, rtol=1e-12)


@pytest.mark.parametrize("size_average", [None, False, True])
@pytest.mark.parametrize("reduce", [False, True])
def test_size_average_and_reduce(size_average: bool | None, reduce: bool) -> None:
    x, y = np.random.default_rng(0).uniform(0.1, 0.9, (2, 3, 4))
    old = {"size_average": size_average, "reduce": reduce}
    for name in PAIRS:
        both(lambda lib, name=name: getattr(lib.nn.functional, name)(lib.tensor(x), lib.tensor(y), **old))
    for name in MODULES:
        both(lambda lib, name=name: getattr(lib.nn, name)(**old)(lib.tensor(x), lib.tensor(y)))
    for name in ("cross_entropy", "nll_loss", "multi_margin_loss"):
        both(lambda lib, name=name: getattr(lib.nn.functional, name)(lib.tensor(x), lib.tensor([0, 1, 3]), **old))
    both(lambda lib: lib.nn.CrossEntropyLoss(**old)(lib.tensor(x), lib.tensor([0, 1, 3])))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 4, 2)])
def test_the_dimension_of_a_softmax_is_guessed(name: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    both(lambda lib: getattr(lib.nn.functional, name)(lib.tensor(x)))
