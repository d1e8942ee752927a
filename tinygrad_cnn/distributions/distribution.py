"""What all distributions share: shapes, checked parameters, and samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.creation import from_array, tensor
from tinygrad_cnn.ops.arguments import lengths
from tinygrad_cnn.support.dtypes import default_dtype
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Shape = tuple[int, ...]


class Distribution:
    """The base of distributions: ``batch_shape`` independent ones, each of samples of ``event_shape``.

    ``sample(shape)`` draws tensors of ``shape + batch_shape + event_shape``; `rsample` too, with gradients to the
    parameters. Unless ``validate_args`` is False, parameters and values out of range raise ValueError.
    """

    has_rsample: ClassVar[bool] = False
    _validates: ClassVar[bool] = True
    _parameters: ClassVar[tuple[str, ...]] = ()
    """The names of the parameters, of which those that were given are printed."""

    def __init__(self, batch_shape: Shape = (), event_shape: Shape = (), validate_args: bool | None = None) -> None:
        self.batch_shape, self.event_shape = tuple(batch_shape), tuple(event_shape)
        if validate_args is not None:
            self._validate_args = bool(validate_args)

    @property
    def _checks(self) -> bool:
        return getattr(self, "_validate_args", Distribution._validates)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Set whether distributions check their parameters and values if ``validate_args`` is left out."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: value is {value!r}; wanted True or False")
        Distribution._validates = bool(value)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw samples of ``sample_shape + batch_shape + event_shape``, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draw samples through which gradients reach the parameters (reparametrised)."""
        raise NotImplementedError(f"{type(self).__name__}: rsample() is not defined; wanted sample()")

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability, or of its density, of a value."""
        raise NotImplementedError(f"{type(self).__name__}: log_prob() is not defined")

    def entropy(self) -> Tensor:
        """Return the entropy, in nats, (batch_shape)."""
        raise NotImplementedError(f"{type(self).__name__}: entropy() is not defined")

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of a sample of at most the value."""
        raise NotImplementedError(f"{type(self).__name__}: cdf() is not defined")

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value below which samples lie with a probability: the inverse of `cdf`."""
        raise NotImplementedError(f"{type(self).__name__}: icdf() is not defined")

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError(f"{type(self).__name__}: mean is not defined")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError(f"{type(self).__name__}: variance is not defined")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return ops.sqrt(self.variance)

    def perplexity(self) -> Tensor:
        """Return e to the power of the entropy."""
        return ops.exp(self.entropy())

    def expand(self, batch_shape: Any) -> Distribution:
        """Return the same distribution with its parameters broadcast to a batch shape."""
        shape = lengths(f"{type(self).__name__}.expand", (batch_shape,))
        result = copy(self)
        for name in self._parameters:
            if name in vars(self):
                own = vars(self)[name]
                setattr(result, name, ops.broadcast_to(own, (*shape, *own.shape[len(self.batch_shape) :])))
        result.batch_shape = shape
        return result

    def __repr__(self) -> str:
        given = {name: vars(self)[name] for name in self._parameters if name in vars(self)}
        parts = (f"{name}: {value.item() if value.numel() == 1 else value.shape}" for name, value in given.items())
        return f"{type(self).__name__}({', '.join(parts)})"

    def _shape(self, sample_shape: Any) -> Shape:
        return (*lengths(f"{type(self).__name__}.sample", (sample_shape,)), *self.batch_shape, *self.event_shape)

    def _want(self, name: str, value: Tensor, holds: Callable[[Array], Any], wanted: str) -> None:
        """Raise ValueError, unless checks are off, if a condition does not hold for all numbers of a tensor."""
        if self._checks and not np.all(holds(value.array)):
            raise ValueError(f"{type(self).__name__}: {name} is {value!r:.200}; wanted {wanted}")

    def _value(self, value: Any, holds: Callable[[Array], Any], wanted: str) -> Tensor:
        """Return a value as a tensor, once it is known to be in the support of the distribution."""
        if not isinstance(value, Tensor):
            raise TypeError(f"{type(self).__name__}: the value is a {type(value).__name__}; wanted a tensor")
        self._want("the value", value, holds, wanted)
        return value


def parameters(name: str, *values: Any) -> list[Tensor]:
    """Return numbers and tensors as tensors of one shape."""
    for value in values:
        if not isinstance(value, (Tensor, Real)):
            raise TypeError(f"{name}: a parameter is a {type(value).__name__}; wanted a number or a tensor")
    found = [value for value in values if isinstance(value, Tensor)]
    dtype = found[0].dtype if found else default_dtype()
    tensors = [value if isinstance(value, Tensor) else tensor(value, dtype=dtype) for value in values]
    return list(ops.broadcast_tensors(*tensors))


def noise(drawn: Any, dtype: np.dtype[Any]) -> Tensor:
    """Return random numbers that a generator has drawn, as a tensor of a type."""
    return from_array(np.asarray(drawn).astype(dtype, copy=False))


def sum_rightmost(value: Tensor, count: int) -> Tensor:
    """Return the sum over the last dimensions."""
    return ops.sum(value, tuple(range(-count, 0))) if count else value


def one_of(name: str, probs: Any, logits: Any) -> None:
    """Raise ValueError unless one of two parameters is given."""
    if (probs is None) == (logits is None):
        raise ValueError(f"{name}: wanted probs or logits, one of them")


def no_bounds(value: Sequence[float] | Array) -> Any:
    """Return where numbers are not NaN."""
    return ~np.isnan(value)
