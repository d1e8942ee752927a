"""Pooling layers. Each calls the function of its name: `MaxPool2d` calls ``max_pool2d``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from tinygrad_cnn import ops
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.function_module import UnaryFunctionModule, by_name
from tinygrad_cnn.ops.arguments import pair, single, whole
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Size


class _Pool(UnaryFunctionModule):
    _checked: ClassVar[Callable[..., Any]] = staticmethod(pair)

    def _set_window(self, kernel_size: Size, stride: Size | None, padding: Size, **more: Any) -> None:
        """Check the sizes, and keep them as they were given; the stride defaults to the kernel's size."""
        sizes = {"kernel_size": kernel_size, "stride": kernel_size if stride is None else stride}
        for argument, value in {**sizes, **more}.items():
            self._checked(type(self).__name__, argument, value, 1)
        self._checked(type(self).__name__, "padding", padding, 0)
        self._set(**sizes, padding=padding, **more)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return by_name(self, "kernel_size", "stride", "padding")


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self._set_window(kernel_size, stride, padding, dilation=dilation)
        self._set(return_indices=return_indices, ceil_mode=ceil_mode)

    def forward(self, input: Tensor) -> Any:
        """Return the largest value of each window; with return_indices, also the index of each."""
        return self._call(input)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return by_name(self, "kernel_size", "stride", "padding", "dilation", "ceil_mode")


class MaxPool1d(_MaxPool):
    """The largest value of each window of sequences (N, C, L); the stride defaults to the kernel's size.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.MaxPool1d(2)(tg.ones(1, 3, 8)).shape
    (1, 3, 4)
    """

    function = staticmethod(ops.max_pool1d)
    _checked = staticmethod(single)


class MaxPool2d(_MaxPool):
    """The largest value of each window of images (N, C, H, W); the stride defaults to the kernel's size.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.MaxPool2d(2)(tg.ones(1, 6, 24, 24)).shape
    (1, 6, 12, 12)
    """

    function = staticmethod(ops.max_pool2d)


class AvgPool1d(_Pool):
    """The mean of each window of sequences (N, C, L); zeros of the padding count if ``count_include_pad``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.AvgPool1d(2)(tg.ones(1, 3, 8)).shape
    (1, 3, 4)
    """

    function = staticmethod(ops.avg_pool1d)
    _checked = staticmethod(single)

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self._set_window(kernel_size, stride, padding)
        for name in ("kernel_size", "stride", "padding"):  # tuples as in PyTorch, whose MaxPool1d has none
            setattr(self, name, (single("AvgPool1d", name, getattr(self, name), 0),))
        self._set(ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class AvgPool2d(_Pool):
    """The mean of each window of images (N, C, H, W); zeros of the padding count if ``count_include_pad``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.AvgPool2d(2)(tg.ones(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    function = staticmethod(ops.avg_pool2d)

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        if divisor_override is not None:
            whole("AvgPool2d", "divisor_override", divisor_override, 1)
        self._set_window(kernel_size, stride, padding)
        self._set(ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor_override=divisor_override)


class AdaptiveAvgPool2d(UnaryFunctionModule):
    """Means of the windows that divide images evenly into ``output_size``; None keeps a height or width.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.AdaptiveAvgPool2d((2, None))(tg.ones(1, 6, 7, 5)).shape
    (1, 6, 2, 5)
    """

    function = staticmethod(F.adaptive_avg_pool2d)

    def __init__(self, output_size: int | Iterable[int | None] | None) -> None:
        super().__init__()
        _check_output(type(self).__name__, output_size)
        self._set(output_size=output_size)


class AdaptiveMaxPool2d(UnaryFunctionModule):
    """The largest values of the windows of `AdaptiveAvgPool2d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.AdaptiveMaxPool2d(2)(tg.ones(1, 3, 8, 8)).shape
    (1, 3, 2, 2)
    """

    function = staticmethod(F.adaptive_max_pool2d)

    def __init__(self, output_size: int | Iterable[int | None] | None, return_indices: bool = False) -> None:
        super().__init__()
        _check_output(type(self).__name__, output_size)
        self._set(output_size=output_size, return_indices=return_indices)

    def forward(self, input: Tensor) -> Any:
        """Return the largest values; with return_indices, also the index of each."""
        return self._call(input)

    def extra_repr(self) -> str:
        """Return the size."""
        return by_name(self, "output_size")


def _check_output(name: str, output_size: Any) -> None:
    given = output_size if isinstance(output_size, Iterable) else (output_size, output_size)
    pair(name, "output_size", [1 if n is None else n for n in given], 1)


class AdaptiveAvgPool1d(UnaryFunctionModule):
    """Means of the windows that divide sequences evenly into ``output_size``, as `adaptive_avg_pool1d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.AdaptiveAvgPool1d(2)(tg.ones(1, 3, 8)).shape
    (1, 3, 2)
    """

    function = staticmethod(F.adaptive_avg_pool1d)

    def __init__(self, output_size: Size) -> None:
        super().__init__()
        single("AdaptiveAvgPool1d", "output_size", output_size, 1)
        self._set(output_size=output_size)


class AdaptiveMaxPool1d(UnaryFunctionModule):
    """The largest values of the windows of `AdaptiveAvgPool1d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.AdaptiveMaxPool1d(2)(tg.ones(1, 3, 8)).shape
    (1, 3, 2)
    """

    function = staticmethod(F.adaptive_max_pool1d)

    def __init__(self, output_size: Size, return_indices: bool = False) -> None:
        super().__init__()
        single("AdaptiveMaxPool1d", "output_size", output_size, 1)
        self._set(output_size=output_size, return_indices=return_indices)

    def forward(self, input: Tensor) -> Any:
        """Return the largest values; with return_indices, also the index of each."""
        return self._call(input)

    def extra_repr(self) -> str:
        """Return the size."""
        return by_name(self, "output_size")


class _LPPool(UnaryFunctionModule):
    def __init__(
        self, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self._set(norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode)


class LPPool1d(_LPPool):
    """The p-norm of each window of sequences (N, C, L), as `lp_pool1d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LPPool1d(2.0, 2)(tg.ones(1, 3, 8)).shape
    (1, 3, 4)
    """

    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """The p-norm of each window of images (N, C, H, W), as `lp_pool2d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LPPool2d(2.0, 2)(tg.ones(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    function = staticmethod(F.lp_pool2d)


class _MaxUnpool(UnaryFunctionModule):
    _checked: ClassVar[Callable[..., Any]] = staticmethod(pair)

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        name = type(self).__name__
        sizes = {"kernel_size": kernel_size, "stride": kernel_size if stride is None else stride}
        for argument, value in {**sizes, "padding": padding}.items():
            found = self._checked(name, argument, value, 0 if argument == "padding" else 1)
            self._set(**{argument: found if isinstance(found, tuple) else (found,)})

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:  # type: ignore[override]
        """Return the values at their places."""
        result: Tensor = self._call(input, indices, output_size=output_size)
        return result


class MaxUnpool1d(_MaxUnpool):
    """Put the values of `MaxPool1d` back to their places, as `max_unpool1d`."""

    function = staticmethod(F.max_unpool1d)
    _checked = staticmethod(single)


class MaxUnpool2d(_MaxUnpool):
    """Put the values of `MaxPool2d` back to their places, as `max_unpool2d`."""

    function = staticmethod(F.max_unpool2d)
