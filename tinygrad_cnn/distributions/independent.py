"""Batches of distributions as distributions of batches."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn.distributions.distribution import Distribution, sum_rightmost
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.tensor import Tensor


class Independent(Distribution):
    """A distribution whose last dimensions of the batch belong to one sample: their log-probabilities are added.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.distributions import Independent, Normal
    >>> Independent(Normal(tg.zeros(4, 3), tg.ones(4, 3)), 1).log_prob(tg.zeros(4, 3)).shape
    (4,)
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        count = whole("Independent", "reinterpreted_batch_ndims", reinterpreted_batch_ndims, 0)
        shape = base_distribution.batch_shape
        if count > len(shape):
            raise ValueError(f"Independent: the batch shape is {shape}; wanted at least {count} dimensions")
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, count
        kept = len(shape) - count
        super().__init__(shape[:kept], (*shape[kept:], *base_distribution.event_shape), validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base distribution has."""
        return self.base_dist.has_rsample

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw samples of the base distribution."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draw samples of the base distribution, with gradients."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the sum of the logarithms of the probabilities."""
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        """Return the sum of the entropies."""
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def expand(self, batch_shape: Any) -> Independent:
        """Return the same distribution with a larger batch."""
        kept = self.base_dist.batch_shape[len(self.batch_shape) :]
        return Independent(self.base_dist.expand((*batch_shape, *kept)), self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.base_dist.variance

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"
