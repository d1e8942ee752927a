"""Names of PyTorch that are not here: an error that says why, and what to write instead.

A module ends with ``explain_missing_names("torch.nn", __name__)``, so that ``nn.Transformr``, ``hasattr`` and
``from tinygrad_cnn.nn import Transformr`` all get the message. It costs nothing until a name is missing.
"""

from __future__ import annotations

import opcode
import re
import sys
from collections.abc import Container, Iterable
from typing import NoReturn

from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.support.missing_reasons import PAGE, PATTERNS, REASONS

_IMPORT_FROM = opcode.opmap["IMPORT_FROM"]

HOMES = {  # PyTorch's namespaces and the modules that hold their names
    "torch": "tinygrad_cnn",
    "torch.nn": "tinygrad_cnn.nn",
    "torch.nn.functional": "tinygrad_cnn.nn.functional",
    "torch.nn.init": "tinygrad_cnn.nn.init",
    "torch.nn.utils": "tinygrad_cnn.nn.utils",
    "torch.optim": "tinygrad_cnn.optim",
    "torch.optim.lr_scheduler": "tinygrad_cnn.optim.lr_scheduler",
    "torch.autograd": "tinygrad_cnn.autograd",
    "torch.autograd.functional": "tinygrad_cnn.autograd.functional",
    "torch.linalg": "tinygrad_cnn.linalg",
    "torch.special": "tinygrad_cnn.special",
    "torch.distributions": "tinygrad_cnn.distributions",
    "torch.distributed": "tinygrad_cnn.distributed",
    "torch.utils.data": "tinygrad_cnn.data",
    "torchvision.datasets": "tinygrad_cnn.data.datasets",
    "torchvision.transforms": "tinygrad_cnn.data.transforms",
}


def explain_missing_names(namespace: str, module: str) -> None:
    """Give a module, which stands for a namespace of PyTorch, a ``__getattr__`` that refuses names.

    It is set here so that type checkers, for which a module with ``__getattr__`` has every name, do not see it.
    """

    def __getattr__(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        refuse(f"{namespace}.{name}", dir(sys.modules[module]))

    sys.modules[module].__getattr__ = __getattr__  # type: ignore[method-assign]
    show_public_names(module)


def show_public_names(module: str, internal: Container[str] | None = None) -> None:
    """Have ``dir``, and so TAB in a shell, list a module's public names: of ``__all__``, else what it defines.

    The names that are ``internal`` may be given instead; all others are public then.
    """
    names = vars(sys.modules[module])

    def is_public(name: str) -> bool:
        if name[:1] == "_":
            return name[:2] == "__"
        if internal is not None:
            return name not in internal
        return name in names.get("__all__", [name]) and ("__all__" in names or _offers(module, name))

    sys.modules[module].__dir__ = lambda: sorted(filter(is_public, names))  # type: ignore[method-assign]


def refuse(qualified: str, known: Iterable[str]) -> NoReturn:
    """Raise AttributeError, or ImportError in ``from module import name``, with what to use instead."""
    message = explanation(qualified, known)
    if _imports_from():
        raise ImportError(message)
    raise AttributeError(message, name=qualified, obj=None)  # without the object, Python adds no hint of its own


def explanation(qualified: str, known: Iterable[str] = ()) -> str:
    """Return the message for a name of PyTorch that is not here.

    >>> explanation("torch.nn.Liner", ["Linear", "LazyLinear"])
    "torch.nn.Liner is not here; did you mean 'Linear'? (see docs/pytorch.md)"
    """
    hint = advice(qualified, known)
    return f"{qualified} is not here{'; ' if hint else ''}{hint} (see {PAGE})"


def advice(qualified: str, known: Iterable[str] = ()) -> str:
    """Return why PyTorch's name is not here and what to use, or which similar name is here, or ""."""
    reason = reason_for(qualified)
    if reason:
        return reason
    namespace, _, name = qualified.rpartition(".")
    if name.endswith("_") and _offers_method(name):
        return f"write in place by the method: x.{name}()"
    homes = [f"{home}.{name}" for home in HOMES if home != namespace and _offers(HOMES[home], name)]
    return f"there is {homes[0]}" if homes else did_you_mean(name, [k for k in known if k[:1] != "_"])[2:]


def reason_for(qualified: str) -> str | None:
    """Return the reason for a name, or for the namespace that it lies in, or for names of its kind."""
    above = qualified
    while above:
        if above in REASONS:
            return REASONS[above]
        above = above.rpartition(".")[0]
    return next((reason for pattern, reason in PATTERNS if re.fullmatch(pattern, qualified)), None)


def _offers_method(name: str) -> bool:
    """Return whether tensors have a method of this name."""
    return hasattr(getattr(sys.modules.get("tinygrad_cnn.tensor"), "Tensor", None), name)


def _offers(module: str, name: str) -> bool:
    """Return whether a module has a name of its own: not one that it imports for its own use."""
    names = vars(sys.modules[module]) if module in sys.modules else {}
    own = getattr(names.get(name), "__module__", module) == module
    return name in names.get("__all__", [name] if own else []) and name in names


def _imports_from() -> bool:
    """Return whether a ``from module import name`` asks: Python replaces the message of an AttributeError there.

    The instruction at which the asking frame stands tells.
    """
    frame = sys._getframe(1)
    while frame.f_back and (frame.f_globals is globals() or frame.f_code.co_name == "__getattr__"):
        frame = frame.f_back
    return frame.f_code.co_code[frame.f_lasti] == _IMPORT_FROM
