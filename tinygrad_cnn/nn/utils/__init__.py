"""Helpers for parameters: gradient clipping, and conversion of all parameters to and from one vector."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.nn.utils import parametrizations, parametrize, rnn
from tinygrad_cnn.nn.utils.norm_hooks import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tape.writes import mark_written
from tinygrad_cnn.tensor import Tensor

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]

Parameters = Tensor | Iterable[Tensor]


@effect
def clip_grad_norm_(
    parameters: Parameters, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale all gradients in place so that their total norm is at most ``max_norm``; return the norm before that.

    The total norm is that of all gradients as one vector; ``norm_type`` inf is the largest absolute value. If it is
    not finite, all gradients become NaN or 0, or, with ``error_if_nonfinite``, RuntimeError is raised and nothing
    changes. (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013.)

    >>> import tinygrad_cnn as tg
    >>> p = tg.nn.Parameter([3.0, 4.0])
    >>> (p * p / 2).sum().backward()
    >>> tg.nn.utils.clip_grad_norm_(p, 1.0), p.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    grads = [p._grad for p in _several(parameters) if p._grad is not None]
    order = float(norm_type)
    norms = [np.linalg.norm(np.asarray(grad.array, np.float64).ravel(), order) for grad in grads]
    total = np.linalg.norm(norms, order) if norms else np.float32(0)
    total = total.astype(np.result_type(*(grad.dtype for grad in grads))) if grads else total
    if error_if_nonfinite and not isfinite(total):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of order {order:g} of the gradients is {total}; to scale them anyway, "
            "set error_if_nonfinite=False"
        )
    factor = min(float(max_norm) / (float(total) + 1e-6), 1.0)
    for grad in grads:
        grad.array *= factor
        mark_written(grad.array, "clip_grad_norm_")
    return Tensor(total)


@effect
def clip_grad_value_(parameters: Parameters, clip_value: float) -> None:
    """Clamp each entry of the gradients to the range from -clip_value to clip_value, in place.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0, 2.0])
    >>> (weight * tg.tensor([5.0, -0.5])).sum().backward()
    >>> nn.utils.clip_grad_value_([weight], 1.0)
    >>> weight.grad
    tensor([ 1.0000, -0.5000])
    """
    bound = float(clip_value)
    for p in _several(parameters):
        if p._grad is not None:
            np.clip(p._grad.array, -bound, bound, out=p._grad.array)
            mark_written(p._grad.array, "clip_grad_value_")


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all parameters as one vector; gradients pass back to each.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.utils.parameters_to_vector(tg.nn.Linear(2, 3).parameters()).shape
    (9,)
    """
    parts = [ops.reshape(p, (-1,)) for p in parameters]
    if not parts:
        raise ValueError("parameters_to_vector: wanted at least one parameter")
    return ops.cat(parts)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy a vector into the memory of the parameters; ValueError if its length does not fit.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> layer = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(tg.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.bias.tolist()
    [3.0]
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: wanted a tensor, got {type(vec).__name__}")
    several = list(parameters)
    wanted = sum(p.numel() for p in several)
    if vec.shape != (wanted,):
        raise ValueError(f"vector_to_parameters: the vector has shape {vec.shape}; wanted ({wanted},)")
    start = 0
    with no_grad():
        for p in several:
            p.copy_(vec.array[start : start + p.numel()].reshape(p.shape))
            start += p.numel()


def _several(parameters: Parameters) -> Iterable[Tensor]:
    return (parameters,) if isinstance(parameters, Tensor) else parameters


explain_calls(globals())
explain_missing_names("torch.nn.utils", __name__)
