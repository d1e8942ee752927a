"""Broadcasting and type promotion; the derivative sums a gradient back to its input's shape (unbroadcast)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from tinygrad_cnn.kernels.sums import total
from tinygrad_cnn.ops.arguments import array_of, one_or_several
from tinygrad_cnn.support.dtypes import default_dtype, float16, float32, float64, result_type
from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.record import Operation, Origin, Variable, describe, make_tensor, operation, watching
from tinygrad_cnn.tape.views import view_operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "broadcast_to",
    "expand",
]


@operation(input=lambda g, input_shape: broadcast_to(g, input_shape))
def sum_to(input: Array, *, shape: tuple[int, ...]) -> Array:
    """Unbroadcast: sum over the dimensions along which broadcasting ``shape`` to the input's shape repeats."""
    lead = input.ndim - len(shape)
    repeated = (i + lead for i, n in enumerate(shape) if n == 1 != input.shape[i + lead])
    return total(input, (*range(lead), *repeated)).reshape(shape)


@view_operation(input=lambda g, input_shape: sum_to(g, shape=input_shape))
def _broadcast_to(input: Array, *, shape: tuple[int, ...]) -> Array:
    view = np.broadcast_to(input, shape)
    if view.shape == input.shape:
        view.flags.writeable = input.flags.writeable  # nothing is repeated
    return view


def broadcast_to(input: T, shape: tuple[int, ...]) -> T:
    """Broadcast to a shape: repeat along new leading dimensions and dimensions of length 1, without copying.

    >>> import tinygrad_cnn as tg
    >>> tg.broadcast_to(tg.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2.],
            [1., 2.]])
    """
    return _broadcast_to(input, shape=tuple(shape))


@one_or_several
def expand(input: T, size: tuple[int, ...]) -> T:
    """Repeat along dimensions of length 1 up to the given size, without copying; -1 keeps a length.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    lead = len(size) - input.ndim
    if lead < 0 or any(n < 0 and (n != -1 or i < lead) for i, n in enumerate(size)):
        raise ValueError(f"expand: a tensor of shape {input.shape} cannot be expanded to {size}")
    return broadcast_to(input, tuple(input.shape[i - lead] if n == -1 else n for i, n in enumerate(size)))


@operation(input=lambda g, input_dtype: cast(g, dtype=input_dtype))
def cast(input: Array, *, dtype: np.dtype[Any]) -> Array:
    """Return a copy of the input in another dtype."""
    return input.astype(dtype)


def apart(result: T, *inputs: Any) -> T:
    """Return a result, copied if it shares memory with an input: for operations whose result is never a view."""
    shares = any(np.may_share_memory(array_of(result), array_of(value)) for value in inputs)
    return cast(result, dtype=result.dtype) if shares else result


_NEEDING = {(False, False): (), (True, False): (0,), (False, True): (1,), (True, True): (0, 1)}
"""The positions of the inputs that need a gradient, by the two inputs' ``requires_grad``."""

Function = TypeVar("Function", bound=Callable[..., Any])


def computing_in(wider: dict[np.dtype[Any], np.dtype[Any]]) -> Callable[[Function], Function]:
    """Make a function of tensors compute in a wider type, and convert its results to the type of its first input.

    Casts are recorded, so derivatives are computed in the wider type too.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(input: Any, *others: Any, **options: Any) -> Any:
            narrow, wide = input.dtype, wider.get(input.dtype)
            if wide is None:
                return function(input, *others, **options)

            def converted(value: Any, before: np.dtype[Any], after: np.dtype[Any]) -> Any:
                return cast(value, dtype=after) if getattr(value, "dtype", None) == before else value

            out = function(*(converted(value, narrow, wide) for value in (input, *others)), **options)
            if isinstance(out, tuple):
                return tuple(converted(value, wide, narrow) for value in out)
            return converted(out, wide, narrow)

        return call  # type: ignore[return-value]

    return decorate


half_in_float32 = computing_in({float16: float32})
"""For sums of squares, which easily overflow in float16."""

in_wider_type = computing_in({float16: float32, float32: float64})
"""For products, whose error grows with the number of factors, in any order of multiplication."""


class Broadcasting(Operation):
    """An operation whose inputs broadcast. Each gradient is summed back to its input's shape (see `sum_to`)."""

    def fit(self, gradient: Any, origin: Origin, name: str) -> Any:
        if gradient.shape != origin.shape:
            gradient = sum_to(gradient, shape=origin.shape)
        return super().fit(gradient, origin, name)


class Elementwise(Broadcasting):
    """A broadcasting operation that first converts its inputs to one type, by PyTorch's type promotion."""

    fractional = False  # whether integers are converted to the default float type

    def __call__(self, *inputs: Any, **constants: Any) -> Any:
        """Compute and record. Two inputs of one float type, the usual case, have a fast path: 1.9 us, not 2.5."""
        if len(inputs) != 2 or constants or watching:
            return super().__call__(*inputs, **constants)
        first, second = inputs
        if not isinstance(first, Variable):
            return super().__call__(*inputs)
        a, is_tensor = first.array, isinstance(second, Variable)
        b = second.array if is_tensor else second
        if a.dtype.kind != "f" or (b.dtype is not a.dtype if is_tensor else type(b) is not float):
            return super().__call__(*inputs)
        try:
            out = self.forward(a, b)
        except (ValueError, TypeError) as error:
            raise self._explained(error, [a, b]) from error
        if type(out) is not np.ndarray:
            out = np.asarray(out)
        node = None
        needing = _NEEDING[first._requires_grad, is_tensor and second._requires_grad]
        if needing and _mode.recording:
            node = self.record(inputs, needing, [a, b], {}, out)
        return make_tensor(second if is_tensor else first, out, node)

    def promoted(self, inputs: tuple[Any, ...], arrays: list[Any]) -> tuple[Any, ...] | None:
        """Return the inputs converted to one type, or None if no input needs conversion (found fast)."""
        dtype = None
        number: type | None = None
        for value in arrays:
            if (kind := type(value)) is float or kind is int:
                number = kind if number is not float else float
            elif kind is not bool:
                found = getattr(value, "dtype", None)
                if dtype is None:
                    dtype = found
                if found is None or (found is not dtype and found != dtype):
                    return promoted(self.name, inputs, self.fractional)
        if dtype is None or dtype.kind == "f":
            return None
        if number is not float and (dtype.kind != "b" or (number is None and not self.fractional)):
            return None
        return promoted(self.name, inputs, self.fractional)


class Selecting(Elementwise):
    """An elementwise operation whose first input is a condition, which is not converted."""

    def promoted(self, inputs: tuple[Any, ...], arrays: list[Any]) -> tuple[Any, ...] | None:
        """Return the inputs, all but the condition converted to one type, or None if no input needs conversion."""
        converted = super().promoted(inputs[1:], arrays[1:])
        return None if converted is None else (inputs[0], *converted)


class Fractional(Elementwise):
    """An elementwise operation that converts integers to floats before it computes."""

    fractional = True


def in_one_type(name: str, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return tensors converted to one type by type promotion."""
    first = getattr(inputs[0], "dtype", None)
    same = first is not None and all(getattr(value, "dtype", None) is first for value in inputs)
    return inputs if same else promoted(name, inputs)


def promoted(name: str, inputs: tuple[Any, ...], floats: bool = False) -> tuple[Any, ...]:
    """Convert inputs to one type by type promotion. NumPy's scalars count as Python's numbers, and do not widen."""
    operands = []
    for value in inputs:
        if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
            value = value.item()
        if not (isinstance(value, (bool, int, float, Variable)) or hasattr(value, "__array_ufunc__")):
            raise TypeError(f"{name}: wanted tensors, arrays or numbers, got {describe(value)}")
        operands.append(value)
    dtype = result_type(*(v.array if isinstance(v, Variable) else v for v in operands))
    if floats and dtype.kind != "f":
        dtype = default_dtype()
    return tuple(
        v if isinstance(v, (bool, int, float)) or v.dtype == dtype else cast(v, dtype=dtype) for v in operands
    )


def broadcasting(**derivatives: Callable[..., Any]) -> Callable[[Callable[..., Array]], Broadcasting]:
    """Turn a function of arrays into a broadcasting operation, given the derivative with respect to each input."""
    return lambda forward: Broadcasting(forward, derivatives)


def elementwise(**derivatives: Callable[..., Any]) -> Callable[[Callable[..., Array]], Elementwise]:
    """Turn a function of arrays into an elementwise operation, given the derivative with respect to each input."""
    return lambda forward: Elementwise(forward, derivatives)


def selecting(**derivatives: Callable[..., Any]) -> Callable[[Callable[..., Array]], Elementwise]:
    """Turn a function of (condition, arrays) into an elementwise operation."""
    return lambda forward: Selecting(forward, derivatives)


def fractional(**derivatives: Callable[..., Any]) -> Callable[[Callable[..., Array]], Elementwise]:
    """Turn a function of arrays into an elementwise operation that returns floats for integers."""
    return lambda forward: Fractional(forward, derivatives)
