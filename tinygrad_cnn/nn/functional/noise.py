"""Dropout: in training, numbers are set to 0 at random, and the others scaled so that the mean stays.

(Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.) The mask is drawn
from the given generator, by default this thread's, and has no derivative.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.nn.functional.in_place import accepting_inplace
from tinygrad_cnn.ops.arguments import want_float
from tinygrad_cnn.random import GeneratorArgument as Generator
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d"]


@effect
def _kept(name: str, input: Tensor, shape: tuple[int, ...], p: float, generator: Generator, scale: float) -> Array:
    """Return ``scale`` with probability 1 - p, else 0, in the input's type."""
    want_float(name, input)
    drawn = (generator or default_generator()).random(shape, dtype=np.float32) >= p
    return np.asarray(drawn).astype(input.dtype) / scale


def _dropped(
    name: str, input: Tensor, shape: tuple[int, ...], p: float, training: bool, generator: Generator
) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p is {p}; wanted a probability between 0 and 1")
    if not training or p == 0:
        return input
    return input * _kept(name, input, shape, p, generator, 1 - p if p < 1 else 1)


@accepting_inplace
def dropout(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator = None) -> Tensor:
    """Set each number to 0 with probability p, and multiply the others by 1 / (1 - p), if ``training``.

    >>> import tinygrad_cnn as tg
    >>> set(tg.nn.functional.dropout(tg.ones(1000), 0.5).tolist()) == {0.0, 2.0}
    True
    """
    return _dropped("dropout", input, input.shape, p, training, generator)


@accepting_inplace
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator = None) -> Tensor:
    """Set entire channels of (N, C, L) or (C, L) to 0, as `dropout` does with numbers.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.dropout1d(tg.ones(2, 3, 4), 0.5).shape
    (2, 3, 4)
    """
    if input.ndim not in (2, 3):
        raise ValueError(f"dropout1d: input has shape {input.shape}; wanted (N, C, L) or (C, L)")
    return _dropped("dropout1d", input, (*input.shape[:-1], 1), p, training, generator)


@accepting_inplace
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator = None) -> Tensor:
    """Set entire channels of (N, C, H, W) to 0, as `dropout` does with numbers.

    PyTorch treats three dimensions as (N, C, L), which it plans to change; here they are refused.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.dropout2d(tg.ones(2, 3, 4, 4), 0.5).shape
    (2, 3, 4, 4)
    """
    if input.ndim != 4:
        raise ValueError(f"dropout2d: input has shape {input.shape}; wanted (N, C, H, W)")
    return _dropped("dropout2d", input, (*input.shape[:2], 1, 1), p, training, generator)


@accepting_inplace
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, *, generator: Generator = None) -> Tensor:
    """Set numbers to selu's lower bound with probability p, then scale and shift to keep mean and variance.

    (Klambauer et al., "Self-normalizing neural networks", 2017.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.alpha_dropout(tg.ones(2, 3), 0.5, training=True).shape
    (2, 3)
    """
    if not 0 < p < 1 or not training:
        return _dropped("alpha_dropout", input, input.shape, p, training, generator)
    alpha = 1.7580993408473766
    scale = 1 / sqrt((alpha * alpha * p + 1) * (1 - p))
    factor, shift = _alpha_masks(input, p, generator, alpha, scale)
    return ops.add(input * factor, shift)


@effect
def _alpha_masks(input: Tensor, p: float, generator: Generator, alpha: float, scale: float) -> tuple[Array, Array]:
    """Return by what `alpha_dropout` multiplies its input, and what it adds."""
    kept = _kept("alpha_dropout", input, input.shape, p, generator, 1.0)
    return kept * scale, (kept - 1) * (alpha * scale) + alpha * scale * p


explain_calls(globals())
