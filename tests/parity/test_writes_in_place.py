"""Random programs of views, writes in place, aliases and backward passes, run with both libraries.

Each value is a pair of tensors. Whatever a rule does, it does to both: both give the same, or both refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import tinygrad_cnn as tg
from tinygrad_cnn.tape.writes import owner_of

torch = pytest.importorskip("torch")

Pair = tuple[tg.Tensor, Any]
Call = Callable[..., Any]

SHAPES = [(4,), (2, 2), (2, 3), (1, 3), (2, 1, 2), ()]
VIEWS: dict[str, Call] = {
    "first": lambda x: x[0],
    "last": lambda x: x[..., -1],
    "slice": lambda x: x[1:],
    "every second": lambda x: x[::2],
    "columns": lambda x: x[..., 1:],
    "new dimension": lambda x: x[None],
    "T": lambda x: x.transpose(0, -1),
    "flat": lambda x: x.reshape(-1),
    "flatten": lambda x: x.flatten() if x.ndim > 1 else x[:],  # PyTorch returns a vector itself
    "square": lambda x: x.reshape(2, -1),
    "view": lambda x: x.view(x.shape),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "squeeze": lambda x: x.squeeze(),
    "narrow": lambda x: x.narrow(0, 1, 1),
    "select": lambda x: x.select(-1, 0),
    "diagonal": lambda x: x.diagonal(),
    "windows": lambda x: x.unfold(-1, 2, 1),
    "blocks": lambda x: x.unfold(-1, 2, 2),
    "expand": lambda x: x.expand(2, *x.shape),
    "unbind": lambda x: x.unbind()[0],
    "iterate": lambda x: next(iter(x), x),
    "split": lambda x: x.split(1)[-1],
    "chunk": lambda x: x.chunk(2)[0],
    "tensor_split": lambda x: x.tensor_split(2)[0],
    "detach": lambda x: x.detach(),
}
NUMBERS: dict[str, Call] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "times the sum": lambda x, y: x * y.sum(),
    "square": lambda x, y: x * x,
    "sin": lambda x, y: x.sin(),
    "tanh": lambda x, y: x.tanh(),
    "exp": lambda x, y: x.clamp(-2, 2).exp(),
    "where": lambda x, y: x.masked_fill(x > 0.2, 0.5),
    "clone": lambda x, y: x.clone(),
}


def at_first(x: Any, y: Any) -> None:
    x[0] = y


def augmented(x: Any, y: Any) -> None:
    x += y
    x *= 0.5
    x -= 0.1
    x /= 2.0


WRITES: dict[str, Call] = {
    "add_": lambda x, y: x.add_(y),
    "add_ a multiple": lambda x, y: x.add_(y, alpha=-0.5),
    "sub_": lambda x, y: x.sub_(y),
    "mul_": lambda x, y: x.mul_(y),
    "mul_ a number": lambda x, y: x.mul_(-0.5),
    "div_": lambda x, y: x.div_(y.abs() + 1),
    "augmented": augmented,
    "copy_": lambda x, y: x.copy_(y),
    "fill_": lambda x, y: x.fill_(0.25),
    "fill_ with a tensor": lambda x, y: x.fill_(y.sum()),
    "zero_": lambda x, y: x.zero_(),
    "sin_": lambda x, y: x.sin_(),
    "tanh_": lambda x, y: x.tanh_(),
    "sigmoid_": lambda x, y: x.sigmoid_(),
    "neg_": lambda x, y: x.neg_(),
    "square_": lambda x, y: x.square_(),
    "abs_": lambda x, y: x.abs_(),
    "sign_": lambda x, y: x.sign_(),
    "relu_": lambda x, y: x.relu_(),
    "clamp_": lambda x, y: x.clamp_(-0.5, 0.5),
    "masked_fill_": lambda x, y: x.masked_fill_(x > 0, 0.5),
    "masked_fill_ with a tensor": lambda x, y: x.masked_fill_(x > 0, y.sum()),
    "addcmul_": lambda x, y: x.addcmul_(y, y),
    "lerp_": lambda x, y: x.lerp_(y, 0.25),
    "x[0] =": at_first,
    "x[...] =": lambda x, y: x.__setitem__(..., y),
    "x[1:] =": lambda x, y: x.__setitem__(slice(1, None), 0.75),
    "x[..., -1] =": lambda x, y: x.__setitem__((..., -1), y.sum()),
    "x[x > 0] =": lambda x, y: x.__setitem__(x > 0, 0.125),
    "x[x > 0] = a tensor": lambda x, y: x.__setitem__(x > 0, y.sum()),
    "x[[0]] =": lambda x, y: x.__setitem__([0], y),
    "into itself": lambda x, y: x.mul_(x),
    "add_ its own sum": lambda x, y: x.add_(x.sum()),
    "unsqueeze_": lambda x, y: x.unsqueeze_(0),
    "squeeze_": lambda x, y: x.squeeze_(),
    "t_": lambda x, y: x.t_(),
    "transpose_": lambda x, y: x.transpose_(0, -1),
    "through detach": lambda x, y: x.detach().mul_(0.5),
}
INDEXED: dict[str, Call] = {
    "index_add_": lambda lib, x, y: x.index_add_(0, lib.tensor([0, 0]), y[[0, 0]]),
    "scatter_": lambda lib, x, y: x.scatter_(0, lib.zeros(x.shape).long(), y),
    "scatter_add_": lambda lib, x, y: x.scatter_add_(0, lib.zeros(x.shape).long(), y),
    "index_put_": lambda lib, x, y: x.index_put_((lib.tensor([0]),), y[:1]),
}
RESHAPING = ("unsqueeze_", "squeeze_", "t_", "transpose_")  # refused here on a recorded tensor under no_grad
pick = st.integers(0, 11)
looking = st.tuples(st.just("look"), pick, st.sampled_from(sorted(VIEWS)))
computing = st.tuples(st.just("compute"), pick, pick, st.sampled_from(sorted(NUMBERS)))
writing = st.tuples(
    st.just("write"),
    pick,
    pick,
    st.sampled_from(sorted(WRITES) + sorted(INDEXED)),
    st.sampled_from([True, True, False]),
)
walking = st.tuples(st.just("differentiate"), pick, st.integers(0, 99), st.booleans())
others = st.tuples(st.sampled_from(["forget", "alias"]), pick)


class Programs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[Pair] = []
        self.leaves: list[Pair] = []
        self.reshaped = False

    def one(self, number: int) -> Pair:
        return self.pairs[-1 - number % len(self.pairs)]

    # --- what programs are made of ---

    @initialize(shape=st.sampled_from(SHAPES))
    def begin(self, shape: tuple[int, ...]) -> None:
        self.leaf(shape, True, 0)
        self.compute(0, 0, "clone")
        self.leaf((4,), False, 1)

    @rule(shape=st.sampled_from(SHAPES), requires_grad=st.booleans(), seed=st.integers(0, 9))
    def leaf(self, shape: tuple[int, ...], requires_grad: bool, seed: int) -> None:
        array = np.random.default_rng(seed).uniform(-1, 1, shape)
        pair = tg.tensor(array, requires_grad=requires_grad), torch.tensor(array, requires_grad=requires_grad)
        self.pairs.append(pair)
        if requires_grad:
            self.leaves.append(pair)

    @rule(actions=st.lists(looking | looking | computing | writing | writing | walking | others, max_size=14))
    def program(self, actions: list[tuple[Any, ...]]) -> None:
        for name, *arguments in actions:
            getattr(self, name)(*arguments)

    def look(self, a: int, name: str) -> None:
        pair = self.one(a)
        results = self.both(VIEWS[name], (pair,))
        if results is not None:
            self.pairs.append(results)

    def compute(self, a: int, b: int, name: str) -> None:
        results = self.both(NUMBERS[name], (self.one(a), self.one(b)))
        if results is not None and abs(results[0].array).max(initial=0) < 100:
            self.pairs.append(results)

    def write(self, a: int, b: int, name: str, recording: bool) -> None:
        target, value = self.one(a), self.one(b)
        recording = recording or name in RESHAPING
        if not target[0].array.flags.writeable:  # expanded, or of windows that overlap: refused here
            return
        if name in INDEXED and (not target[0].ndim or not target[0].numel() or target[0].shape != value[0].shape):
            return
        unrecorded = not recording or name == "through detach" or name in RESHAPING
        if (unrecorded or not target[0].requires_grad) and self.refused_views_of(target[0]):
            return  # they are right here, and PyTorch refuses to use them
        if overlaps_in_part(target[0], value[0], name):  # PyTorch refuses, we read before we write
            value = self.both(lambda x: x.clone(), (value,))
            if value is None:
                return
        self.reshaped |= name in RESHAPING
        attempt(lambda x: x.grad_fn, [target[1]], ())  # until it is asked for, PyTorch takes some views for leaves
        if name in INDEXED:
            calls = [lambda x, y, lib=lib: INDEXED[name](lib, x, y) for lib in (tg, torch)]
        else:
            calls = [WRITES[name]] * 2
        with tg.set_grad_enabled(recording), torch.set_grad_enabled(recording):
            self.both(calls, (target, value))
        if abs(target[0].array).max(initial=0) > 100 and not self.refused_views_of(target[0]):
            self.both(lambda x: x.detach().fill_(1.0), (target,))

    def refused_views_of(self, tensor: tg.Tensor) -> bool:
        views = [ours for ours, _ in self.pairs if owner_of(ours.array) is owner_of(tensor.array)]
        return any(view._refusal for view in views)

    def forget(self, a: int) -> None:
        if len(self.pairs) > 2:
            del self.pairs[-1 - a % len(self.pairs)]

    def alias(self, a: int) -> None:
        self.pairs.append(self.one(a))

    def differentiate(self, a: int, seed: int, again: bool) -> None:
        root = self.one(a)
        assert root[0].requires_grad == root[1].requires_grad
        if not root[0].requires_grad:
            return
        rng = np.random.default_rng(seed)
        for order in range(1 + again):
            leaves = [leaf for leaf in self.leaves if leaf[1].is_leaf]
            gradients = self.both(gradients_of, (root, *leaves), rng.uniform(-1, 1, root[0].shape), again)
            if gradients is None:
                return
            assert order or [g is None for g in gradients[0]] == [g is None for g in gradients[1]]
            zeros = [np.zeros(leaf[0].shape) for leaf in leaves]
            ours = [zero if g is None else g.array for g, zero in zip(gradients[0], zeros, strict=True)]
            theirs = [
                zero if g is None else g.numpy(force=True) for g, zero in zip(gradients[1], zeros, strict=True)
            ]
            for g, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(g, other, rtol=1e-9, atol=1e-9)
            if order or not again:
                return
            root = tuple(sum((g * g).sum() for g in one if g is not None) for one in gradients)
            if not getattr(root[0], "requires_grad", False) or not getattr(root[1], "requires_grad", False):
                return

    # --- what holds ---

    def both(self, call: Any, pairs: tuple[Pair, ...], *more: Any) -> Any:
        """Call a function with our tensors and with PyTorch's; return both results, or None if both refuse."""
        calls = call if isinstance(call, list) else [call, call]
        theirs = attempt(calls[1], [pair[1] for pair in pairs], more)
        ours = attempt(calls[0], [pair[0] for pair in pairs], more)
        if isinstance(theirs, Exception):
            if self.reshaped and "modified by an inplace operation" in str(theirs):
                return None  # PyTorch counts a new shape as a write
            assert isinstance(ours, Exception), f"only PyTorch refuses: {theirs}"
            return None
        assert not isinstance(ours, Exception), f"only we refuse: {ours!r}"
        return ours, theirs

    @invariant()
    def values_agree(self) -> None:
        for ours, theirs in self.pairs:
            np.testing.assert_allclose(ours.array, theirs.detach().numpy(), rtol=1e-9, atol=1e-9)
            assert ours.requires_grad == theirs.requires_grad


def attempt(call: Call, tensors: list[Any], more: tuple[Any, ...]) -> Any:
    try:
        return call(*tensors, *more)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return error


def overlaps_in_part(x: tg.Tensor, y: tg.Tensor, name: str) -> bool:
    whole = x is y and name not in INDEXED and "x[" not in name
    return bool(np.shares_memory(x.array, y.array)) and not whole


def gradients_of(root: Any, *rest: Any) -> Any:
    *leaves, weights, create_graph = rest
    lib: Any = torch if isinstance(root, torch.Tensor) else tg
    loss = (root * lib.tensor(weights)).sum()
    return lib.autograd.grad(loss, leaves, create_graph=create_graph, retain_graph=True, allow_unused=True)


Programs.TestCase.settings = settings(max_examples=30 * settings.default.max_examples, stateful_step_count=6)
TestPrograms = Programs.TestCase


FUNCTIONS: list[Callable[[Any, Any], Any]] = [
    lambda F, x: F.relu(x, True),
    lambda F, x: F.relu6(x, inplace=True),
    lambda F, x: F.leaky_relu(x, 0.2, True),
    lambda F, x: F.hardtanh(x, -0.5, 0.5, True),
    lambda F, x: F.hardsigmoid(x, inplace=True),
    lambda F, x: F.hardswish(x, True),
    lambda F, x: F.elu(x, 0.5, True),
    lambda F, x: F.celu(x, 0.5, True),
    lambda F, x: F.selu(x, inplace=True),
    lambda F, x: F.silu(x, inplace=True),
    lambda F, x: F.mish(x, inplace=True),
    lambda F, x: F.threshold(x, 0.1, 0.2, True),
    lambda F, x: F.dropout(x, 0.5, False, True),
    lambda F, x: F.dropout(x, 0.0, True, inplace=True),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_overwrite_their_input_where_asked(function: Callable[[Any, Any], Any]) -> None:
    array = np.random.default_rng(0).uniform(-4, 4, (3, 4))
    found = []
    for lib, F in ((tg, tg.nn.functional), (torch, torch.nn.functional)):
        leaf = lib.tensor(array, requires_grad=True)
        x = leaf * 1.0
        part = x[1:]
        assert function(F, x) is x
        (x.sum() + (part * part).sum()).backward()
        found.append((x.tolist(), leaf.grad.tolist()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)
