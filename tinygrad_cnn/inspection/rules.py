"""The source code of derivatives, for display."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from textwrap import dedent

from tinygrad_cnn.tape.record import Operation


def definition(operation: Operation) -> ast.FunctionDef:
    """Return the syntax tree of an operation's function, with its decorators; OSError if it has no source."""
    function = ast.parse(dedent(inspect.getsource(operation.forward))).body[0]
    if not isinstance(function, ast.FunctionDef):
        raise OSError(f"{operation.name}: its source is not a function")
    return function


def code(expression: ast.expr) -> str:
    """Return the source of an expression, with private names of operations without their underscore."""
    return re.sub(r"(?<![\w.])_(?=[a-z])", "", ast.unparse(expression))


@cache
def rules(operation: Operation) -> dict[str, str]:
    """Return the source of the derivative with respect to each input; empty if there is no source.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.inspection.rules import rules
    >>> rules(tg.mul)
    {'input': 'g * other', 'other': 'g * input'}
    """
    try:
        decorators = definition(operation).decorator_list
    except (OSError, TypeError, SyntaxError):
        return {}
    return {
        str(keyword.arg): code(keyword.value.body if isinstance(keyword.value, ast.Lambda) else keyword.value)
        for decorator in decorators
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
    }
