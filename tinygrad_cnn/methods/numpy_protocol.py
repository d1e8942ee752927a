"""NumPy functions called with tensors: each runs the corresponding recorded operation, or is refused.

A result that silently has no gradient is thereby excluded. (NumPy's protocols: NEP 13, NEP 18.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cnn import linalg, ops
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.index import getitem
from tinygrad_cnn.ops.padding import pad_as_numpy
from tinygrad_cnn.tape.mistakes import explain_failure

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
    np.conjugate: ops.positive,
    np.copysign: ops.copysign,
    np.cos: ops.cos,
    np.cosh: ops.cosh,
    np.deg2rad: ops.deg2rad,
    np.degrees: ops.rad2deg,
    np.divide: ops.div,
    np.equal: ops.eq,
    np.exp: ops.exp,
    np.exp2: ops.exp2,
    np.expm1: ops.expm1,
    np.fabs: lambda x: ops.abs(x * 1.0),
    np.float_power: ops.float_power,
    np.floor: ops.floor,
    np.floor_divide: ops.floor_divide,
    np.fmax: ops.fmax,
    np.fmin: ops.fmin,
    np.fmod: ops.fmod,
    np.gcd: ops.gcd,
    np.greater: ops.gt,
    np.greater_equal: ops.ge,
    np.heaviside: ops.heaviside,
    np.hypot: ops.hypot,
    np.invert: ops.bitwise_not,
    np.isfinite: ops.isfinite,
    np.isinf: ops.isinf,
    np.isnan: ops.isnan,
    np.lcm: ops.lcm,
    np.left_shift: ops.bitwise_left_shift,
    np.less: ops.lt,
    np.less_equal: ops.le,
    np.log: ops.log,
    np.log10: ops.log10,
    np.log1p: ops.log1p,
    np.log2: ops.log2,
    np.logaddexp: ops.logaddexp,
    np.logaddexp2: ops.logaddexp2,
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
    np.rad2deg: ops.rad2deg,
    np.radians: ops.deg2rad,
    np.reciprocal: ops.reciprocal,
    np.remainder: ops.remainder,
    np.right_shift: ops.bitwise_right_shift,
    np.rint: ops.round,
    np.sign: ops.sign,
    np.signbit: ops.signbit,
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


def _median(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Return the median as NumPy defines it: the mean of two middle entries, not the lower one."""
    values = ops.sort(ops.ravel(a) if axis is None else a, 0 if axis is None else axis).values
    dim = 0 if axis is None else axis
    length = values.shape[dim] if values.shape else 1
    middle = ops.mean(ops.narrow(values, dim, (length - 1) // 2, 2 - length % 2), dim, True)
    missing = ops.any(ops.isnan(values), dim, keepdim=True)
    out = ops.where(missing, float("nan"), middle)
    if axis is None:
        return ops.reshape(out, (1,) * a.ndim if keepdims else ())
    return out if keepdims else ops.squeeze(out, dim)


def _std(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    return ops.std(a, axis, keepdim=keepdims, correction=ddof)


def _var(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    return ops.var(a, axis, keepdim=keepdims, correction=ddof)


def _split(a: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    if isinstance(indices_or_sections, int) and a.shape[axis] % indices_or_sections:
        raise ValueError(f"np.split: {indices_or_sections} sections do not divide the length {a.shape[axis]}")
    return list(ops.tensor_split(a, indices_or_sections, axis))


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return ops.sum(ops.diagonal(a, offset, axis1, axis2), -1)


def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    if axis is None:
        arr, values, axis = ops.ravel(arr), ops.ravel(values), 0
    return ops.cat((arr, values), axis)


def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    return ops.movedim(ops.cross(ops.movedim(a, axisa, -1), ops.movedim(b, axisb, -1), -1), -1, axisc)


def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    return ops.movedim(a, axis, start - (axis < start))


def _flat(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of (a, ..., axis) that flattens the array if the axis is None."""

    def call(a: Any, *args: Any, axis: int | None) -> Any:
        return function(ops.ravel(a), *args, 0) if axis is None else function(a, *args, axis)

    return call


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None, *, keepdims=False: function(a, axis, keepdims)


def _take(a: Any, indices: Any, dim: int) -> Any:
    return getitem(a, (slice(None),) * (dim % max(a.ndim, 1)) + (np.asarray(array_of(indices)),))


_cumsum, _cumprod, _taken = _flat(ops.cumsum), _flat(ops.cumprod), _flat(_take)
_sort = _flat(lambda a, dim: ops.sort(a, dim).values)
_argsort = _flat(ops.argsort)
_partition = _flat(lambda a, kth, dim: ops.sort(a, dim).values)

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.allclose: ops.allclose,
    np.around: lambda a, decimals=0: ops.round(a, decimals=decimals),
    np.all: _reduction(ops.all),
    np.amax: _reduction(ops.amax),
    np.amin: _reduction(ops.amin),
    np.any: _reduction(ops.any),
    np.append: _append,
    np.argmax: _reduction(ops.argmax),
    np.argmin: _reduction(ops.argmin),
    np.argsort: lambda a, axis=-1: _argsort(a, axis=axis),
    np.array_split: lambda a, sections, axis=0: list(ops.tensor_split(a, sections, axis)),
    np.atleast_1d: ops.atleast_1d,
    np.atleast_2d: ops.atleast_2d,
    np.atleast_3d: ops.atleast_3d,
    np.broadcast_to: ops.broadcast_to,
    np.clip: lambda a, a_min=None, a_max=None: ops.clamp(a, a_min, a_max),
    np.column_stack: ops.column_stack,
    np.concatenate: lambda arrays, axis=0: ops.cat(arrays, axis),
    np.count_nonzero: lambda a, axis=None: ops.count_nonzero(a, axis),
    np.corrcoef: lambda x: ops.corrcoef(x),
    np.cov: lambda m, *, ddof=1: ops.cov(m, correction=ddof),
    np.cumprod: lambda a, axis=None: _cumprod(a, axis=axis),
    np.cumsum: lambda a, axis=None: _cumsum(a, axis=axis),
    np.diag: lambda a, k=0: ops.diag(a, k),
    np.diff: lambda a, n=1, axis=-1: ops.diff(a, n, axis),
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: ops.diagonal(a, offset, axis1, axis2),
    np.dsplit: lambda ary, indices_or_sections: _split(ary, indices_or_sections, 2),
    np.dstack: ops.dstack,
    np.expand_dims: lambda a, axis: ops.unsqueeze(a, axis),
    np.isclose: ops.isclose,
    np.nan_to_num: lambda x, *, nan=0.0, posinf=None, neginf=None: ops.nan_to_num(x, nan, posinf, neginf),
    np.flip: lambda a, axis=None: ops.flip(a, *(range(a.ndim) if axis is None else np.atleast_1d(axis))),
    np.fliplr: ops.fliplr,
    np.flipud: ops.flipud,
    np.hsplit: lambda ary, sections: _split(ary, sections, 1 if ary.ndim > 1 else 0),
    np.hstack: ops.hstack,
    np.linalg.norm: lambda a, ord=None, axis=None, keepdims=False: linalg.norm(a, ord, axis, keepdims),
    np.max: _reduction(ops.amax),
    np.mean: _reduction(ops.mean),
    np.median: _median,
    np.meshgrid: lambda *arrays, indexing="xy": ops.meshgrid(*arrays, indexing=indexing),
    np.min: _reduction(ops.amin),
    np.moveaxis: ops.movedim,
    np.nanmean: _reduction(ops.nanmean),
    np.nanquantile: lambda a, q, axis=None, *, keepdims=False: ops.nanquantile(a, q, axis, keepdims),
    np.nansum: _reduction(ops.nansum),
    np.ndim: lambda a: a.ndim,
    np.nonzero: lambda a: ops.nonzero(a, as_tuple=True),
    np.partition: lambda a, kth, axis=-1: _partition(a, kth, axis=axis),
    np.prod: _reduction(ops.prod),
    np.ptp: _reduction(lambda a, dim, keepdim: ops.amax(a, dim, keepdim) - ops.amin(a, dim, keepdim)),
    np.quantile: lambda a, q, axis=None, *, keepdims=False: ops.quantile(a, q, axis, keepdims),
    np.ravel: ops.ravel,
    np.real: ops.positive,
    np.repeat: lambda a, repeats, axis=None: ops.repeat_interleave(a, repeats, axis),
    np.cross: _cross,
    np.dot: lambda a, b: ops.tensordot(a, b, ([-1], [max(b.ndim - 2, 0)])) if a.ndim and b.ndim else ops.mul(a, b),
    np.einsum: lambda *operands, optimize=False: ops.einsum(*operands),
    np.inner: ops.inner,
    np.kron: ops.kron,
    np.linalg.cholesky: lambda a, *, upper=False: linalg.cholesky(a, upper=upper),
    np.linalg.det: linalg.det,
    np.linalg.eigh: lambda a, UPLO="L": linalg.eigh(a, UPLO),
    np.linalg.eigvalsh: lambda a, UPLO="L": linalg.eigvalsh(a, UPLO),
    np.linalg.inv: linalg.inv,
    np.linalg.matrix_power: linalg.matrix_power,
    np.linalg.multi_dot: lambda arrays: linalg.multi_dot(arrays),
    np.linalg.pinv: lambda a: linalg.pinv(a),
    np.linalg.qr: lambda a, mode="reduced": linalg.qr(a, mode),
    np.linalg.slogdet: linalg.slogdet,
    np.linalg.solve: lambda a, b: linalg.solve(a, b if b.ndim in (1, a.ndim) else ops.unsqueeze(b, 0)),
    np.linalg.svd: lambda a, full_matrices=True: linalg.svd(a, full_matrices),
    np.outer: lambda a, b: ops.outer(ops.reshape(a, -1), ops.reshape(b, -1)),
    np.pad: pad_as_numpy,
    np.reshape: lambda a, shape: ops.reshape(a, shape),
    np.round: lambda a, decimals=0: ops.round(a, decimals=decimals),
    np.rollaxis: _rollaxis,
    np.roll: lambda a, shift, axis=None: ops.roll(a, shift, axis),
    np.rot90: lambda a, k=1, axes=(0, 1): ops.rot90(a, k, axes),
    np.shape: lambda a: a.shape,
    np.sinc: ops.sinc,
    np.size: lambda a: a.numel(),
    np.sort: lambda a, axis=-1: _sort(a, axis=axis),
    np.split: _split,
    np.squeeze: lambda a, axis=None: ops.squeeze(a, axis),
    np.stack: lambda arrays, axis=0: ops.stack(arrays, axis),
    np.std: _std,
    np.sum: _reduction(ops.sum),
    np.swapaxes: lambda a, axis1, axis2: ops.transpose(a, axis1, axis2),
    np.take: lambda a, indices, axis=None: _taken(a, indices, axis=axis),
    np.take_along_axis: lambda a, indices, axis=-1: ops.take_along_dim(a, indices, axis),
    np.tile: lambda a, reps: ops.tile(a, reps),
    np.transpose: lambda a, axes=None: a.T if axes is None else ops.permute(a, axes),
    np.tril: lambda m, k=0: ops.tril(m, k),
    np.triu: lambda m, k=0: ops.triu(m, k),
    np.unique: lambda ar, *, return_inverse=False, return_counts=False, axis=None: ops.unique(
        ar, True, return_inverse, return_counts, axis
    ),
    np.var: _var,
    np.vsplit: lambda ary, indices_or_sections: _split(ary, indices_or_sections, 0),
    np.vstack: ops.vstack,
    np.tensordot: lambda a, b, axes=2: ops.tensordot(a, b, axes),
    np.trace: _trace,
    np.trapezoid: lambda y, x=None, dx=None, axis=-1: ops.trapezoid(y, x, dx=dx, dim=axis),
    np.vdot: lambda a, b: ops.vdot(ops.reshape(a, -1), ops.reshape(b, -1)),
    np.where: ops.where,
}


def array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
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
    self: Any, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Record a NumPy function called on a tensor, or refuse it."""
    recorded = FUNCTIONS.get(func)
    if recorded is None:
        raise TypeError(
            f"np.{func.__name__} of a Tensor is not recorded, and would lose its gradient; "
            "use the package's operations, or detach().numpy() for the array"
        )
    try:
        return recorded(*args, **kwargs)
    except Exception as error:
        explain_failure(error, f"np.{func.__name__}", recorded, args, kwargs)
        raise
