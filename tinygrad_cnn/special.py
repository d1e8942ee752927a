"""Special functions, under the names of ``torch.special``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.ops import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    log1p,
    log_softmax,
    logit,
    logsumexp,
    polygamma,
    round,
    sinc,
    softmax,
    xlogy,
)
from tinygrad_cnn.ops import digamma as psi
from tinygrad_cnn.ops import lgamma as gammaln
from tinygrad_cnn.ops import mvlgamma as multigammaln
from tinygrad_cnn.ops import sigmoid as expit
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.broadcast import cast
from tinygrad_cnn.ops.gamma import erfcx
from tinygrad_cnn.ops.spellings import spell
from tinygrad_cnn.support.dtypes import as_float, result_type
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.record import Variable
from tinygrad_cnn.typing import T

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]


def entr(input: Any) -> Any:
    """Return the entropy -input ln(input) of each number: 0 at 0, and -inf for negative numbers.

    >>> import tinygrad_cnn as tg
    >>> tg.special.entr(tg.tensor([0.5, 0.25]))
    tensor([0.3466, 0.3466])
    """
    return ops.where(input < 0, float("-inf"), ops.mul(input, -1.0) * ops.log(ops.where(input == 0, 1, input)))


def xlog1py(input: Any, other: Any) -> Any:
    """Return input * log(1 + other), exact for small ``other``; where input is 0, the result is 0.

    >>> import tinygrad_cnn as tg
    >>> tg.special.xlog1py(tg.tensor([0.0, 2.0]), tg.tensor([-1.0, 0.0]))
    tensor([0., 0.])
    """
    dtype = as_float(np.empty(0, result_type(array_of(input), array_of(other)))).dtype
    given = cast(other, dtype=dtype) if isinstance(other, Variable) else np.asarray(array_of(other), dtype)
    undefined = (input == 0) & ((given <= -1) | (given == np.inf))
    return ops.mul(input, ops.log1p(ops.where(undefined, dtype.type(0), given)))


def ndtr(input: T) -> T:
    """Return the distribution function of the standard normal distribution.

    >>> import tinygrad_cnn as tg
    >>> tg.special.ndtr(tg.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8413])
    """
    return ops.erfc(input * -(0.5**0.5)) / 2


def log_ndtr(input: T) -> T:
    """Return the logarithm of `ndtr`, exact for negative numbers of any size."""
    lower, upper = ops.clamp(input, max=-1.0), ops.clamp(input, min=-1.0)
    tail = ops.log(erfcx(lower * -(0.5**0.5)) / 2) - ops.square(lower) / 2
    return ops.where(input < -1, tail, ops.log1p(ops.erfc(upper * 0.5**0.5) / -2))


spell(globals(), __all__)
explain_missing_names("torch.special", __name__)
