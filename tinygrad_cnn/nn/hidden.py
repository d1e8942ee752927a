"""A warning of modules and parameters in plain lists, tuples and dicts: no module knows of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.tape.watch import warn_user

_MENDS: dict[type, tuple[str, str]] = {
    list: ("ModuleList", "ParameterList"),
    tuple: ("ModuleList", "ParameterList"),
    dict: ("ModuleDict", ""),
}


def warn_of_hidden_modules(root: Any) -> None:
    """Warn of modules and parameters in plain lists, tuples and dicts that nothing below a module registers."""
    known = None
    for module in root.modules():
        for name, value in vars(module).items():
            if type(value) not in _MENDS or name[:1] == "_" or not value:
                continue
            items = list(value.values() if isinstance(value, dict) else value)
            if not any(_is_part(item) for item in items):
                continue
            if known is None:
                known = {id(part) for part in (*root.modules(), *_registered(root))}
            if all(id(item) in known for item in items if _is_part(item)):
                continue
            _warn(type(module).__name__, name, value, items)


def _is_part(item: Any) -> bool:
    return isinstance(item, Parameter) or hasattr(item, "named_modules")


def _registered(root: Any) -> Iterator[Parameter]:
    return (parameter for _, parameter in root.named_parameters())


def _warn(owner: str, name: str, value: Any, items: list[Any]) -> None:
    of_modules, of_parameters = _MENDS[type(value)]
    what, mend = ("parameters", of_parameters) if isinstance(items[0], Parameter) else ("modules", of_modules)
    use = f"nn.{mend}(...)" if mend else "register_parameter"
    warn_user(
        f"{owner}: {name!r} is a plain {type(value).__name__} of {what}, which {owner} does not know of: "
        f"parameters(), state_dict() and train() leave them out, so they are not trained; wanted {use}. If this is "
        f"intended: warnings.filterwarnings('ignore', '{owner}: .{name}. is a plain')"
    )
