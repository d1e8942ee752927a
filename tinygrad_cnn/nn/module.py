"""Module: the base class of layers and models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from tinygrad_cnn.nn.hidden import warn_of_hidden_modules
from tinygrad_cnn.nn.hooks import ModuleHooks, register
from tinygrad_cnn.nn.parameter import Parameter, Uninitialized, clear_gradients, convert
from tinygrad_cnn.nn.state import IncompatibleKeys, check_state
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.storage.objects import OBJECTS
from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.support.dtypes import destination, float32, float64
from tinygrad_cnn.support.html import module_html
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.hooks import RemovableHandle
from tinygrad_cnn.tape.mistakes import explain_failure
from tinygrad_cnn.tensor import Tensor

changes = [0]
"""How often an attribute of any module was set or deleted: programs look again at modules when it has changed."""


class Module:
    """The base class of layers and models: assign parameters and modules as attributes, and define ``forward``.

    Assigned parameters and modules are registered by name, so that `parameters`, `state_dict`, `train` and similar
    methods find them. The values are ordinary attributes; the registry holds only their names and kinds.

    >>> import tinygrad_cnn as tg
    >>> class Scale(tg.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = tg.nn.Parameter([2.0])
    ...
    ...     def forward(self, input):
    ...         return input * self.factor
    >>> Scale()(tg.tensor([3.0])).item(), list(Scale().state_dict())
    (6.0, ['factor'])
    """

    training: bool
    _optional_state: ClassVar[frozenset[str]] = (
        frozenset()
    )  # names that a loaded state may lack; their values then stay unchanged
    _hooks: ModuleHooks | None = None  # None: no hooks, a call is forward itself
    _compiled_forward: ClassVar[type[Any]]  # what `compile` puts in the place of forward; `compiling` sets it
    _registry: dict[str, str]  # name -> "parameter", "buffer", "unsaved buffer" or "module", in order

    def __init__(self) -> None:
        self._registry = {}
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result of the module; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}: forward() is not defined; define it to call the module")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.forward(*args, **kwargs) if self._hooks is None else self._hooks.call(self, args, kwargs)
        except Exception as error:
            explain_failure(error, type(self).__name__, self.forward, args, kwargs)
            raise

    # --- registration ------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        changes[0] += 1
        known = self.__dict__.get("_registry", {}).get(name)
        if isinstance(value, Parameter):
            self._register("parameter", name, value)
        elif isinstance(value, Module) and known in (None, "module"):
            self._register("module", name, value)
        else:
            if known is not None:
                self._check_kind(known, name, value)
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        changes[0] += 1
        super().__delattr__(name)
        self._registry.pop(name, None)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register a parameter, or None in place of an absent one."""
        self._register_new("parameter", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that is part of the state but not trained; if not persistent, it is not saved."""
        self._register_new("buffer" if persistent else "unsaved buffer", name, tensor)

    def add_module(self, name: str, module: Module | None) -> None:
        """Register a module as a child."""
        self._register_new("module", name, module)

    def _register_new(self, kind: str, name: str, value: Any) -> None:
        if name in self.__dict__ and kind != self._registry.get(name):
            raise KeyError(f"{type(self).__name__}: there is an attribute {name!r} already")
        self._register(kind, name, value)

    def _register(self, kind: str, name: str, value: Any) -> None:
        owner = type(self).__name__
        if "_registry" not in self.__dict__:
            raise AttributeError(f"{owner}: call super().__init__() before assigning {kind} {name!r}")
        if not isinstance(name, str):
            raise TypeError(f"{owner}: the name of a {kind} is {name!r}; wanted a string")
        if not name or "." in name or hasattr(Module, name) or callable(getattr(type(self), name, None)):
            raise KeyError(f"{owner}: a {kind} cannot be named {name!r} (empty, dotted, or the name of a method)")
        self._check_kind(kind, name, value)
        if isinstance(value, Module) and any(module is self for module in value.modules()):
            raise ValueError(f"{owner}: module {name!r} cannot be registered, it contains this module")
        super().__setattr__(name, value)
        if name in self.__dict__:  # not if the setter of a property stored it under another name
            if self._registry.get(name) != kind:
                self._registry.pop(name, None)
            self._registry[name] = kind

    def _check_kind(self, kind: str, name: str, value: Any) -> None:
        wanted = {"parameter": Parameter, "module": Module}.get(kind, Tensor)
        if value is not None and not isinstance(value, wanted):
            hint = f"; did you mean {value.__name__}()?" if isinstance(value, type) else ""
            raise TypeError(
                f"{type(self).__name__}: cannot assign {type(value).__name__} as {kind} {name!r}; "
                f"wanted a {wanted.__name__} or None{hint}"
            )

    def __getattr__(self, name: str) -> Any:
        if hasattr(type(self), name):
            return super().__getattribute__(name)  # a property failed: raise its own error
        hint = "" if name.startswith("__") else did_you_mean(name, dir(self))
        if "_registry" not in self.__dict__:
            hint = "; was super().__init__() called?"
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if not name[:1].isdigit()]

    # --- parameters, buffers and submodules --------------------------------------------------------------------

    def _own(self, *kinds: str) -> Iterator[tuple[str, Any]]:
        for name, kind in self._registry.items():
            if kind in kinds and self.__dict__[name] is not None:
                yield name, self.__dict__[name]

    def _named(
        self, kinds: tuple[str, ...], prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in module._own(*kinds):
                if not (remove_duplicate and value in seen):
                    seen.add(value)
                    yield _join(path, name), value

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """Yield this module and all submodules with their dotted names, parents first, each module once."""
        seen = set()
        ahead: list[tuple[str, Module]] = [(prefix, self)]
        while ahead:
            path, module = ahead.pop()
            if remove_duplicate and module in seen:
                continue
            seen.add(module)
            yield path, module
            ahead += reversed([(_join(path, name), child) for name, child in module._own("module")])

    def modules(self) -> Iterator[Module]:
        """Yield this module and all submodules, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the direct submodules with their names, each once."""
        return self._named(("module",), recurse=False)

    def children(self) -> Iterator[Module]:
        """Yield the direct submodules, each once."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters with their dotted names, each once."""
        return self._named(("parameter",), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, each once.

        Warns of modules in a plain list, tuple or dict, whose parameters are not found.
        """
        if recurse:
            warn_of_hidden_modules(self)
        return (parameter for _, parameter in self.named_parameters("", recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers with their dotted names, each once."""
        return self._named(("buffer", "unsaved buffer"), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, each once."""
        return (buffer for _, buffer in self.named_buffers("", recurse))

    def get_submodule(self, target: str) -> Module:
        """Return the submodule with a dotted name; "" is this module."""
        module: Module = self._get("submodule", dict(self.named_modules(remove_duplicate=False)), target)
        return module

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter with a dotted name."""
        parameter: Parameter = self._get("parameter", dict(self.named_parameters(remove_duplicate=False)), target)
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer with a dotted name."""
        buffer: Tensor = self._get("buffer", dict(self.named_buffers(remove_duplicate=False)), target)
        return buffer

    def _get(self, kind: str, named: Mapping[str, Any], target: str) -> Any:
        if target not in named:
            raise AttributeError(f"{type(self).__name__} has no {kind} {target!r}{did_you_mean(target, named)}")
        return named[target]

    # --- hooks -------------------------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, with_kwargs: bool = False) -> RemovableHandle:
        """Call ``hook(module, args)`` before forward; if it returns a value, that replaces the arguments.

        ``with_kwargs`` hooks take, and may return, the keyword arguments too. ``remove`` of the handle ends it.
        """
        return register(self._own_hooks().before, hook, with_kwargs)

    def register_forward_hook(self, hook: Callable[..., Any], *, with_kwargs: bool = False) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after forward; if it returns a value, that replaces the output.

        >>> import tinygrad_cnn as tg
        >>> layer = tg.nn.Linear(2, 3)
        >>> with layer.register_forward_hook(lambda module, args, output: print(output.shape)):
        ...     _ = layer(tg.ones(5, 2))
        (5, 3)
        """
        return register(self._own_hooks().after, hook, with_kwargs)

    def register_full_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` in the backward pass, once both are known.

        Both are tuples: the gradients of forward's arguments (None if there is none) and those of its results. If
        the hook returns a value, that replaces grad_input.
        """
        return register(self._own_hooks().backward, hook)

    def _own_hooks(self) -> ModuleHooks:
        if self._hooks is None:
            self._hooks = ModuleHooks()
        return self._hooks

    # --- modes, gradients and conversions ----------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Put this module and all submodules into training mode, or with False into evaluation mode."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode is {mode!r}; wanted True or False")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put this module and all submodules into evaluation mode."""
        return self.train(False)

    def compile(self, **options: Any) -> None:
        """Run ``forward`` as a program from its third call on, as `compile` does; names stay as they are.

        Where this module or one of its submodules has hooks, forward runs as it is. ``options`` are those of
        `compile`.

        >>> import tinygrad_cnn as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> model.compile()
        >>> list(model.state_dict())
        ['weight', 'bias']
        """
        self.__dict__["forward"] = self._compiled_forward(self, options)
        changes[0] += 1

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function with every submodule, children first, and then with this module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    @effect
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None, or to 0 in place."""
        clear_gradients(self.parameters(), set_to_none)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether operations on the parameters are recorded."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def to(self, *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False) -> Self:
        """Convert floating-point parameters and buffers, and their gradients; the tensor objects stay the same.

        A device may be given too, as in PyTorch; the only one is the CPU.
        """
        wanted = destination(f"{type(self).__name__}.to", *args, device, dtype)
        if wanted is None:
            return self
        if wanted.kind != "f":
            raise TypeError(f"{type(self).__name__}.to: wanted a floating-point type, got {wanted}")
        for _, tensor in self._named(("parameter", "buffer", "unsaved buffer")):
            if tensor.dtype.kind == "f":
                convert(tensor, wanted)
        return self

    def cpu(self) -> Self:
        """Return the module itself: it is always on the CPU."""
        return self

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self.to(float32)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self.to(float64)

    # --- state -------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        """Return all parameters and persistent buffers by dotted name, to save; the tensors share their memory."""
        state = {}
        for path, module in self.named_modules(remove_duplicate=False):
            for name, tensor in (*module._own("parameter"), *module._own("buffer")):
                state[_join(path, name)] = tensor.detach()
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor | np.ndarray[Any, Any]], strict: bool = True
    ) -> IncompatibleKeys:
        """Load values: copy tensors or arrays into the memory of parameters and buffers, converted to their types.

        Everything is checked first. On error nothing changes, and the RuntimeError lists what is missing,
        unexpected, or of the wrong shape or kind. Unless ``strict``, missing and unexpected names are returned.
        """
        own = self.state_dict()
        optional = {
            _join(path, n) for path, m in self.named_modules(remove_duplicate=False) for n in m._optional_state
        }
        keys = check_state(type(self).__name__, own, state_dict, strict, optional)
        for name in own.keys() & state_dict.keys():
            target, value = own[name], state_dict[name]
            if isinstance(value, Uninitialized):
                continue
            if isinstance(target, Uninitialized):
                target.materialize(value.shape)
            target.detach().copy_(array_of(value))
        return keys

    # --- repr --------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return the arguments to show in the module's repr."""
        return ""

    def _shown(self) -> Iterable[tuple[str, str]]:
        """Return the names and representations of the submodules."""
        return [(name, repr(child)) for name, child in self._own("module")]

    def __repr__(self) -> str:
        inside = [f"({name}): {child}" for name, child in self._shown()]
        extra = self.extra_repr()
        if not inside:
            return f"{type(self).__name__}({extra})"
        lines = "\n".join(filter(None, [extra, *inside])).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {lines}\n)"

    _repr_html_ = module_html


OBJECTS.append(Module)  # files may hold whole modules


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
