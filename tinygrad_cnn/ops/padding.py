"""Padding: with a constant, or with the tensor's own entries (reflect, replicate, circular)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import sizes
from tinygrad_cnn.ops.broadcast import apart
from tinygrad_cnn.ops.index import add_at, getitem
from tinygrad_cnn.ops.shape import cat
from tinygrad_cnn.support.arrays import held_number
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.typing import T

# For a length n, the indices of the entries before and after: slices where possible, because these give views.
_BORDERS: dict[str, Callable[[int, int, int], tuple[Any, Any]]] = {
    "reflect": lambda n, before, after: (slice(before, 0, -1), slice(-2, -after - 2, -1)),
    "replicate": lambda n, before, after: (np.zeros(before, np.int64), np.full(after, n - 1)),
    "circular": lambda n, before, after: (slice(n - before, n), slice(0, after)),
}


def pad(input: T, pad: Iterable[int], mode: str = "constant", value: float | None = None) -> T:
    """Pad a tensor by ``(before, after)`` in the last dimension, then in the one before it, and so on.

    The mode "constant" fills with the value (by default 0), "reflect" mirrors at the outermost entry, "replicate"
    repeats that entry, and "circular" continues at the other end. A negative width removes entries.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.pad(tg.arange(1, 4), (2, 1), mode="circular")
    tensor([2, 3, 1, 2, 3, 1])
    """
    widths, shape = sizes("pad", (tuple(pad),)), input.shape
    if len(widths) % 2 or len(widths) > 2 * len(shape):
        raise ValueError(f"pad: wanted one to {len(shape)} pairs of widths for shape {shape}, got {widths}")
    if mode != "constant" and (mode not in _BORDERS or value is not None):
        known = ", ".join(("constant", *_BORDERS))
        raise ValueError(f"pad: mode {mode!r} with value {value}; wanted one of {known}, a value for constant only")
    pairs = [(0, 0)] * (len(shape) - len(widths) // 2) + list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    if any(n + min(before, 0) + min(after, 0) < 0 for n, (before, after) in zip(shape, pairs, strict=True)):
        raise ValueError(f"pad: the widths {widths} remove more than shape {shape} has")
    wider = [(max(before, 0), max(after, 0)) for before, after in pairs]
    narrower = [(max(-before, 0), max(-after, 0)) for before, after in pairs]
    if mode == "constant":
        return apart(_filled(_without(input, narrower), wider, value), input)
    if mode == "circular":  # as in PyTorch, which removes entries first here, and last in the other modes
        return apart(_widened(_without(input, narrower), wider, mode), input)
    return apart(_without(_widened(input, wider, mode), narrower), input)


def _without(input: T, pairs: Sequence[tuple[int, int]]) -> T:
    """Return the input without so many entries before and after in each dimension."""
    if not any(map(any, pairs)):
        return input
    return getitem(input, tuple(slice(b, n - a) for n, (b, a) in zip(input.shape, pairs, strict=True)))


def _widened(input: T, pairs: Sequence[tuple[int, int]], mode: str) -> T:
    for dim, (before, after) in enumerate(pairs):
        if before or after:
            input = _bordered(input, dim, before, after, mode)
    return input


def pad_as_numpy(array: T, pad_width: Any, mode: str = "constant", *, constant_values: float = 0) -> T:
    """Pad a tensor with a constant, by widths as ``np.pad`` takes them."""
    if mode != "constant":
        raise TypeError(f"np.pad of a Tensor in mode {mode!r} is not recorded; use nn.functional.pad")
    pairs = np.broadcast_to(pad_width, (array.ndim, 2))
    return pad(array, pairs[::-1].ravel().tolist(), value=constant_values)


def _filled(input: T, pairs: Sequence[tuple[int, int]], value: float | None) -> T:
    shape = tuple(n + before + after for n, (before, after) in zip(input.shape, pairs, strict=True))
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(input.shape, pairs, strict=True))
    widened = add_at(input, shape, inner)
    if not value:
        return widened
    widths = [before + after for before, after in pairs]  # the border is the same along the other dimensions
    number = held_number("pad", float(value) if input.dtype.kind == "u" else value, input.dtype)
    border = np.full([n if width else 1 for n, width in zip(shape, widths, strict=True)], number, input.dtype)
    border[tuple(part if width else slice(None) for part, width in zip(inner, widths, strict=True))] = 0
    return widened + constant(border)


def _bordered(input: T, dim: int, before: int, after: int, mode: str) -> T:
    n = input.shape[dim]
    most = {"reflect": n - 1, "replicate": n and max(before, after), "circular": n}[mode]
    if max(before, after) > most:
        raise ValueError(f"pad: mode {mode!r} widens a length of {n} by at most {most}, not by {before, after}")
    ahead: tuple[slice, ...] = (slice(None),) * dim
    first, last = (getitem(input, (*ahead, part)) for part in _BORDERS[mode](n, before, after))
    return cat([first, input, last], dim)
