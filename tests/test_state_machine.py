"""Random programs of operations, views, writes, modes, backward passes and deletions, against a naive engine."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import tinygrad_cnn as tg
from tests.support.naive_engine import OPERATIONS, Engine, Value

OURS: dict[str, Callable[..., tg.Tensor]] = {
    **{name: getattr(tg, name) for name in OPERATIONS if hasattr(tg, name)},
    "transposed": lambda x: x.T,
    "first_row": lambda x: x[:1],
}
WRITES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "mul_": (lambda t: t.mul_(0.5), lambda a: a.__imul__(0.5)),
    "add_": (lambda t: t.add_(tg.full((1, t.shape[1]), 0.25, dtype=t.dtype)), lambda a: a.__iadd__(0.25)),
    "zero_": (lambda t: t.zero_(), lambda a: a.fill(0.0)),
    "row": (lambda t: t.__setitem__(0, 1.5), lambda a: a.__setitem__(0, 1.5)),
    "through detach": (lambda t: t.detach().sub_(0.125), lambda a: a.__isub__(0.125)),
}
LARGEST = 1e3
PACKAGE = str(Path(tg.__file__).parent)
pick = st.integers(0, 9)
names = st.sampled_from(sorted(OPERATIONS))
calls = st.lists(st.tuples(names, pick, pick), min_size=1, max_size=2)
computing = st.tuples(st.just("operation"), names, pick, pick)
walking = st.tuples(st.just("backward"), pick, st.booleans(), pick)
others = (
    st.tuples(st.sampled_from(["delete", "use_a_gradient", "detach"]), pick)
    | st.tuples(st.just("write"), pick, st.sampled_from(sorted(WRITES)))
    | st.tuples(st.just("recorded_write"), pick, pick)
)


class Programs(RuleBasedStateMachine):
    """Each value is held by both engines; which one a rule is about is drawn."""

    size = 2  # of a square matrix
    dtype = np.dtype(np.float64)
    tolerance = 1e-9

    def __init__(self) -> None:
        super().__init__()
        gc.disable()
        self.engine = Engine()
        self.values: list[tuple[tg.Tensor, Value]] = []
        self.recorded: list[tuple[weakref.ref[Any], weakref.ref[Any]]] = []
        self.gradients: list[tg.Tensor] = []

    def teardown(self) -> None:
        gc.enable()

    def one(self, number: int) -> tuple[tg.Tensor, Value]:
        """Count from the newest: programs mostly go on from there."""
        return self.values[-1 - number % len(self.values)]

    def add(self, ours: tg.Tensor, naive: Value) -> None:
        self.values.append((ours, naive))
        if naive.step is not None:
            self.recorded.append((weakref.ref(ours.grad_fn), weakref.ref(naive.step)))

    # --- what programs are made of ---

    @initialize(is_row=st.booleans())
    def begin(self, is_row: bool) -> None:
        self.leaf(False, True, 0)
        self.leaf(is_row, True, 1)

    @rule(is_row=st.booleans(), requires_grad=st.booleans(), seed=pick)
    def leaf(self, is_row: bool, requires_grad: bool, seed: int) -> None:
        shape = 1 if is_row else self.size, self.size
        array = np.random.default_rng(seed).uniform(-1, 1, shape).astype(self.dtype)
        self.add(tg.tensor(array, requires_grad=requires_grad), Value(array.copy(), requires_grad))

    @rule(actions=st.lists(computing | computing | walking | others, min_size=4, max_size=16))
    def program(self, actions: list[tuple[Any, ...]]) -> None:
        """What depends on their order is in one rule: hypothesis leaves some rules out of most programs."""
        for name, *arguments in actions:
            getattr(self, name)(*arguments)

    @rule(calls=calls)
    def operations_under_no_grad(self, calls: list[tuple[str, int, int]]) -> None:
        for call in calls:
            self.operation(*call, False)

    def operation(self, name: str, a: int, b: int, recording: bool = True) -> None:
        inputs = [self.one(a), self.one(b)][: len(OPERATIONS[name][1])]
        square = {"matmul": inputs[-1], "transposed": inputs[0], "first_row": inputs[0]}.get(name)
        if square is not None and square[0].shape != (self.size, self.size):
            return
        naive = self.engine.apply(name, [value for _, value in inputs], recording)
        if np.abs(naive.data).max() > LARGEST:
            return
        with tg.set_grad_enabled(recording):
            ours = OURS[name](*[tensor for tensor, _ in inputs])
        assert ours.requires_grad == naive.requires_grad
        self.add(ours, naive)

    @rule(a=pick)
    def detach(self, a: int) -> None:
        ours, naive = self.one(a)
        self.add(ours.detach(), Value(naive.data))

    def write(self, a: int, name: str) -> None:
        (ours, naive), (write, write_naive) = self.one(a), WRITES[name]
        with tg.no_grad():
            write(ours)
        write_naive(naive.data)
        self.engine.written(naive.data)

    @rule(a=pick, b=pick)
    def recorded_write(self, a: int, b: int) -> None:
        """To tensors without views; `tests/parity/test_writes_in_place.py` draws views too."""
        (ours, naive), (other, naive_other) = self.one(a), self.one(b)
        is_gradient = any(ours is gradient for gradient in self.gradients)  # which a later pass would replace
        if is_gradient or ours._base is not None or ours._views or other.shape[0] > ours.shape[0]:
            return
        if naive.requires_grad and naive.step is None:
            with pytest.raises(RuntimeError, match="mul_: a leaf that requires a gradient"):
                ours.mul_(other)
            return
        old = Value(naive.data.copy(), naive.requires_grad, naive.step)
        result = self.engine.apply("mul", [old, naive_other])
        naive.data[...] = result.data
        naive.requires_grad, naive.step = result.requires_grad, result.step
        self.engine.written(naive.data)
        ours.mul_(other)
        assert ours.requires_grad == naive.requires_grad
        if naive.step is not None:
            self.recorded.append((weakref.ref(ours.grad_fn), weakref.ref(naive.step)))

    def backward(self, a: int, retain: bool, seed: int) -> None:
        ours, naive = self.one(a)
        gradient = np.random.default_rng(seed).uniform(-1, 1, naive.data.shape).astype(self.dtype)
        fails = not naive.requires_grad
        if not fails:
            try:
                self.engine.backward(naive, gradient, retain)
            except RuntimeError:
                fails = True
        if not fails:
            ours.backward(tg.tensor(gradient), retain_graph=retain)
            return
        with pytest.raises(RuntimeError, match=r"^backward: "):
            ours.backward(tg.tensor(gradient), retain_graph=retain)
        gc.collect(0)  # an error refers to what its traceback does

    @rule(a=pick)
    def use_a_gradient(self, a: int) -> None:
        ours, naive = self.one(a)
        if naive.grad is not None:
            self.gradients.append(ours.grad)
            self.add(ours.grad, naive.grad)

    @rule(a=pick)
    def clear_a_gradient(self, a: int) -> None:
        ours, naive = self.one(a)
        ours.grad = naive.grad = None

    @rule(a=pick)
    def delete(self, a: int) -> None:
        if len(self.values) > 2:
            del self.values[a % len(self.values)]

    # --- what holds at every moment ---

    @invariant()
    def values_and_gradients_agree(self) -> None:
        for ours, naive in self.values:
            self.agree(ours.array, naive.data, 1e-9)
            assert (ours._grad is None) == (naive.grad is None)
            if naive.grad is not None:
                self.agree(ours._grad.array, naive.grad.data, 1e-6)

    def agree(self, ours: np.ndarray, naive: np.ndarray, atol: float) -> None:
        largest = max(1.0, float(np.abs(naive).max())) if self.dtype == np.float32 else 1.0
        np.testing.assert_allclose(ours, naive, rtol=self.tolerance, atol=max(atol, self.tolerance * largest))

    @invariant()
    def no_graph_lives_longer_than_it_must(self) -> None:
        """A view keeps its base, as in PyTorch, and so the graph of the base, also if it was made under no_grad."""
        bases = (tensor._base for tensor, _ in self.values)
        kept = {node for base in bases if base is not None and base.node for node in base.node.ancestors()}
        for ours, naive in self.recorded:
            assert (ours() is None) == (naive() is None) or ours() in kept


Programs.TestCase.settings = settings(max_examples=20 * settings.default.max_examples, stateful_step_count=12)
TestPrograms = Programs.TestCase


class LargePrograms(Programs):
    """Programs on matrices that meet the memory pool and compiled kernels, while a profiler computes too."""

    size = 136
    dtype = np.dtype(np.float32)
    tolerance = 1e-3

    def __init__(self) -> None:
        super().__init__()
        self.moments = 0
        self.kept: list[Any] = []
        self.others = tg.full((self.size, self.size), 0.5, requires_grad=True)
        sys.setprofile(self.profile)

    def teardown(self) -> None:
        sys.setprofile(None)
        super().teardown()

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        """Compute at one of 101 moments within the package, as a signal handler or a finaliser may do."""
        if PACKAGE not in frame.f_code.co_filename:
            return
        self.moments += 1
        if self.moments % 101 == 0:
            for kept in self.kept:
                np.testing.assert_allclose(kept.array, 0.75 * self.size, rtol=1e-4)
            self.others.grad = None
            with tg.enable_grad():
                ((self.others @ self.others).relu() * self.others).sum().backward()
            with tg.no_grad():
                self.others.mul_(1.0)
                self.kept = [self.others.grad, self.others.relu() * (1.5 * self.size), *self.kept[:4]]


LargePrograms.TestCase.settings = settings(max_examples=settings.default.max_examples, stateful_step_count=12)
TestLargePrograms = LargePrograms.TestCase
