"""How tensors print their numbers: PyTorch's rules and its ``set_printoptions``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cnn.typing import Array

_DEFAULT: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
_PROFILES = {"default": {}, "short": {"precision": 2, "edgeitems": 2}, "full": {"threshold": 2**62}}
_options = dict(_DEFAULT)


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print: digits behind the point, how many numbers before a summary, at its edges, on a line.

    ``profile`` is "default", "short" or "full". ``sci_mode`` chooses the scientific notation for all numbers or for
    none; None, the default, chooses it for tensors that need it.

    >>> import tinygrad_cnn as tg
    >>> tg.set_printoptions(precision=2)
    >>> tg.tensor([3.14159])
    tensor([3.14])
    >>> tg.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions: the profile is {profile!r}; wanted one of {', '.join(_PROFILES)}")
        _options.update(_DEFAULT, **_PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({name: value for name, value in given.items() if value is not None}, sci_mode=sci_mode)


def numbers_text(array: Array, prefix: str) -> str:
    """Return the numbers of an array in brackets, further lines indented by the length of the prefix."""
    if not array.size:
        return "[]"
    formatter: Any = (
        {"float_kind": _float_format(array)} if array.dtype.kind == "f" else {"bool": _truth_format(array)}
    )
    text = np.array2string(
        array,
        separator=", ",
        prefix=prefix,
        formatter=formatter,
        threshold=min(_options["threshold"], 2**62),
        edgeitems=_options["edgeitems"],
        max_line_width=_options["linewidth"],
    )
    return text.replace(", ...,", ",  ...,")  # PyTorch's spaces


def _float_format(array: Array) -> Callable[[Any], str]:
    """Return the format of all numbers that are shown: whole ones as ``2.``, very large or small ones with an e."""
    shown = _shown(array).astype(np.float64)
    counted = shown[np.isfinite(shown) & (shown != 0)]
    sizes = np.abs(counted)
    whole = bool(np.all(sizes == np.ceil(sizes)))
    wide = bool(sizes.size and (sizes.max() / sizes.min() > 1000 or sizes.max() > 1e8))
    small = bool(sizes.size and not whole and sizes.min() < 1e-4)
    scientific = (wide or small) if _options["sci_mode"] is None else _options["sci_mode"]
    spec = f".{_options['precision']}{'e' if scientific else 'f'}"

    def one(value: Any) -> str:
        if whole and not scientific:
            return f"{value:.0f}." if np.isfinite(value) else f"{value:.0f}"
        return f"{value:{spec}}"

    width = max((len(one(value)) for value in counted), default=0) if array.ndim else 0
    return lambda value: one(value).rjust(width)


def _truth_format(array: Array) -> Callable[[Any], str]:
    width = 5 if array.ndim and not array.all() else 4
    return lambda value: str(bool(value)).rjust(width)


def _shown(array: Array) -> Array:
    """Return the numbers that a summary shows: those at the edges of a large array."""
    edge = _options["edgeitems"]
    if array.size > _options["threshold"]:
        for axis in range(array.ndim):
            if array.shape[axis] > 2 * edge:
                array = np.take(array, [*range(edge), *range(-edge, 0)], axis)
    return array
