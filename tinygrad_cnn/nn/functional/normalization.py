"""Normalisation: batch_norm, instance_norm, group_norm, layer_norm, rms_norm, and to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np

from tinygrad_cnn.kernels import sums
from tinygrad_cnn.nn.functional.vision import pad
from tinygrad_cnn.ops import avg_pool2d, clamp, mean, reshape, square
from tinygrad_cnn.ops.arguments import one_dim, sizes, want_float, want_same_dtype, whole
from tinygrad_cnn.ops.broadcast import half_in_float32
from tinygrad_cnn.ops.distance import p_norm
from tinygrad_cnn.ops.standardize import standardize
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tape.writes import mark_written
from tinygrad_cnn.tensor import Tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Batch normalisation: standardise each channel over the batch, scale and shift it (Ioffe & Szegedy, 2015).

    Shapes: input (N, C) or (N, C, ...), all others (C,). In training it uses the input's mean and variance, and
    moves the running ones towards them in place, by the fraction ``momentum``; else it uses the running ones.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.batch_norm(tg.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    _check_channels("batch_norm", input, running_mean, running_var, weight, bias)
    if not training:
        return _by_running("batch_norm", input, running_mean, running_var, weight, bias, eps)
    dims = (0, *range(2, input.ndim))
    _update_running("batch_norm", input, running_mean, running_var, dims, momentum)
    return _scaled(standardize(input, dims, eps), weight, bias, input.ndim - 2)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Instance normalisation: standardise each channel of each sample, scale and shift it (Ulyanov et al., 2016).

    Shapes: input (N, C, ...), all others (C,). The running mean and variance move towards the samples' averages;
    without ``use_input_stats`` they are used in place of the samples' own.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.instance_norm(tg.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    _check_channels("instance_norm", input, running_mean, running_var, weight, bias)
    if not use_input_stats:
        return _by_running("instance_norm", input, running_mean, running_var, weight, bias, eps)
    dims = tuple(range(2, input.ndim))
    _update_running("instance_norm", input, running_mean, running_var, dims, momentum)
    return _scaled(standardize(input, dims, eps), weight, bias, len(dims))


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Standardise each group of channels of each sample, then scale and shift the channels (Wu & He, 2018).

    Shapes: input (N, C, ...) with C a multiple of ``num_groups``, weight and bias (C,).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.group_norm(tg.tensor([[1.0, 3.0]]), 1)
    tensor([[-1.0000,  1.0000]])
    """
    _check_channels("group_norm", input, None, None, weight, bias)
    shape, groups = input.shape, whole("group_norm", "num_groups", num_groups, 1)
    if shape[1] % groups:
        raise ValueError(f"group_norm: {groups} groups do not divide the {shape[1]} channels of shape {shape}")
    grouped = reshape(input, (shape[0], groups, prod(shape[1:]) // groups))
    return _scaled(reshape(standardize(grouped, (2,), eps), shape), weight, bias, len(shape) - 2)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise over the last dimensions, of shape ``normalized_shape``, then scale and shift (Ba et al., 2016).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.layer_norm(tg.tensor([[1.0, 3.0], [5.0, 5.0]]), 2)
    tensor([[-1.0000,  1.0000],
            [ 0.0000,  0.0000]])
    """
    dims = _last_dims("layer_norm", input, normalized_shape, weight, bias)
    return _scaled(standardize(input, dims, eps), weight, bias)


def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last dimensions, then scale (Zhang & Sennrich, 2019).

    ``eps`` is added to the mean square; its default is the machine epsilon of the type in which the squares are
    added: the input's, or float32 for float16.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.rms_norm(tg.tensor([[1.0, -1.0]]), (2,))
    tensor([[ 1.0000, -1.0000]])
    """
    dims = _last_dims("rms_norm", input, normalized_shape, weight, None)
    small = float(np.finfo(np.result_type(input.dtype, np.float32)).eps) if eps is None else eps
    return _scaled(_over_root_mean_square(input, dims, small), weight, None)


@half_in_float32
def _over_root_mean_square(input: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    return input * (mean(square(input), dims, keepdim=True) + eps) ** -0.5


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along a dimension, or by ``eps`` if the norm is smaller.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.normalize(tg.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    want_float("normalize", input)
    return input / clamp(p_norm(input, p, one_dim("normalize", dim, input.ndim), keepdim=True), min=eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by (k + alpha * the mean square of ``size`` neighbouring channels)^beta (Krizhevsky et al., 2012).

    Shapes: input (N, C, ...) with at least one dimension after C. Channels beyond the first and last count as 0.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.local_response_norm(tg.ones(1, 4, 2), 2).shape
    (1, 4, 2)
    """
    shape, near = input.shape, whole("local_response_norm", "size", size, 1)
    if len(shape) < 3:
        raise ValueError(
            f"local_response_norm: wanted an input (N, C, L) or with more dimensions, got shape {shape}"
        )
    squares = reshape(square(input), (shape[0], 1, shape[1], prod(shape[2:])))
    means = avg_pool2d(pad(squares, (0, 0, near // 2, (near - 1) // 2)), (near, 1), stride=1)
    return input / (reshape(means, shape) * alpha + k) ** beta


def _check_channels(name: str, input: Tensor, *others: Tensor | None) -> None:
    shape = input.shape
    want_float(name, input)
    if len(shape) < 2:
        raise ValueError(f"{name}: wanted an input (N, C, ...), got shape {shape}")
    for which, value in zip(("running_mean", "running_var", "weight", "bias"), others, strict=True):
        if value is not None and value.shape != shape[1:2]:
            raise ValueError(f"{name}: {which} of shape {value.shape}; wanted {shape[1:2]}")
    want_same_dtype(
        name, input=input, running_mean=others[0], running_var=others[1], weight=others[2], bias=others[3]
    )


def _last_dims(
    name: str, input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None, bias: Tensor | None
) -> tuple[int, ...]:
    """Return the last dimensions after checking that they have the given shape."""
    wanted = sizes(name, (normalized_shape,))
    shape = input.shape
    want_float(name, input)
    want_same_dtype(name, input=input, weight=weight, bias=bias)
    if not wanted or shape[-len(wanted) :] != wanted or 0 in wanted:
        raise ValueError(f"{name}: normalized_shape {wanted} is not the end of the input's shape {shape}")
    for which, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != wanted:
            raise ValueError(f"{name}: {which} of shape {value.shape}; wanted {wanted}")
    return tuple(range(len(shape) - len(wanted), len(shape)))


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None, trailing: int = 0) -> Tensor:
    """Return x * weight + bias, both of which broadcast over the trailing dimensions of x."""
    ones = (1,) * trailing
    if weight is not None:
        x = x * reshape(weight, (*weight.shape, *ones))
    return x if bias is None else x + reshape(bias, (*bias.shape, *ones))


def _by_running(
    name: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    if running_mean is None or running_var is None:
        raise ValueError(f"{name}: without the input's statistics it needs running_mean and running_var")
    scale = (running_var + eps) ** -0.5
    trailing = input.ndim - 2
    return _scaled(
        _scaled(input, None, -running_mean, trailing), scale if weight is None else scale * weight, bias, trailing
    )


@effect
def _update_running(
    name: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    dims: tuple[int, ...],
    momentum: float,
) -> None:
    """Move the running statistics towards the input's mean and unbiased variance; this is not recorded."""
    count = prod(input.shape[i] for i in dims)
    if count < 2:
        mend = "give it a larger batch, or call eval() before the model is used"
        raise ValueError(
            f"{name}: wanted more than one value for each channel, got an input of {input.shape}; {mend}"
        )
    x = input.array
    for running, of_input in ((running_mean, sums.mean), (running_var, partial(sums.variance, correction=1))):
        if running is not None:
            now = sums.mean(of_input(x, dims).reshape(-1, x.shape[1]), (0,))
            running.array[...] = (1 - momentum) * running.array + momentum * now
            mark_written(running.array, name)


explain_calls(globals())
