"""Methods of tensors and modules that only scripts for PyTorch need: the command that runs scripts adds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from tinygrad_cnn.compat import old_names
from tinygrad_cnn.compat.old_tensors import TENSOR_TYPES, Size
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.ops.arguments import sizes
from tinygrad_cnn.ops.broadcast import sum_to
from tinygrad_cnn.support.devices import want_cpu
from tinygrad_cnn.support.missing_names import refuse
from tinygrad_cnn.tape.hooks import RemovableHandle
from tinygrad_cnn.tensor import Tensor


def install() -> None:
    """Give the tensors and modules of this process what scripts expect of them."""
    for method in (size, new, is_same_size, get_device, storage_offset, data_ptr, cuda, *PLAIN):
        setattr(Tensor, method.__name__, method)
    for getter in (shape, layout, nbytes, itemsize):
        setattr(Tensor, getter.__name__, property(getter))
    for kind in ("cpu", "meta", "mps", "xpu", "sparse", "quantized", "nested"):
        setattr(Tensor, f"is_{kind}", kind == "cpu")
    Tensor.__getattr__ = missing  # type: ignore[attr-defined]
    for of_modules in (cuda, share_memory, register_backward_hook):
        setattr(Module, of_modules.__name__, of_modules)


def shape(self: Tensor) -> Size:
    """Return the length of each dimension, as PyTorch's class of shapes."""
    return Size(self.array.shape)


def size(self: Tensor, dim: int | None = None) -> Any:
    """Return the shape, or the length of one dimension."""
    return Size(self.array.shape) if dim is None else self.array.shape[dim]


def new(self: Tensor, *data: Any) -> Tensor:
    """Return what the old constructor of this tensor's type makes: ``x.new(2, 3)``, ``x.new([1, 2])``."""
    make = next(make for make in TENSOR_TYPES.values() if make.dtype == self.dtype)
    result: Tensor = make(*data)
    return result


def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape."""
    return self.array.shape == other.array.shape


def get_device(self: Tensor) -> int:
    """Return -1, the number of the CPU."""
    return -1


def storage_offset(self: Tensor) -> int:
    """Return how many elements of memory lie before the tensor in the array that it is a view of."""
    base = self.array
    while base.base is not None and hasattr(base.base, "ctypes"):
        base = base.base
    return (self.array.ctypes.data - base.ctypes.data) // self.array.itemsize


def data_ptr(self: Tensor) -> int:
    """Return the address of the first element."""
    return self.array.ctypes.data


def cuda(self: Any, device: Any = None, non_blocking: bool = False) -> None:
    """Raise RuntimeError: there is no CUDA here."""
    want_cpu("cuda", "cuda")


def share_memory(self: Module) -> NoReturn:
    """Refuse: parameters are not shared between processes."""
    refuse("torch.nn.Module.share_memory", ())


def register_backward_hook(self: Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Register a hook as `register_full_backward_hook` does, which PyTorch has in its place since 1.8.

    The older hook was given the gradients of the last operation's inputs, this one those of the module's.
    """
    return self.register_full_backward_hook(hook)


def is_signed(self: Tensor) -> bool:
    """Return whether the type of the tensor has negative numbers."""
    return old_names.is_signed(self)


def is_nonzero(self: Tensor) -> bool:
    """Return whether the number of a tensor of one element is not 0."""
    return old_names.is_nonzero(self)


def is_complex(self: Tensor) -> bool:
    """Return False: there are no complex numbers."""
    return False


def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Return the sums that undo a broadcast from a shape: what the gradient of such a broadcast is."""
    result: Tensor = sum_to(self, sizes("sum_to_size", size))
    return result


PLAIN = (is_signed, is_nonzero, is_complex, sum_to_size)


def layout(self: Tensor) -> str:
    """Return the name of the dense layout."""
    return "torch.strided"


def nbytes(self: Tensor) -> int:
    """Return the bytes that the elements take."""
    return self.array.nbytes


def itemsize(self: Tensor) -> int:
    """Return the bytes that one element takes."""
    return self.array.itemsize


def missing(self: Tensor, name: str) -> NoReturn:
    """Refuse an attribute that tensors do not have, with what to use instead."""
    if name.startswith("__"):
        raise AttributeError(f"'Tensor' object has no attribute {name!r}")
    refuse(f"torch.Tensor.{name}", dir(type(self)))
