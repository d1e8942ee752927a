"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from tinygrad_cnn import creation, ops
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn import init
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.ops.arguments import pair, single, whole
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Size

PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class _Layer(Module):
    """The base of convolutions and transposed convolutions: channels, sizes, weight and bias."""

    _dims: ClassVar[int]
    _function: ClassVar[Callable[..., Tensor]]
    _defaults: ClassVar[dict[str, int]] = {"padding": 0, "dilation": 1, "output_padding": 0}
    bias: Parameter | None

    def _set_channels(self, in_channels: int, out_channels: int, groups: int) -> None:
        name = type(self).__name__
        self.in_channels = whole(name, "in_channels", in_channels, 1)
        self.out_channels = whole(name, "out_channels", out_channels, 1)
        self.groups = whole(name, "groups", groups, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups {groups} does not divide {in_channels} input and {out_channels} output channels"
            )

    def _sizes(self, argument: str, value: Size, least: int) -> tuple[int, ...]:
        name = type(self).__name__
        return pair(name, argument, value, least) if self._dims == 2 else (single(name, argument, value, least),)

    def _make_weight(self, rows: int, columns: int, bias: bool, device: Any, dtype: Any) -> None:
        shape = (rows, columns // self.groups, *self.kernel_size)
        self.weight = Parameter(creation.empty(shape, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(creation.empty(self.out_channels, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise weight and bias again."""
        init.layer_default_(self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes as PyTorch writes them: default values are left out."""
        extra = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, default in self._defaults.items():
            if (value := self.__dict__.get(name)) not in (None, (default,) * self._dims):
                extra += f", {name}={value}"
        if self.groups != 1:
            extra += f", groups={self.groups}"
        if self.bias is None:
            extra += ", bias=False"
        return extra if self.padding_mode == "zeros" else f"{extra}, padding_mode={self.padding_mode}"


class _Conv(_Layer):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self._set_channels(in_channels, out_channels, groups)
        self.kernel_size = self._sizes("kernel_size", kernel_size, 1)
        self.stride = self._sizes("stride", stride, 1)
        self.dilation = self._sizes("dilation", dilation, 1)
        self.padding = padding if isinstance(padding, str) else self._sizes("padding", padding, 0)
        if isinstance(padding, str) and (
            padding not in ("same", "valid") or (padding == "same" and max(self.stride) > 1)
        ):
            raise ValueError(f"{name}: padding is {padding!r}; wanted sizes, 'valid', or 'same' with a stride of 1")
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"{name}: padding_mode {padding_mode!r} is unknown; wanted one of {', '.join(PADDING_MODES)}"
            )
        self.padding_mode = padding_mode
        self._make_weight(self.out_channels, self.in_channels, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of the input with the weight."""
        padding: Size | str = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._widths(), PADDING_MODES[self.padding_mode]), 0
        return self._function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _widths(self) -> list[int]:
        """Return the padding as `pad` takes it: (before, after) pairs, last dimension first."""
        if isinstance(self.padding, str):
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            total = total if self.padding == "same" else []
        else:
            total = [2 * n for n in self.padding]
        return [width for n in reversed(total) for width in (n // 2, n - n // 2)]


class Conv1d(_Conv):
    """Slide kernels over sequences: (N, in_channels, L) to (N, out_channels, OL), as `conv1d` does.

    Weight (out_channels, in_channels / groups, K) and bias start as those of `Conv2d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Conv1d(2, 4, 3)(tg.ones(2, 2, 8)).shape
    (2, 4, 6)
    """

    _dims = 1
    _function = staticmethod(ops.conv1d)


class Conv2d(_Conv):
    """Slide kernels over images: (N, in_channels, H, W) to (N, out_channels, OH, OW), as `conv2d` does.

    Weight (out_channels, in_channels / groups, KH, KW) and bias (out_channels,) start uniform on +-1 / sqrt(fan_in)
    with fan_in = in_channels / groups * KH * KW. The padding may also be "same" or "valid"; the ``padding_mode``
    "reflect", "replicate" or "circular" pads with pixels of the image, as `pad` does.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Conv2d(1, 6, 5)(tg.ones(2, 1, 28, 28)).shape
    (2, 6, 24, 24)
    """

    _dims = 2
    _function = staticmethod(ops.conv2d)


class _ConvTranspose(_Layer):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set_channels(in_channels, out_channels, groups)
        self.kernel_size = self._sizes("kernel_size", kernel_size, 1)
        self.stride = self._sizes("stride", stride, 1)
        self.padding = self._sizes("padding", padding, 0)
        self.dilation = self._sizes("dilation", dilation, 1)
        self.output_padding = self._sizes("output_padding", output_padding, 0)
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__}: padding_mode is {padding_mode!r}; wanted 'zeros'")
        self.padding_mode = padding_mode
        self._make_weight(self.in_channels, self.out_channels, bias, device, dtype)

    def forward(self, input: Tensor, output_size: Iterable[int] | None = None) -> Tensor:
        """Return the transposed convolution; ``output_size`` selects one of the sizes that the stride allows."""
        extra = self.output_padding if output_size is None else self._extra(input, tuple(output_size))
        return self._function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _extra(self, input: Tensor, output_size: tuple[int, ...]) -> tuple[int, ...]:
        """Return the output padding for an output size, given with or without its leading dimensions."""
        wanted = output_size[-self._dims :]
        sizes = zip(
            input.shape[-self._dims :], self.kernel_size, self.stride, self.padding, self.dilation, strict=True
        )
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in sizes]
        extra = tuple(w - n for w, n in zip(wanted, least, strict=False))
        if len(output_size) not in (self._dims, input.ndim) or not all(
            0 <= e < max(s, d) for e, s, d in zip(extra, self.stride, self.dilation, strict=True)
        ):
            raise ValueError(
                f"{type(self).__name__}: output_size {output_size} is not possible; the least for input of shape "
                f"{input.shape} is {tuple(least)}, and less than the stride {self.stride} may be added"
            )
        return extra


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of sequences (N, in_channels, L) to (N, out_channels, OL): `conv_transpose1d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ConvTranspose1d(2, 4, 3)(tg.ones(2, 2, 8)).shape
    (2, 4, 10)
    """

    _dims = 1
    _function = staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution of images (N, in_channels, H, W) to (N, out_channels, OH, OW): `conv_transpose2d`.

    Weight (in_channels, out_channels / groups, KH, KW) and bias (out_channels,) start uniform on +-1 / sqrt(fan)
    with fan = out_channels / groups * KH * KW.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.ConvTranspose2d(6, 1, 3, stride=2, padding=1)(tg.ones(2, 6, 4, 4), output_size=(8, 8)).shape
    (2, 1, 8, 8)
    """

    _dims = 2
    _function = staticmethod(ops.conv_transpose2d)
