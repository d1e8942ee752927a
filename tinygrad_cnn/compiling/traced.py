"""Tensors whose numbers cannot leave the recorded operations unseen.

While a model is exported or a function captured, its input and whatever comes of it are `Traced`. An operation is
given the numbers as ever. Other code is given a `HostArray`: what NumPy computes from one is one again, and it has
no Python number or truth value. So a choice made on data is seen where it is made, and an array that was computed
from data outside of recorded operations is known for what it is when an operation meets it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.tape.record import Variable, make_tensor
from tinygrad_cnn.tape.watch import is_watching
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

_numbers = vars(Variable)["array"]  # the slot that the property of `Traced` stands before


class _Trace(NamedTuple):
    leave: Callable[[str], Any]  # called with what takes numbers out of recorded operations
    copies: bool  # whether a `HostArray` has memory of its own
    tensors: list[tuple[weakref.ref[Any], type[Tensor]]]  # with the classes that they get back


_trace: ContextVar[_Trace | None] = ContextVar("trace", default=None)


@contextmanager
def tracing(leave: Callable[[str], Any], copies: bool = False) -> Iterator[None]:
    """Call a function, in this block, with whatever takes the numbers of a `Traced` tensor out of operations.

    Once the block ends, its tensors are ordinary ones again.
    """
    trace = _Trace(leave, copies, [])
    token = _trace.set(trace)
    try:
        yield
    finally:
        _trace.reset(token)
        for reference, kind in trace.tensors:
            if (tensor := reference()) is not None:
                tensor.__class__ = kind


def _on_host() -> bool:
    """Whether the code that runs is neither an operation nor outside of a trace."""
    return _trace.get() is not None and is_watching()


def _leaves(what: str) -> None:
    """Tell whoever traces that numbers leave the recorded operations here, unless an operation computes."""
    trace = _trace.get()
    if trace is not None and is_watching():
        trace.leave(what)


# --- arrays ---

# NumPy's functions that tell nothing of the numbers, or give the same numbers in another shape; and those of which
# only the shape counts. All others are refused.
_FOLLOWED = {
    np.shape, np.ndim, np.size, np.result_type, np.copyto, np.atleast_1d, np.atleast_2d, np.atleast_3d,
    np.broadcast_to, np.expand_dims, np.may_share_memory, np.moveaxis, np.ravel, np.reshape, np.shares_memory,
    np.squeeze, np.swapaxes, np.transpose,
}  # fmt: skip
_LIKE = {np.zeros_like, np.ones_like, np.full_like, np.empty_like}


def _closed(name: str) -> Callable[..., Any]:
    """Return a method of arrays that is refused outside of operations."""
    method = getattr(np.ndarray, name)

    def refused(self: Array, *args: Any, **kwargs: Any) -> Any:
        _leaves(name.strip("_"))
        return method(self, *args, **kwargs)

    return refused


class HostArray(np.ndarray):
    """Numbers of a batch outside of recorded operations."""

    __bool__, __int__, __float__, __complex__, __index__ = map(
        _closed, ("__bool__", "__int__", "__float__", "__complex__", "__index__")
    )
    __contains__, __format__, __reduce__, __reduce_ex__, __deepcopy__, __dlpack__ = map(
        _closed, ("__contains__", "__format__", "__reduce__", "__reduce_ex__", "__deepcopy__", "__dlpack__")
    )
    item, tolist, tobytes, tofile, dump, dumps = map(
        _closed, ("item", "tolist", "tobytes", "tofile", "dump", "dumps")
    )
    argmax, argmin, nonzero, searchsorted, trace = map(
        _closed, ("argmax", "argmin", "nonzero", "searchsorted", "trace")
    )

    def __array_wrap__(self, array: Array, context: Any = None, return_scalar: bool = False) -> Any:
        return _host(array)

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if any(getattr(part, "dtype", None) == np.bool_ for part in parts):
            _leaves("an index of booleans")
        return _host(super().__getitem__(index))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func not in _FOLLOWED | _LIKE:
            _leaves(f"np.{func.__name__}")
        out = super().__array_function__(func, types, args, kwargs)
        return np.array(out) if func in _LIKE else out


def _host(array: Any) -> HostArray:
    """Return an array, or one number of it, as a `HostArray`. Memory of its own is what np.asarray cannot hide."""
    if isinstance(array, HostArray):
        return array
    trace = _trace.get()
    if trace is None or not trace.copies:
        return np.asarray(array).view(HostArray)
    host = HostArray(np.shape(array), array.dtype)
    host[...] = array
    return host


# --- tensors ---


class Traced(Tensor):
    """A tensor that depends on what a model or function was given, while it is exported or captured."""

    __slots__ = ()

    @property
    def array(self) -> Array:
        """The numbers: as they are for an operation, a `HostArray` for other code."""
        array: Array = _numbers.__get__(self)
        if _on_host():
            return array.view(HostArray)
        return array.view(np.ndarray) if isinstance(array, HostArray) else array

    @array.setter
    def array(self, array: Array) -> None:
        _numbers.__set__(self, array)
        if (trace := _trace.get()) is not None:
            trace.tensors.append((weakref.ref(self), Parameter if isinstance(self, Parameter) else Tensor))

    def detach(self) -> Tensor:
        """Return a leaf of the same numbers, which a program follows."""
        leaf: Tensor = make_tensor(self, numbers_of(self))
        return leaf

    def numpy(self) -> Array:
        """Refuse: what others do with the array is not seen."""
        _leaves("numpy")
        return super().numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        _leaves("numpy")
        return super().__array__(dtype, copy)

    def __repr__(self) -> str:
        return repr(Tensor(self.array.view(np.ndarray)))


Traced._result_class = Traced


def numbers_of(value: Any) -> Any:
    """Return the array of a tensor, a `HostArray` if other code computed it, and anything else as it is."""
    return _numbers.__get__(value) if isinstance(value, Variable) else value


class TracedParameter(Traced, Parameter):
    """A parameter that a captured function reads."""

    __slots__ = ()


def traced(tensor: Tensor, kind: type[Traced] = Traced) -> Tensor:
    """Return a tensor made `Traced`."""
    if type(tensor) in (Tensor, Parameter):
        tensor.__class__ = kind if type(tensor) is Tensor else TracedParameter
        tensor.array = numbers_of(tensor)
    return tensor
