"""Lazy layers: they learn the size of their input from the first batch, and then become the plain layers."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from tinygrad_cnn.nn.conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from tinygrad_cnn.nn.linear import Linear
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.normalization import BatchNorm1d, BatchNorm2d
from tinygrad_cnn.nn.parameter import Uninitialized, UninitializedBuffer, UninitializedParameter
from tinygrad_cnn.tensor import Tensor


class LazyModuleMixin(Module):
    """What lazy layers share: a call makes the parameters, and changes the class to ``cls_to_become``."""

    cls_to_become: ClassVar[Any]
    _size: ClassVar[str]  # the argument that the first batch decides
    _axis: ClassVar[int]  # the dimension that has it
    _ndims: ClassVar[tuple[int, ...]]  # how many dimensions an input may have; () for any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = inspect.signature(self.cls_to_become.__init__).bind(self, 1, *args, **kwargs).arguments
        super().__init__(given.get("groups", 1), *args, **kwargs)  # type: ignore[call-arg]  # any size that the other arguments allow
        self._later = args, kwargs
        setattr(self, self._size, 0)
        for name, kind in list(self._registry.items()):
            value = self.__dict__[name]
            if value is not None and value.dtype.kind == "f":
                made = UninitializedParameter if kind == "parameter" else UninitializedBuffer
                self._register(kind, name, made(value.requires_grad, None, value.dtype))

    def has_uninitialized_params(self) -> bool:
        """Return whether a parameter or buffer has no shape yet."""
        return any(isinstance(value, Uninitialized) for value in self._own_tensors().values())

    def _own_tensors(self) -> dict[str, Tensor]:
        return dict(self._own("parameter", "buffer"))

    def initialize_parameters(self, input: Tensor) -> None:
        """Give all parameters and buffers their shapes and initial values, for an input."""
        if input.ndim not in (self._ndims or (input.ndim,)) or not input.ndim:
            wanted = " or ".join(map(str, self._ndims or ("at least one",)))
            raise ValueError(f"{type(self).__name__}: input has shape {input.shape}; wanted {wanted} dimensions")
        args, kwargs = self._later
        size = input.shape[self._axis]
        ready = self.cls_to_become(size, *args, **kwargs)
        for name, tensor in self._own_tensors().items():
            if isinstance(tensor, Uninitialized):
                tensor._initialise(getattr(ready, name).array)
        setattr(self, self._size, size)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.initialize_parameters(args[0] if args else kwargs["input"])
        del self._later
        self.__class__ = self.cls_to_become
        return self(*args, **kwargs)


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` whose ``in_features`` the first batch decides; it takes the other arguments.

    >>> import tinygrad_cnn as tg
    >>> model = tg.nn.Sequential(tg.nn.LazyLinear(3), tg.nn.ReLU(), tg.nn.LazyLinear(2))
    >>> model(tg.ones(5, 4)).shape, model[0]
    ((5, 2), Linear(in_features=4, out_features=3, bias=True))
    """

    cls_to_become, _size, _axis, _ndims = Linear, "in_features", -1, ()


class LazyConv1d(LazyModuleMixin, Conv1d):
    """A `Conv1d` whose ``in_channels`` the first batch decides; it takes the other arguments.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LazyConv1d(4, 3)(tg.ones(2, 2, 8)).shape
    (2, 4, 6)
    """

    cls_to_become, _size, _axis, _ndims = Conv1d, "in_channels", -2, (2, 3)


class LazyConv2d(LazyModuleMixin, Conv2d):
    """A `Conv2d` whose ``in_channels`` the first batch decides; it takes the other arguments.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LazyConv2d(4, 3)(tg.ones(2, 2, 8, 8)).shape
    (2, 4, 6, 6)
    """

    cls_to_become, _size, _axis, _ndims = Conv2d, "in_channels", -3, (3, 4)


class LazyConvTranspose1d(LazyModuleMixin, ConvTranspose1d):
    """A `ConvTranspose1d` whose ``in_channels`` the first batch decides; it takes the other arguments.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LazyConvTranspose1d(4, 3)(tg.ones(2, 2, 8)).shape
    (2, 4, 10)
    """

    cls_to_become, _size, _axis, _ndims = ConvTranspose1d, "in_channels", -2, (2, 3)


class LazyConvTranspose2d(LazyModuleMixin, ConvTranspose2d):
    """A `ConvTranspose2d` whose ``in_channels`` the first batch decides; it takes the other arguments.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LazyConvTranspose2d(4, 3)(tg.ones(2, 2, 8, 8)).shape
    (2, 4, 10, 10)
    """

    cls_to_become, _size, _axis, _ndims = ConvTranspose2d, "in_channels", -3, (3, 4)


class LazyBatchNorm1d(LazyModuleMixin, BatchNorm1d):
    """A `BatchNorm1d` whose ``num_features`` the first batch decides; it takes the other arguments.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LazyBatchNorm1d()(tg.ones(2, 3)).shape
    (2, 3)
    """

    cls_to_become, _size, _axis, _ndims = BatchNorm1d, "num_features", 1, (2, 3)


class LazyBatchNorm2d(LazyModuleMixin, BatchNorm2d):
    """A `BatchNorm2d` whose ``num_features`` the first batch decides; it takes the other arguments.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.LazyBatchNorm2d()(tg.ones(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    cls_to_become, _size, _axis, _ndims = BatchNorm2d, "num_features", 1, (4,)
