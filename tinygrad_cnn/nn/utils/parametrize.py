"""Parametrizations: tensors of a module that are computed from others whenever they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from tinygrad_cnn.nn.container import ModuleDict, ModuleList
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]

_blocks = [0]  # how many blocks of `cached` are open
_cache: dict[tuple[int, str], Any] = {}


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in the order in which they are applied, and the tensors it is made from.

    These are called ``original``, or ``original0``, ``original1``, ... if the first parametrization's
    ``right_inverse`` returns several.
    """

    _several = 0

    def __init__(self, parametrization: Module, original: Tensor) -> None:
        super().__init__([parametrization])
        originals = _inverse(parametrization, original)
        if isinstance(originals, Tensor):
            _place(self, "original", originals, original)
        else:
            self._several = len(originals)
            for i, part in enumerate(originals):
                _place(self, f"original{i}", part, original)

    def originals(self) -> tuple[Tensor, ...]:
        """Return the tensors that the parametrized one is made from."""
        names = [f"original{i}" for i in range(self._several)] or ["original"]
        return tuple(getattr(self, name) for name in names)

    def right_inverse(self, value: Tensor) -> None:
        """Set the original tensors so that the parametrized one gets a value."""
        with no_grad():
            for parametrization in reversed(list(self)):
                value = _inverse(parametrization, value)
            parts = (value,) if isinstance(value, Tensor) else value
            for original, part in zip(self.originals(), parts, strict=True):
                original.copy_(part)

    def forward(self) -> Any:
        """Return the parametrized tensor."""
        first, *rest = self
        value = first(*self.originals())
        for parametrization in rest:
            value = parametrization(value)
        return value


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Have a parameter or buffer computed by a module: ``layer.weight`` becomes ``parametrization(original)``.

    The original is what is trained; it is ``module.parametrizations.weight.original``. A method ``right_inverse``
    of the parametrization, if there is one, returns the original for a value, or several originals. A tensor may
    have several parametrizations, applied in turn. Shape and type must stay, unless ``unsafe``. Returns the module.

    >>> import tinygrad_cnn as tg
    >>> class Symmetric(tg.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = tg.nn.utils.parametrize.register_parametrization(tg.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all()), [name for name, _ in layer.named_parameters()]
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
        return module
    original = dict(module._own("parameter", "buffer", "unsaved buffer")).get(tensor_name)
    if original is None:
        raise ValueError(
            f"register_parametrization: {type(module).__name__} has no parameter or buffer {tensor_name!r}"
        )
    several = ParametrizationList(parametrization, original)
    if not unsafe:
        _want_same_kind(original, several())
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = several
    _become(module)
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Return whether a tensor of a module, or any, is parametrized."""
    found = module.__dict__.get("parametrizations")
    return isinstance(found, ModuleDict) and (tensor_name is None or tensor_name in found)


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrized tensor an ordinary one again, with its value now or its original; return the module."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(
            f"remove_parametrizations: {type(module).__name__} has no parametrization of {tensor_name!r}"
        )
    several = module.parametrizations[tensor_name]
    originals = several.originals()
    if several._several and not leave_parametrized:
        raise ValueError(
            "remove_parametrizations: leave_parametrized=False is for a tensor with one original, got "
            f"{len(originals)}"
        )
    value = originals[0]
    if leave_parametrized:
        with no_grad():
            computed = several()
        if several._several:
            value = Parameter(computed.detach().clone(), originals[0].requires_grad)
        else:
            value.data = computed.detach().clone()
    del module.parametrizations[tensor_name]
    if not module.parametrizations:
        del module.parametrizations
    _become(module)
    _place(module, tensor_name, value, value)
    return module


def type_before_parametrizations(module: Module) -> type:
    """Return the class that a module had before its tensors were parametrized."""
    found: type = vars(type(module)).get("_before_parametrizations", type(module))
    return found


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once in a block, however often it is read."""
    _blocks[0] += 1
    try:
        yield
    finally:
        _blocks[0] -= 1
        if not _blocks[0]:
            _cache.clear()


def _append(module: Module, name: str, parametrization: Module, unsafe: bool) -> None:
    several, before = module.parametrizations[name], getattr(module, name).detach()
    inverse = _inverse(parametrization, before)
    if not isinstance(inverse, Tensor):
        raise ValueError(
            f"register_parametrization: right_inverse of {type(parametrization).__name__} returned "
            f"{type(inverse).__name__}; only the first parametrization may have several originals"
        )
    if not unsafe:
        _want_same_kind(before, parametrization(inverse))
    several.right_inverse(inverse)
    several.append(parametrization)


def _inverse(parametrization: Module, value: Tensor) -> Any:
    inverse = getattr(parametrization, "right_inverse", None)
    if inverse is None:
        return value
    with no_grad():
        return inverse(value)


def _place(module: Module, name: str, tensor: Tensor, like: Tensor) -> None:
    """Register a tensor as what another one is: a parameter or a buffer."""
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    elif isinstance(like, Parameter):
        module.register_parameter(name, Parameter(tensor.detach(), like.requires_grad))
    else:
        module.register_buffer(name, tensor)


def _want_same_kind(before: Tensor, after: Any) -> None:
    if not isinstance(after, Tensor) or after.shape != before.shape or after.dtype != before.dtype:
        got = f"{after.dtype} {after.shape}" if isinstance(after, Tensor) else type(after).__name__
        raise ValueError(
            f"register_parametrization: the parametrization made {got} of {before.dtype} {before.shape}; wanted "
            "the same type and shape, or unsafe=True"
        )


def _become(module: Module) -> None:
    """Give a module the class whose properties are the tensors that are parametrized now."""
    base: Any = type_before_parametrizations(module)
    names = tuple(module.__dict__["parametrizations"]) if is_parametrized(module) else ()
    module.__class__ = _parametrized(base, names) if names else base


@cache
def _parametrized(base: type, names: tuple[str, ...]) -> type:
    properties = {name: property(_reader(name), _writer(name)) for name in names}
    return type(f"Parametrized{base.__name__}", (base,), {"_before_parametrizations": base, **properties})


def _reader(name: str) -> Any:
    def read(module: Module) -> Any:
        several = module.parametrizations[name]
        if not _blocks[0]:
            return several()
        key = id(module), name
        if key not in _cache:
            _cache[key] = several()
        return _cache[key]

    return read


def _writer(name: str) -> Any:
    def write(module: Module, value: Tensor) -> None:
        module.parametrizations[name].right_inverse(value)

    return write


explain_missing_names("torch.nn.utils.parametrize", __name__)
