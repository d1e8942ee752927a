"""Modules made of a row of modules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Self, overload

from tinygrad_cnn.nn.module import Module


class Sequential(Module):
    """Modules applied one after another, given as arguments or as one dict that names them.

    >>> import tinygrad_cnn as tg
    >>> model = tg.nn.Sequential(tg.nn.Linear(4, 3), tg.nn.ReLU(), tg.nn.Linear(3, 2))
    >>> model(tg.ones(5, 4)).shape
    (5, 2)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], dict) else enumerate(args)
        for name, module in named:
            self._add(str(name), module)

    def forward(self, input: Any) -> Any:
        """Return the input sent through all modules."""
        for module in self:
            input = module(input)
        return input

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self._add(next(name for i in count(len(self)) if (name := str(i)) not in self._registry), module)
        return self

    def _add(self, name: str, module: Any) -> None:
        if module is None:
            raise TypeError(f"Sequential: module {name!r} is None; wanted a Module")
        self.add_module(name, module)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._own("module"))

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Module:
        """Return the module at a place, or a Sequential of some of the same modules under the same names."""
        named = list(self._own("module"))
        if isinstance(index, slice):
            return Sequential(dict(named[index]))
        if not -len(named) <= index < len(named):
            raise IndexError(f"Sequential: index {index} is out of range for {len(named)} modules")
        module: Module = named[index][1]
        return module
