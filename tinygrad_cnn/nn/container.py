"""Containers: sequences and dictionaries of modules, and lists of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, MutableSequence
from itertools import count, groupby
from typing import Any, Self

from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.tensor import Tensor


class _Sequence(Module, MutableSequence[Any]):
    """A mutable sequence whose items are registered under their positions."""

    _kind = "module"

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Any]:
        return (item for _, item in self._own(self._kind))

    def __getitem__(self, index: Any) -> Any:
        """Return the item at an index, or a new sequence of the same items for a slice."""
        return type(self)().extend(list(self)[index]) if isinstance(index, slice) else self._at(index)[1]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._edit(lambda items: items.__setitem__(index, value))
        else:
            self._put(self._at(index)[0], value)

    def __delitem__(self, index: Any) -> None:
        if not isinstance(index, slice):
            self._at(index)
        self._edit(lambda items: items.__delitem__(index))

    def insert(self, index: int, value: Any) -> None:
        """Insert an item before an index; the names of the items after it change."""
        self._edit(lambda items: items.insert(index, value))

    def append(self, value: Any) -> Self:  # type: ignore[override]
        """Add an item at the end."""
        self._put(next(name for i in count(len(self)) if (name := str(i)) not in self._registry), value)
        return self

    def extend(self, values: Iterable[Any]) -> Self:  # type: ignore[override]
        """Add items at the end."""
        for value in list(values):
            self.append(value)
        return self

    def __add__(self, other: Iterable[Any]) -> Self:
        """Return a new sequence of the items of both."""
        both = type(self)()
        return both.extend(self).extend(other)

    def _at(self, index: int) -> tuple[str, Any]:
        named = list(self._own(self._kind))
        if not -len(named) <= index < len(named):
            raise IndexError(f"{type(self).__name__}: index {index} is out of range for {len(named)} {self._kind}s")
        return named[index]

    def _accepted(self, name: str, value: Any) -> Any:
        """Return an item after checking its type."""
        if value is None:
            raise TypeError(f"{type(self).__name__}: {self._kind} {name!r} is None; wanted a {self._kind.title()}")
        self._check_kind(self._kind, name, value)
        return value

    def _put(self, name: str, value: Any) -> None:
        self._register(self._kind, name, self._accepted(name, value))

    def _edit(self, change: Callable[[list[Any]], Any]) -> None:
        """Change the items as a list, and register them under their new positions."""
        before = dict(self._own(self._kind))
        items = list(before.values())
        change(items)
        after = {str(i): self._accepted(str(i), item) for i, item in enumerate(items)}
        for name in before:
            delattr(self, name)
        for name, item in after.items():
            self._register(self._kind, name, item)


class Sequential(_Sequence):
    """Modules applied one after another. They are given as arguments, or as one dict with names.

    >>> import tinygrad_cnn as tg
    >>> model = tg.nn.Sequential(tg.nn.Linear(4, 3), tg.nn.ReLU(), tg.nn.Linear(3, 2))
    >>> model(tg.ones(5, 4)).shape
    (5, 2)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], dict) else enumerate(args)
        for name, module in named:
            self._put(str(name), module)

    def forward(self, input: Any) -> Any:
        """Return the result of all modules, each applied to the result of the one before."""
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: Any) -> Any:
        """Return the module at an index, or a Sequential of the same modules, with their names, for a slice."""
        if isinstance(index, slice):
            return type(self)(dict(list(self._own("module"))[index]))
        return self._at(index)[1]


class ModuleList(_Sequence):
    """A list of modules, for a model whose ``forward`` calls them itself.

    >>> import tinygrad_cnn as tg
    >>> layers = tg.nn.ModuleList(tg.nn.Linear(4, 4) for _ in range(3))
    >>> len(layers), list(layers.state_dict())[:2]
    (3, ['0.weight', '0.bias'])
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def _shown(self) -> Iterable[tuple[str, str]]:
        """Return equal modules that follow one another as one, as PyTorch does: ``(0-2): 3 x Linear(...)``."""
        for shown, equal in groupby(super()._shown(), key=lambda named: named[1]):
            (first, _), *rest = equal
            yield (f"{first}-{rest[-1][0]}", f"{len(rest) + 1} x {shown}") if rest else (first, shown)


class ParameterList(_Sequence):
    """A list of parameters; a tensor that is added becomes a parameter.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.ParameterList([tg.ones(2), tg.zeros(3, 4)])
    ParameterList(
      (0): Parameter of shape (2,)
      (1): Parameter of shape (3, 4)
    )
    """

    _kind = "parameter"

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _accepted(self, name: str, value: Any) -> Any:
        plain = isinstance(value, Tensor) and not isinstance(value, Parameter)
        return super()._accepted(name, Parameter(value) if plain else value)

    def __repr__(self) -> str:
        return _listed(self)


class _Mapping(Module, MutableMapping[str, Any]):
    """A mutable mapping whose values are registered under their keys."""

    _kind = "module"

    __eq__, __hash__ = object.__eq__, object.__hash__  # a module equals only itself

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self.update(values or {})

    def __getitem__(self, key: str) -> Any:
        named = dict(self._own(self._kind))
        if key not in named:
            there = ", ".join(named) or "none"
            raise KeyError(f"{type(self).__name__}: there is no {self._kind} {key!r}; there are {there}")
        return named[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if value is None:
            raise TypeError(f"{type(self).__name__}: {self._kind} {key!r} is None; wanted a {self._kind.title()}")
        self._register(self._kind, key, value)

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._own(self._kind))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ModuleDict(_Mapping):
    """A dictionary of modules, for a model that selects among them by name.

    >>> import tinygrad_cnn as tg
    >>> choices = tg.nn.ModuleDict({"relu": tg.nn.ReLU(), "tanh": tg.nn.Tanh()})
    >>> choices["relu"](tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """


class ParameterDict(_Mapping):
    """A dictionary of parameters; a tensor that is added becomes a parameter.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.ParameterDict({"left": tg.ones(2), "right": tg.zeros(3, 4)})
    ParameterDict(
      (left): Parameter of shape (2,)
      (right): Parameter of shape (3, 4)
    )
    """

    _kind = "parameter"

    def __setitem__(self, key: str, value: Any) -> None:
        plain = isinstance(value, Tensor) and not isinstance(value, Parameter)
        super().__setitem__(key, Parameter(value) if plain else value)

    def __repr__(self) -> str:
        return _listed(self)


def _listed(module: Module) -> str:
    """Return the representation of a module of parameters, a line for each."""
    lines = [f"  ({name}): Parameter of shape {p.shape}\n" for name, p in module._own("parameter")]
    inside = "\n" + "".join(lines) if lines else ""
    return f"{type(module).__name__}({inside})"
