"""In-place methods. They are not recorded; a backward pass that needs an overwritten value raises an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.methods.conversions import Conversions
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.index import places
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.support.arrays import own_array
from tinygrad_cnn.tape.grad_mode import is_grad_enabled
from tinygrad_cnn.tape.record import make_tensor, renamed
from tinygrad_cnn.tape.writes import mark_written
from tinygrad_cnn.typing import Array, Scalar

Generator = np.random.Generator | None


def _in_place(name: str) -> Callable[..., Any]:
    """Return a method that overwrites the tensor with an operation's result: exp_ for exp."""
    function = getattr(ops, name)

    def method(self: InPlace, *arguments: Any, **options: Any) -> Any:
        def write(array: Array, _: Any) -> None:
            np.copyto(array, array_of(function(make_tensor(self, array), *arguments, **options)))

        given = next((a for a in (*arguments, *options.values()) if getattr(a, "requires_grad", False)), None)
        return self._writes(f"{name}_", write, given)

    method.__name__, method.__doc__ = f"{name}_", f"`{name}` in place."
    return method


def _scaled(other: Any, alpha: Scalar) -> Any:
    return other if alpha == 1 else array_of(other) * alpha


class InPlace(Conversions):
    """In-place methods. Unless under no_grad, they refuse tensors that require a gradient."""

    __slots__ = ()

    def _writes(self, name: str, function: Callable[[Array, Any], Any], value: Any) -> Self:
        """Write to the tensor's array with a function of (array, value)."""
        if is_grad_enabled() and (self._requires_grad or getattr(value, "requires_grad", False)):
            raise RuntimeError(
                f"{name}: writing in place is not recorded, and a tensor here requires a gradient; "
                "do it under no_grad(), or write the operation out of place"
            )
        given = own_array(name, value) if isinstance(value, np.ndarray) else array_of(value)
        try:
            function(self.array, given)
        except (ValueError, TypeError, IndexError) as error:
            raise renamed(error, f"{name}: {error} (given shape {self.shape})") from error
        mark_written(self.array, name)
        return self

    def add_(self, other: Any, alpha: Scalar = 1) -> Self:
        """Add alpha * other in place."""
        return self._writes("add_", lambda a, b: np.add(a, b, out=a), _scaled(other, alpha))

    def sub_(self, other: Any, alpha: Scalar = 1) -> Self:
        """Subtract alpha * other in place."""
        return self._writes("sub_", lambda a, b: np.subtract(a, b, out=a), _scaled(other, alpha))

    def mul_(self, other: Any) -> Self:
        """Multiply in place."""
        return self._writes("mul_", lambda a, b: np.multiply(a, b, out=a), other)

    def div_(self, other: Any) -> Self:
        """Divide in place."""
        return self._writes("div_", lambda a, b: np.true_divide(a, b, out=a), other)

    abs_ = _in_place("abs")
    addcdiv_ = _in_place("addcdiv")
    addcmul_ = _in_place("addcmul")
    ceil_ = _in_place("ceil")
    clamp_ = _in_place("clamp")
    clamp_max_ = _in_place("clamp_max")
    clamp_min_ = _in_place("clamp_min")
    clip_ = _in_place("clip")
    cos_ = _in_place("cos")
    exp_ = _in_place("exp")
    floor_ = _in_place("floor")
    index_add_ = _in_place("index_add")
    index_put_ = _in_place("index_put")
    lerp_ = _in_place("lerp")
    log_ = _in_place("log")
    masked_fill_ = _in_place("masked_fill")
    neg_ = _in_place("neg")
    pow_ = _in_place("pow")
    reciprocal_ = _in_place("reciprocal")
    relu_ = _in_place("relu")
    remainder_ = _in_place("remainder")
    round_ = _in_place("round")
    rsqrt_ = _in_place("rsqrt")
    scatter_ = _in_place("scatter")
    scatter_add_ = _in_place("scatter_add")
    sigmoid_ = _in_place("sigmoid")
    sign_ = _in_place("sign")
    sin_ = _in_place("sin")
    sqrt_ = _in_place("sqrt")
    square_ = _in_place("square")
    tanh_ = _in_place("tanh")
    tril_ = _in_place("tril")
    triu_ = _in_place("triu")
    trunc_ = _in_place("trunc")

    def uniform_(self, from_: float = 0.0, to: float = 1.0, *, generator: Generator = None) -> Self:
        """Fill with random numbers, uniform on [from_, to)."""
        if not from_ <= to:
            raise ValueError(f"uniform_: wanted from <= to, got from = {from_} and to = {to}")
        return self._fill_random("uniform_", lambda rng: rng.uniform(from_, to, self.shape), generator)

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator = None) -> Self:
        """Fill with random numbers from the normal distribution."""
        if not std >= 0:
            raise ValueError(f"normal_: std is {std}; wanted a number of at least 0")
        return self._fill_random("normal_", lambda rng: rng.normal(mean, std, self.shape), generator)

    def bernoulli_(self, p: float = 0.5, *, generator: Generator = None) -> Self:
        """Fill with 1 with probability p, else 0."""
        if not 0 <= p <= 1:
            raise ValueError(f"bernoulli_: p is {p}; wanted a probability between 0 and 1")
        return self._fill_random("bernoulli_", lambda rng: rng.random(self.shape) < p, generator)

    def _fill_random(self, name: str, draw: Callable[[np.random.Generator], Any], generator: Generator) -> Self:
        def write(array: Array, _: None) -> None:
            np.copyto(array, draw(generator or default_generator()), casting="unsafe")

        return self._writes(name, write, None)

    def detach_(self) -> Self:
        """Detach the tensor from the autograd graph: it becomes a leaf that requires no gradient."""
        self.node, self._requires_grad = None, False
        return self

    def copy_(self, source: Any) -> Self:
        """Copy values in place, converted to this tensor's type and broadcast to its shape."""
        return self._writes("copy_", lambda a, b: np.copyto(a, b, casting="unsafe"), source)

    def fill_(self, value: Scalar) -> Self:
        """Set every element to a value in place."""
        return self._writes("fill_", lambda a, b: a.fill(b), value)

    def zero_(self) -> Self:
        """Set every element to 0 in place."""
        return self._writes("zero_", lambda a, b: a.fill(b), 0)

    def __setitem__(self, index: Any, value: Any) -> None:
        def write(array: Array, given: Any) -> None:
            *before, last = places("setitem", index)
            for part in before:
                array = array[part]
            array[last] = given

        self._writes("setitem", write, value)

    def _in_place_or_new(self, name: str, other: Any) -> Self:
        """``x += y`` writes to x's memory; if it must be recorded, it is ``x = x + y`` instead."""
        recorded = self.node is not None or (getattr(other, "requires_grad", False) and not self._requires_grad)
        write = not (recorded and is_grad_enabled())
        result: Self = getattr(self, f"{name}_" if write else name)(other)
        return result

    def __iadd__(self, other: Any) -> Self:
        return self._in_place_or_new("add", other)

    def __isub__(self, other: Any) -> Self:
        return self._in_place_or_new("sub", other)

    def __imul__(self, other: Any) -> Self:
        return self._in_place_or_new("mul", other)

    def __itruediv__(self, other: Any) -> Self:
        return self._in_place_or_new("div", other)
