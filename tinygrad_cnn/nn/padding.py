"""Layers that pad sequences, images and volumes: with a constant, or with the input's own entries.

``padding`` is one width for all sides, or a width for each: (left, right), then (top, bottom), then (front, back).
Negative widths crop. Each applies `pad` to the last one, two or three dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.function_module import by_name
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.ops.arguments import sizes
from tinygrad_cnn.tensor import Tensor


class _Pad(Module):
    _dims: ClassVar[int]
    _mode: ClassVar[str] = "constant"
    value: float | None = None

    def __init__(self, padding: int | Iterable[int]) -> None:
        super().__init__()
        name, count = type(self).__name__, 2 * self._dims
        self.padding = sizes(name, (padding,) if isinstance(padding, Iterable) else (padding,) * count)
        if len(self.padding) != count:
            wanted = {2: "two", 4: "four", 6: "six"}[count]
            raise ValueError(f"{name}: padding is {padding!r}; wanted one integer or {wanted}")

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded input."""
        return F.pad(input, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        """Return the widths."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: int | Iterable[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """Return the widths and the value."""
        return by_name(self, "padding", "value")


class ConstantPad1d(_ConstantPad):
    """Pad sequences with a value.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ConstantPad1d(1, 0.5)(tg.ones(1, 1, 4)).shape
    (1, 1, 6)
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """Pad images with a value.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ConstantPad2d(1, 0.5)(tg.ones(1, 1, 4, 4)).shape
    (1, 1, 6, 6)
    """

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Pad volumes with a value.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ConstantPad3d(1, 0.5)(tg.ones(1, 1, 4, 4, 4)).shape
    (1, 1, 6, 6, 6)
    """

    _dims = 3


class ZeroPad1d(_Pad):
    """Pad sequences with zeros.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ZeroPad1d(1)(tg.ones(1, 1, 4)).shape
    (1, 1, 6)
    """

    _dims = 1


class ZeroPad2d(_Pad):
    """Pad images with zeros.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.ZeroPad2d((1, 0, 2, 0))(tg.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 4)
    """

    _dims = 2


class ZeroPad3d(_Pad):
    """Pad volumes with zeros.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ZeroPad3d(1)(tg.ones(1, 1, 4, 4, 4)).shape
    (1, 1, 6, 6, 6)
    """

    _dims = 3


class ReflectionPad1d(_Pad):
    """Pad sequences with their mirror image at the outermost entry.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.ReflectionPad1d(2)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]]
    """

    _dims, _mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Pad images with their mirror image at the outermost pixels.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ReflectionPad2d(1)(tg.ones(1, 1, 4, 4)).shape
    (1, 1, 6, 6)
    """

    _dims, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Pad volumes with their mirror image at the outermost entries.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ReflectionPad3d(1)(tg.ones(1, 1, 4, 4, 4)).shape
    (1, 1, 6, 6, 6)
    """

    _dims, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Pad sequences with their outermost entries.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ReplicationPad1d(1)(tg.ones(1, 1, 4)).shape
    (1, 1, 6)
    """

    _dims, _mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Pad images with their outermost pixels.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ReplicationPad2d(1)(tg.ones(1, 1, 4, 4)).shape
    (1, 1, 6, 6)
    """

    _dims, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Pad volumes with their outermost entries.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ReplicationPad3d(1)(tg.ones(1, 1, 4, 4, 4)).shape
    (1, 1, 6, 6, 6)
    """

    _dims, _mode = 3, "replicate"


class CircularPad1d(_Pad):
    """Pad sequences with the entries of their other end.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.CircularPad1d(1)(tg.ones(1, 1, 4)).shape
    (1, 1, 6)
    """

    _dims, _mode = 1, "circular"


class CircularPad2d(_Pad):
    """Pad images with the pixels of their other side.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.CircularPad2d(1)(tg.ones(1, 1, 4, 4)).shape
    (1, 1, 6, 6)
    """

    _dims, _mode = 2, "circular"


class CircularPad3d(_Pad):
    """Pad volumes with the entries of their other side.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.CircularPad3d(1)(tg.ones(1, 1, 4, 4, 4)).shape
    (1, 1, 6, 6, 6)
    """

    _dims, _mode = 3, "circular"
