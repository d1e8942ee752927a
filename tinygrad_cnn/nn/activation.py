"""Activation functions as modules. With ``inplace=True`` they overwrite their input, and return it."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn import creation, ops
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.function_module import UnaryFunctionModule
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.tensor import Tensor


class _Activation(UnaryFunctionModule):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to the input; in place if asked for."""
        result: Tensor = self._call(input, inplace=True) if self.inplace else self._call(input)
        return result

    def extra_repr(self) -> str:
        """Return the arguments, and inplace=True if it was given."""
        arguments = super().extra_repr()
        if not self.inplace:
            return arguments
        return f"{arguments}, inplace=True" if arguments else "inplace=True"


# --- piecewise linear ---


class ReLU(_Activation):
    """input where it is positive, else 0.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ReLU()(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(F.relu)


class LeakyReLU(_Activation):
    """input where it is positive, else negative_slope * input.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LeakyReLU(0.1)(tg.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    function = staticmethod(F.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self._set(negative_slope=negative_slope)


class RReLU(_Activation):
    """input where it is positive, else a slope times input: random in training, the bounds' mean in evaluation.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.RReLU(0.5, 0.5)(tg.tensor([-6.0, 2.0]))
    tensor([-3.,  2.])
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self._set(lower=lower, upper=upper)

    def forward(self, input: Tensor) -> Tensor:
        """Return the input where it is positive, else a slope times it."""
        return F.rrelu(input, self.lower, self.upper, self.training, inplace=self.inplace)


class PReLU(UnaryFunctionModule):
    """input where it is positive, else input times a learned slope: one for all channels, or one for each.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.PReLU()(tg.tensor([-4.0, 4.0])).tolist()
    [-1.0, 4.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = whole("PReLU", "num_parameters", num_parameters, 1)
        self.init = init
        self.weight = Parameter(creation.full((num_parameters,), float(init), device=device, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """Return the input where it is positive, else slope * input."""
        return ops.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"


class Hardtanh(_Activation):
    """input, limited to at least min_val and at most max_val.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Hardtanh()(tg.tensor([-1.0, 2.0]))
    tensor([-1.,  1.])
    """

    function = staticmethod(F.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val is {min_val} and max_val {max_val}; wanted min_val < max_val")
        self._set(min_val=min_val, max_val=max_val)


class ReLU6(_Activation):
    """min(max(input, 0), 6).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ReLU6()(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(F.relu6)


class Hardsigmoid(_Activation):
    """A piecewise linear sigmoid: relu6(input + 3) / 6.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Hardsigmoid()(tg.tensor([-1.0, 2.0]))
    tensor([0.3333, 0.8333])
    """

    function = staticmethod(F.hardsigmoid)


class Hardswish(_Activation):
    """input * hardsigmoid(input).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Hardswish()(tg.tensor([-1.0, 2.0]))
    tensor([-0.3333,  1.6667])
    """

    function = staticmethod(F.hardswish)


class Threshold(_Activation):
    """input where it is above the threshold, else the value.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Threshold(1.0, -5.0)(tg.tensor([-1.0, 2.0]))
    tensor([-5.,  2.])
    """

    function = staticmethod(F.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self._set(threshold=threshold, value=value)


class Hardshrink(UnaryFunctionModule):
    """The input where its absolute value is above lambd, else 0.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Hardshrink()(tg.tensor([-1.0, 2.0]))
    tensor([-1.,  2.])
    """

    function = staticmethod(F.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self._set(lambd=lambd)

    def extra_repr(self) -> str:
        """Return lambd."""
        return f"{self.lambd}"


class Softshrink(Hardshrink):
    """The input moved towards 0 by lambd, or 0 where its absolute value is at most lambd.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Softshrink()(tg.tensor([-1.0, 2.0]))
    tensor([-0.5000,  1.5000])
    """

    function = staticmethod(F.softshrink)  # type: ignore[assignment]


# --- smooth ---


class Tanh(UnaryFunctionModule):
    """The hyperbolic tangent.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Tanh()(tg.tensor([-1.0, 2.0]))
    tensor([-0.7616,  0.9640])
    """

    function = staticmethod(ops.tanh)


class Sigmoid(UnaryFunctionModule):
    """1 / (1 + e^-input).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Sigmoid()(tg.tensor([-1.0, 2.0]))
    tensor([0.2689, 0.8808])
    """

    function = staticmethod(ops.sigmoid)


class LogSigmoid(UnaryFunctionModule):
    """The logarithm of `Sigmoid`, without overflow or underflow.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LogSigmoid()(tg.tensor([-1.0, 2.0]))
    tensor([-1.3133, -0.1269])
    """

    function = staticmethod(F.logsigmoid)


class Softsign(UnaryFunctionModule):
    """input / (1 + |input|).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Softsign()(tg.tensor([-1.0, 2.0]))
    tensor([-0.5000,  0.6667])
    """

    function = staticmethod(F.softsign)


class Tanhshrink(UnaryFunctionModule):
    """input - tanh(input).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Tanhshrink()(tg.tensor([-1.0, 2.0]))
    tensor([-0.2384,  1.0360])
    """

    function = staticmethod(F.tanhshrink)


class Softplus(UnaryFunctionModule):
    """log(1 + e^(beta input)) / beta, a smooth `ReLU`; the input itself where beta input > threshold.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Softplus()(tg.tensor([-1.0, 2.0]))
    tensor([0.3133, 2.1269])
    """

    function = staticmethod(F.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self._set(beta=beta, threshold=threshold)


class ELU(_Activation):
    """input where it is positive, else alpha * (e^input - 1).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.ELU()(tg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    function = staticmethod(F.elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self._set(alpha=alpha)


class CELU(ELU):
    """input where it is positive, else alpha * (e^(input / alpha) - 1).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.CELU()(tg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    function = staticmethod(F.celu)


class SELU(_Activation):
    """A scaled `ELU`, under which layers keep mean 0 and variance 1.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.SELU()(tg.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """

    function = staticmethod(F.selu)


class SiLU(_Activation):
    """input * sigmoid(input).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.SiLU()(tg.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """

    function = staticmethod(F.silu)


class Mish(_Activation):
    """input * tanh(softplus(input)).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Mish()(tg.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """

    function = staticmethod(F.mish)


class GELU(UnaryFunctionModule):
    """input times the standard normal distribution function of input; approximate="tanh" is cheaper.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.GELU()(tg.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """

    function = staticmethod(F.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self._set(approximate=approximate)


# --- along a dimension ---


class Softmax(UnaryFunctionModule):
    """e^x / sum e^x along a dimension. To train a classifier, give `CrossEntropyLoss` the logits instead.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Softmax(dim=1)(tg.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    function = staticmethod(F.softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self._set(dim=dim)


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`, without overflow or underflow.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LogSoftmax(dim=1)(tg.zeros(1, 2))
    tensor([[-0.6931, -0.6931]])
    """

    function = staticmethod(F.log_softmax)


class Softmin(Softmax):
    """The `Softmax` of -input.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Softmin(dim=1)(tg.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    function = staticmethod(F.softmin)


class Softmax2d(Module):
    """The `Softmax` of images (N, C, H, W) or (C, H, W) over their channels.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.Softmax2d()(tg.zeros(1, 2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the softmax over the channels."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: input has shape {input.shape}; wanted (N, C, H, W) or (C, H, W)")
        return F.softmax(input, -3)


class GLU(UnaryFunctionModule):
    """The first half along a dimension times the sigmoid of the second half.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.GLU()(tg.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """

    function = staticmethod(F.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self._set(dim=dim)
