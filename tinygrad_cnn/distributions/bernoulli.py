"""The Bernoulli distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.distributions.distribution import Distribution, no_bounds, noise, one_of, parameters
from tinygrad_cnn.nn.functional import binary_cross_entropy_with_logits
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tensor import Tensor


class Bernoulli(Distribution):
    """Ones with probabilities ``probs``, or with the probabilities of ``logits``, and zeros else.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.distributions import Bernoulli
    >>> Bernoulli(tg.tensor([0.25, 1.0])).log_prob(tg.tensor([0.0, 1.0])).exp()
    tensor([0.7500, 1.0000])
    """

    _parameters = ("probs", "logits")

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Bernoulli", probs, logits)
        (given,) = parameters("Bernoulli", logits if probs is None else probs)
        super().__init__(given.shape, (), validate_args)
        if probs is None:
            self.logits = given
            self._want("logits", given, no_bounds, "numbers")
        else:
            self.probs = given
            self._want("probs", given, lambda p: (p >= 0) & (p <= 1), "numbers from 0 to 1")

    def __getattr__(self, name: str) -> Any:
        if name == "logits" and "probs" in vars(self):
            return logits_of(self.probs)
        if name == "probs" and "logits" in vars(self):
            return ops.sigmoid(self.logits)
        raise AttributeError(f"Bernoulli has no attribute {name!r}")

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw samples, 0 or 1."""
        drawn = default_generator().random(self._shape(sample_shape)) < self.probs.array
        return noise(drawn, self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of 0 or 1."""
        value = self._value(value, lambda v: (v == 0) | (v == 1), "0 or 1")
        logits, wanted = ops.broadcast_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, wanted, reduction="none")

    def entropy(self) -> Tensor:
        """Return the entropy."""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    @property
    def mean(self) -> Tensor:
        """The mean, ``probs``."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likelier of 0 and 1; NaN if both are as likely."""
        p = self.probs.array
        return noise(np.where(p == 0.5, np.nan, p > 0.5), p.dtype)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.probs * (1 - self.probs)


def logits_of(probs: Tensor) -> Tensor:
    """Return log(p / (1 - p)), with p held a rounding step away from 0 and 1."""
    least = float(np.finfo(probs.dtype).eps)
    held = ops.clamp(probs, least, 1 - least)
    return ops.log(held) - ops.log1p(-held)
