"""The import hook: ``import torch`` gives modules that hold this package's names, in this process alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from tinygrad_cnn.compat.namespaces import is_namespace, sources
from tinygrad_cnn.support.missing_names import explanation, refuse

PACKAGES = ("torch", "torchvision")


class Namespace(ModuleType):
    """A module such as ``torch.nn``, filled with names from modules of this package."""

    def __getattr__(self, name: str) -> Any:
        qualified = f"{self.__name__}.{name}"
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if is_namespace(qualified):
            return import_module(qualified)
        return refuse(qualified, dir(self))


class TorchFinder(MetaPathFinder, Loader):
    """Finds and fills the namespaces of ``torch`` and ``torchvision``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a namespace; raise ModuleNotFoundError for one that is not here, with what to use."""
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        if not is_namespace(fullname):
            raise ModuleNotFoundError(explanation(fullname), name=fullname)
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return an empty namespace."""
        return Namespace(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Give a namespace the public names of its sources; namespaces in it are imported when asked for."""
        for source in sources(module.__name__) or ():
            for name, value in public_names(import_module(source)).items():
                if callable(value) or not is_namespace(f"{module.__name__}.{name}"):
                    setattr(module, name, value)


def public_names(module: ModuleType) -> dict[str, Any]:
    """Return the names that a module offers, but modules: those of ``__all__``, or all without an underscore."""
    names = getattr(module, "__all__", None) or [name for name in vars(module) if name[:1] != "_"]
    found = {name: getattr(module, name) for name in names}
    return {name: value for name, value in found.items() if not isinstance(value, ModuleType)}


def install() -> None:
    """Have every ``import torch`` of this process find this package."""
    if not any(isinstance(finder, TorchFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, TorchFinder())
