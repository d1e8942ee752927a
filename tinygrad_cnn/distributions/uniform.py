"""The uniform distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.distributions.distribution import Distribution, noise, parameters
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tensor import Tensor


class Uniform(Distribution):
    """Uniform distributions from ``low`` up to, but without, ``high``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.distributions import Uniform
    >>> Uniform(0.0, 4.0).cdf(tg.tensor(1.0))
    tensor(0.2500)
    """

    has_rsample = True
    _parameters = ("low", "high")

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = parameters("Uniform", low, high)
        super().__init__(self.low.shape, (), validate_args)
        self._want("high", self.high, lambda high: self.low.array < high, "numbers above low")

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draw samples through which gradients reach low and high."""
        drawn = default_generator().random(self._shape(sample_shape))
        return self.low + noise(drawn, self.low.dtype) * (self.high - self.low)

    def _inside(self, value: Tensor) -> Tensor:
        return self._value(
            value, lambda v: (self.low.array <= v) & (v <= self.high.array), "numbers from low to high"
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density, which is -inf outside."""
        value = self._inside(value)
        outside = np.where((self.low.array <= value.array) & (value.array < self.high.array), 0.0, -np.inf)
        return noise(outside, self.low.dtype) - ops.log(self.high - self.low)

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return ops.log(self.high - self.low)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of a sample of at most the value."""
        return ops.clamp((self._inside(value) - self.low) / (self.high - self.low), 0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value below which samples lie with a probability."""
        self._want("the probability", value, lambda p: (p >= 0) & (p <= 1), "numbers from 0 to 1")
        return value * (self.high - self.low) + self.low

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return (self.high + self.low) / 2

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return (self.high - self.low) ** 2 / 12
