"""The exponential distribution."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn import ops
from tinygrad_cnn.distributions.distribution import Distribution, noise, parameters
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tensor import Tensor


class Exponential(Distribution):
    """Exponential distributions of waiting times, ``rate`` events in a unit of time.

    >>> from tinygrad_cnn.distributions import Exponential
    >>> Exponential(2.0).mean
    tensor(0.5000)
    """

    has_rsample = True
    _parameters = ("rate",)

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = parameters("Exponential", rate)
        super().__init__(self.rate.shape, (), validate_args)
        self._want("rate", self.rate, lambda rate: rate > 0, "numbers above 0")

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draw samples through which gradients reach the rate."""
        drawn = default_generator().standard_exponential(self._shape(sample_shape))
        return noise(drawn, self.rate.dtype) / self.rate

    def _time(self, value: Tensor) -> Tensor:
        return self._value(value, lambda v: v >= 0, "numbers of at least 0")

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        return ops.log(self.rate) - self.rate * self._time(value)

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return 1.0 - ops.log(self.rate)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of a sample of at most the value."""
        return 1 - ops.exp(-self.rate * self._time(value))

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value below which samples lie with a probability."""
        return -ops.log1p(-value) / self.rate

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return 1 / self.rate**2
