"""The normal distribution."""

from __future__ import annotations

from math import log, pi, sqrt
from typing import Any

from tinygrad_cnn import ops
from tinygrad_cnn.distributions.distribution import Distribution, no_bounds, noise, parameters
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tensor import Tensor


class Normal(Distribution):
    """Normal distributions of means ``loc`` and standard deviations ``scale``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.distributions import Normal
    >>> Normal(0.0, 1.0).log_prob(tg.tensor(0.0))
    tensor(-0.9189)
    """

    has_rsample = True
    _parameters = ("loc", "scale")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = parameters("Normal", loc, scale)
        super().__init__(self.loc.shape, (), validate_args)
        self._want("loc", self.loc, no_bounds, "numbers")
        self._want("scale", self.scale, lambda scale: scale > 0, "numbers above 0")

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draw samples through which gradients reach loc and scale."""
        drawn = default_generator().standard_normal(self._shape(sample_shape))
        return self.loc + noise(drawn, self.loc.dtype) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        value = self._value(value, no_bounds, "numbers")
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - ops.log(self.scale) - log(sqrt(2 * pi))

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return 0.5 + 0.5 * log(2 * pi) + ops.log(self.scale)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of a sample of at most the value."""
        value = self._value(value, no_bounds, "numbers")
        return 0.5 * (1 + ops.erf((value - self.loc) / (self.scale * sqrt(2))))

    @property
    def mean(self) -> Tensor:
        """The mean, ``loc``."""
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        """The variance, ``scale`` squared."""
        return self.scale**2

    @property
    def stddev(self) -> Tensor:
        """The standard deviation, ``scale``."""
        return self.scale
