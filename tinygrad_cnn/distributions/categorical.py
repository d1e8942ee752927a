"""The categorical distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.distributions.distribution import Distribution, no_bounds, one_of, parameters
from tinygrad_cnn.ops.arguments import lengths
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor


class Categorical(Distribution):
    """Classes 0 to C - 1 with probabilities in proportion to ``probs`` (..., C), or to e to the ``logits``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.distributions import Categorical
    >>> Categorical(tg.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    _parameters = ("probs", "logits")

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Categorical", probs, logits)
        (given,) = parameters("Categorical", logits if probs is None else probs)
        if not given.ndim:
            raise ValueError(
                "Categorical: the parameter has no dimension; wanted a number for each class, (..., C)"
            )
        super().__init__(given.shape[:-1], (), validate_args)
        if probs is None:
            self._want("logits", given, no_bounds, "numbers")
            self.logits = given - ops.logsumexp(given, -1, keepdim=True)
        else:
            self._want("probs", given, _are_weights, "numbers of at least 0, not all 0")
            self.probs = given / ops.sum(given, -1, keepdim=True)

    def __getattr__(self, name: str) -> Any:
        if name == "logits" and "probs" in vars(self):
            least = float(np.finfo(self.probs.dtype).eps)
            return ops.log(ops.clamp(self.probs, least, 1 - least))
        if name == "probs" and "logits" in vars(self):
            return ops.softmax(self.logits, -1)
        raise AttributeError(f"Categorical has no attribute {name!r}")

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the parameter, (..., C)."""
        shape: tuple[int, ...] = (self.probs if "probs" in vars(self) else self.logits).shape
        return shape

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw classes, of int64."""
        shape = lengths("Categorical.sample", (sample_shape,))
        count = int(np.prod(shape))
        with no_grad():
            weights = ops.reshape(self.probs.detach(), (-1, self.param_shape[-1]))
            drawn = ops.multinomial(weights, max(count, 1), replacement=True)
            return ops.reshape(drawn.T[:count], (*shape, *self.batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of classes."""
        classes = self.param_shape[-1]
        value = self._value(
            value, lambda v: (v >= 0) & (v < classes) & (v == np.floor(v)), f"integers from 0 to {classes - 1}"
        )
        shape = np.broadcast_shapes(value.shape, self.batch_shape)
        wanted = ops.broadcast_to(value, shape).long()[..., None]
        return ops.gather(ops.broadcast_to(self.logits, (*shape, classes)), -1, wanted)[..., 0]

    def entropy(self) -> Tensor:
        """Return the entropy."""
        least = float(np.finfo(self.logits.dtype).min)
        return -ops.sum(ops.clamp(self.logits, least) * self.probs, -1)

    @property
    def mode(self) -> Tensor:
        """The likeliest class."""
        return ops.argmax(self.probs, -1)


def _are_weights(probs: Any) -> Any:
    return np.all(probs >= 0, axis=-1) & (probs.sum(-1) > 0)
