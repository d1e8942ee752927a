"""What a grad_fn says about names of PyTorch's that it does not have."""

from __future__ import annotations

import pytest

import tinygrad_cnn as tg


def test_saved_values_are_named() -> None:
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(AttributeError, match=r"<exp> has no _saved_result; .* in grad_fn.kept, by name: out$"):
        _ = x.exp().grad_fn._saved_result
    with pytest.raises(AttributeError, match=r"<mul> has no _saved_self; .*, by name: .*other"):
        _ = (x * 2).grad_fn._saved_self
    with pytest.raises(AttributeError, match=r"<exp> has no attribute 'metadata'"):
        _ = x.exp().grad_fn.metadata
    assert not hasattr(x.exp().grad_fn, "_saved_self")
