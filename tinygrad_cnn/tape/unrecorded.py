"""Why nothing was recorded: the line of the user's code that cut the output off from what requires a gradient.

An output that was not recorded does not know how it was made. So after `backward` has failed, the code of the frame
that called it is read: from the call upward, through the assignments that lead to the output.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from textwrap import dedent
from types import FrameType
from typing import Any, NamedTuple

from tinygrad_cnn.tape.grad_mode import is_grad_enabled
from tinygrad_cnn.tape.record import Variable
from tinygrad_cnn.tape.watch import calling_frame, is_of_package

_INSTEAD = "use a loss of the numbers themselves, such as cross_entropy of the logits"
_CUTS = {
    "detach": "detach() cuts its result off; leave it out",
    "data": ".data cuts its result off; leave it out",
    "item": "item() makes a Python number; keep the tensor",
    "tolist": "tolist() makes Python numbers; keep the tensor",
    "numpy": "numpy() leaves the tape; use operations of tensors",
}
_COPIES = {"tensor", "as_tensor", "array", "Tensor"}
_BLOCKS = {"no_grad", "inference_mode"}
for _name in ("argmax", "argmin", "argsort", "long", "int", "one_hot", "bincount"):
    _CUTS[_name] = f"{_name}() gives integers, which have no derivative; {_INSTEAD}"


class _Cause(NamedTuple):
    sure: bool
    line: int
    mend: str


def nothing_recorded(name: str) -> RuntimeError:
    """Return the error about an output that does not require a gradient, with the line that is to blame."""
    start = f"{name}: the output does not require a gradient, because nothing behind it was recorded"
    if not is_grad_enabled():
        return RuntimeError(f"{start}: recording is switched off here, by no_grad() or set_grad_enabled(False)")
    frame = calling_frame()
    return RuntimeError(f"{start}: {_GENERAL if frame is None else _reason(frame)}")


_GENERAL = "was it made under no_grad(), or by detach() or argmax(), or does no parameter require a gradient?"


def _reason(frame: FrameType) -> str:
    """Return which line cut the output off, or which names should require a gradient, or what it might be."""
    values = {**frame.f_globals, **frame.f_locals}
    tree, before = _code(frame)
    output = _names_in_line(tree, frame.f_lineno - before)
    leading, causes = _follow(tree, before, frame.f_lineno, values)
    for name in sorted(leading):
        called = type(values[name]).forward if hasattr(values.get(name), "forward") else values.get(name)
        if inspect.isroutine(called) and not is_of_package(inspect.unwrap(called).__code__):
            causes += _follow(*_code(inspect.unwrap(called)), None, values)[1]
    if causes:
        best = next((cause for cause in causes if cause.sure), causes[0])
        return f"in line {best.line}, {best.mend}"
    kept = [name for name in sorted(leading) if name not in output and _requires_nothing(values.get(name))]
    if not kept and len(output) > 1:  # the running line itself computes the output
        kept = [name for name in sorted(output) if _requires_nothing(values.get(name))]
    if kept:
        several = f"none of {', '.join(kept)} requires" if len(kept) > 1 else f"{kept[0]} does not require"
        return f"{several} a gradient; set requires_grad_() of what is to be trained"
    return _GENERAL


def _requires_nothing(value: Any) -> bool:
    """Return whether a value is a tensor that requires no gradient, or a module without such a parameter."""
    if isinstance(value, Variable):
        return not value._requires_grad and value.dtype.kind == "f"
    named = getattr(value, "parameters", None)
    return not isinstance(value, type) and callable(named) and not any(p._requires_grad for p in named())


def _code(of: Any) -> tuple[ast.AST, int]:
    """Return the syntax tree of the code of a frame or a function, and how many lines of the file are before it."""
    try:
        lines, first = inspect.getsourcelines(of)
        return ast.parse(dedent("".join(lines))), max(first, 1) - 1
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], []), 0


def _follow(
    tree: ast.AST, before: int, running: int | None, values: dict[str, Any]
) -> tuple[set[str], list[_Cause]]:
    """Return the names that lead to the output of the running line (None: any), and what cuts it off."""
    last = float("inf") if running is None else running - before
    leading = _names_in_line(tree, last)
    causes: list[_Cause] = []
    for statement, block in sorted(_statements(tree), key=lambda pair: -pair[0].lineno):
        if statement.lineno > last:
            continue
        if running is not None and statement.lineno != last and leading.isdisjoint(_assigned(statement)):
            continue
        found = [*_cuts(statement, values), *([block] if block else [])]
        causes += [cause._replace(line=cause.line + before) for cause in found]
        leading |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return leading, causes


def _names_in_line(tree: ast.AST, line: float) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.lineno == line}


def _statements(node: ast.AST, block: _Cause | None = None) -> Iterator[tuple[ast.stmt, _Cause | None]]:
    """Yield the simple statements in a tree, each with what switches recording off around it."""
    for child in ast.iter_child_nodes(node):
        around: list[ast.expr] = []
        if isinstance(child, ast.With):
            around = [item.context_expr for item in child.items]
        elif isinstance(child, ast.FunctionDef):
            around = child.decorator_list
        off = [expression for expression in around if _BLOCKS & _names(expression)]
        inside = _Cause(True, off[0].lineno, f"{ast.unparse(off[0])} switches recording off") if off else block
        if isinstance(child, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)):
            yield child, inside
        else:
            yield from _statements(child, inside)


def _names(node: ast.AST) -> set[str]:
    """Return the names and the attributes in a tree."""
    found = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    return found | {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _assigned(statement: ast.stmt) -> set[str]:
    """Return the names that a statement assigns to."""
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    nodes = (node for target in targets if target is not None for node in ast.walk(target))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _cuts(statement: ast.stmt, values: dict[str, Any]) -> Iterator[_Cause]:
    """Yield what in a statement has no derivative."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq, ast.Lt, ast.Gt)):
            text = ast.unparse(node)
            yield _Cause(False, node.lineno, f"the comparison {text:.40} has no derivative; {_INSTEAD}")
        elif isinstance(node, ast.Attribute) and node.attr in _CUTS:
            yield _Cause(True, node.lineno, _CUTS[node.attr])
        elif isinstance(node, ast.Call) and (name := _called(node)) in _COPIES and _has_history(node, values):
            mend = "copies numbers, without how they were made; use the tensor itself, or stack() for several"
            yield _Cause(True, node.lineno, f"{name}() {mend}")


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _has_history(node: ast.Call, values: dict[str, Any]) -> bool:
    """Return whether an argument of a call names a tensor that requires a gradient, or a list with one."""
    given = [values.get(n.id) for part in node.args for n in ast.walk(part) if isinstance(n, ast.Name)]
    several = [item for value in given for item in (value if isinstance(value, (list, tuple)) else [value])]
    return any(isinstance(item, Variable) and item._requires_grad for item in several)
