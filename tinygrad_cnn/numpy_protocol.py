"""NumPy's functions called on tensors: each is recorded as the operation it stands for, or refused.

Losing the graph in silence is the one outcome that is ruled out. (NumPy's protocols: NEP 13, NEP 18.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn import ops

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.absolute: ops.abs,
    np.add: ops.add,
    np.arccos: ops.acos,
    np.arccosh: ops.acosh,
    np.arcsin: ops.asin,
    np.arcsinh: ops.asinh,
    np.arctan: ops.atan,
    np.arctan2: ops.atan2,
    np.arctanh: ops.atanh,
    np.bitwise_and: ops.bitwise_and,
    np.bitwise_or: ops.bitwise_or,
    np.bitwise_xor: ops.bitwise_xor,
    np.ceil: ops.ceil,
    np.copysign: ops.copysign,
    np.cos: ops.cos,
    np.cosh: ops.cosh,
    np.divide: ops.div,
    np.equal: ops.eq,
    np.exp: ops.exp,
    np.exp2: ops.exp2,
    np.expm1: ops.expm1,
    np.float_power: ops.float_power,
    np.floor: ops.floor,
    np.floor_divide: ops.floor_divide,
    np.fmod: ops.fmod,
    np.greater: ops.gt,
    np.greater_equal: ops.ge,
    np.hypot: ops.hypot,
    np.invert: ops.bitwise_not,
    np.isfinite: ops.isfinite,
    np.isinf: ops.isinf,
    np.isnan: ops.isnan,
    np.less: ops.lt,
    np.less_equal: ops.le,
    np.log: ops.log,
    np.log10: ops.log10,
    np.log1p: ops.log1p,
    np.log2: ops.log2,
    np.logaddexp: ops.logaddexp,
    np.logical_and: ops.logical_and,
    np.logical_not: ops.logical_not,
    np.logical_or: ops.logical_or,
    np.logical_xor: ops.logical_xor,
    np.matmul: ops.matmul,
    np.maximum: ops.maximum,
    np.minimum: ops.minimum,
    np.multiply: ops.mul,
    np.negative: ops.neg,
    np.not_equal: ops.ne,
    np.positive: ops.positive,
    np.power: ops.pow,
    np.reciprocal: ops.reciprocal,
    np.remainder: ops.remainder,
    np.rint: ops.round,
    np.sign: ops.sign,
    np.sin: ops.sin,
    np.sinh: ops.sinh,
    np.sqrt: ops.sqrt,
    np.square: ops.square,
    np.subtract: ops.sub,
    np.tan: ops.tan,
    np.tanh: ops.tanh,
    np.trunc: ops.trunc,
    np.divmod: lambda a, b: (ops.floor_divide(a, b), ops.remainder(a, b)),
}

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.allclose: ops.allclose,
    np.amax: lambda a, axis=None, keepdims=False: ops.amax(a, axis, keepdims),
    np.amin: lambda a, axis=None, keepdims=False: ops.amin(a, axis, keepdims),
    np.argmax: lambda a, axis=None, keepdims=False: ops.argmax(a, axis, keepdims),
    np.around: lambda a, decimals=0: ops.round(a, decimals=decimals),
    np.broadcast_to: ops.broadcast_to,
    np.clip: lambda a, a_min=None, a_max=None: ops.clamp(a, a_min, a_max),
    np.concatenate: lambda arrays, axis=0: ops.cat(arrays, axis),
    np.expand_dims: lambda a, axis: ops.unsqueeze(a, axis),
    np.isclose: ops.isclose,
    np.mean: lambda a, axis=None, keepdims=False: ops.mean(a, axis, keepdims),
    np.nan_to_num: lambda x, nan=0.0, posinf=None, neginf=None: ops.nan_to_num(x, nan, posinf, neginf),
    np.ndim: lambda a: a.ndim,
    np.reshape: lambda a, shape: ops.reshape(a, shape),
    np.round: lambda a, decimals=0: ops.round(a, decimals=decimals),
    np.shape: lambda a: a.shape,
    np.sinc: ops.sinc,
    np.size: lambda a: a.numel(),
    np.squeeze: lambda a, axis=None: ops.squeeze(a, axis),
    np.stack: lambda arrays, axis=0: ops.stack(arrays, axis),
    np.std: lambda a, axis=None, ddof=0, keepdims=False: ops.std(a, axis, ddof, keepdims),
    np.sum: lambda a, axis=None, keepdims=False: ops.sum(a, axis, keepdims),
    np.swapaxes: lambda a, axis1, axis2: ops.transpose(a, axis1, axis2),
    np.transpose: lambda a, axes=None: a.T if axes is None else ops.permute(a, axes),
    np.var: lambda a, axis=None, ddof=0, keepdims=False: ops.var(a, axis, ddof, keepdims),
    np.where: ops.where,
}


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Record a NumPy ufunc called on a tensor, or refuse it."""
    recorded = UFUNCS.get(ufunc)
    if recorded is None or method != "__call__" or kwargs:
        extra = f".{method}" if method != "__call__" else f" with {', '.join(kwargs)}" if kwargs else ""
        raise TypeError(
            f"np.{ufunc.__name__}{extra} of a Tensor is not recorded, and would lose its gradient; "
            "use the package's operations, or detach().numpy() for the array"
        )
    return recorded(*inputs)


def array_function(
    self: Tensor, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Record a NumPy function called on a tensor, or refuse it."""
    recorded = FUNCTIONS.get(func)
    if recorded is None:
        raise TypeError(
            f"np.{func.__name__} of a Tensor is not recorded, and would lose its gradient; "
            "use the package's operations, or detach().numpy() for the array"
        )
    return recorded(*args, **kwargs)
