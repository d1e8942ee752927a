"""Initialisation of parameters, in place; random values come from a NumPy generator.

xavier: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), eq. 16.
kaiming: He et al., "Delving Deep into Rectifiers" (2015), eq. 10 and 14.
"""

from __future__ import annotations

from math import ceil, prod, sqrt
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import want_float
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor

Generator = np.random.Generator


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with random numbers, uniform on [a, b).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.uniform_(tg.empty(2, 3)).shape
    (2, 3)
    """
    want_float("uniform_", tensor)
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with random numbers from the normal distribution.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.normal_(tg.empty(2, 3)).shape
    (2, 3)
    """
    want_float("normal_", tensor)
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill a tensor with one value.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.constant_(tg.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill a tensor with 0.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.zeros_(tg.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill a tensor with 1.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.ones_(tg.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor for weights before a nonlinearity that keeps the variance; param: the slope of leaky_relu.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    gains = {
        "linear": 1.0,
        "conv2d": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": sqrt(2),
        "leaky_relu": sqrt(2 / (1 + (0.01 if param is None else param) ** 2)),
    }
    if nonlinearity not in gains:
        raise ValueError(
            f"calculate_gain: nonlinearity {nonlinearity!r} is unknown; wanted one of {', '.join(gains)}"
            f"{did_you_mean(str(nonlinearity), gains)}"
        )
    return gains[nonlinearity]


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill a weight uniformly on +-gain sqrt(3 / fan), so that a layer keeps the variance of its input.

    Mode "fan_out" keeps the variance of the gradient in the backward pass instead. ``a`` is leaky_relu's slope.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.kaiming_uniform_(tg.empty(2, 3)).shape
    (2, 3)
    """
    bound = sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill a weight from the normal distribution of standard deviation gain / sqrt(fan): see `kaiming_uniform_`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.kaiming_normal_(tg.empty(2, 3)).shape
    (2, 3)
    """
    return normal_(tensor, 0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a weight uniformly on +-gain sqrt(6 / (fan_in + fan_out)): between forward's and backward's optimum.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.xavier_uniform_(tg.empty(2, 3)).shape
    (2, 3)
    """
    bound = gain * sqrt(6 / sum(_fans("xavier_uniform_", tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a weight from the normal distribution of standard deviation gain sqrt(2 / (fan_in + fan_out)).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.xavier_normal_(tg.empty(2, 3)).shape
    (2, 3)
    """
    return normal_(tensor, 0, gain * sqrt(2 / sum(_fans("xavier_normal_", tensor))), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill a weight with an orthogonal matrix times the gain; dimensions after the first count as one.

    (Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014.)

    >>> import tinygrad_cnn as tg
    >>> w = tg.nn.init.orthogonal_(tg.empty(3, 5))
    >>> (w @ w.T).allclose(tg.eye(3), atol=1e-6)
    True
    """
    _want_dims("orthogonal_", tensor, 2)
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    drawn = (generator or default_generator()).standard_normal((rows, tensor.numel() // rows))
    q, r = np.linalg.qr(drawn if drawn.shape[0] >= drawn.shape[1] else drawn.T)
    q *= np.where(np.diagonal(r) < 0, -1, 1)  # so that q is uniform among orthogonal matrices (Mezzadri, 2007)
    return _written(tensor, (q if q.shape == drawn.shape else q.T) * gain)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill a tensor from the normal distribution; numbers outside of [a, b] are drawn again.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> bool((nn.init.trunc_normal_(tg.empty(100)).abs() <= 2).all())
    True
    """
    want_float("trunc_normal_", tensor)
    if not a < b or not std > 0 or mean - 8 * std > b or mean + 8 * std < a:
        raise ValueError(
            f"trunc_normal_: mean {mean}, std {std}, bounds {a} and {b}; wanted a < b near the mean, and std > 0"
        )
    rng = generator or default_generator()
    values = rng.normal(mean, std, tensor.shape)
    while (outside := np.asarray((values < a) | (values > b))).any():
        values = np.where(outside, rng.normal(mean, std, tensor.shape), values)
    return _written(tensor, values)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix from the normal distribution, with a fraction ``sparsity`` of each column set to 0.

    (Martens, "Deep learning via Hessian-free optimization", 2010.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> (nn.init.sparse_(tg.empty(4, 2), 0.5) == 0).sum(0)
    tensor([2, 2])
    """
    want_float("sparse_", tensor)
    if tensor.ndim != 2 or not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: shape {tensor.shape}, sparsity {sparsity}; wanted a matrix and a fraction")
    rng = generator or default_generator()
    values = rng.normal(0, std, tensor.shape)
    count = ceil(sparsity * tensor.shape[0])
    for column in values.T:
        column[rng.permutation(len(column))[:count]] = 0
    return _written(tensor, values)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: 1 on the diagonal, 0 elsewhere.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.eye_(tg.empty(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_: wanted a matrix, got shape {tensor.shape}")
    return _written(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it keeps its input: 1 in the middle of each kernel of its own channel.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.init.dirac_(tg.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    _want_dims("dirac_", tensor, 3)
    shape, values = tensor.shape, np.zeros(tensor.shape)
    if shape[0] % groups:
        raise ValueError(f"dirac_: groups {groups} do not divide {shape[0]} output channels")
    each = shape[0] // groups
    for i in range(min(each, shape[1])):
        middle: Any = (slice(i, None, each), i, *(n // 2 for n in shape[2:]))
        values[middle] = 1
    return _written(tensor, values)


def _want_dims(name: str, tensor: Tensor, least: int) -> None:
    want_float(name, tensor)
    if tensor.ndim < least:
        raise ValueError(f"{name}: wanted at least {least} dimensions, got shape {tensor.shape}")


def _written(tensor: Tensor, values: np.ndarray[Any, Any]) -> Tensor:
    with no_grad():
        return tensor.copy_(values.reshape(tensor.shape).astype(tensor.dtype))


def layer_default_(weight: Tensor, bias: Tensor | None, generator: Generator | None = None) -> None:
    """Fill a layer as PyTorch does: weight and bias uniform on +-1 / sqrt(fan_in).

    >>> from tinygrad_cnn import nn
    >>> layer = nn.Linear(2, 3)
    >>> nn.init.layer_default_(layer.weight, layer.bias)
    >>> layer.weight.shape
    (3, 2)
    """
    kaiming_uniform_(weight, a=sqrt(5), generator=generator)
    if bias is not None:
        bound = 1 / sqrt(_fans("layer_default_", weight)[0])
        uniform_(bias, -bound, bound, generator)


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """Return fan_in, the inputs of each output of a layer, and fan_out, the outputs of each input."""
    shape = tensor.shape
    if len(shape) < 2 or not prod(shape):
        raise ValueError(f"{name}: wanted a weight (out, in, ...) that is not empty, got shape {shape}")
    return prod(shape[1:]), shape[0] * prod(shape[2:])


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(name, tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"{name}: mode {mode!r} is unknown; wanted fan_in or fan_out")
    return calculate_gain(nonlinearity, a) / sqrt(fans[mode])


explain_calls(globals())
explain_missing_names("torch.nn.init", __name__)
