"""Random samples with probabilities from a tensor (bernoulli, multinomial, poisson). Samples have no gradient."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.ops.arguments import want_float, whole
from tinygrad_cnn.random import GeneratorArgument as Generator
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.typing import T

__all__ = [
    "bernoulli",
    "multinomial",
    "poisson",
]


@effect
def bernoulli(input: T, p: float | None = None, *, generator: Generator = None) -> T:
    """Return 1 with the probability that each element gives (or p for all), else 0.

    >>> import tinygrad_cnn as tg
    >>> tg.bernoulli(tg.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    probabilities = input.array if p is None else np.full(input.shape, p)
    if p is None:
        want_float("bernoulli", input)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("bernoulli: wanted probabilities between 0 and 1")
    drawn = (generator or default_generator()).random(input.shape) < probabilities
    return make_tensor(input, np.asarray(drawn).astype(input.dtype))


def poisson(input: T, *, generator: Generator = None) -> T:
    """Return numbers from Poisson distributions, whose rates input gives.

    >>> import tinygrad_cnn as tg
    >>> tg.poisson(tg.zeros(2))
    tensor([0., 0.])
    """
    want_float("poisson", input)
    if not (input.array >= 0).all():
        raise ValueError("poisson: wanted rates of at least 0")
    drawn = (generator or default_generator()).poisson(input.array)
    return make_tensor(input, np.asarray(drawn).astype(input.dtype))


@effect
def multinomial(input: T, num_samples: int, replacement: bool = False, *, generator: Generator = None) -> T:
    """Draw indices of the last dimension with probabilities proportional to the weights in input.

    Shapes: input (N, C) or (C,); the result is (N, num_samples) or (num_samples,) of int64. Without replacement no
    index is repeated in a row. (It then draws exponential waiting times, as Efraimidis and Spirakis, 2006.)

    >>> import tinygrad_cnn as tg
    >>> tg.multinomial(tg.tensor([0.0, 1.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    want_float("multinomial", input)
    count, weights = whole("multinomial", "num_samples", num_samples, 1), input.array.astype(np.float64)
    if weights.ndim not in (1, 2) or not weights.shape[-1]:
        raise ValueError(f"multinomial: input has shape {input.shape}; wanted (N, C) or (C,)")
    if not (np.isfinite(weights) & (weights >= 0)).all() or not (weights.sum(-1) > 0).all():
        raise ValueError("multinomial: wanted weights that are finite, 0 or more, and not all 0 in a row")
    available = int((weights > 0).sum(-1).min(initial=weights.shape[-1]))
    if not replacement and count > available:
        raise ValueError(f"multinomial: {count} samples without replacement, of {available} with a weight above 0")
    rng = generator or default_generator()
    if replacement:
        upto = weights.cumsum(-1)
        drawn = rng.random((*weights.shape[:-1], count, 1)) * upto[..., None, -1:]
        return make_tensor(input, np.asarray((upto[..., None, :] <= drawn).sum(-1)))
    waiting = np.full(weights.shape, np.inf)  # exponential waiting times of rate w: the first is i with odds w_i
    np.divide(rng.standard_exponential(weights.shape), weights, out=waiting, where=weights > 0)
    return make_tensor(input, waiting.argsort(-1)[..., :count])
