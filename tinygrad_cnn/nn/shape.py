"""Layers that reshape (Flatten, Unflatten, Unfold, Fold), resize images or move channels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygrad_cnn import ops
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.function_module import UnaryFunctionModule, by_name
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.ops.arguments import sizes, whole
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Size


class Identity(Module):
    """Return the input; any arguments are accepted, so that it can replace another layer.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Identity()(tg.ones(2, 3)).shape
    (2, 3)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input."""
        return input


class Flatten(UnaryFunctionModule):
    """Flatten the dimensions from start_dim to end_dim into one: by default, all but the batch.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Flatten()(tg.ones(2, 16, 4, 4)).shape
    (2, 256)
    """

    function = staticmethod(ops.flatten)

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self._set(start_dim=start_dim, end_dim=end_dim)


class Unflatten(Module):
    """Split one dimension into several; one length may be -1, and is then computed.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Unflatten(1, (16, 4, 4))(tg.ones(2, 256)).shape
    (2, 16, 4, 4)
    """

    def __init__(self, dim: int, unflattened_size: Iterable[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = sizes("Unflatten", (unflattened_size,))

    def forward(self, input: Tensor) -> Tensor:
        """Return the input in its new shape."""
        return ops.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Return the dimension and its new shape."""
        return by_name(self, "dim", "unflattened_size")


class Upsample(UnaryFunctionModule):
    """Resize images to a size or by a factor, as `interpolate`.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Upsample(scale_factor=2, mode="bilinear")(tg.ones(1, 3, 4, 5)).shape
    (1, 3, 8, 10)
    """

    function = staticmethod(F.interpolate)

    def __init__(
        self,
        size: int | Iterable[int] | None = None,
        scale_factor: float | Iterable[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        if isinstance(scale_factor, Iterable):
            scale_factor = tuple(map(float, scale_factor))
        elif scale_factor is not None:
            scale_factor = float(scale_factor)
        self._set(size=size, scale_factor=scale_factor, mode=mode)
        self._set(align_corners=align_corners, recompute_scale_factor=recompute_scale_factor)

    def extra_repr(self) -> str:
        """Return the size or the factor, and the mode."""
        return by_name(self, "size" if self.scale_factor is None else "scale_factor", "mode")


class PixelShuffle(UnaryFunctionModule):
    """Rearrange groups of channels as pixels: (..., C * r * r, H, W) to (..., C, H * r, W * r), `pixel_shuffle`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.PixelShuffle(2)(tg.ones(1, 4, 2, 2)).shape
    (1, 1, 4, 4)
    """

    function = staticmethod(F.pixel_shuffle)

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self._set(upscale_factor=whole("PixelShuffle", "upscale_factor", upscale_factor, 1))


class PixelUnshuffle(UnaryFunctionModule):
    """Undo `PixelShuffle`: (..., C, H * r, W * r) to (..., C * r * r, H, W), as `pixel_unshuffle`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.PixelUnshuffle(2)(tg.ones(1, 1, 4, 4)).shape
    (1, 4, 2, 2)
    """

    function = staticmethod(F.pixel_unshuffle)

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self._set(downscale_factor=whole("PixelUnshuffle", "downscale_factor", downscale_factor, 1))


class ChannelShuffle(UnaryFunctionModule):
    """Interleave groups of channels (N, C, ...), as `channel_shuffle`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ChannelShuffle(2)(tg.ones(1, 4, 2, 2)).shape
    (1, 4, 2, 2)
    """

    function = staticmethod(F.channel_shuffle)

    def __init__(self, groups: int) -> None:
        super().__init__()
        self._set(groups=whole("ChannelShuffle", "groups", groups, 1))


class UpsamplingNearest2d(Upsample):
    """Resize images (N, C, H, W) to the nearest pixels: an older name of `Upsample`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.UpsamplingNearest2d(scale_factor=2)(tg.ones(1, 1, 2, 2)).shape
    (1, 1, 4, 4)
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Resize images (N, C, H, W) bilinearly, with aligned corners: an older name of `Upsample`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.UpsamplingBilinear2d(scale_factor=2)(tg.ones(1, 1, 2, 2)).shape
    (1, 1, 4, 4)
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "bilinear", True)


class Unfold(UnaryFunctionModule):
    """Return the pixels of each window as a column ("im2col"), as `unfold`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Unfold(2)(tg.ones(1, 1, 4, 4)).shape
    (1, 4, 9)
    """

    function = staticmethod(F.unfold)

    def __init__(self, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> None:
        super().__init__()
        self._set(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)


class Fold(UnaryFunctionModule):
    """Add columns of windows into images of ``output_size`` ("col2im"), as `fold`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Fold((4, 4), 2)(tg.ones(1, 4, 9)).shape
    (1, 1, 4, 4)
    """

    function = staticmethod(F.fold)

    def __init__(
        self, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
    ) -> None:
        super().__init__()
        self._set(output_size=output_size, kernel_size=kernel_size, dilation=dilation)
        self._set(padding=padding, stride=stride)
