"""The Kullback-Leibler divergence of two distributions."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from tinygrad_cnn import ops
from tinygrad_cnn.distributions.bernoulli import Bernoulli
from tinygrad_cnn.distributions.categorical import Categorical
from tinygrad_cnn.distributions.distribution import Distribution, sum_rightmost
from tinygrad_cnn.distributions.exponential import Exponential
from tinygrad_cnn.distributions.independent import Independent
from tinygrad_cnn.distributions.normal import Normal
from tinygrad_cnn.distributions.uniform import Uniform
from tinygrad_cnn.nn.functional import softplus
from tinygrad_cnn.tensor import Tensor

Divergence = Callable[[Any, Any], Tensor]
_divergences: dict[tuple[type, type], Divergence] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Divergence], Divergence]:
    """Register a function of two distributions as the divergence of two classes: a decorator."""

    def register(function: Divergence) -> Divergence:
        _divergences[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Return the Kullback-Leibler divergence of p from q, (batch_shape), in nats.

    Raises NotImplementedError for a pair of classes without a formula.

    >>> from tinygrad_cnn.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for first in type(p).__mro__:
        for second in type(q).__mro__:
            if (function := _divergences.get((first, second))) is not None:
                return function(p, q)
    raise NotImplementedError(f"kl_divergence: there is no formula for {type(p).__name__} and {type(q).__name__}")


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ops.log(ratio))


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    p_probs, q_probs = p.probs, q.probs
    ones = p_probs * (softplus(-q.logits) - softplus(-p.logits))
    zeros = (1 - p_probs) * (softplus(q.logits) - softplus(p.logits))
    ones = ops.where(p_probs == 0, 0.0, ops.where(q_probs == 0, inf, ones))
    zeros = ops.where(p_probs == 1, 0.0, ops.where(q_probs == 1, inf, zeros))
    return ones + zeros


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    parts = p.probs * (p.logits - q.logits)
    parts = ops.where(p.probs == 0, 0.0, ops.where(q.probs == 0, inf, parts))
    return ops.sum(parts, -1)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    inside = (q.low <= p.low) & (q.high >= p.high)
    return ops.where(inside, ops.log((q.high - q.low) / (p.high - p.low)), inf)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ops.log(ratio)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: wanted two Independent of as many dimensions")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
