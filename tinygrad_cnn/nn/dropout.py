"""Dropout layers: in training mode they set numbers to 0 at random; in evaluation mode they return the input.

With ``inplace=True`` they overwrite their input, and return it.
"""

from __future__ import annotations

from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.function_module import UnaryFunctionModule, by_name, warn_of_training_mode
from tinygrad_cnn.tensor import Tensor


class _Dropout(UnaryFunctionModule):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p is {p}; wanted a probability between 0 and 1")
        self._set(p=p)
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the input; in training mode, with dropout applied."""
        if self.training and self.p:
            warn_of_training_mode(self)
        result: Tensor = self._call(input, training=self.training, inplace=self.inplace)
        return result

    def extra_repr(self) -> str:
        """Return the probability."""
        return by_name(self, "p", "inplace")


class Dropout(_Dropout):
    """Set each number to 0 with probability p, and multiply the others by 1 / (1 - p), as `dropout`.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Dropout(0.5).eval()(tg.ones(2))
    tensor([1., 1.])
    """

    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """Set entire channels of (N, C, L) or (C, L) to 0, as `dropout1d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Dropout1d()(tg.ones(2, 3, 4)).shape
    (2, 3, 4)
    """

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """Set entire channels of (N, C, H, W) to 0, as `dropout2d`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Dropout2d()(tg.ones(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    function = staticmethod(F.dropout2d)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance, for networks with `SELU`, as `alpha_dropout`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.AlphaDropout()(tg.ones(2, 3)).shape
    (2, 3)
    """

    function = staticmethod(F.alpha_dropout)
