"""How a case of the registry is written: an operation, calls of it, and what they must return or refuse.

The cases are in `tests/cases/`, a file for each family; that package gathers them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.strategies import Draw, Values, broadcastable, generators, shapes


@dataclass(frozen=True)
class Sample:
    """One call: float64 arrays to differentiate with respect to, and the other arguments."""

    inputs: tuple[np.ndarray, ...]
    arguments: dict[str, Any]


@dataclass(frozen=True)
class OpCase:
    """An operation, calls of it, and an independent function that returns the same."""

    name: str
    function: Callable[..., Any]
    oracle: Callable[..., Any]
    samples: st.SearchStrategy[Sample]
    _: KW_ONLY
    records: tuple[str, ...]
    torch: str | Callable[..., Any] | None
    differentiable: bool

    def __repr__(self) -> str:
        return self.name


CASES: list[OpCase] = []


def case(
    name: str,
    function: Callable[..., Any],
    oracle: Callable[..., Any],
    samples: st.SearchStrategy[Sample],
    *,
    records: str = "",
    torch: str | Callable[..., Any] | None = None,
    differentiable: bool = True,
) -> None:
    """Add a case.

    ``records`` names the recorded operations that it proves (its own name by default). ``torch`` is
    PyTorch's function of the same arguments, as a dotted name below ``torch`` ("nn.functional.gelu"), or a function
    of the torch module, the tensors and the arguments; with it, the parity tests run the case against PyTorch. A
    case that is not ``differentiable`` is only held to its value.
    """
    proven = tuple(records.split() or [name])
    CASES.append(
        OpCase(name, function, oracle, samples, records=proven, torch=torch, differentiable=differentiable)
    )


BadCall = tuple[Callable[[], Any], type[Exception], str]
BAD_CALLS: list[BadCall] = []


def refuse(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    """Add a call that must raise an error whose message matches."""
    BAD_CALLS.append((call, error, message))


def zeros(*shape: int) -> tg.Tensor:
    return tg.zeros(*shape, requires_grad=True)


any_shape = shapes()


@st.composite
def calls(
    draw: Draw,
    *values: Values,
    shape: st.SearchStrategy[Any] = any_shape,
    broadcast: bool = False,
    arguments: Callable[[Draw, tuple[int, ...]], dict[str, Any]] = lambda draw, shape: {},
) -> Sample:
    """Draw calls with one array for each kind of values: of one shape, or of shapes that broadcast."""
    rng = draw(generators())
    several = draw(broadcastable(len(values))) if broadcast else [draw(shape)] * len(values)
    arrays = tuple(kind(rng, s) for kind, s in zip(values, several, strict=True))
    return Sample(arrays, arguments(draw, several[0]))


def dim_of(draw: Draw, shape: tuple[int, ...]) -> int:
    return draw(st.integers(-len(shape), len(shape) - 1)) if shape else draw(st.sampled_from([-1, 0]))


def some_dims(draw: Draw, shape: tuple[int, ...]) -> Any:
    """None, one dimension, or several, from the front or the back."""
    if not shape or draw(st.booleans()):
        return None
    dims = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    return tuple(d - len(shape) if draw(st.booleans()) else d for d in dims) if len(dims) > 1 else dims[0]
