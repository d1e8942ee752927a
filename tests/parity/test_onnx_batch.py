"""What depends on a batch's length or numbers is exported as what it is, or refused by name: nothing is frozen."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.support.onnx_runs import exported, run, same
from tinygrad_cnn.compiling.traced import HostArray, traced
from tinygrad_cnn.onnx.exported import Exported, exporting
from tinygrad_cnn.tape.watch import watch

Function = Callable[[tg.Tensor], Any]
EXAMPLE = tg.tensor([[1.0, 2.0, 3.0], [3.0, 4.0, -5.0]])
LENGTHS = 1, 2, 6, 11
WEIGHT = tg.tensor(np.linspace(-0.6, 0.7, 9, dtype=np.float32).reshape(3, 3))


def numbers(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([length, seed]).standard_normal((length, 3)).astype(np.float32)


def holds(function: Function, **options: Any) -> None:
    """The file computes what the function does, for batches of other lengths and of other numbers."""
    written = exported(function, EXAMPLE, **options)
    for length in LENGTHS:
        x = numbers(length)
        same(function(tg.tensor(x)), run(written, [x]), 1e-4)


# What follows from the length of the batch. Each function returns as many rows of three as it is given.
FOLLOWED: dict[str, Function] = {
    "divided by size(0)": lambda x: x / x.size(0),
    "divided by len": lambda x: x / len(x),
    "divided by float(len)": lambda x: x / float(len(x)),
    "times shape[0]": lambda x: x * (x.shape[0] * 2),
    "times half the length and one": lambda x: x * (len(x) * 0.5 + 1),
    "divided by a tensor of the length": lambda x: x / tg.tensor(float(len(x))),
    "without the mean": lambda x: x - x.mean(0),
    "the mean of all by hand": lambda x: x - x.sum() / x.numel(),
    "without the mean of a row": lambda x: x - x.mean(1, keepdim=True),
    "variance": lambda x: x / (1 + x.var(0, correction=0)),
    "norm": lambda x: x / (1 + x.norm(dim=0)),
    "arange": lambda x: x + tg.arange(len(x)).reshape(-1, 1),
    "arange of floats": lambda x: x + tg.arange(len(x), dtype=tg.float32)[:, None] * 0.1,
    "an array filled with the length": lambda x: x + tg.full((len(x), 3), len(x)),
    "zeros and ones": lambda x: tg.zeros(len(x), 3) - tg.ones(len(x), 1) * x,
    "zeros like it": lambda x: tg.cos(tg.zeros_like(x)) - x * tg.full_like(x, 2.0) * x.new_ones(len(x), 1),
    "clamped to the length": lambda x: x.clamp(-1, len(x)),
    "compared to the length": lambda x: tg.where(x * 3 > len(x), x, -x),
    "turned around": lambda x: x[tg.arange(len(x) - 1, -1, -1)],
    "the first last": lambda x: tg.cat([x[1:], x[:1]]),
    "the last sample": lambda x: x + x[-1] - x[0],
    "tiled": lambda x: x.amax(0, keepdim=True).tile(len(x), 1) - x,
    "repeated": lambda x: x + x[:1].repeat(x.shape[0], 1),
    "expanded": lambda x: x.mean(0).expand(len(x), 3) * x,
    "reshaped": lambda x: x.T.reshape(3 * len(x)).reshape(len(x), -1),
    "softmax over the batch": lambda x: x.softmax(0),
    "cumulated": lambda x: x.cumsum(0) / len(x),
    "batch statistics": lambda x: F.batch_norm(tg.cat([x, -x]), None, None, training=True)[: len(x)],
    "normalized": lambda x: F.normalize(x),
    "masked by rows": lambda x: x.masked_fill(x.sum(1, keepdim=True) > 0, -1.0),
    "both conditions": lambda x: tg.where((x > -1) & ~(x > 1), x, 0),
    "weighted": lambda x: tg.tanh(x @ WEIGHT),
    "relu": lambda x: x.relu() - 0.1 * x,
    "xlogy": lambda x: tg.xlogy(x.relu(), x.relu()),
    "lerp": lambda x: tg.lerp(x, -x, x.sigmoid()),
    "smooth": lambda x: F.smooth_l1_loss(x, -x, reduction="none"),
    "print": lambda x: (repr(x), x)[1],
}


@pytest.mark.parametrize("function", FOLLOWED.values(), ids=FOLLOWED.keys())
def test_what_follows_from_the_length_is_computed_in_the_file(function: Function) -> None:
    holds(function)


@given(names=st.lists(st.sampled_from(sorted(FOLLOWED)), min_size=2, max_size=5))
def test_programs_of_it_are_exported_and_right(names: list[str]) -> None:
    def program(x: tg.Tensor) -> tg.Tensor:
        for name in names:
            x = tg.tanh(FOLLOWED[name](x))
        return x

    holds(program)


class Counter:
    """A state that is not the model's."""

    calls = 0

    def __call__(self, x: tg.Tensor) -> tg.Tensor:
        self.calls += 2
        return x * self.calls


def caught(x: tg.Tensor) -> tg.Tensor:
    try:
        return x * x.max().item()
    except Exception:
        return x


def scaled(x: tg.Tensor) -> tg.Tensor:
    if x.sum() > 0:
        return x * 2
    return x


HERE = r"test_onnx_batch\.py:\d+"
own = np.random.default_rng()
LEAVES: dict[str, tuple[Function, str]] = {  # what takes numbers out of the recorded operations, and what says so
    "if": (scaled, "item takes"),
    "item": (lambda x: x * x.max().item(), "item takes"),
    "item of a product": (lambda x: x * (x @ WEIGHT).max().item(), "item takes"),
    "item of an argmax": (lambda x: x[:, int(x[0].argmax()) :], "item takes"),
    "float": (lambda x: x * float(x.max()), "item takes"),
    "int": (lambda x: x * int(x.max()), "item takes"),
    "bool": (lambda x: x * bool((x > 100).any()), "item takes"),
    "index": (lambda x: x * [2, 3, 4][x[0].argmax()], "item takes"),
    "format": (lambda x: x * float(f"{x.max():.2f}"), "item takes"),
    "caught": (caught, "item takes"),
    "tolist": (lambda x: x * x.sum(0).tolist()[0], "tolist takes"),
    "numpy": (lambda x: x + np.sin(x.detach().numpy()), "numpy takes"),
    "asarray": (lambda x: x + np.asarray(x.detach()), "numpy takes"),
    "dlpack": (lambda x: x + np.from_dlpack(x.detach()), "dlpack takes"),
    "deepcopy": (lambda x: x + copy.deepcopy(x.detach()), "deepcopy takes"),
    "pickle": (lambda x: x + pickle.loads(pickle.dumps(x.detach())), "reduce_ex takes"),
    "allclose": (lambda x: x if tg.allclose(x, x + 100) else -x, r"np\.all takes"),
    "equal": (lambda x: x if tg.equal(x, x) else -x, r"np\.array_equal takes"),
    "sorted": (lambda x: tg.sort(x, 1).values, r"np\.argsort takes"),
    "unique": (lambda x: x * len(tg.unique(x)), r"np\.unique takes"),
    "not a number": (lambda x: tg.nanmean(x, 1), r"np\.\w+ takes"),
    "array": (lambda x: x + np.sin(x.array), "add is given an array that was computed from the batch"),
    "a plain array": (lambda x: x + np.asarray(x.array * 2)[::-1], "add is given an array that was computed"),
    "a plain copy": (lambda x: x + np.asarray(x.array.copy()), "add is given an array that was computed"),
    "a new tensor": (lambda x: x + tg.from_numpy(x.array * 2), "add is given an array that was computed"),
    "a masked array": (lambda x: x * len(x.array[x.array > -100]), "an index of booleans takes"),
    "two that show the same": (lambda x: (x[:, :3], x + np.asarray(x.array))[1], "add is given an array that"),
    "a view": (lambda x: x + np.asarray(x.array)[::-1], "add is given an array that was computed"),
    "a place": (lambda x: x[:, x[0].argmax()], "index is given an array that was computed from the batch"),
    "a mask's length": (lambda x: x * len(x[x > -100]), "the shape of what index returns depends on the numbers"),
    "nonzero's length": (lambda x: x * len(tg.nonzero(x + 100)), "the shape of what nonzero returns depends on"),
}  # fmt: skip


@pytest.mark.parametrize(("function", "message"), LEAVES.values(), ids=LEAVES.keys())
def test_what_leaves_the_recorded_operations_is_refused_with_its_line(function: Function, message: str) -> None:
    where = r"\w+\.py:\d+" if function in (LEAVES["deepcopy"][0], LEAVES["sorted"][0]) else HERE
    with pytest.raises(ValueError, match=rf"^onnx\.export: {where}: ({message})"):
        exported(function, EXAMPLE, verify=False)
    assert isinstance(function(tg.tensor(numbers(4))), tg.Tensor)  # and is as ever outside of an export


REFUSED: dict[str, tuple[Function, str]] = {
    "a random tensor": (lambda x: x + tg.rand(3), f"{HERE}: random numbers were drawn for add"),
    "dropout": (lambda x: F.dropout(x, 0.5, training=True), f"{HERE}: random numbers were drawn for mul"),
    "NumPy's global state": (lambda x: x * np.random.rand(), f"{HERE}: random numbers were drawn for mul"),  # noqa: NPY002
    "Python's random": (lambda x: x * random.random(), f"{HERE}: random numbers were drawn for mul"),
    "a choice by chance": (lambda x: x if random.random() < 2 else -x, "random numbers were drawn by the model"),
    "a generator of one's own": (lambda x: x * own.random(), rf"mul \({HERE}\) has .* depends on the batch"),
    "a state": (Counter(), rf"mul \({HERE}\) has 2 and then 4 and then 6"),
    "one over the length": (lambda x: x * (1 / len(x)), rf"mul \({HERE}\) has 0\.333"),
    "the root of the length": (lambda x: x / len(x) ** 0.5, rf"div \({HERE}\) has 1\.73"),
    "at most": (lambda x: x * min(len(x), 4), rf"mul \({HERE}\) has 3 and then 4"),
    "the square of the length": (lambda x: (x @ x.T).reshape(-1), rf"reshape \({HERE}\) has 9 and then 25"),
    "eye": (lambda x: tg.eye(len(x)) @ x, rf"matmul \({HERE}\) has an array of shape \(3, 3\) and then"),
    "the first two": (lambda x: x[:2], rf"index \({HERE}\) with a part of the batch"),
    "the last two": (lambda x: x[-2:], rf"index \({HERE}\) with a part of the batch"),
    "every second": (lambda x: x[::2], rf"index \({HERE}\) has 2 and then 3"),
    "as many columns": (lambda x: x[:, : len(x)], rf"index \({HERE}\) to the length of the batch"),
    "rows one by one": (lambda x: tg.stack([row * 2 for row in x]), "calls other operations for another batch"),
    "a choice by length": (lambda x: x.exp() if len(x) > 100 else x.sin(), "calls other operations for another"),
}  # fmt: skip


@pytest.mark.parametrize(("function", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_file_cannot_do_is_refused_by_name(function: Function, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^onnx\.export: .*{message}"):
        exported(function, EXAMPLE, verify=False)


DIFFERS: dict[str, Function] = {  # between 3, 5 and 200 samples nothing tells, and so the comparison has to
    "at least": lambda x: x * max(len(x), 3),
    "squeezed": lambda x: x.unsqueeze(1).squeeze(),
}


@pytest.mark.parametrize("function", DIFFERS.values(), ids=DIFFERS.keys())
def test_a_file_that_differs_for_another_length_is_not_written(function: Function) -> None:
    with pytest.raises(
        ValueError, match=r"no file was written: for a batch of 1, its output 'output' (is|differs)"
    ):
        exported(function, EXAMPLE)


TABLE = {**FOLLOWED, **{name: f for name, (f, _) in (LEAVES | REFUSED).items()}, **DIFFERS}


@given(names=st.lists(st.sampled_from(sorted(TABLE)), min_size=1, max_size=4))
def test_a_program_is_right_in_the_file_or_refused_by_name(names: list[str]) -> None:
    def program(x: tg.Tensor) -> tg.Tensor:
        for name in names:
            x = tg.tanh(TABLE[name](x))
        return x

    try:
        holds(program)
    except ValueError as error:
        if not str(error).startswith("onnx.export: "):
            raise


# --- the arrays that other code is given ---

GIVEN = np.arange(6).reshape(2, 3)
FREE = set(  # what tells nothing of the numbers, or writes, which is caught elsewhere
    "base ctypes data device dtype flags flat itemset itemsize nbytes ndim shape size strides fill partition put "
    "resize setfield setflags sort byteswap".split()
)


@pytest.mark.parametrize("name", sorted(n for n in dir(np.ndarray) if n[0] != "_" and n not in FREE))
def test_no_method_of_an_array_gives_numbers_that_are_not_followed(name: str) -> None:
    """Each gives an array that is known for what it is, or is refused."""
    arguments: dict[str, tuple[Any, ...]] = {
        "astype": (int,), "clip": (0, 1), "compress": ([True, False],),
        "dot": (GIVEN.T,), "repeat": (2,), "reshape": (3, 2), "searchsorted": (1,), "swapaxes": (0, 1),
        "take": ([0],), "argpartition": (1,), "choose": ([1, 2, 3, 4, 5, 6],), "getfield": (np.int64,),
        "to_device": ("cpu",), "tofile": ("/dev/null",),
        "dump": ("/dev/null",),
    }  # fmt: skip
    array = traced(tg.from_numpy(GIVEN.copy()), Exported)

    def used() -> Any:
        host = array.array
        assert type(host) is HostArray
        found = getattr(host, name)
        return found(*arguments.get(name, ())) if callable(found) else found

    try:
        with exporting(), watch(lambda call: None):
            result = used()
    except ValueError as error:
        if "takes numbers of the batch out" not in str(error):
            raise
    else:
        assert isinstance(result, HostArray), type(result)
