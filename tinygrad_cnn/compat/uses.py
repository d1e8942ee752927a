"""What a script uses of ``torch`` and ``torchvision``, found in its syntax tree."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from tinygrad_cnn.compat.differences import ARGUMENTS, NAMES
from tinygrad_cnn.compat.import_hook import PACKAGES
from tinygrad_cnn.compat.namespaces import is_namespace
from tinygrad_cnn.compat.refused import Refused
from tinygrad_cnn.support.missing_names import advice, reason_for
from tinygrad_cnn.support.missing_reasons import REASONS
from tinygrad_cnn.tensor import Tensor


class Finding(NamedTuple):
    """A name that is missing, or differs, at a line."""

    line: int
    name: str
    message: str
    missing: bool


def findings(source: str, file: str) -> list[Finding]:
    """Return what a script uses and is missing here or differs, in the order of its lines."""
    tree = ast.parse(source, file)
    names = bound_names(tree)
    found = set(_missing_imports(tree))
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)) and node not in inner:
            found |= set(_of_name(node, names))
        if isinstance(node, ast.Attribute):
            found |= set(_of_attribute(node, names))
        if isinstance(node, ast.Call):
            found |= set(_of_call(node, names))
    return sorted(found)


def imported_modules(source: str, file: str) -> list[str]:
    """Return the names of the modules that a script imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source, file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names += [module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)]
    return [name for name in names if name]


def bound_names(tree: ast.AST) -> dict[str, str]:
    """Return the names in a script that stand for something of PyTorch's: ``{"nn": "torch.nn"}``."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in PACKAGES:
                    package = alias.name.partition(".")[0]
                    names[alias.asname or package] = alias.name if alias.asname else package
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):  # F = torch.nn.functional
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            path = _path(node.value, names)
            if path and node.targets[0].id not in names:
                names[node.targets[0].id] = path
    return names


def _path(node: ast.AST, names: dict[str, str]) -> str | None:
    """Return what an expression such as ``nn.init.zeros_`` stands for: "torch.nn.init.zeros_", or None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        inner = _path(node.value, names)
        return inner and f"{inner}.{node.attr}"
    return None


def _missing_imports(tree: ast.AST) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            modules = [module]
            if is_namespace(module) and module.partition(".")[0] in PACKAGES:
                modules = [f"{module}.{alias.name}" for alias in node.names if alias.name != "*"]
        else:
            continue
        for name in modules:
            if name.partition(".")[0] in PACKAGES and not _exists(name):
                yield _missing(node.lineno, name)


def _of_name(node: ast.Attribute | ast.Name, names: dict[str, str]) -> Iterator[Finding]:
    path = _path(node, names)
    if path is None:
        return
    if not _exists(path):
        yield _missing(node.lineno, path)
    elif path in NAMES:
        yield Finding(node.lineno, path, NAMES[path], False)
    elif isinstance(_object(path), Refused):
        yield Finding(node.lineno, path, f"can be imported and not be called: {advice(path)}", False)


def _of_attribute(node: ast.Attribute, names: dict[str, str]) -> Iterator[Finding]:
    """Find methods of tensors that are not here and whose name is PyTorch's alone: ``x.to_sparse()``."""
    name = f"torch.Tensor.{node.attr}"
    others = ("real", "imag", "conj", "names", "storage")  # names that arrays and other objects have too
    if (
        _path(node, names) is None
        and name in REASONS
        and node.attr not in others
        and not hasattr(Tensor, node.attr)
    ):
        yield _missing(node.lineno, name)
    if node.attr == "is_floating_point" and isinstance(node.value, ast.Attribute) and node.value.attr == "dtype":
        message = "types are NumPy's; write x.is_floating_point() with the tensor"
        yield Finding(node.lineno, "torch.dtype.is_floating_point", message, True)


def _of_call(node: ast.Call, names: dict[str, str]) -> Iterator[Finding]:
    """Find arguments that a function or class does not accept here."""
    path = _path(node.func, names)
    if path is None or not _exists(path):
        return
    accepted = _parameters(_object(path))
    for keyword in node.keywords:
        name = f"{path}({keyword.arg}=...)"
        if keyword.arg and f"{path}({keyword.arg}=)" in ARGUMENTS:
            yield Finding(keyword.value.lineno, name, ARGUMENTS[f"{path}({keyword.arg}=)"], False)
        elif keyword.arg and accepted is not None and keyword.arg not in accepted:
            message = f"{path} has no argument {keyword.arg!r} here; it accepts {', '.join(accepted)}"
            yield Finding(keyword.value.lineno, name, message, True)


def _parameters(value: Any) -> list[str] | None:
    """Return the names of the arguments that a function accepts, or None if it accepts any or cannot tell."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    own = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    return own + sorted(getattr(value, "spellings", ()))


def _missing(line: int, name: str) -> Finding:
    namespace = name
    while not is_namespace(namespace):
        namespace = namespace.rpartition(".")[0]
    first = name[len(namespace) :].split(".")[1]  # of torch.sparse.mm it is torch.sparse that is missing
    hint = advice(name if reason_for(name) else f"{namespace}.{first}", dir(import_module(namespace)))
    return Finding(line, name, hint or "nothing similar is here", True)


def _exists(path: str) -> bool:
    try:
        _object(path)
    except (AttributeError, ImportError):
        return False
    return True


def _object(path: str) -> Any:
    """Return what a dotted name stands for; what lies in an object that is no namespace is not looked up."""
    package, *parts = path.split(".")
    value: Any = import_module(package)
    for part in parts:
        if not isinstance(value, ModuleType):
            return value
        value = getattr(value, part)
    return value
