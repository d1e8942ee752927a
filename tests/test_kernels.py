"""The fast kernels compute what the reference kernels define, for any arguments and any memory layout."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.kernel_cases import ARGUMENTS, check
from tests.support.thresholds import as_for_large_arrays
from tinygrad_cnn.kernels.dispatch import TABLE

COMPILED = """
    channel_sums conv2d conv2d_input conv2d_weight copy_to_batch_innermost erf erfc gelu gelu_slope hardswish
    hardswish_slope large_matmul leaky max_pool2d max_unpool2d relu resample sigmoid where_between where_nonzero
""".split()


def test_every_kernel_of_the_table_is_held_to_its_reference() -> None:
    assert ARGUMENTS.keys() == TABLE.keys()


@pytest.mark.parametrize("name", ARGUMENTS)
@given(data=st.data())
def test_numpy_kernels_compute_what_the_reference_defines(name: str, data: st.DataObject) -> None:
    arguments = data.draw(ARGUMENTS[name])
    before = [a.tobytes() for a in arguments if isinstance(a, np.ndarray)]
    check(name, TABLE[name].numpy, arguments)
    with as_for_large_arrays():
        check(name, TABLE[name].numpy, arguments)
    assert [a.tobytes() for a in arguments if isinstance(a, np.ndarray)] == before  # nothing was written to


@pytest.fixture(scope="module")
def compiled() -> Any:
    """The compiled kernels, by name."""
    pytest.importorskip("numba")
    from tinygrad_cnn.kernels.compiled.kernels import COMPILED

    return COMPILED


@pytest.mark.parametrize("name", COMPILED)
@settings(max_examples=60)  # many are left to NumPy
@given(data=st.data())
def test_compiled_kernels_compute_what_the_reference_defines(compiled: Any, name: str, data: st.DataObject) -> None:
    """Unless they leave it to NumPy, by returning None."""
    arguments = data.draw(ARGUMENTS[name].filter(lambda a: a[0].dtype == np.float32))
    if compiled[name](*arguments) is not None:
        check(name, compiled[name], arguments)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")
def test_every_compiled_kernel_is_held_to_its_reference(compiled: Any) -> None:
    assert sorted(compiled) == COMPILED
