"""Tensors whose numbers cannot leave the recorded operations unseen.

While a model is exported, its input and whatever comes of it are `Traced`. An operation is given the numbers as
ever. Other code is given a `HostArray`: what NumPy computes from one is one again, and it gives no Python number
or truth value. So a choice made on data is refused where it is made, and an array that was computed from data
outside of recorded operations is known for what it is when an operation meets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import numpy as np

from tinygrad_cnn.methods.recorded_writes import check_writable, fitted, like_target
from tinygrad_cnn.tape.record import Variable
from tinygrad_cnn.tape.watch import calling_line, is_watching
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

_exporting: ContextVar[bool] = ContextVar("exporting", default=False)
_numbers = vars(Variable)["array"]  # the slot that the property of `Traced` stands before

MEND = "compute with operations on tensors (tg.where in place of an if)"


class Refusal(BaseException):
    """What cannot be exported; not an Exception, so that no handler in the model takes it for its own."""


def refuse(what: str) -> NoReturn:
    """Stop the export, and name the line of the user's code that is running."""
    line = calling_line()
    raise Refusal(f"{line.short + ': ' if line else ''}{what}")


def _refuse_leaving(name: str) -> NoReturn:
    refuse(f"{name} takes numbers of the batch out of the recorded operations, which a file cannot follow; {MEND}")


@contextmanager
def exporting() -> Iterator[None]:
    """Refuse, in this block, whatever takes the numbers of a `Traced` tensor out of recorded operations.

    A refusal becomes a ValueError.
    """
    token = _exporting.set(True)
    try:
        yield
    except Refusal as refusal:
        raise ValueError(f"onnx.export: {refusal}") from None
    finally:
        _exporting.reset(token)


def _on_host() -> bool:
    """Whether the code that runs is neither an operation nor outside of an export."""
    return _exporting.get() and is_watching()


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
        return _refuse_leaving(name.strip("_")) if _on_host() else method(self, *args, **kwargs)

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
        if _on_host() and any(getattr(part, "dtype", None) == np.bool_ for part in parts):
            _refuse_leaving("an index of booleans")
        return _host(super().__getitem__(index))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if _on_host() and func not in _FOLLOWED | _LIKE:
            _refuse_leaving(f"np.{func.__name__}")
        out = super().__array_function__(func, types, args, kwargs)
        return np.array(out) if func in _LIKE else out


def _host(array: Any) -> HostArray:
    """Return an array, or one number of it, as a `HostArray` of memory of its own, which np.asarray cannot hide."""
    if isinstance(array, HostArray):
        return array
    host = HostArray(np.shape(array), array.dtype)
    host[...] = array
    return host


# --- tensors ---


class Traced(Tensor):
    """A tensor that depends on the input of a model that is being exported."""

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

    def numpy(self) -> Array:
        """Refuse: what others do with the array is not seen."""
        return _refuse_leaving("numpy") if _on_host() else super().numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return _refuse_leaving("numpy") if _on_host() else super().__array__(dtype, copy)

    def _record_write(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Move on to a new array: a file has no memory that could be written to, and no view of it."""
        if self._base is not None or self._views:
            refuse(f"{name} writes in place to a tensor that has views; {MEND}")
        check_writable(name, self)
        result = like_target(name, self, function(self, *arguments, **options))
        _numbers.__set__(self, numbers_of(result))
        self.node = result.node
        return self

    def _record_copy(self, name: str, value: Any) -> Any:
        return self._record_write(name, fitted, value)

    def __repr__(self) -> str:
        return repr(Tensor(self.array.view(np.ndarray)))


Traced._result_class = Traced


def numbers_of(value: Any) -> Any:
    """Return the array of a tensor, a `HostArray` if other code computed it, and anything else as it is."""
    return _numbers.__get__(value) if isinstance(value, Variable) else value


def traced(tensor: Tensor) -> Tensor:
    """Return a tensor made `Traced`."""
    if type(tensor) is Tensor:
        tensor.__class__ = Traced
    return tensor
