"""Softmax, and the losses of classification: cross-entropy and negative log-likelihood (nll_loss)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.kernels import sums
from tinygrad_cnn.ops.arguments import array_of, one_dim, want_float, want_same_dtype
from tinygrad_cnn.ops.broadcast import cast, half_in_float32
from tinygrad_cnn.ops.elementwise import clamp, exp, log, where
from tinygrad_cnn.ops.index import getitem
from tinygrad_cnn.ops.reduce import _sum, mean, sum
from tinygrad_cnn.ops.shape import reshape, unsqueeze
from tinygrad_cnn.support.dtypes import as_dtype, as_float
from tinygrad_cnn.tape.record import Operation, operation
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.typing import Array, T

__all__ = [
    "categorical_cross_entropy",
    "cross_entropy",
    "log_softmax",
    "nll_loss",
    "one_hot",
    "softmax",
]

REDUCTIONS = ("mean", "sum", "none")


@operation(input=lambda g, out, dim: out * (g - _sum(g * out, dim=(dim,), keepdim=True)))
def _softmax(input: Array, *, dim: int) -> Array:
    x = as_float(input)
    e = sums.widened(x)
    e = np.exp(e - np.maximum.reduce(e, dim, keepdims=True, initial=-np.inf))
    e /= sums.total(e, (dim,), True)
    return e.astype(x.dtype, copy=False)


@operation(input=lambda g, out, dim: g - exp(out) * _sum(g, dim=(dim,), keepdim=True))
def _log_softmax(input: Array, *, dim: int) -> Array:
    x = as_float(input)
    z = sums.widened(x)
    z = z - np.maximum.reduce(z, dim, keepdims=True, initial=-np.inf)
    z -= np.log(sums.total(np.exp(z), (dim,), True))
    return z.astype(x.dtype, copy=False)


def _converted(input: T, dtype: Any) -> T:
    return input if dtype is None or input.dtype == dtype else cast(input, dtype=as_dtype(dtype))


def _along(function: Operation, input: T, dim: int) -> T:
    """Apply softmax or log_softmax along a dimension; a 0-d tensor counts as a vector of one."""
    axis = one_dim(function.name, dim, input.ndim)
    return function(input, dim=axis) if input.shape else reshape(function(reshape(input, (1,)), dim=0), ())


def softmax(input: T, dim: int, dtype: Any = None) -> T:
    """Return e^x / sum e^x along a dimension: positive numbers that add up to 1 (the report's equation 3).

    If ``dtype`` is given, the input is first converted to it.

    >>> import tinygrad_cnn as tg
    >>> tg.softmax(tg.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _along(_softmax, _converted(input, dtype), dim)


def log_softmax(input: T, dim: int, dtype: Any = None) -> T:
    """Return the logarithm of `softmax`, without overflow or underflow."""
    return _along(_log_softmax, _converted(input, dtype), dim)


def one_hot(target: T, num_classes: int = -1) -> T:
    """Return, for each class index, a row of int64 that is 1 at that index and 0 elsewhere.

    By default (-1), ``num_classes`` is the largest index plus 1.
    """
    if num_classes == -1:
        indices = array_of(target)
        if not indices.size:
            raise ValueError("one_hot: an empty target has no largest class; give num_classes")
        num_classes = int(indices.max()) + 1
    return _one_hot(target, num_classes=num_classes)


@operation()
def _one_hot(target: Array, *, num_classes: int) -> Array:
    _check_classes("one_hot", target, num_classes)
    return (target[..., None] == np.arange(num_classes)).astype(np.int64)


def _check_classes(name: str, target: Array, classes: int) -> None:
    if target.dtype.kind not in "iu":
        raise TypeError(f"{name}: wanted class indices (integers) as target, got {target.dtype}")
    if target.size and not (target.min() >= 0 and target.max() < classes):
        wrong = target.min() if target.min() < 0 else target.max()
        raise IndexError(f"{name}: target has the class {wrong}; wanted 0 to {classes - 1} for {classes} classes")


def _warn_after(operation: str, input: Any, name: str, mend: str) -> None:
    """Warn if the input of a loss is the result of an operation that it should not be applied to."""
    node = getattr(input, "node", None)
    if node is not None and node.operation.name == operation:
        warn_user(f"{name}: the input is the result of {operation}, which is probably a mistake; {mend}")


def _as_distribution(
    name: str, input: T, target: Any, weight: Any = None, ignore_index: int = -100, smoothing: float = 0.0
) -> tuple[Any, float | None]:
    """Return the target as a weight for each class, in the input's shape, and the divisor of the mean loss.

    A divisor of None stands for the number of losses. Classes are along dimension 1 (0 of a vector). Class indices
    become one-hot rows, smoothed and weighted, or zeros if ignored; probabilities are only checked.
    """
    want_float(name, input)
    shape, axis = input.shape, min(1, input.ndim - 1)
    if axis < 0:
        raise ValueError(f"{name}: wanted input (N, C, ...) or (C,), got a 0-d tensor")
    along = (-1, *(1,) * (len(shape) - axis - 1))
    scale = None if weight is None else _class_weights(name, weight, input).reshape(along)
    if target.shape == shape and target.dtype.kind == "f":
        want_same_dtype(name, input=input, target=target)
        if smoothing:
            target = target * (1 - smoothing) + smoothing / shape[axis]
        return (target if scale is None else target * scale), None
    if target.shape != shape[:axis] + shape[axis + 1 :]:
        raise ValueError(
            f"{name}: target of shape {target.shape} does not fit input {shape}: wanted "
            f"{shape[:axis] + shape[axis + 1 :]} for class indices, or the input's shape for probabilities"
        )
    indices = array_of(target)
    ignored = indices == ignore_index
    ignoring = bool(ignored.any())
    _check_classes(name, indices[~ignored] if ignoring else indices, shape[axis])
    chosen = (np.expand_dims(indices, axis) == np.arange(shape[axis]).reshape(along)).astype(input.dtype)
    if ignoring:
        chosen *= np.expand_dims(~ignored, axis)
    counted = chosen if scale is None else chosen * scale
    if not smoothing:
        return counted, (None if scale is None and not ignoring else float(counted.sum()))
    spread = np.expand_dims(~ignored, axis) * np.full_like(chosen, smoothing / shape[axis])
    return (1 - smoothing) * counted + (spread if scale is None else spread * scale), float(counted.sum())


def _class_weights(name: str, weight: Any, input: T) -> Array:
    classes = input.shape[min(1, input.ndim - 1)]
    want_same_dtype(name, input=input, weight=weight)
    if getattr(weight, "requires_grad", False):
        raise RuntimeError(f"{name}: weight is a constant and has no derivative; give it detach()")
    if weight.shape != (classes,):
        raise ValueError(f"{name}: weight of shape {weight.shape}; wanted one for each class, ({classes},)")
    return array_of(weight)


def reduced(name: str, losses: T, reduction: str, count: float | None = None) -> T:
    """Return the mean (sum / ``count``) or the sum of the losses of a batch, or the losses themselves ("none")."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction {reduction!r} is unknown; wanted one of {', '.join(REDUCTIONS)}")
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    if not (prod(losses.shape) if count is None else count):
        raise ValueError(
            f"{name}: the mean of an empty batch is not defined "
            f"(losses of shape {losses.shape}, of weight {count or 0:g})"
        )
    return mean(losses) if count is None else _sum_over(losses, count)


@half_in_float32
def _sum_over(losses: T, count: float) -> T:
    """Return sum(losses) / count; float16 may not have a number as large as count."""
    return sum(losses) / count


# If the target's probabilities add up to 1, the gradient is softmax - target (the report's equation 6).
@operation(
    input=lambda g, input, target, dim: (
        unsqueeze(g, dim) * (_softmax(input, dim=dim) * _sum(target, dim=(dim,), keepdim=True) - target)
    ),
    target=lambda g, input, dim: -unsqueeze(g, dim) * _log_softmax(input, dim=dim),
)
def _soft_cross_entropy(input: Array, target: Array, *, dim: int) -> Array:
    z, weights = sums.widened(input), sums.widened(target)
    z = z - z.max(axis=dim, keepdims=True)
    total = np.log(sums.total(np.exp(z), (dim,)))
    z[target == 0] = 0  # a class with a logit of -inf adds no loss if its target is 0
    losses = total * sums.total(weights, (dim,)) - sums.total(weights * z, (dim,))
    return losses.astype(input.dtype, copy=False)


# The usual case, class indices without weights, needs neither a distribution nor a sum over it.
@operation(
    input=lambda g, input, target, divisor: (
        (_softmax(input, dim=1) - _indicator(target, array_of(input))) * (g * (1 / divisor))
    )
)
def _class_cross_entropy(input: Array, target: Array, *, divisor: int) -> Array:
    z = sums.widened(input)
    z = z - np.maximum.reduce(z, 1, keepdims=True)
    losses = np.log(sums.total(np.exp(z), (1,)))
    losses -= z[np.arange(len(z)), target]
    return (np.add.reduce(losses) / divisor).astype(input.dtype, copy=False)  # contiguous, so the sum is pairwise


def _indicator(target: Array, like: Array) -> Array:
    """Return 1 at the class of each row, else 0, in the memory order of the logits."""
    ones = np.empty_like(like)
    ones.fill(0)
    ones[np.arange(len(target)), target] = 1
    return ones


def _are_classes(input: T, target: Any, ignore_index: int) -> bool:
    """Whether the target is a valid class index for each row of a matrix, and no class is ``ignore_index``."""
    shape, indices = input.shape, array_of(target)
    if len(shape) != 2 or indices.shape != shape[:1] or indices.dtype.kind not in "iu" or not indices.size:
        return False
    unsigned = indices.view(f"u{indices.itemsize}")  # a negative index becomes a large one
    return not 0 <= ignore_index < shape[1] and bool(np.maximum.reduce(unsigned) < shape[1])


def cross_entropy(
    input: T,
    target: T,
    weight: T | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> T:
    """Return the cross-entropy -sum_i y_i log softmax(x)_i, averaged over the batch (the report's equations 4, 5).

    Shapes: input (N, C) or (N, C, ...) or (C,), logits; target class indices, of the input's shape without C,
    or probabilities of the input's shape; weight (C,), a constant for each class. The loss is 0 where the target is
    ``ignore_index``. For class indices the mean divides by the sum of the weights of the targets that are not
    ignored, and raises ValueError if that is 0. Label smoothing mixes the target with equal probabilities.

    >>> import tinygrad_cnn as tg
    >>> tg.cross_entropy(tg.zeros(3, 10), tg.tensor([1, 2, 3])).item()
    2.3025851249694824
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is {label_smoothing}; wanted 0 to 1")
    _warn_after("softmax", input, "cross_entropy", "it applies softmax itself: give it the logits")
    plain = weight is None and not label_smoothing and reduction in ("mean", "sum") and input.dtype.kind == "f"
    if plain and _are_classes(input, target, ignore_index):
        return _class_cross_entropy(input, target, divisor=target.shape[0] if reduction == "mean" else 1)
    distribution, count = _as_distribution("cross_entropy", input, target, weight, ignore_index, label_smoothing)
    losses = _soft_cross_entropy(input, distribution, dim=min(1, input.ndim - 1))
    return reduced("cross_entropy", losses, reduction, count)


def nll_loss(
    input: T,
    target: T,
    weight: T | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> T:
    """Return the negative log-likelihood: minus the input (log-probabilities) at each target class.

    Shapes: input (N, C) or (N, C, ...) or (C,); target class indices, in the input's shape without C; weight (C,).
    Weights, ``ignore_index`` and the mean are as for `cross_entropy`.
    """
    if target.dtype.kind == "f":
        raise TypeError("nll_loss: wanted class indices as target, got probabilities")
    _warn_after("softmax", input, "nll_loss", "it takes log-probabilities: use log_softmax")
    if weight is None and input.dtype.kind == "f" and _are_classes(input, target, ignore_index):
        indices = array_of(target)
        return reduced("nll_loss", -getitem(input, (np.arange(len(indices)), indices)), reduction)
    scale, count = _as_distribution("nll_loss", input, target, weight, ignore_index)
    chosen = where(scale != 0, input, 0.0)
    losses = -sum(chosen if weight is None else chosen * scale, min(1, input.ndim - 1))
    return reduced("nll_loss", losses, reduction, count)


def categorical_cross_entropy(input: T, target: T, reduction: str = "mean") -> T:
    """Return -sum_i y_i log(p_i) for probabilities p, clipped to [1e-15, 1 - 1e-15] before the logarithm.

    The report's equations 4 and 5 as it computes them; from logits, `cross_entropy` is more exact.
    Shapes: input (N, C) or (N, C, ...) or (C,); target class indices or probabilities, as for `cross_entropy`.
    """
    distribution, count = _as_distribution("categorical_cross_entropy", input, target)
    losses = -sum(log(clamp(input, 1e-15, 1 - 1e-15)) * distribution, min(1, input.ndim - 1))
    return reduced("categorical_cross_entropy", losses, reduction, count)
