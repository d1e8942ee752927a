"""Losses. Each compares an input with a target; its reduction is "mean", "sum" or "none".

The mean of an empty batch is not defined and raises ValueError.
"""

from __future__ import annotations

from math import log as number_log
from math import pi

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.nn.functional.old_arguments import with_old_arguments
from tinygrad_cnn.ops.arguments import array_of, want_float
from tinygrad_cnn.ops.broadcast import half_in_float32
from tinygrad_cnn.ops.loss import REDUCTIONS, _binary_cross_entropy, _log_one_plus_exp, _warn_after, huber, reduced
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
]

cross_entropy = with_old_arguments(ops.cross_entropy)
nll_loss = with_old_arguments(ops.nll_loss)

# --- regression ---


@with_old_arguments
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return (input - target)^2. Shapes that differ broadcast, with a warning.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
    tensor(2.)
    """
    return reduced("mse_loss", ops.square(_difference("mse_loss", input, target)), reduction)


@with_old_arguments
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return |input - target|, with gradient 0 where they are equal. Different shapes broadcast, with a warning.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.l1_loss(tg.zeros(2), tg.tensor([1.0, 3.0]))
    tensor(2.)
    """
    return reduced("l1_loss", ops.abs(_difference("l1_loss", input, target)), reduction)


@with_old_arguments
def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Return d^2 / (2 beta) where d = |input - target| is less than beta, and d - beta / 2 elsewhere.

    Shapes that differ broadcast, with a warning. (Girshick, "Fast R-CNN", 2015, equation 3.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.smooth_l1_loss(tg.zeros(2), tg.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta is {beta}; wanted 0 or more")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    losses = huber(_difference("smooth_l1_loss", input, target), delta=beta, strict=True)
    losses = losses if beta == 1 else losses / beta
    return reduced("smooth_l1_loss", losses, reduction)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Return delta times `smooth_l1_loss` with beta = delta. Shapes that differ broadcast, with a warning.

    (Huber, "Robust estimation of a location parameter", 1964.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.huber_loss(tg.zeros(2), tg.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta is {delta}; wanted more than 0")
    losses = huber(_difference("huber_loss", input, target), delta=delta, strict=False)
    return reduced("huber_loss", losses, reduction)


def _difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    _warn_if_mixed(name, False, input=input, target=target)
    return input - target


def _warn_if_mixed(name: str, few: bool = True, **tensors: Tensor) -> None:
    """Warn if tensors of a loss differ in shape (0-d ones may, if few), or have a wider type than the first."""
    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    if len({shape for shape in shapes.values() if shape or not few}) > 1:
        listed = " and ".join(f"{key} of shape {shape}" for key, shape in shapes.items())
        warn_user(f"{name}: {listed} broadcast, which is probably a mistake; give them one shape")
    (first, narrow), *others = ((key, tensor.dtype) for key, tensor in tensors.items())
    for key, dtype in others:
        if dtype.kind == narrow.kind == "f" and dtype.itemsize > narrow.itemsize:
            warn_user(
                f"{name}: {first} is {narrow}, but {key} {dtype}, and so is the loss; convert {key}.to({narrow})"
            )


# --- probabilities and distributions ---


@with_old_arguments
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Return the binary cross-entropy -(y log x + (1 - y) log(1 - x)) of probabilities x, with log >= -100.

    The weight broadcasts to the losses; the mean still divides by their number. Raises ValueError for probabilities
    that are not between 0 and 1, and for a target of another shape.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.binary_cross_entropy(tg.tensor([0.5, 1.0]), tg.tensor([1.0, 0.0]), reduction="none")
    tensor([  0.6931, 100.0000])
    """
    _want_one_shape("binary_cross_entropy", input, target)
    values = np.asarray(array_of(input))
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            "binary_cross_entropy: wanted probabilities between 0 and 1 as input; of logits, take "
            "binary_cross_entropy_with_logits"
        )
    losses = _binary_cross_entropy(input, target)
    return reduced("binary_cross_entropy", losses if weight is None else losses * weight, reduction)


@with_old_arguments
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return `binary_cross_entropy` of sigmoid(input), computed from the logits without overflow.

    ``pos_weight`` multiplies the term of the positive class, log(sigmoid(x)). Both weights broadcast.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.binary_cross_entropy_with_logits(tg.zeros(2), tg.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    _want_one_shape("binary_cross_entropy_with_logits", input, target)
    want_float("binary_cross_entropy_with_logits", input)
    _warn_if_mixed("binary_cross_entropy_with_logits", input=input, target=target)
    _warn_after("sigmoid", input, "binary_cross_entropy_with_logits", "it takes logits: use binary_cross_entropy")
    softplus = _log_one_plus_exp(-input)
    weighted = softplus if pos_weight is None else softplus * ((pos_weight - 1) * target + 1)
    losses = (1 - target) * input + weighted
    return reduced("binary_cross_entropy_with_logits", losses if weight is None else losses * weight, reduction)


def _want_one_shape(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ValueError(f"{name}: target of shape {target.shape}; wanted the input's, {input.shape}")


@with_old_arguments
def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Return y (log y - x) for log-probabilities x, and 0 where y is 0; with ``log_target`` the target is log y.

    The sum over a row is its Kullback-Leibler divergence. The reduction "batchmean" divides the total by the length
    of the first dimension, "mean" by the number of elements.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.kl_div(tg.tensor([[0.5, 0.5]]).log(), tg.tensor([[1.0, 0.0]]), reduction="batchmean")
    tensor(0.6931)
    """
    _warn_if_mixed("kl_div", input=input, target=target)
    if log_target:
        losses = ops.exp(target) * (target - input)
    else:
        possible = target != 0
        losses = target * (ops.log(ops.where(possible, target, 1.0)) - input)
    if reduction != "batchmean":
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"kl_div: reduction {reduction!r} is unknown; wanted batchmean, {', '.join(REDUCTIONS)}"
            )
        return reduced("kl_div", losses, reduction)
    return reduced("kl_div", losses, "mean", input.shape[0] if input.ndim else 1)


@with_old_arguments
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Return e^x - y x: the negative log-likelihood of counts y for a Poisson distribution of rate e^x.

    Without ``log_input``, x is the rate, and the loss is x - y log(x + eps). ``full`` adds Stirling's approximation
    of log y!, for y > 1.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.poisson_nll_loss(tg.zeros(2), tg.tensor([1.0, 3.0]))
    tensor(1.)
    """
    _warn_if_mixed("poisson_nll_loss", input=input, target=target)
    losses = ops.exp(input) - target * input if log_input else input - target * ops.log(input + eps)
    if full:
        many = target > 1
        y = ops.where(many, target, 1.0)
        losses = losses + ops.where(many, y * ops.log(y) - y + 0.5 * ops.log(2 * pi * y), 0.0)
    return reduced("poisson_nll_loss", losses, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Return (log v + (x - y)^2 / v) / 2: the negative log-likelihood of y for a normal distribution (x, v).

    ``var`` has the input's shape, or length 1 in one dimension, or no last dimension. A variance below eps is
    raised to eps, but keeps its gradient. ``full`` adds the constant log(2 pi) / 2.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.gaussian_nll_loss(tg.zeros(2), tg.ones(2), tg.ones(2))
    tensor(0.5000)
    """
    _warn_if_mixed("gaussian_nll_loss", input=input, target=target)
    shape, given = input.shape, var.shape
    if given == shape[:-1] != shape:
        var = ops.unsqueeze(var, -1)
    elif given != shape and (
        len(given) != len(shape) or [v for x, v in zip(shape, given, strict=True) if x != v] != [1]
    ):
        raise ValueError(f"gaussian_nll_loss: var of shape {given} does not fit input of shape {shape}")
    if (np.asarray(array_of(var)) < 0).any():
        raise ValueError("gaussian_nll_loss: var has negative entries")
    if eps <= 0:
        raise ValueError(f"gaussian_nll_loss: eps is {eps}; wanted more than 0")
    var = var + ops.clamp(eps - var.detach(), 0.0)
    losses = 0.5 * (ops.log(var) + ops.square(input - target) / var)
    return reduced("gaussian_nll_loss", losses + 0.5 * number_log(2 * pi) if full else losses, reduction)


# --- margins: the target is 1 or -1; at exactly the margin a loss still has a gradient ---


@with_old_arguments
def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return log(1 + e^(-y x)) for y of 1 or -1, without overflow.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.soft_margin_loss(tg.zeros(2), tg.tensor([1.0, -1.0]))
    tensor(0.6931)
    """
    want_float("soft_margin_loss", input)
    _warn_if_mixed("soft_margin_loss", input=input, target=target)
    return reduced("soft_margin_loss", _log_one_plus_exp(-target * input), reduction)


@with_old_arguments
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """Return x where y is 1, and max(0, margin - x) where y is -1.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.hinge_embedding_loss(tg.tensor([0.5, 0.25]), tg.tensor([1, -1]))
    tensor(0.6250)
    """
    _warn_if_mixed("hinge_embedding_loss", input=input, target=target)
    apart = ops.where(target != 1, ops.clamp(margin - input, 0.0), 0.0)
    return reduced("hinge_embedding_loss", apart + ops.where(target != -1, input, 0.0), reduction)


@with_old_arguments
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """Return max(0, margin - y (x1 - x2)): the first should be larger for y = 1, the second for y = -1.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.margin_ranking_loss(tg.tensor([1.0]), tg.tensor([3.0]), tg.tensor([1.0]))
    tensor(2.)
    """
    _warn_if_mixed("margin_ranking_loss", input1=input1, input2=input2, target=target)
    return reduced("margin_ranking_loss", ops.clamp(-target * (input1 - input2) + margin, 0.0), reduction)


@with_old_arguments
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """Return 1 - cos where y is 1, and max(0, cos - margin) where y is -1, for the angle between two vectors.

    Shapes: inputs (N, D) and target (N,), or (D,) and ().

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.cosine_embedding_loss(tg.eye(2), tg.eye(2), tg.tensor([1, -1]))
    tensor(0.5000)
    """
    a, b, y = input1.shape, input2.shape, target.shape
    if a != b or len(y) > 1 or y != a[:-1] or not a:
        raise ValueError(f"cosine_embedding_loss: wanted (N, D), (N, D) and (N,), got {a}, {b} and {y}")
    cosine = _cosine(input1, input2)
    similar = ops.where(target == 1, 1 - cosine, 0.0)
    dissimilar = ops.where(target == -1, ops.clamp(cosine - margin, 0.0), 0.0)
    return reduced("cosine_embedding_loss", similar + dissimilar, reduction)


@half_in_float32
def _cosine(a: Tensor, b: Tensor) -> Tensor:
    lengths = (ops.sum(ops.square(a), -1) + 1e-12) * (ops.sum(ops.square(b), -1) + 1e-12)
    return ops.sum(a * b, -1) / ops.sqrt(lengths)


@with_old_arguments
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, margin + d(anchor, positive) - d(anchor, negative)), where d is `pairwise_distance`.

    With ``swap``, d(positive, negative) replaces the last term where it is smaller. Shapes: (N, D) or (D,).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.triplet_margin_loss(tg.zeros(1, 2), tg.zeros(1, 2), tg.ones(1, 2), margin=2.0)
    tensor(0.5858)
    """
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: margin is {margin}; wanted more than 0")
    if not anchor.ndim == positive.ndim == negative.ndim:
        shapes = ", ".join(str(t.shape) for t in (anchor, positive, negative))
        raise ValueError(f"triplet_margin_loss: wanted tensors with the same number of dimensions, got {shapes}")
    near, far = (ops.pairwise_distance(anchor, other, p, eps) for other in (positive, negative))
    if swap:
        far = ops.minimum(far, ops.pairwise_distance(positive, negative, p, eps))
    return reduced("triplet_margin_loss", ops.clamp(margin + near - far, 0.0), reduction)


explain_calls(globals())
