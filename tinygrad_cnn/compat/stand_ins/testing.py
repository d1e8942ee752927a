"""``torch.testing``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.tensor import Tensor

__all__ = ["assert_close"]

_TOLERANCES = {"float64": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5), "float16": (1e-3, 1e-5)}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    **_: Any,
) -> None:
    """Raise AssertionError unless two tensors agree in shape, type and, within tolerances, in their numbers."""
    a, b = (x.array if isinstance(x, Tensor) else np.asarray(x) for x in (actual, expected))
    if a.shape != b.shape or a.dtype != b.dtype:
        raise AssertionError(f"assert_close: {a.dtype} of shape {a.shape} beside {b.dtype} of shape {b.shape}")
    default = _TOLERANCES.get(str(a.dtype), (0.0, 0.0))
    np.testing.assert_allclose(
        a,
        b,
        rtol=default[0] if rtol is None else rtol,
        atol=default[1] if atol is None else atol,
        equal_nan=equal_nan,
    )
