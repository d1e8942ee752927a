"""Names of ``torch`` for old or careful scripts. Most of them only say what is so here: there is one device.

`tinygrad_cnn` finds them when they are first asked for: ``tinygrad_cnn.FloatTensor``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.compat.number_types import bfloat16, finfo, iinfo
from tinygrad_cnn.compat.old_tensors import TENSOR_TYPES, Size, Tensor
from tinygrad_cnn.compat.random_state import fork_rng, get_rng_state, initial_seed, seed, set_rng_state
from tinygrad_cnn.compat.stand_ins.amp import GradScaler, autocast
from tinygrad_cnn.creation import arange, as_tensor, from_numpy, full_like, tensor
from tinygrad_cnn.support.devices import device, want_cpu
from tinygrad_cnn.support.dtypes import as_dtype, default_dtype, result_type, set_default_dtype
from tinygrad_cnn.support.printing import set_printoptions
from tinygrad_cnn.tensor import Tensor as RealTensor

BoolTensor = TENSOR_TYPES["BoolTensor"]
ByteTensor = TENSOR_TYPES["ByteTensor"]
CharTensor = TENSOR_TYPES["CharTensor"]
DoubleTensor = TENSOR_TYPES["DoubleTensor"]
FloatTensor = TENSOR_TYPES["FloatTensor"]
HalfTensor = TENSOR_TYPES["HalfTensor"]
IntTensor = TENSOR_TYPES["IntTensor"]
LongTensor = TENSOR_TYPES["LongTensor"]
ShortTensor = TENSOR_TYPES["ShortTensor"]

newaxis = None
strided = "torch.strided"
contiguous_format = "torch.contiguous_format"
preserve_format = "torch.preserve_format"


def is_tensor(obj: Any) -> bool:
    """Return whether an object is a tensor."""
    return isinstance(obj, RealTensor)


def is_storage(obj: Any) -> bool:
    """Return False: tensors have no storage object."""
    return False


def numel(input: RealTensor) -> int:
    """Return the number of elements of a tensor."""
    return input.numel()


def is_floating_point(input: RealTensor) -> bool:
    """Return whether the numbers of a tensor are of a floating-point type."""
    return input.is_floating_point()


def is_signed(input: RealTensor) -> bool:
    """Return whether the type of a tensor has negative numbers."""
    return input.dtype.kind in "if"


def is_same_size(input: RealTensor, other: RealTensor) -> bool:
    """Return whether two tensors have the same shape."""
    return input.array.shape == other.array.shape


def broadcast_shapes(*shapes: Any) -> Size:
    """Return the shape that tensors of these shapes have when they are broadcast with one another.

    >>> broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    return Size(np.broadcast_shapes(*shapes))


def scalar_tensor(s: float, **options: Any) -> RealTensor:
    """Return a tensor of no dimensions, of the default type."""
    options.setdefault("dtype", default_dtype())
    return tensor(s, **options)


def asarray(obj: Any, *, dtype: Any = None, copy: bool | None = None, **options: Any) -> RealTensor:
    """Return a tensor of numbers, which shares memory with an array where it can, unless it is to be a copy."""
    return tensor(obj, dtype=dtype, **options) if copy else as_tensor(obj, dtype=dtype, **options)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0) -> RealTensor:
    """Return a tensor of the numbers in a buffer of bytes, a copy if the buffer cannot be written to."""
    array = np.frombuffer(buffer, as_dtype(dtype), count, offset)
    return from_numpy(array if array.flags.writeable else array.copy())


def detach(input: RealTensor) -> RealTensor:
    """Return the tensor without its record, in the same memory."""
    return input.detach()


def fill(input: RealTensor, value: float) -> RealTensor:
    """Return a tensor of the same shape and type that is filled with a number."""
    return full_like(input, value)


def get_device(input: RealTensor) -> int:
    """Return -1, the number of the CPU."""
    return -1


def unravel_index(indices: RealTensor, shape: Any) -> tuple[RealTensor, ...]:
    """Return the coordinates in a shape of indices into its flat order."""
    return tuple(from_numpy(np.asarray(i)) for i in np.unravel_index(indices.array, tuple(shape)))


def is_complex(input: RealTensor) -> bool:
    """Return False: there are no complex numbers."""
    return False


def is_nonzero(input: RealTensor) -> bool:
    """Return whether the number of a tensor of one element is not 0."""
    return bool(input.item())


def promote_types(type1: Any, type2: Any) -> Any:
    """Return the type of a result of two tensors of these types."""
    return result_type(*(np.empty(1, as_dtype(t)) for t in (type1, type2)))


def can_cast(from_: Any, to: Any) -> bool:
    """Return whether a result of one type may be stored in another: not if its kind of numbers is a wider one."""
    kinds = {"b": 0, "u": 1, "i": 2, "f": 3}
    before, after = as_dtype(from_).kind, as_dtype(to).kind
    return kinds[before] <= kinds[after] or (before == "i" and after == "u")


def typename(obj: Any) -> str:
    """Return the name of the type of an object, of a tensor PyTorch's old name."""
    if isinstance(obj, RealTensor):
        return str(obj.type())
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def range(start: float, end: float | None = None, step: float = 1, **options: Any) -> RealTensor:
    """Return the numbers from start to end, both included: PyTorch's older `arange`."""
    first, last = (0, start) if end is None else (start, end)
    options.setdefault("dtype", default_dtype())
    return arange(first, last + step / 2, step, **options)


def set_default_tensor_type(t: Any) -> None:
    """Set the default type of numbers by PyTorch's old name: ``"torch.DoubleTensor"`` or ``torch.DoubleTensor``."""
    set_default_dtype(as_dtype(t))


def set_default_device(device: Any) -> None:
    """Accept the CPU, and refuse any other device."""
    want_cpu("set_default_device", device)


def get_default_device() -> device:
    """Return the CPU."""
    return device()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Do nothing: every operation gives the same bits for the same numbers and number of threads."""


def are_deterministic_algorithms_enabled() -> bool:
    """Return True: see `use_deterministic_algorithms`."""
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Do nothing: products of float32 numbers are computed in float32, which is the highest precision."""


def get_float32_matmul_precision() -> str:
    """Return "highest": see `set_float32_matmul_precision`."""
    return "highest"


def set_num_interop_threads(num: int) -> None:
    """Do nothing: operations run one after the other; `set_num_threads` sets the threads inside an operation."""


def get_num_interop_threads() -> int:
    """Return 1: operations run one after the other."""
    return 1


def set_warn_always(b: bool) -> None:
    """Do nothing: warnings follow Python's filters."""


def set_flush_denormal(mode: bool) -> bool:
    """Return False, as PyTorch does where denormal numbers cannot be flushed."""
    return False


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """Return False: see `autocast`."""
    return False


__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "GradScaler",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "Size",
    "Tensor",
    "are_deterministic_algorithms_enabled",
    "asarray",
    "autocast",
    "bfloat16",
    "broadcast_shapes",
    "can_cast",
    "contiguous_format",
    "detach",
    "fill",
    "finfo",
    "fork_rng",
    "frombuffer",
    "get_default_device",
    "get_device",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_rng_state",
    "iinfo",
    "initial_seed",
    "is_autocast_enabled",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_storage",
    "is_tensor",
    "newaxis",
    "numel",
    "preserve_format",
    "promote_types",
    "range",
    "scalar_tensor",
    "seed",
    "set_default_device",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_printoptions",
    "set_rng_state",
    "set_warn_always",
    "strided",
    "typename",
    "unravel_index",
    "use_deterministic_algorithms",
]
