"""Methods that convert a tensor to another type (x.to), make new tensors like it, or export it by DLPack."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from tinygrad_cnn.methods.operations import Methods
from tinygrad_cnn.ops.arguments import array_of, lengths
from tinygrad_cnn.ops.broadcast import cast
from tinygrad_cnn.ops.shape import reshape
from tinygrad_cnn.ops.spellings import spell_methods
from tinygrad_cnn.support import dtypes
from tinygrad_cnn.support.arrays import held_number
from tinygrad_cnn.support.devices import want_cpu
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.typing import Array


def _to(dtype: np.dtype[Any]) -> Callable[[Any], Any]:
    def convert(self: Conversions) -> Any:
        return self.to(dtype)

    convert.__doc__ = f"Return the tensor as {dtype}, like ``to``."
    return convert


@spell_methods
class Conversions(Methods):
    """Types, new tensors like this one, and DLPack."""

    __slots__ = ()

    def to(
        self,
        *args: Any,
        device: Any = None,
        dtype: Any = None,
        non_blocking: builtins.bool = False,
        copy: builtins.bool = False,
    ) -> Self:
        """Convert to another dtype, or to that of another tensor; return the tensor itself if it has it already.

        Gradients pass through; integers and booleans have none. A device may be given too, as in PyTorch; the only
        one is the CPU.
        """
        wanted = dtypes.destination("to", *args, device, dtype) or self.dtype
        if wanted == self.dtype and not copy:
            return self
        source: Any = self if wanted.kind == "f" else make_tensor(self, self.array)
        return cast(source, dtype=wanted)

    def cpu(self) -> Self:
        """Return the tensor itself: it is always on the CPU."""
        return self

    def type(self, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:
        """Return the tensor in another type, or without a type PyTorch's old name of its own.

        >>> import tinygrad_cnn as tg
        >>> tg.ones(2).type("torch.LongTensor").type()
        'torch.LongTensor'
        """
        if dtype is not None:
            return self.to(dtypes.as_dtype(dtype))
        return next(f"torch.{name}" for name, known in dtypes.TENSOR_TYPES.items() if known == self.dtype)

    type_as = to

    def view(self, *size: Any, dtype: Any = None) -> Any:
        """Return the same memory in another shape, or for a type its bytes as numbers of it, without a gradient.

        Raises RuntimeError for a view that was transposed or cut so that only a copy has the shape, as in PyTorch.
        What an operation computed is copied where it must be: it need not lie in memory row by row.

        >>> import tinygrad_cnn as tg
        >>> tg.ones(2, dtype=tg.float32).view(tg.uint8).shape
        (8,)
        """
        if dtype is None and not (len(size) == 1 and isinstance(size[0], np.dtype)):
            result = reshape(self, *size)
            if self._base is not None and result._base is None and self._base.array.flags.c_contiguous:
                raise RuntimeError(
                    f"view: a tensor of shape {self.shape} and strides of {self.array.strides} bytes has no view "
                    f"of shape {result.shape}; wanted reshape(), which copies"
                )
            return result
        wanted = dtypes.as_dtype(size[0] if dtype is None else dtype)
        return self if wanted == self.dtype else make_tensor(self, self.array.view(wanted))

    def view_as(self, other: Any) -> Any:
        """Return `view` with another tensor's shape."""
        return self.view(other.shape)

    @effect
    def new_empty(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: builtins.bool = False
    ) -> Self:
        """Return an uninitialised tensor of this tensor's type."""
        return self._new(np.empty(lengths("new_empty", size), self._chosen(dtype)), requires_grad, device)

    @effect
    def new_zeros(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: builtins.bool = False
    ) -> Self:
        """Return a tensor of zeros of this tensor's type."""
        return self._new(np.zeros(lengths("new_zeros", size), self._chosen(dtype)), requires_grad, device)

    @effect
    def new_ones(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: builtins.bool = False
    ) -> Self:
        """Return a tensor of ones of this tensor's type."""
        return self._new(np.ones(lengths("new_ones", size), self._chosen(dtype)), requires_grad, device)

    @effect
    def new_full(
        self,
        size: Any,
        fill_value: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Self:
        """Return a tensor filled with one value, of this tensor's type."""
        wanted = self._chosen(dtype)
        value = array_of(held_number("new_full", fill_value, wanted))
        filled = np.full(lengths("new_full", (size,)), value, wanted)
        return self._new(filled, requires_grad, device)

    @effect
    def new_tensor(
        self, data: Any, dtype: Any = None, device: Any = None, requires_grad: builtins.bool = False
    ) -> Self:
        """Return a tensor with a copy of the data, of this tensor's type."""
        want_cpu("new_tensor", device)
        make: Any = self._result_class
        result: Self = make(data, self._chosen(dtype), requires_grad)
        return result

    def _chosen(self, dtype: Any) -> np.dtype[Any]:
        return self.dtype if dtype is None else dtypes.as_dtype(dtype)

    def _new(self, array: Array, requires_grad: builtins.bool, device: Any) -> Self:
        want_cpu("new", device)
        return make_tensor(self, array).requires_grad_(requires_grad)

    def __dlpack__(self, **how: Any) -> Any:
        """Return a capsule that shares the memory with another library (https://dmlc.github.io/dlpack)."""
        if self._requires_grad:
            raise BufferError(
                "dlpack: this tensor requires a gradient, which other libraries would lose; use detach()"
            )
        return self.array.__dlpack__(**{name: value for name, value in how.items() if value is not None})

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    bool = _to(dtypes.bool_)
    byte = _to(dtypes.uint8)
    char = _to(dtypes.int8)
    double = _to(dtypes.float64)
    float = _to(dtypes.float32)
    half = _to(dtypes.float16)
    int = _to(dtypes.int32)
    long = _to(dtypes.int64)
    short = _to(dtypes.int16)
