"""Tensor: an array with its place in the autograd graph."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.methods import numpy_protocol
from tinygrad_cnn.methods.in_place import InPlace
from tinygrad_cnn.methods.operators import Operators
from tinygrad_cnn.ops.broadcast import cast
from tinygrad_cnn.ops.shape import _permute
from tinygrad_cnn.support.arrays import held, own_array, plain_array
from tinygrad_cnn.support.devices import device
from tinygrad_cnn.support.dtypes import as_dtype, default_dtype, int64, is_supported
from tinygrad_cnn.support.html import tensor_html
from tinygrad_cnn.support.printing import numbers_text
from tinygrad_cnn.tape.backward import backward
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.grad_mode import _mode, is_grad_enabled
from tinygrad_cnn.tape.hooks import GradientHooks, RemovableHandle
from tinygrad_cnn.tape.record import Node, Variable, make_tensor
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.typing import Array, Scalar


class Tensor(Operators, InPlace):
    """An n-dimensional array of numbers that records the operations on it, so that they can be differentiated.

    ``Tensor(data)`` copies its data: lists and numbers become float32, int64 or bool, arrays keep their type. With
    ``requires_grad`` it is a leaf whose ``.grad`` `backward` fills in.

    >>> import tinygrad_cnn as tg
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ()

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> None:
        self.array = as_array(data, dtype)
        self.node = self._grad = self._hooks = self._base = self._refusal = self._views = None
        self._requires_grad = False
        self.requires_grad = requires_grad

    # --- shape, type and memory ---

    @property
    def T(self) -> Tensor:
        """The tensor with its dimensions in reverse order."""
        return _permute(self, dims=tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two dimensions exchanged."""
        return ops.transpose(self, -1, -2)

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the length of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """Return the number of elements."""
        return self.array.size

    @property
    def device(self) -> device:
        """Where the tensor is: on the CPU."""
        return device()

    is_cuda = False
    ndimension, nelement = dim, numel

    def stride(self, dim: int | None = None) -> Any:
        """Return the distance in memory, in elements, between neighbours along each dimension, or along one."""
        strides = tuple(bytes // self.array.itemsize for bytes in self.array.strides)
        return strides if dim is None else strides[dim]

    def is_contiguous(self) -> bool:
        """Return whether the elements lie in row-major order without gaps."""
        return bool(self.array.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """Return whether the numbers are of a floating-point type."""
        return self.dtype.kind == "f"

    def element_size(self) -> int:
        """Return the bytes that one element takes."""
        return self.array.itemsize

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len: a 0-d tensor has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        array = self.array
        extras = [f"size={tuple(array.shape)}"] if not array.size and array.ndim > 1 else []
        if array.dtype not in (default_dtype(), int64, np.bool_):
            extras.append(f"dtype={array.dtype}")
        if self.node is not None:
            extras.append(f"grad_fn={self.node}")
        elif self._requires_grad:
            extras.append("requires_grad=True")
        return f"tensor({', '.join([numbers_text(array, 'tensor('), *extras])})"

    _repr_html_ = tensor_html

    # --- its place in the autograd graph ---

    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are recorded."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self.node is not None:
            if value:  # it does already
                return
            raise RuntimeError("requires_grad: only that of a leaf can be changed; detach() gives a leaf")
        if value and self.dtype.kind != "f":
            raise RuntimeError(f"requires_grad: only floating-point tensors have gradients, this is {self.dtype}")
        self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set ``requires_grad``, and return the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user, not by a recorded operation."""
        return self.node is None

    @property
    def grad_fn(self) -> Node | None:
        """The recorded operation that made it, or None for a leaf."""
        return self.node

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has accumulated, or None; that of a result needs `retain_grad`."""
        if self._grad is None and self._requires_grad and self.node is not None and not self._retains():
            warn_user(
                f"grad: this tensor is the result of {self.node.operation.name}, not a leaf, so backward() does "
                "not fill in its .grad, and it is None. To update a weight, write in place: with no_grad(): "
                "w -= lr * w.grad. To read the gradient of a result, call its retain_grad() before backward()"
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and not (isinstance(value, Tensor) and value.shape == self.shape):
            given = f"a tensor of shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"grad: wanted None or a tensor of shape {self.shape}, got {given}")
        if _mode.capture is not None and not _mode.capture.is_state(self):
            _mode.capture.refuse("the gradient of an argument or a result is assigned")
        self._set_grad(value)

    @effect
    def _set_grad(self, value: Tensor | None) -> None:
        self._grad = value

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf behind it: see `autograd.backward`."""
        backward(self, None if gradient is None else (gradient,), retain_graph, create_graph, inputs)

    def retain_grad(self) -> None:
        """Have `backward` fill in ``.grad`` of this tensor although it is not a leaf."""
        if not self._requires_grad:
            raise RuntimeError("retain_grad: this tensor does not require a gradient")
        if self.node is not None and not self._retains():
            self._own_hooks().after.append(Retain(self))

    def _retains(self) -> bool:
        hooks = None if self.node is None else self.node.hooks
        return hooks is not None and any(isinstance(hook, Retain) for hook in hooks.after)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call a function with the gradient of this tensor once it is complete; it may return another gradient.

        The hook of a leaf gets the gradient of each backward pass, before it is added to ``.grad``.
        """
        if not self._requires_grad:
            raise RuntimeError("register_hook: this tensor does not require a gradient")
        return RemovableHandle(self._own_hooks().on_gradient, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call a function with this leaf each time `backward` has added to its ``.grad``.

        For example, update each parameter as soon as its gradient arrives, and keep no gradient:

        >>> import tinygrad_cnn as tg
        >>> weight = tg.ones(2, requires_grad=True)
        >>> def step(leaf):
        ...     with tg.no_grad():
        ...         leaf -= 0.1 * leaf.grad
        ...     leaf.grad = None
        >>> handle = weight.register_post_accumulate_grad_hook(step)
        >>> (weight * 5).sum().backward()
        >>> weight, weight.grad
        (tensor([0.5000, 0.5000], requires_grad=True), None)
        """
        if self.node is not None or not self._requires_grad:
            raise RuntimeError("register_post_accumulate_grad_hook: wanted a leaf that requires a gradient")
        return RemovableHandle(self._own_hooks().after, hook)

    def _own_hooks(self) -> GradientHooks:
        """Return the hooks of this tensor, which its node holds if it has one: the node may outlive the tensor."""
        holder, name = (self, "_hooks") if self.node is None else (self.node, "hooks")
        if getattr(holder, name) is None:
            setattr(holder, name, GradientHooks())
        hooks: GradientHooks = getattr(holder, name)
        return hooks

    def detach(self) -> Tensor:
        """Return a leaf that shares the memory, without a node of the autograd graph and without a gradient."""
        return make_tensor(self, self.array)

    @property
    def data(self) -> Tensor:
        """The values alone: reading it is `detach`; assigning to it makes the tensor use the memory of another."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor) or value.dtype != self.dtype:
            given = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"data: wanted a tensor of {self.dtype}, got {given}")
        self.array = value.array

    def clone(self) -> Tensor:
        """Return a copy through which gradients pass."""
        return cast(self, dtype=self.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return _leaf, (type(self), self.array, self._requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.node is not None:
            raise RuntimeError(
                f"deepcopy: only leaves can be copied, this is the result of {self.node}; use detach()"
            )
        copy = _leaf(type(self), deepcopy(self.array, memo), self._requires_grad)
        copy._grad = deepcopy(self._grad, memo)
        return copy

    def contiguous(self) -> Tensor:
        """Return the tensor in row-major memory order: the tensor itself if it is contiguous already."""
        return self if self.array.flags.c_contiguous else ops.reshape(ops.ravel(self), self.shape)

    # --- conversions to NumPy and Python ---

    def numpy(self) -> Array:
        """Return the array of the tensor, which shares its memory."""
        if self._requires_grad and is_grad_enabled():
            raise RuntimeError("numpy: this tensor requires a gradient; use detach().numpy()")
        return self.array

    def item(self) -> Scalar:
        """Return the value of a tensor of one element as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(
                f"item: wanted a tensor of one element, this one has shape {self.shape}; see tolist()"
            )
        value: Scalar = self.array.item()
        return value

    def tolist(self) -> Any:
        """Return nested lists of Python numbers."""
        return self.array.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iub":
            raise TypeError(f"index: only integer tensors can be an index, this is {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"bool: a tensor of shape {self.shape} is neither true nor false; use any() or all()"
            )
        return bool(self.array.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec or not self.ndim else repr(self)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iter: a 0-d tensor cannot be iterated over")
        return iter(ops.unbind(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    __array_ufunc__ = numpy_protocol.array_ufunc
    __array_function__ = numpy_protocol.array_function


class OutdatedView(Tensor):
    """A view that cannot be recorded any more: its base was written to, and it was made where that is not followed.

    As in PyTorch these are views made under no_grad, one of several results, or made by a custom Function. Their
    numbers can be read.
    """

    __slots__ = ()

    @property
    def node(self) -> Node | None:  # type: ignore[override]
        """Refuse: no node leads to the numbers that the view now shows."""
        raise RuntimeError(
            f"this tensor {self._refusal}, and its base has since been written to in place; make the view "
            "anew after the write, or write out of place"
        )


Tensor._result_class = Tensor
Tensor._outdated_class = OutdatedView


def _leaf(kind: type[Tensor], array: Array, requires_grad: bool) -> Tensor:
    """Return a leaf of the given class that holds an array."""
    leaf = object.__new__(kind)
    leaf.array, leaf._requires_grad = array, requires_grad
    leaf.node = leaf._grad = leaf._hooks = leaf._base = leaf._refusal = leaf._views = None
    return leaf


class Retain:
    """A hook that keeps the gradient of an intermediate tensor, as long as that tensor is alive."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor: weakref.ref[Tensor] = weakref.ref(tensor)

    def __call__(self, gradient: Tensor) -> None:
        tensor = self._tensor()
        if tensor is not None:
            before = tensor._grad
            tensor._grad = gradient.clone() if before is None else before + gradient


def as_array(data: Any, dtype: Any = None) -> Array:
    """Return a new array from a tensor, an array, nested sequences or a number, with PyTorch's rules for types."""
    given = data.array if isinstance(data, Variable) else data
    if isinstance(given, np.ndarray):
        given = own_array("tensor", given)
    elif isinstance(given, (list, tuple)) and given and isinstance(given[0], np.ndarray):
        given = [plain_array("tensor", part) for part in given]
    try:
        array = np.array(given)
    except ValueError as error:
        raise ValueError(f"tensor: {error}") from error
    if not is_supported(array.dtype):
        raise TypeError(f"tensor: cannot make numbers of {type(data).__name__} {data!r:.60}")
    if dtype is not None:
        wanted = as_dtype(dtype)
        return array.astype(wanted, copy=False) if isinstance(given, np.ndarray) else held("tensor", array, wanted)
    if array.dtype == np.float64 and not isinstance(given, (np.ndarray, np.generic)):
        return array.astype(default_dtype())
    if array.dtype == np.uint64 and not isinstance(given, (np.ndarray, np.generic)):
        return held("tensor", array, int64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
