"""Arguments as PyTorch also takes them: NumPy's names (``axis``, ``keepdims``), ``size=``, ``out=``.

Functions are written with one name for each argument. Where users meet them, a function is wrapped by `spelled`,
which acts only after a call has failed: then other names are translated and the call is repeated, or the error says
which argument is to blame (`explain_failure`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import Any, TypeVar

from tinygrad_cnn.tape.grad_mode import is_grad_enabled
from tinygrad_cnn.tape.mistakes import explain_failure, explained
from tinygrad_cnn.tape.record import Operation, Variable

NUMPY = {"dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1"), "other": ("x2",)}
"""NumPy's names of parameters, which PyTorch takes too."""

Class = TypeVar("Class")

RANK = {"b": 0, "u": 1, "i": 1, "f": 2}
"""Kinds of types in the order in which results may be converted for ``out``."""


def spelled(function: Callable[..., Any], takes_out: bool = True) -> Callable[..., Any]:
    """Return a function that also takes NumPy's names, ``size`` by name, and ``out``.

    >>> import tinygrad_cnn as tg
    >>> total = tg.zeros(3)
    >>> _ = tg.sum(tg.ones(2, 3), axis=0, out=total)
    >>> total
    tensor([2., 2., 2.])
    """
    parameters = inspect.signature(function).parameters
    names = {other: own for own in parameters for other in NUMPY.get(own, ()) if other not in parameters}
    several = next((n for n, p in parameters.items() if p.kind is p.VAR_POSITIONAL), "")
    makes = "requires_grad" in parameters  # the result has the type of ``out``
    known = {*names, several} | ({"out"} if takes_out else set()) - {""}

    again = explained(function, __name__)

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except Exception as error:
            if known.isdisjoint(named) or not isinstance(error, TypeError):
                explain_failure(error, call.__name__, function, arguments, named)
                raise
        out = named.pop("out", None) if takes_out else None
        if out is not None and makes:
            named.setdefault("dtype", out.dtype)
        if several in named:
            arguments += (named.pop(several),)
        result = again(*arguments, **{names.get(key, key): value for key, value in named.items()})
        return result if out is None else written(call.__name__, result, out)

    if isinstance(function, Operation):
        call.__name__, call.__module__ = function.name, function.forward.__module__
    call.spellings = known  # type: ignore[attr-defined]
    return call


def written(name: str, result: Any, out: Any) -> Any:
    """Write results to the tensors that were given as ``out``, and return these.

    Raises RuntimeError if that would have to be recorded, if a shape differs (a tensor without elements takes any
    shape), or if a type cannot be converted.
    """
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}: there are {len(result)} results; wanted as many tensors in out")
        several = (written(name, r, o) for r, o in zip(result, out, strict=True))
        return result._make(several) if hasattr(result, "_make") else tuple(several)
    if not isinstance(out, Variable) or not isinstance(result, Variable):
        raise TypeError(f"{name}: out is {type(out).__name__}; wanted a tensor")
    if is_grad_enabled() and (result._requires_grad or out._requires_grad):
        raise RuntimeError(
            f"{name}: writing to out is not recorded, and a tensor here requires a gradient; use no_grad()"
        )
    if RANK[result.dtype.kind] > RANK[out.dtype.kind]:
        raise RuntimeError(f"{name}: a result of {result.dtype} cannot be written to out, which is {out.dtype}")
    if any(stride == 0 and n > 1 for stride, n in zip(out.array.strides, out.shape, strict=True)):
        raise RuntimeError(f"{name}: several entries of out lie at one place (it is expanded); clone() it first")
    target: Any = out
    if result.shape == out.shape:
        return target.copy_(result)
    if out.array.size:
        raise RuntimeError(f"{name}: out has shape {out.shape}, the result {result.shape}; wanted the same shape")
    target.data = target.new_empty(result.shape).copy_(result)
    return target


def spell(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Wrap the functions of these names in a namespace; two names of one function stay one."""
    once = cache(spelled)
    for name in names:
        namespace[name] = once(namespace[name])


def spell_methods(methods: type[Class]) -> type[Class]:
    """Wrap the methods of a class that take arguments; PyTorch's methods take no ``out``."""
    for name, method in list(vars(methods).items()):
        if not callable(method) or name.startswith("_"):
            continue
        if len(inspect.signature(method).parameters) > 1:
            setattr(methods, name, spelled(method, takes_out=False))
    return methods
