"""The argument ``inplace`` of activation functions and dropout."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from tinygrad_cnn.tensor import Tensor


def accepting_inplace(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Give a function of a tensor PyTorch's last argument ``inplace``: whether it overwrites the tensor."""
    parameters = list(inspect.signature(function).parameters.values())
    several = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    inplace = inspect.Parameter("inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False, annotation=bool)

    @wraps(function)
    def call(input: Tensor, *arguments: Any, inplace: bool = False, **options: Any) -> Tensor:
        if len(arguments) == len(several):
            *arguments, inplace = arguments  # type: ignore[assignment]
        if inplace:
            return input._become(function.__name__, function, *arguments, **options)
        return function(input, *arguments, **options)

    signature = inspect.signature(function)
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*several, inplace, *parameters[len(several) :]]
    )
    return call
