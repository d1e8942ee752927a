"""Elementwise choices: where, maximum, minimum, clamp.

Where a function has no derivative, PyTorch's convention holds: each of two equal arguments of maximum gets half of
the gradient.
"""

from __future__ import annotations

from math import inf
from typing import Any, overload

import numpy as np

from tinygrad_cnn.kernels import piecewise
from tinygrad_cnn.kernels.where import where as where_kernel
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.broadcast import elementwise, selecting
from tinygrad_cnn.support.arrays import held
from tinygrad_cnn.support.dtypes import as_float, result_type
from tinygrad_cnn.tape.record import Variable, make_tensor, operation
from tinygrad_cnn.typing import Array, T

__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "maximum", "minimum", "nan_to_num", "where"]


@elementwise(
    input=lambda g, input, other: _gradient_of_choice(g, input < other, input == other),
    other=lambda g, input, other: _gradient_of_choice(g, other < input, input == other),
)
def maximum(input: Array, other: Array) -> Array:
    """The larger of the two. Equal numbers get half of the gradient each; if one is NaN, both get all of it.

    >>> import tinygrad_cnn as tg
    >>> tg.maximum(tg.tensor([1.0, 4.0]), tg.tensor([2.0, 3.0]))
    tensor([2., 4.])
    """
    return np.maximum(input, other)


@elementwise(
    input=lambda g, input, other: _gradient_of_choice(g, input > other, input == other),
    other=lambda g, input, other: _gradient_of_choice(g, other > input, input == other),
)
def minimum(input: Array, other: Array) -> Array:
    """The smaller of the two. Equal numbers get half of the gradient each; if one is NaN, both get all of it.

    >>> import tinygrad_cnn as tg
    >>> tg.minimum(tg.tensor([1.0, 4.0]), tg.tensor([2.0, 3.0]))
    tensor([1., 3.])
    """
    return np.minimum(input, other)


def _gradient_of_choice(g: Any, not_chosen: Any, equal: Any) -> Any:
    """Return 0 where the other operand was chosen, half of g where both are equal, else g."""
    return where(not_chosen, 0.0, g) - where(equal, g / 2, 0.0)


@selecting(
    input=lambda g, condition: where(condition, g, 0.0),
    other=lambda g, condition: where(condition, 0.0, g),
)
def _where(condition: Array, input: Array, other: Array) -> Array:
    return where_kernel(np.asarray(condition), input, other)


@overload
def where(condition: Any) -> tuple[Any, ...]: ...
@overload
def where(condition: Any, input: Any, other: Any) -> Any: ...
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Return input where the condition is true, else other; all three broadcast.

    Given only the condition, return the indices where it is not 0, as a tuple of one tensor for each dimension.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([-1.0, 2.0])
    >>> tg.where(x > 0, x, 0.1 * x)
    tensor([-0.1000,  2.0000])
    """
    if (input is None) != (other is None):
        raise TypeError("where: wanted both input and other, or neither")
    if input is None:
        return tuple(make_tensor(condition, place) for place in np.nonzero(condition.array))
    if isinstance(condition, Variable) and not any(isinstance(v, Variable) for v in (input, other)):
        input = make_tensor(condition, np.asarray(input, result_type(input, other)))
    for number, beside in ((input, other), (other, input)):
        if type(number) is int and isinstance(beside, Variable) and beside.dtype.kind in "iu":
            held("where", number, beside.dtype)
    return _where(condition, input, other)


# The gate decides, and has no derivative.
@operation(
    input=lambda g, gate, low, high, inside: where_between(g, gate, low=low, high=high, inside=inside),
)
def where_between(input: Array, gate: Array, *, low: float, high: float, inside: bool) -> Array:
    """input where the gate, of the same shape, is (or is not) from low to high, else 0; NaN is outside."""
    return piecewise.where_between(as_float(input), gate, low, high, inside)


@operation(
    input=lambda g, input, min, max, strict: where_between(
        g, input, inside=True, **_bounds(input.dtype, min, max, strict)
    )
)
def _clamp(input: Array, *, min: float, max: float, strict: bool) -> Array:
    """input limited to [min, max]; at the bounds the derivative is 1, or, if ``strict``, 0."""
    return input.clip(min, max)


def _bounds(dtype: Any, min: float, max: float, strict: bool) -> dict[str, float]:
    """Return the smallest and the largest number at which the derivative of `_clamp` is 1."""
    if not strict:
        return {"low": min, "high": max}
    low, high = (float(np.nextafter(dtype.type(a), dtype.type(b))) for a, b in ((min, inf), (max, -inf)))
    return {"low": low, "high": high}


def clamp(input: T, min: Any = None, max: Any = None) -> T:
    """Return input, limited to at least min and at most max, numbers or tensors; if min > max, return max.

    The gradient goes to the returned one of the three, and to the input where it equals a bound.

    >>> import tinygrad_cnn as tg
    >>> tg.clamp(tg.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise ValueError("clamp: wanted min, max or both, got neither")
    if input.dtype.kind == "f" and all(bound is None or type(bound) in (int, float) for bound in (min, max)):
        return _clamp(input, min=-inf if min is None else min, max=inf if max is None else max, strict=False)
    if type(max) is int and max < 0 and input.dtype.kind == "u":
        raise ValueError(f"clamp: max is {max}, which does not fit into {input.dtype}")
    if min is not None:
        input = where((input < min) | (min != min), min, input)  # a bound that is NaN gives NaN
    return input if max is None else where((input > max) | (max != max), max, input)


clip = clamp


def clamp_min(input: T, min: Any) -> T:
    """Return input, limited to at least min.

    >>> import tinygrad_cnn as tg
    >>> tg.clamp_min(tg.tensor([-2.0, 2.0]), 1.0)
    tensor([1., 2.])
    """
    return clamp(input, min)


def clamp_max(input: T, max: Any) -> T:
    """Return input, limited to at most max.

    >>> import tinygrad_cnn as tg
    >>> tg.clamp_max(tg.tensor([-2.0, 2.0]), 1.0)
    tensor([-2.,  1.])
    """
    return clamp(input, None, max)


@operation(input=lambda g, input: where(np.isfinite(array_of(input)), g, 0.0))
def _nan_to_num(input: Array, *, nan: float, posinf: float | None, neginf: float | None) -> Array:
    return np.nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


def nan_to_num(input: T, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> T:
    """Replace NaN and the infinities by numbers: by default 0, and the largest and the smallest of the type.

    >>> import tinygrad_cnn as tg
    >>> tg.nan_to_num(tg.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
    tensor([1., 0., 9.])
    """
    return _nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)
