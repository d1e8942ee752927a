"""Hypothesis strategies: shapes, and values away from points without a derivative, in any memory layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Values = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable(draw: Draw, count: int = 2) -> list[tuple[int, ...]]:
    """Draw shapes that broadcast: a whole one, and others that lack leading dimensions or have lengths of 1."""
    whole = draw(shapes(max_dims=3))
    result = [whole]
    for _ in range(count - 1):
        kept = whole[draw(st.integers(0, len(whole))) :]
        result.append(tuple(1 if draw(st.booleans()) else n for n in kept))
    return draw(st.permutations(result))


def generators() -> st.SearchStrategy[np.random.Generator]:
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def anywhere(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.uniform(-2, 2, shape))


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.uniform(0.3, 3, shape))


def off_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return values of either sign, at least 0.1 from 0."""
    return np.asarray(rng.uniform(0.1, 2, shape) * rng.choice([-1.0, 1.0], shape))


def spaced(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return values that differ by at least 0.1, so that no two are tied or nearly so."""
    size = int(np.prod(shape))
    return (rng.permutation(size) * 0.1 - 0.05 * size + 0.03).reshape(shape)


def relaid(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Return the same values in other memory: dimensions in another order, every other element, or backwards."""
    if array.ndim == 0:
        return array.copy()
    order = rng.permutation(array.ndim)
    moved = np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))
    axis = int(rng.integers(array.ndim))
    step = int(rng.choice([-1, 2]))
    wide = np.repeat(moved, abs(step), axis=axis)
    if step < 0:
        wide = np.flip(wide, axis=axis)
    index = [slice(None)] * array.ndim
    index[axis] = slice(None, None, step)
    return wide[tuple(index)]
