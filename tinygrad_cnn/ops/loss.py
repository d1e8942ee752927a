"""Losses that are recorded as one operation, more exact than a composition of others: cross-entropy and its kin."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.kernels import sums
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.piecewise import log_one_plus_exp
from tinygrad_cnn.ops.arguments import array_of, want_float, want_same_dtype
from tinygrad_cnn.ops.broadcast import elementwise, half_in_float32
from tinygrad_cnn.ops.choices import _clamp, clamp, where
from tinygrad_cnn.ops.comparison import ne
from tinygrad_cnn.ops.elementwise import log, sigmoid
from tinygrad_cnn.ops.index import getitem
from tinygrad_cnn.ops.reduce import _sum, mean, sum
from tinygrad_cnn.ops.shape import reshape, unsqueeze
from tinygrad_cnn.ops.softmax import _check_classes, _log_softmax, _softmax
from tinygrad_cnn.support.dtypes import as_float
from tinygrad_cnn.tape.capture import constant, decision, effect
from tinygrad_cnn.tape.record import make_tensor, operation
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.typing import Array, T

__all__ = ["categorical_cross_entropy", "cross_entropy", "nll_loss"]

REDUCTIONS = ("mean", "sum", "none")


# --- classification ---


def _warn_after(operation: str, input: Any, name: str, mend: str) -> None:
    """Warn if the input of a loss is the result of an operation that it should not be applied to."""
    node = getattr(input, "node", None)
    if node is not None and node.operation.name == operation:
        warn_user(f"{name}: the input is the result of {operation}, which is probably a mistake; {mend}")


def _as_distribution(
    name: str,
    input: T,
    target: Any,
    reduction: str,
    weight: Any = None,
    ignore_index: int = -100,
    smoothing: float = 0.0,
) -> tuple[Any, Any]:
    """Return the target as a weight for each class, in the input's shape, and the divisor of the mean loss.

    A divisor of None stands for the number of losses. Classes are along dimension 1 (0 of a vector). Class indices
    become one-hot rows, smoothed and weighted, or zeros if ignored; probabilities are only checked.
    """
    want_float(name, input)
    shape, axis = input.shape, min(1, input.ndim - 1)
    if axis < 0:
        raise ValueError(f"{name}: wanted input (N, C, ...) or (C,), got a 0-d tensor")
    along = (-1, *(1,) * (len(shape) - axis - 1))
    if weight is not None:
        _check_class_weights(name, weight, input)
    if target.shape == shape and target.dtype.kind == "f":
        want_same_dtype(name, input=input, target=target)
        if smoothing:
            target = target * (1 - smoothing) + smoothing / shape[axis]
        return (target if weight is None else target * reshape(weight, along)), None
    if target.shape == shape and target.dtype.kind in "iub":
        raise TypeError(
            f"{name}: target has the input's shape, {shape}, but is {target.dtype}; wanted class indices, "
            f"target.argmax({axis}), or probabilities, target.to({input.dtype})"
        )
    if target.shape != shape[:axis] + shape[axis + 1 :]:
        wanted = shape[:axis] + shape[axis + 1 :]
        column = target.shape == (*wanted, 1)
        raise ValueError(
            f"{name}: target of shape {target.shape} does not fit input {shape}: wanted {wanted} for class indices"
            f"{', target.squeeze(-1),' if column else ','} or the input's shape for probabilities"
        )
    weights, total = _of_classes(name, target, weight, shape, input.dtype, ignore_index, smoothing, reduction)
    return make_tensor(input, weights), total


@effect
def _of_classes(
    name: str,
    target: Any,
    weight: Any,
    shape: tuple[int, ...],
    dtype: Any,
    ignore_index: int,
    smoothing: float,
    reduction: str,
) -> tuple[Array, Array]:
    """Return a weight for each class, from class indices, and the sum of all weights."""
    axis, indices = min(1, len(shape) - 1), array_of(target)
    along = (-1, *(1,) * (len(shape) - axis - 1))
    scale = None if weight is None else array_of(weight).reshape(along)
    ignored = indices == ignore_index
    _check_classes(name, indices[~ignored] if ignored.any() else indices, shape[axis])
    classes = np.arange(shape[axis]).reshape(along)
    counts = np.expand_dims(~ignored, axis)
    chosen = ((np.expand_dims(indices, axis) == classes) & counts).astype(dtype)
    weights = chosen if scale is None else chosen * scale
    total = np.asarray(sums.wide_total(weights, tuple(range(weights.ndim))), np.result_type(dtype, np.float32))
    if not total and reduction == "mean":
        raise _no_mean(name, indices.shape, 0)
    if smoothing:
        spread = counts * np.full_like(chosen, smoothing / shape[axis])
        weights = (1 - smoothing) * weights + (spread if scale is None else spread * scale)
    return weights, total


def _check_class_weights(name: str, weight: Any, input: T) -> None:
    classes = input.shape[min(1, input.ndim - 1)]
    want_same_dtype(name, input=input, weight=weight)
    if getattr(weight, "requires_grad", False):
        raise RuntimeError(f"{name}: weight is a constant and has no derivative; give it detach()")
    if weight.shape != (classes,):
        raise ValueError(f"{name}: weight of shape {weight.shape}; wanted one for each class, ({classes},)")


def reduced(name: str, losses: T, reduction: str, count: float | None = None) -> T:
    """Return the mean (sum / ``count``) or the sum of the losses of a batch, or the losses themselves ("none")."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction {reduction!r} is unknown; wanted one of {', '.join(REDUCTIONS)}")
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    if not (prod(losses.shape) if count is None else count):
        raise _no_mean(name, losses.shape, count or 0)
    return mean(losses) if count is None else _sum_over(losses, count)


def _no_mean(name: str, shape: tuple[int, ...], weight: float) -> ValueError:
    return ValueError(
        f"{name}: the mean of an empty batch is not defined (losses of shape {shape}, of weight {weight:g})"
    )


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
    wide = sums.widened(input)
    z = wide - np.maximum.reduce(wide, 1, keepdims=True)
    losses = np.log(sums.total(np.exp(z), (1,)))
    losses -= z[np.arange(len(z)), target]
    loss = np.add.reduce(losses) / divisor  # contiguous, so the sum is pairwise
    return loss if wide is input else loss.astype(input.dtype)


def _indicator(target: Array, like: Array) -> Array:
    """Return 1 at the class of each row, else 0, in the memory order of the logits."""
    ones = np.empty_like(like)
    ones.fill(0)
    ones[np.arange(len(target)), target] = 1
    return ones


@decision
def _are_classes(shape: tuple[int, ...], target: Any, ignore_index: int) -> bool:
    """Whether the target is a valid class index for each row of a matrix, and no class is ``ignore_index``."""
    indices = np.asarray(array_of(target))
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
    if plain and _are_classes(input.shape, target, ignore_index):
        return _class_cross_entropy(input, target, divisor=target.shape[0] if reduction == "mean" else 1)
    distribution, count = _as_distribution(
        "cross_entropy", input, target, reduction, weight, ignore_index, label_smoothing
    )
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

    >>> import tinygrad_cnn as tg
    >>> tg.nll_loss(tg.tensor([[-1.0, -2.0], [-3.0, -4.0]]), tg.tensor([0, 1]))
    tensor(2.5000)
    """
    if target.dtype.kind == "f":
        raise TypeError("nll_loss: wanted class indices as target, got probabilities")
    _warn_after("softmax", input, "nll_loss", "it takes log-probabilities: use log_softmax")
    if weight is None and input.dtype.kind == "f" and _are_classes(input.shape, target, ignore_index):
        indices = array_of(target)
        return reduced("nll_loss", -getitem(input, (constant(np.arange(len(indices))), indices)), reduction)
    scale, count = _as_distribution("nll_loss", input, target, reduction, weight, ignore_index)
    chosen = where(ne(scale, 0), input, 0.0)
    losses = -sum(chosen if weight is None else chosen * scale, min(1, input.ndim - 1))
    return reduced("nll_loss", losses, reduction, count)


def categorical_cross_entropy(input: T, target: T, reduction: str = "mean") -> T:
    """Return -sum_i y_i log(p_i) for probabilities p, clipped to [1e-15, 1 - 1e-15] before the logarithm.

    The report's equations 4 and 5 as it computes them; from logits, `cross_entropy` is more exact.
    Shapes: input (N, C) or (N, C, ...) or (C,); target class indices or probabilities, as for `cross_entropy`.

    >>> import tinygrad_cnn as tg
    >>> tg.categorical_cross_entropy(tg.tensor([[0.25, 0.75]]), tg.tensor([[0.0, 1.0]])).item()
    0.28768208622932434
    """
    distribution, count = _as_distribution("categorical_cross_entropy", input, target, reduction)
    losses = -sum(log(clamp(input, 1e-15, 1 - 1e-15)) * distribution, min(1, input.ndim - 1))
    return reduced("categorical_cross_entropy", losses, reduction, count)


# --- binary cross-entropy, softplus ---

_LEAST = 1e-44  # in float32 it is above 0, and its logarithm below -100


def _clamped_log(x: Any) -> Any:
    return clamp(log(clamp(x, _LEAST)), -100.0)


# The derivative of a clamped logarithm is 0, so a wrong probability of exactly 0 or 1 would have no gradient. As in
# PyTorch, only the values are clamped; the derivative is that of the formula, with a divisor of at least 1e-12.
@elementwise(
    input=lambda g, input, target: g * ((input - target) / clamp(input * (1 - input), 1e-12)),
    target=lambda g, input: g * (_clamped_log(1 - input) - _clamped_log(input)),
)
def _binary_cross_entropy(input: Array, target: Array) -> Array:
    return (target - 1) * _clamped_log(1 - input) - target * _clamped_log(input)


@operation(input=lambda g, input: g * sigmoid(input))
def _log_one_plus_exp(input: Array) -> Array:
    """log(1 + e^input), without overflow."""
    return log_one_plus_exp(as_float(input))


# --- regression ---


@operation(input=lambda g, input, delta, strict: g * _clamp(input, min=-delta, max=delta, strict=strict))
def huber(input: Array, *, delta: float, strict: bool) -> Array:
    """input^2 / 2 where its absolute value is at most delta, else delta * (|input| - delta / 2).

    The second derivative at delta is 1, or, if ``strict``, 0.
    """
    input = as_float(input)
    distance = np.abs(input, out=empty_like(input))
    near = np.minimum(distance, delta, out=empty_like(input))
    near *= 0.5
    distance -= near
    near *= 2
    distance *= near
    return distance
