"""Checkpoints: what comes out is what went in, and a damaged file is never taken for a whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.storage.safetensors import load_checkpoint, save_checkpoint

plain = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5)
tensors = st.lists(st.floats(width=32), max_size=4).map(lambda values: tg.tensor(values, dtype=tg.float32))
states = st.recursive(
    plain | tensors,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, tg.Tensor):
        return isinstance(b, tg.Tensor) and a.dtype == b.dtype and np.array_equal(a.array, b.array, equal_nan=True)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@given(state=st.dictionaries(st.text(max_size=5), states, max_size=4))
def test_a_state_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("run") / "checkpoint.safetensors"
    save_checkpoint(state, path)
    assert same(load_checkpoint(path), state)


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint({"model": {"weight": tg.arange(5.0)}, "epoch": 3}, path)
    whole = path.read_bytes()
    for i in range(len(whole)):
        damaged = bytearray(whole)
        damaged[i] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"checkpoint\.safetensors: not a checkpoint, or damaged"):
            load_checkpoint(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"checkpoint\.safetensors: not a checkpoint, or damaged"):
            load_checkpoint(path)


def test_weights_alone_are_no_checkpoint(tmp_path: Path) -> None:
    tg.save({"weight": tg.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "model.safetensors")
