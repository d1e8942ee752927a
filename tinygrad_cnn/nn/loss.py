"""Losses as modules. Each calls the function of `nn.functional` that it names; see there for the formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_cnn import ops
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.function_module import FunctionModule
from tinygrad_cnn.nn.functional.old_arguments import with_old_arguments
from tinygrad_cnn.ops.loss import REDUCTIONS
from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.tensor import Tensor


class _Loss(FunctionModule):
    _reductions: tuple[str, ...] = REDUCTIONS

    def __init_subclass__(cls) -> None:
        """Let every loss take the old arguments of losses too."""
        super().__init_subclass__()
        if "__init__" in vars(cls) or _Loss in cls.__bases__:
            cls.__init__ = with_old_arguments(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in self._reductions:
            raise ValueError(
                f"{type(self).__name__}: reduction {reduction!r} is unknown; wanted one of "
                f"{', '.join(self._reductions)}{did_you_mean(str(reduction), self._reductions)}"
            )
        self._set(reduction=reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of the input, given the target."""
        loss: Tensor = self._call(input, target)
        return loss

    def extra_repr(self) -> str:
        """Return nothing, as PyTorch does."""
        return ""


# --- classification ---


class CrossEntropyLoss(_Loss):
    """Cross-entropy of logits and classes, as `cross_entropy`: it includes the softmax.

    >>> import tinygrad_cnn as tg
    >>> round(tg.nn.CrossEntropyLoss()(tg.zeros(3, 10), tg.tensor([1, 2, 3])).item(), 4)
    2.3026
    """

    function = staticmethod(ops.cross_entropy)

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self._set(weight=weight, ignore_index=ignore_index, label_smoothing=label_smoothing)


class NLLLoss(_Loss):
    """Negative log-likelihood of log-probabilities and classes, as `nll_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.NLLLoss()(tg.tensor([[-1.0, -2.0]]), tg.tensor([1]))
    tensor(2.)
    """

    function = staticmethod(ops.nll_loss)

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self._set(weight=weight, ignore_index=ignore_index)


class BCELoss(_Loss):
    """Binary cross-entropy of probabilities, as `binary_cross_entropy`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.BCELoss()(tg.tensor([0.5]), tg.tensor([1.0]))
    tensor(0.6931)
    """

    function = staticmethod(F.binary_cross_entropy)

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self._set(weight=weight)


class BCEWithLogitsLoss(BCELoss):
    """Binary cross-entropy of logits, as `binary_cross_entropy_with_logits`: it includes the sigmoid.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.BCEWithLogitsLoss()(tg.zeros(1), tg.tensor([1.0]))
    tensor(0.6931)
    """

    function = staticmethod(F.binary_cross_entropy_with_logits)

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.register_buffer("pos_weight", pos_weight)
        self._set(pos_weight=pos_weight)


# --- regression ---


class MSELoss(_Loss):
    """Squared differences, as `mse_loss`.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.MSELoss()(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
    tensor(2.)
    """

    function = staticmethod(F.mse_loss)


class L1Loss(_Loss):
    """Absolute differences, as `l1_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.L1Loss()(tg.zeros(2), tg.tensor([1.0, 3.0]))
    tensor(2.)
    """

    function = staticmethod(F.l1_loss)


class SmoothL1Loss(_Loss):
    """Squared differences near 0, absolute differences elsewhere, as `smooth_l1_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.SmoothL1Loss()(tg.zeros(2), tg.tensor([1.0, 3.0]))
    tensor(1.5000)
    """

    function = staticmethod(F.smooth_l1_loss)

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self._set(beta=beta)


class HuberLoss(_Loss):
    """delta times `SmoothL1Loss` with beta = delta, as `huber_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.HuberLoss()(tg.zeros(2), tg.tensor([1.0, 3.0]))
    tensor(1.5000)
    """

    function = staticmethod(F.huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self._set(delta=delta)


# --- distributions ---


class KLDivLoss(_Loss):
    """The Kullback-Leibler divergence of log-probabilities from a target, as `kl_div`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.KLDivLoss(reduction="batchmean")(tg.tensor([[0.5, 0.5]]).log(), tg.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    function = staticmethod(F.kl_div)
    _reductions = ("batchmean", *REDUCTIONS)

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction)
        self._set(log_target=log_target)


class PoissonNLLLoss(_Loss):
    """The negative log-likelihood of counts under a Poisson distribution, as `poisson_nll_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.PoissonNLLLoss()(tg.zeros(2), tg.tensor([1.0, 3.0]))
    tensor(1.)
    """

    function = staticmethod(F.poisson_nll_loss)

    def __init__(
        self, log_input: bool = True, full: bool = False, *, eps: float = 1e-8, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self._set(log_input=log_input, full=full, eps=eps)


class GaussianNLLLoss(_Loss):
    """The negative log-likelihood of numbers under a normal distribution, as `gaussian_nll_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.GaussianNLLLoss()(tg.zeros(2), tg.ones(2), tg.ones(2))
    tensor(0.5000)
    """

    function = staticmethod(F.gaussian_nll_loss)

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self._set(full=full, eps=eps)

    def forward(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss of the target for means (the input) and variances."""
        loss: Tensor = self._call(input, target, var)
        return loss


# --- margins ---


class SoftMarginLoss(_Loss):
    """log(1 + e^(-target * input)) for targets of 1 and -1, as `soft_margin_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.SoftMarginLoss()(tg.zeros(2), tg.tensor([1.0, -1.0]))
    tensor(0.6931)
    """

    function = staticmethod(F.soft_margin_loss)


class HingeEmbeddingLoss(_Loss):
    """A loss that makes distances small (target 1) or at least the margin (-1), as `hinge_embedding_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.HingeEmbeddingLoss()(tg.tensor([0.5, 0.25]), tg.tensor([1, -1]))
    tensor(0.6250)
    """

    function = staticmethod(F.hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self._set(margin=margin)


class _PairLoss(_Loss):
    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self._set(margin=margin)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss of two inputs, given the target."""
        loss: Tensor = self._call(input1, input2, target)
        return loss


class MarginRankingLoss(_PairLoss):
    """A loss that makes one of two numbers larger by the margin, as `margin_ranking_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.MarginRankingLoss()(tg.tensor([1.0]), tg.tensor([3.0]), tg.tensor([1.0]))
    tensor(2.)
    """

    function = staticmethod(F.margin_ranking_loss)


class CosineEmbeddingLoss(_PairLoss):
    """A loss that makes vectors similar (target 1) or dissimilar (-1), as `cosine_embedding_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.CosineEmbeddingLoss()(tg.eye(2), tg.eye(2), tg.tensor([1, -1]))
    tensor(0.5000)
    """

    function = staticmethod(F.cosine_embedding_loss)


class TripletMarginLoss(_Loss):
    """A loss that makes anchors closer to a positive than to a negative, as `triplet_margin_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.TripletMarginLoss()(tg.zeros(1, 2), tg.zeros(1, 2), tg.ones(1, 2))
    tensor(0.)
    """

    function = staticmethod(F.triplet_margin_loss)

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if not margin > 0:
            raise ValueError(f"TripletMarginLoss: margin is {margin}; wanted more than 0")
        self._set(margin=margin, p=p, eps=eps, swap=swap)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss of anchors with their positives and negatives."""
        loss: Tensor = self._call(anchor, positive, negative)
        return loss


# --- several classes and labels ---


class MultiMarginLoss(_Loss):
    """A loss that makes the score of the right class larger than the others by a margin, as `multi_margin_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.MultiMarginLoss()(tg.tensor([[0.5, 0.0]]), tg.tensor([0]))
    tensor(0.2500)
    """

    function = staticmethod(F.multi_margin_loss)

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p is {p}; wanted 1 or 2")
        self.register_buffer("weight", weight)
        self._set(p=p, margin=margin, weight=weight)


class MultiLabelMarginLoss(_Loss):
    """A loss that makes the scores of all labels larger than those of other classes: `multilabel_margin_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.MultiLabelMarginLoss()(tg.tensor([[0.5, 0.0]]), tg.tensor([[0, -1]]))
    tensor(0.2500)
    """

    function = staticmethod(F.multilabel_margin_loss)


class MultiLabelSoftMarginLoss(_Loss):
    """The mean binary cross-entropy of the logits of several labels, as `multilabel_soft_margin_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.MultiLabelSoftMarginLoss()(tg.zeros(1, 2), tg.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    function = staticmethod(F.multilabel_soft_margin_loss)

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self._set(weight=weight)


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` for any distance, as `triplet_margin_with_distance_loss`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.TripletMarginWithDistanceLoss()(tg.zeros(1, 2), tg.zeros(1, 2), tg.ones(1, 2))
    tensor(0.)
    """

    function = staticmethod(F.triplet_margin_with_distance_loss)

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if not margin > 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: margin is {margin}; wanted more than 0")
        self._set(distance_function=distance_function or PairwiseDistance(), margin=margin, swap=swap)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss of anchors with their positives and negatives."""
        loss: Tensor = self._call(anchor, positive, negative)
        return loss


# --- distances ---


class CosineSimilarity(FunctionModule):
    """The cosine of the angle between vectors along a dimension, as `cosine_similarity`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.CosineSimilarity()(tg.eye(2), tg.eye(2))
    tensor([1., 1.])
    """

    function = staticmethod(F.cosine_similarity)

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self._set(dim=dim, eps=eps)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the cosine similarities."""
        cosines: Tensor = self._call(x1, x2)
        return cosines

    def extra_repr(self) -> str:
        """Return nothing, as PyTorch does."""
        return ""


class PairwiseDistance(FunctionModule):
    """The p-norm of differences along the last dimension, as `pairwise_distance`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.PairwiseDistance()(tg.tensor([[3.0, 4.0]]), tg.zeros(1, 2))
    tensor([5.0000])
    """

    function = staticmethod(F.pairwise_distance)

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self._set(p=p, eps=eps, keepdim=keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the distances."""
        distances: Tensor = self._call(x1, x2)
        return distances

    def extra_repr(self) -> str:
        """Return nothing, as PyTorch does."""
        return ""


class CTCLoss(_Loss):
    """Minus the log-probability of labels whose times are not known, as `ctc_loss`."""

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(  # type: ignore[override]
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        """Return the loss of sequences (T, N, C), given their labels and both lengths."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
