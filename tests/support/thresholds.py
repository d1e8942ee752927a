"""Makes small arrays take the ways that are meant for large ones, so that one drawn call tests both ways."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import tinygrad_cnn
from tests.support.extras import needed_by

LEAST = {
    "BATCH_INNERMOST_FROM": 1,
    "BLAS_THREADS_FROM": 1,
    "BLAS_UNPACKED_MULTIPLICATIONS": 4,
    "CACHE_ALIASING_BYTES": 1,
    "GRAIN_SIZE": 1,
    "INDEX_CHECKED_FROM": 1,
    "LINE_ALIASING": 1,
    "POOLED_FROM_BYTES": 1,
    "PRODUCT_IN_SLABS_FROM": 1,
    "RELU_PLAIN_BELOW": 0,
    "RESAMPLE_BLOCK": 40,
    "SUMMED_PLAINLY_UP_TO": 1,
    "SUM_BLOCK": 2,
    "WEIGHT_OUTPUTS_AS_COLUMNS_FROM": 1,
    "WHERE_BY_BITS_FROM": 1,
}
"""Thresholds of `kernels/thresholds.py`, with values that small arrays exceed."""


def modules() -> Iterator[ModuleType]:
    """Yield the modules that can be imported without an extra."""
    for found in pkgutil.walk_packages(tinygrad_cnn.__path__, "tinygrad_cnn."):
        if needed_by(found.name) is None:
            yield import_module(found.name)


@cache
def places() -> list[tuple[ModuleType, str]]:
    """Return the modules that import a threshold, in which it is read."""
    return [(module, name) for module in modules() for name in LEAST if name in vars(module)]


@cache
def plans() -> list[Any]:
    """Return the caches of decisions that depend on thresholds."""
    caches = [value for module in modules() for value in vars(module).values() if hasattr(value, "cache_clear")]
    return [function for function in caches if function.cache_parameters()["maxsize"] is not None]


@contextmanager
def as_for_large_arrays() -> Iterator[None]:
    """Make all arrays take the ways for large ones in a block."""
    before = [(module, name, getattr(module, name)) for module, name in places()]
    try:
        for module, name, _ in before:
            setattr(module, name, LEAST[name])
        for plan in plans():
            plan.cache_clear()
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
        for plan in plans():
            plan.cache_clear()
