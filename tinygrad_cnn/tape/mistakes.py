"""What a failed call says: which argument is at fault, what came, what was wanted, and the mend.

Nothing is checked before a call. Functions, modules and classes ask here after a call has failed, so the checks
cost nothing as long as all goes well. An error that the package has worded itself ("relu: ...") stays as it is.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.tape.record import Variable

Class = TypeVar("Class", bound=type)

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_WORDED = re.compile(r"[\w.]+: ")
_UNBOUND = re.compile(r"unexpected keyword|required (positional|keyword)|positional arguments? but|multiple values")
_TENSOR = re.compile(r"(T|Tensor|Array|Variable)( \| None)?")
_TENSORS = re.compile(r"(Sequence|Iterable|list)\[(T|Tensor|Variable)\]")


def explain_failure(
    error: Exception, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Raise an error that names the argument to blame for the failure of a call; return if none is."""
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError:
        if not isinstance(error, TypeError) or (_WORDED.match(str(error)) and not _UNBOUND.search(str(error))):
            return  # the function takes more than its signature says
        raise TypeError(f"{name}: {_misfit(name, signature, args, kwargs)}") from None
    if not _raised_in_package(error):
        return
    for parameter in signature.parameters.values():
        value = given.get(parameter.name, parameter.empty)
        wrong = None if value is parameter.empty else _wrong(error, parameter, value)
        if wrong is not None:
            raise TypeError(f"{name}: {wrong}") from None


def explained(function: Callable[..., Any], namespace: str) -> Callable[..., Any]:
    """Return a function of a namespace whose errors name the argument to blame."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            explain_failure(error, call.__name__, function, args, kwargs)
            raise

    call.__name__ = call.__qualname__ = name_of(function)
    call.__module__ = namespace  # where pickle finds it
    return call


def explain_constructor(kind: Class) -> Class:
    """Have the constructor of a class, and those of its subclasses, name an argument that does not fit."""
    init = kind.__init__  # type: ignore[misc]
    if not inspect.isfunction(init) or hasattr(init, "explains"):
        return kind

    @wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except TypeError as error:
            own = type(self) if type(self).__init__ is kind.__init__ else kind  # type: ignore[misc]
            explain_failure(error, own.__name__, init.__get__(self), args, kwargs)
            raise

    __init__.explains = True  # type: ignore[attr-defined]
    kind.__init__ = __init__  # type: ignore[misc]
    return kind


def explain_calls(namespace: dict[str, Any], names: Iterable[str] | None = None) -> None:
    """Have public functions and classes of a namespace name an argument that is to blame for an error.

    Their names are given, or those of ``__all__``, or of all that is defined there.
    """
    if names is None:
        own = (n for n, v in namespace.items() if getattr(v, "__module__", "") == namespace["__name__"])
        names = namespace.get("__all__") or [name for name in own if name[:1] != "_"]
    for name in tuple(names):
        value = namespace[name]
        if inspect.isclass(value) and not issubclass(value, (BaseException, Enum)):
            explain_constructor(value)
        elif callable(value) and not inspect.isclass(value):
            namespace[name] = explained(value, namespace["__name__"])


def name_of(function: Any) -> str:
    """Return the name of a function or of an operation."""
    name: str = getattr(function, "__name__", None) or function.name
    return name


# --- arguments that the parameters do not take ---


def _misfit(name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return what is wrong with arguments that do not fit a signature."""
    parameters = signature.parameters
    by_name = [n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    by_place = [n for n, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes = f"wanted {name}({', '.join(_shown(p) for p in parameters.values() if p.name != 'self')})"
    for key in kwargs:
        if key not in by_name:
            return f"there is no argument {key!r}{did_you_mean(key, by_name) or f'; {takes}'}"
    if len(args) > len(by_place):
        return f"got {len(args)} arguments without a name, {len(args) - len(by_place)} more than it takes; {takes}"
    twice = [n for n in by_place[: len(args)] if n in kwargs]
    if twice:
        return f"argument {twice[0]!r} is given twice, by its place and by its name; {takes}"
    required = [n for n in by_name if parameters[n].default is inspect.Parameter.empty]
    missing = [repr(n) for n in required if n not in kwargs and n not in by_place[: len(args)]]
    return f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing; {takes}"


def _shown(parameter: inspect.Parameter) -> str:
    """Return a parameter as in a signature, without its type."""
    return str(parameter.replace(annotation=parameter.empty))


# --- arguments that are no tensors ---


def _raised_in_package(error: Exception) -> bool:
    """Return whether the innermost Python code of an error's traceback is the package's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def _wrong(error: Exception, parameter: inspect.Parameter, value: Any) -> str | None:
    """Return what is wrong with an argument, or None if the error is not its fault."""
    wanted, name = str(parameter.annotation), parameter.name
    if _TENSORS.fullmatch(wanted):
        return _wrong_tensors(name, value)
    if is_numeric(value) and not (_blamed(error, value) and not isinstance(value, (Variable, np.ndarray))):
        return None
    optional = value is None and (parameter.default is None or "None" in wanted)
    by_type = _TENSOR.fullmatch(wanted) and not optional and not _explains(error, value)
    if not by_type and not (_blamed(error, value) and not optional):
        return None
    return f"{name} is {described(value)}; wanted a tensor{_mend(name, value)}"


def _explains(error: Exception, value: Any) -> bool:
    """Return whether the package has worded an error; of texts, NumPy says what only its authors understand."""
    words = str(error)
    return bool(_WORDED.match(words)) and ("wanted" in words or not isinstance(value, str))


def _blamed(error: Exception, value: Any) -> bool:
    """Return whether a value lacks an attribute that a tensor has."""
    if not isinstance(error, AttributeError) or error.obj is not value:
        return False
    return any(hasattr(kind, str(error.name)) for kind in (np.ndarray, Variable))


def _wrong_tensors(name: str, value: Any) -> str | None:
    """Return what is wrong with an argument that should be a list of tensors."""
    if isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            if not isinstance(item, (Variable, np.ndarray)):
                at = f"{name}[{i}]"
                return f"{at} is {described(item)}; wanted a tensor{_mend(at, item)}"
        return None
    mend = f": [{name}], or several tensors in brackets" if isinstance(value, (Variable, np.ndarray)) else ""
    return f"{name} is {described(value)}; wanted a list of tensors{mend}" if not _iterates(value) else None


def _iterates(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (Variable, np.ndarray, str, Mapping))


def is_numeric(value: Any) -> bool:
    """Return whether operations may take a value as it is: a tensor, an array or a number."""
    return isinstance(value, (Variable, np.ndarray, np.generic, bool, int, float))


def described(value: Any) -> str:
    """Describe an argument in a few words: a value, or its kind and size."""
    if isinstance(value, (Variable, np.ndarray)):
        return f"{'a tensor' if isinstance(value, Variable) else 'an array'} of shape {value.shape}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (list, tuple)):
        kinds = {_kind(item) for item in value}
        items = (kinds.pop() if len(kinds) == 1 else "item") + "s" * (len(value) != 1)
        return f"a {type(value).__name__} of {len(value)} {items}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return f"{value!r:.40}"
    kind = type(value).__name__
    return f"a{'n' * (kind[:1] in 'AEIOaeio')} {kind}"


def _kind(item: Any) -> str:
    if isinstance(item, (bool, int, float)):
        return "number"
    return "tensor" if isinstance(item, Variable) else type(item).__name__


def _mend(name: str, value: Any) -> str:
    """Return the end of a message: how to get a tensor from a value."""
    if value is None:
        return " (does the function that made it return something?)"
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, Variable) for item in value):
        return f": stack({name}) or cat({name}) joins them"
    if isinstance(value, (list, tuple)) and any(isinstance(item, Variable) for item in value):
        return f": one of its items, such as {name}[0]"
    if isinstance(value, (list, tuple, bool, int, float)):
        return f": tensor({'...' if isinstance(value, (list, tuple)) else value})"
    if isinstance(value, Mapping):
        return f": one of its values, {name}[key]"
    if isinstance(value, type):
        return f"; did you mean an instance, {value.__name__}(), and its result?"
    return "; did you mean its result? Call it" if callable(value) else ""
