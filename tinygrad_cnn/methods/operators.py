"""Operators of Tensor: ``a + b`` is ``add(a, b)``, and so on. Those that write in place are in `in_place`."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn import ops
from tinygrad_cnn.ops.index import getitem
from tinygrad_cnn.tape.mistakes import explained
from tinygrad_cnn.typing import T

_matmul = explained(ops.matmul, __name__)


class Operators:
    """Python's operators, which take tensors, arrays and numbers."""

    __slots__ = ()

    def __add__(self: T, other: Any) -> T:
        return ops.add(self, other)

    def __radd__(self: T, other: Any) -> T:
        return ops.add(other, self)

    def __sub__(self: T, other: Any) -> T:
        return ops.sub(self, other)

    def __rsub__(self: T, other: Any) -> T:
        return ops.sub(other, self)

    def __mul__(self: T, other: Any) -> T:
        return ops.mul(self, other)

    def __rmul__(self: T, other: Any) -> T:
        return ops.mul(other, self)

    def __truediv__(self: T, other: Any) -> T:
        return ops.div(self, other)

    def __rtruediv__(self: T, other: Any) -> T:
        return ops.div(other, self)

    def __floordiv__(self: T, other: Any) -> T:
        return ops.floor_divide(self, other)

    def __rfloordiv__(self: T, other: Any) -> T:
        return ops.floor_divide(other, self)

    def __mod__(self: T, other: Any) -> T:
        return ops.remainder(self, other)

    def __rmod__(self: T, other: Any) -> T:
        return ops.remainder(other, self)

    def __divmod__(self: T, other: Any) -> tuple[T, T]:
        return ops.floor_divide(self, other), ops.remainder(self, other)

    def __rdivmod__(self: T, other: Any) -> tuple[T, T]:
        return ops.floor_divide(other, self), ops.remainder(other, self)

    def __pow__(self: T, other: Any) -> T:
        return ops.pow(self, other)

    def __rpow__(self: T, other: Any) -> T:
        return ops.pow(other, self)

    def __matmul__(self: T, other: Any) -> T:
        return _matmul(self, other)

    def __rmatmul__(self: T, other: Any) -> T:
        return _matmul(other, self)

    def __neg__(self: T) -> T:
        return ops.neg(self)

    def __pos__(self: T) -> T:
        return self

    def __abs__(self: T) -> T:
        return ops.abs(self)

    def __eq__(self: T, other: Any) -> T:  # type: ignore[override]
        return ops.eq(self, other)

    def __ne__(self: T, other: Any) -> T:  # type: ignore[override]
        return ops.ne(self, other)

    def __lt__(self: T, other: Any) -> T:
        return ops.lt(self, other)

    def __le__(self: T, other: Any) -> T:
        return ops.le(self, other)

    def __gt__(self: T, other: Any) -> T:
        return ops.gt(self, other)

    def __ge__(self: T, other: Any) -> T:
        return ops.ge(self, other)

    def __and__(self: T, other: Any) -> T:
        return ops.bitwise_and(self, other)

    def __or__(self: T, other: Any) -> T:
        return ops.bitwise_or(self, other)

    def __xor__(self: T, other: Any) -> T:
        return ops.bitwise_xor(self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lshift__(self: T, other: Any) -> T:
        return ops.bitwise_left_shift(self, other)

    def __rshift__(self: T, other: Any) -> T:
        return ops.bitwise_right_shift(self, other)

    def __rlshift__(self: T, other: Any) -> T:
        return ops.bitwise_left_shift(other, self)

    def __rrshift__(self: T, other: Any) -> T:
        return ops.bitwise_right_shift(other, self)

    def __invert__(self: T) -> T:
        return ops.bitwise_not(self)

    __hash__ = object.__hash__

    __getitem__ = getitem
