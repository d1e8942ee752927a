"""The options of embeddings that change the table, or its gradient, are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

OPTIONS = st.fixed_dictionaries(
    {
        "max_norm": st.sampled_from([None, 0.5, 2.0]),
        "norm_type": st.sampled_from([1.0, 2.0]),
        "scale_grad_by_freq": st.booleans(),
        "padding_idx": st.sampled_from([None, 0, -1]),
    }
)


def looked_up(library: Any, bag: bool, table: Any, indices: Any, options: dict[str, Any]) -> list[Any]:
    """Return the result, the gradient of the table, and the table afterwards."""
    kind = library.nn.EmbeddingBag if bag else library.nn.Embedding
    layer = kind.from_pretrained(library.tensor(table), freeze=False, **options)
    out = layer(library.tensor(indices))
    (out * library.arange(1.0, out.numel() + 1).reshape(out.shape)).sum().backward()
    return [out.detach().numpy(), layer.weight.grad.numpy(), layer.weight.detach().numpy()]


@given(options=OPTIONS, bag=st.booleans(), mode=st.sampled_from(["sum", "mean"]), seed=st.integers(0, 99))
def test_tables_are_scaled_and_gradients_divided_as_in_pytorch(
    options: dict[str, Any], bag: bool, mode: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    table, indices = rng.standard_normal((4, 3)), rng.integers(0, 4, (2, 5))
    if bag:
        options = {**options, "mode": mode, "scale_grad_by_freq": False}
    for ours, theirs in zip(*(looked_up(p, bag, table, indices, options) for p in (tg, torch)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
