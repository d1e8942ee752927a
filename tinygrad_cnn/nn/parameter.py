"""Parameter: a tensor of a module that training updates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_cnn import creation
from tinygrad_cnn.tape.record import Variable
from tinygrad_cnn.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a `Module` registers when it is assigned as an attribute, and that optimizers update.

    It shares the memory of a tensor, and copies arrays and lists. Results of operations on it are plain tensors.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Parameter([1.0, 2.0])
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        super().__init__([] if data is None or isinstance(data, Tensor) else data)
        if isinstance(data, Tensor):
            self.array = data.array
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


def clear_gradients(tensors: Iterable[Tensor], set_to_none: bool) -> None:
    """Set the gradients of tensors to None, or to 0 in place."""
    for tensor in tensors:
        if tensor._grad is not None:
            tensor._grad = None if set_to_none else tensor._grad.detach().zero_()


def convert(tensor: Tensor, dtype: Any) -> None:
    """Convert the numbers of a parameter or buffer, and its gradient; the tensor object stays the same."""
    if isinstance(tensor, Uninitialized):
        tensor.convert(dtype)
        return
    tensor.array = tensor.array.astype(dtype, copy=False)
    if tensor.grad is not None:
        tensor.grad = tensor.grad.detach().to(dtype)


class Uninitialized(Tensor):
    """A tensor of a lazy layer whose shape is not known before the layer is first called."""

    __slots__ = ()

    @property
    def array(self) -> Any:
        """Nothing: reading it raises RuntimeError."""
        raise RuntimeError(
            f"{type(self).__name__}: it has no shape and no values yet; call the lazy module once, on a batch, "
            "before its parameters are used"
        )

    @array.setter
    def array(self, array: Any) -> None:
        _array.__set__(self, array)

    @property
    def dtype(self) -> Any:
        """The type that the numbers will have."""
        return _array.__get__(self).dtype

    def convert(self, dtype: Any) -> None:
        """Set the type that the numbers will have."""
        self.array = np.empty(0, dtype)

    def materialize(self, shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> None:
        """Become a parameter or buffer of a shape, without defined values."""
        self._become(creation.empty(shape, device=device, dtype=dtype or self.dtype).array)

    def _become(self, array: Any) -> None:
        dtype = self.dtype
        self.__class__ = Parameter if isinstance(self, Parameter) else Tensor  # type: ignore[assignment]
        self.array = array.astype(dtype, copy=False)

    def detach(self) -> Any:
        """Return the tensor itself: it has no graph."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.requires_grad, None, self.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return type(self)(self.requires_grad, None, self.dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter whose shape is not known yet; ``materialize`` makes it an ordinary one.

    >>> import tinygrad_cnn as tg
    >>> layer = tg.nn.LazyLinear(3)
    >>> before = layer.weight
    >>> _ = layer(tg.ones(2, 5))
    >>> before is layer.weight, before.shape
    (True, (3, 5))
    """

    __slots__ = ()

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(None, requires_grad)
        self.convert(creation.empty(0, device=device, dtype=dtype).dtype)


class UninitializedBuffer(Uninitialized):
    """A buffer whose shape is not known yet."""

    __slots__ = ()

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None) -> None:
        super().__init__([], requires_grad=requires_grad)
        self.convert(creation.empty(0, device=device, dtype=dtype).dtype)


_array: Any = vars(Variable)["array"]  # the slot that the property stands in front of
