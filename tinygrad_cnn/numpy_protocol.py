"""NumPy's functions called on tensors: each is recorded as the operation it stands for, or refused.

Losing the graph in silence is the one outcome that is ruled out. (NumPy's protocols: NEP 13, NEP 18.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn import linalg, ops
from tinygrad_cnn.ops.padding import pad_as_numpy

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.absolute: ops.abs,
    np.add: ops.add,
    np.cos: ops.cos,
    np.divide: ops.div,
    np.equal: ops.eq,
    np.exp: ops.exp,
    np.greater: ops.gt,
    np.greater_equal: ops.ge,
    np.isfinite: ops.isfinite,
    np.isnan: ops.isnan,
    np.less: ops.lt,
    np.less_equal: ops.le,
    np.log: ops.log,
    np.logical_and: ops.logical_and,
    np.logical_not: ops.logical_not,
    np.logical_or: ops.logical_or,
    np.matmul: ops.matmul,
    np.maximum: ops.maximum,
    np.minimum: ops.minimum,
    np.multiply: ops.mul,
    np.negative: ops.neg,
    np.not_equal: ops.ne,
    np.power: ops.pow,
    np.sign: ops.sign,
    np.sin: ops.sin,
    np.sqrt: ops.sqrt,
    np.square: ops.square,
    np.subtract: ops.sub,
    np.tanh: ops.tanh,
}

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.amax: lambda a, axis=None, keepdims=False: ops.amax(a, axis, keepdims),
    np.amin: lambda a, axis=None, keepdims=False: ops.amin(a, axis, keepdims),
    np.argmax: lambda a, axis=None, keepdims=False: ops.argmax(a, axis, keepdims),
    np.broadcast_to: ops.broadcast_to,
    np.clip: lambda a, a_min=None, a_max=None: ops.clamp(a, a_min, a_max),
    np.concatenate: lambda arrays, axis=0: ops.cat(arrays, axis),
    np.cross: lambda a, b, axis=-1: ops.cross(a, b, axis),
    np.dot: lambda a, b: ops.tensordot(a, b, ([-1], [max(b.ndim - 2, 0)])) if a.ndim and b.ndim else ops.mul(a, b),
    np.einsum: lambda *operands, optimize=False: ops.einsum(*operands),
    np.expand_dims: lambda a, axis: ops.unsqueeze(a, axis),
    np.inner: ops.inner,
    np.kron: ops.kron,
    np.linalg.cholesky: lambda a, *, upper=False: linalg.cholesky(a, upper=upper),
    np.linalg.det: linalg.det,
    np.linalg.inv: linalg.inv,
    np.linalg.matrix_power: linalg.matrix_power,
    np.linalg.multi_dot: lambda arrays: linalg.multi_dot(arrays),
    np.linalg.slogdet: linalg.slogdet,
    np.linalg.solve: lambda a, b: linalg.solve(a, b if b.ndim in (1, a.ndim) else ops.unsqueeze(b, 0)),
    np.mean: lambda a, axis=None, keepdims=False: ops.mean(a, axis, keepdims),
    np.ndim: lambda a: a.ndim,
    np.outer: lambda a, b: ops.outer(ops.reshape(a, -1), ops.reshape(b, -1)),
    np.pad: pad_as_numpy,
    np.reshape: lambda a, shape: ops.reshape(a, shape),
    np.shape: lambda a: a.shape,
    np.size: lambda a: a.numel(),
    np.squeeze: lambda a, axis=None: ops.squeeze(a, axis),
    np.stack: lambda arrays, axis=0: ops.stack(arrays, axis),
    np.std: lambda a, axis=None, ddof=0, keepdims=False: ops.std(a, axis, ddof, keepdims),
    np.sum: lambda a, axis=None, keepdims=False: ops.sum(a, axis, keepdims),
    np.swapaxes: lambda a, axis1, axis2: ops.transpose(a, axis1, axis2),
    np.tensordot: lambda a, b, axes=2: ops.tensordot(a, b, axes),
    np.trace: lambda a: ops.trace(a),
    np.transpose: lambda a, axes=None: a.T if axes is None else ops.permute(a, axes),
    np.var: lambda a, axis=None, ddof=0, keepdims=False: ops.var(a, axis, ddof, keepdims),
    np.vdot: lambda a, b: ops.vdot(ops.reshape(a, -1), ops.reshape(b, -1)),
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
