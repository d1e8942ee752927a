"""Normalisation layers (batch, instance, group, layer and RMS normalisation), with running statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_cnn import creation
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn import init
from tinygrad_cnn.nn.function_module import UnaryFunctionModule, by_name, warn_of_training_mode
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.ops.arguments import sizes, whole
from tinygrad_cnn.tensor import Tensor


class _Norm(Module):
    """The base of normalisations: an optional weight that starts as 1, and an optional bias that starts as 0."""

    weight: Parameter | None
    bias: Parameter | None

    def _make(self, shape: tuple[int, ...], weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(
                name, Parameter(creation.empty(shape, device=device, dtype=dtype)) if wanted else None
            )

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _ChannelNorm(_Norm):
    """Batch and instance normalisation: a weight and a bias for each channel, and running statistics."""

    _dims: ClassVar[tuple[int, ...]]
    _optional_state = frozenset(
        {"num_batches_tracked"}
    )  # weights saved before PyTorch 0.4.1 lack it, and many later ones
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def _make_channels(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        bias: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        name = type(self).__name__
        self.num_features = whole(name, "num_features", num_features, 1)
        if not eps >= 0 or not (momentum is None or 0 <= momentum <= 1):
            raise ValueError(
                f"{name}: eps is {eps} and momentum {momentum}; wanted at least 0, and None or a number from 0 to 1"
            )
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make((num_features,), affine, affine and bias, device, dtype)
        tracked = (
            creation.zeros(num_features, device=device, dtype=dtype),
            creation.ones(num_features, device=device, dtype=dtype),
        )
        mean, var = tracked if track_running_stats else (None, None)
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", var)
        self.register_buffer("num_batches_tracked", creation.tensor(0) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1, and the count of batches to 0."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0, and reset the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input(self, input: Tensor, channel: int) -> None:
        if input.ndim not in self._dims or input.shape[channel] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: input has shape {input.shape}; wanted "
                f"{' or '.join(map(str, self._dims))} dimensions with {self.num_features} channels"
            )

    def extra_repr(self) -> str:
        """Return the number of channels and the arguments, as PyTorch writes them."""
        named = by_name(self, "eps", "momentum", "affine")
        return f"{self.num_features}, {named}, bias={self.bias is not None}, {by_name(self, 'track_running_stats')}"


class _BatchNorm(_ChannelNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._make_channels(num_features, eps, momentum, affine, bias, track_running_stats, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Return the input standardised: in training mode with its own statistics, else with the running ones."""
        self._check_input(input, 1)
        if self.training and self.running_mean is not None:
            warn_of_training_mode(self)
        count = self.num_batches_tracked if self.training else None
        if self.momentum is None:
            momentum = 0.0 if count is None else 1 / (int(count) + 1)
        else:
            momentum = self.momentum
        mean, var = self.running_mean, self.running_var
        use_input_stats = self.training or mean is None or var is None
        if self.training and not self.track_running_stats:
            mean, var = None, None
        result = F.batch_norm(input, mean, var, self.weight, self.bias, use_input_stats, momentum, self.eps)
        if count is not None and self.track_running_stats:
            count.add_(1)
        return result


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of each channel of (N, C) or (N, C, L): see `BatchNorm2d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.BatchNorm1d(3)(tg.ones(2, 3)).shape
    (2, 3)
    """

    _dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation: standardise each channel of (N, C, H, W) over the batch, then scale and shift it.

    In training mode the running mean and variance move towards the batch's by the fraction ``momentum``; if that is
    None, they are the averages over all batches. Evaluation mode uses them in place of the batch's. (`batch_norm`;
    Ioffe & Szegedy, 2015.)

    >>> import tinygrad_cnn as tg
    >>> norm = tg.nn.BatchNorm2d(3)
    >>> norm(tg.rand(8, 3, 4, 4)).shape, norm.num_batches_tracked.item()
    ((8, 3, 4, 4), 1)
    """

    _dims = (4,)


class _InstanceNorm(_ChannelNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._make_channels(num_features, eps, momentum, affine, bias, track_running_stats, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Return the input standardised: in evaluation mode with the running statistics, if it tracks them."""
        alone = input.ndim == self._dims[0]
        self._check_input(input, 0 if alone else 1)
        result = F.instance_norm(
            input.unsqueeze(0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return result.squeeze(0) if alone else result


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of each channel of each sample of (N, C, L) or (C, L): see `InstanceNorm2d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.InstanceNorm1d(3)(tg.ones(2, 3, 4)).shape
    (2, 3, 4)
    """

    _dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation: standardise each channel of each sample of (N, C, H, W) or (C, H, W).

    It has weight and bias only if ``affine``, and running statistics, which evaluation mode uses, only if
    ``track_running_stats``. (`instance_norm`; Ulyanov et al., 2016.)

    >>> import tinygrad_cnn as tg
    >>> tg.nn.InstanceNorm2d(3)(tg.rand(8, 3, 4, 4)).shape
    (8, 3, 4, 4)
    """

    _dims = (3, 4)


class GroupNorm(_Norm):
    """Standardise groups of channels of each sample of (N, C, ...), then scale and shift channels: `group_norm`.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.GroupNorm(2, 6)(tg.rand(8, 6, 4, 4)).shape
    (8, 6, 4, 4)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_groups = whole("GroupNorm", "num_groups", num_groups, 1)
        self.num_channels = whole("GroupNorm", "num_channels", num_channels, 1)
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_groups} groups do not divide {num_channels} channels")
        self.eps, self.affine = eps, affine
        self._make((num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input standardised by groups."""
        if input.ndim < 2 or input.shape[1] != self.num_channels:
            raise ValueError(f"GroupNorm: input has shape {input.shape}; wanted (N, {self.num_channels}, ...)")
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return groups, channels and arguments, as PyTorch writes them."""
        named = by_name(self, "eps", "affine")
        return f"{self.num_groups}, {self.num_channels}, {named}, bias={self.bias is not None}"


class LayerNorm(_Norm):
    """Standardise over the last dimensions, of shape ``normalized_shape``, then scale and shift: `layer_norm`.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.LayerNorm(2)(tg.tensor([[1.0, 3.0]])).detach()
    tensor([[-1.0000,  1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("LayerNorm", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input standardised over its last dimensions."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the shape and the arguments, as PyTorch writes them."""
        named = by_name(self, "eps", "elementwise_affine")
        return f"{self.normalized_shape}, {named}, bias={self.bias is not None}"


class RMSNorm(_Norm):
    """Divide by the root of the mean square over the last dimensions, then scale, as `rms_norm`.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.RMSNorm(2)(tg.tensor([[5.0, 5.0]])).detach()
    tensor([[1., 1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("RMSNorm", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, False, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input divided by the root of its mean square."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the shape and the arguments, as PyTorch writes them."""
        return f"{self.normalized_shape}, {by_name(self, 'eps', 'elementwise_affine')}"


class LocalResponseNorm(UnaryFunctionModule):
    """Divide by the magnitude of neighbouring channels of (N, C, ...), as `local_response_norm`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LocalResponseNorm(2)(tg.ones(2, 3, 4)).shape
    (2, 3, 4)
    """

    function = staticmethod(F.local_response_norm)

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self._set(size=whole("LocalResponseNorm", "size", size, 1), alpha=alpha, beta=beta, k=k)

    def extra_repr(self) -> str:
        """Return the arguments, as PyTorch writes them."""
        return f"{self.size}, {by_name(self, 'alpha', 'beta', 'k')}"


def _shape(name: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    shape = sizes(name, (normalized_shape,))
    if not shape or min(shape) < 1:
        raise ValueError(f"{name}: normalized_shape is {normalized_shape!r}; wanted lengths of at least 1")
    return shape
