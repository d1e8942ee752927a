"""Hooks, clipping and copies do what PyTorch's do, in its order."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")
LIBRARIES = (tg, torch)

values = st.floats(-10, 10) | st.sampled_from([float("nan"), float("inf"), float("-inf")])
gradients = st.lists(st.none() | st.lists(values, min_size=1, max_size=3), min_size=1, max_size=3)


def with_gradients(library, drawn):
    params = []
    for given_values in drawn:
        p = library.nn.Parameter(library.zeros(len(given_values or [0]), dtype=library.float64))
        if given_values is not None:
            p.grad = library.tensor(given_values, dtype=library.float64)
        params.append(p)
    return params


@given(gradients, st.floats(0, 20), st.sampled_from([0.5, 1.0, 2.0, 3.0, float("inf"), 0.0]), st.booleans())
def test_clipping_norms(drawn, bound, order, strict):
    results = []
    for library in LIBRARIES:
        params = with_gradients(library, drawn)
        try:
            with np.errstate(all="ignore"):
                total = library.nn.utils.clip_grad_norm_(params, bound, order, error_if_nonfinite=strict).item()
        except RuntimeError:
            total = -1.0  # refused
        results.append((total, [None if p.grad is None else p.grad.tolist() for p in params]))
    (total, grads), (wanted, wanted_grads) = results
    assert total == pytest.approx(wanted, rel=1e-9, nan_ok=True)
    for g, w in zip(grads, wanted_grads, strict=True):
        assert (g is None) == (w is None)
        if g is not None:
            np.testing.assert_allclose(g, w, rtol=1e-9)


@given(gradients.filter(any), st.floats(0, 20))
def test_clipping_values(drawn, bound):
    ours, theirs = (with_gradients(library, drawn) for library in LIBRARIES)
    for library, params in zip(LIBRARIES, (ours, theirs), strict=True):
        library.nn.utils.clip_grad_value_(params, bound)
    for p, q in zip(ours, theirs, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


def network(library):
    """Two layers of fixed weights, the second applied twice."""
    first, second = library.nn.Linear(2, 2).double(), library.nn.Linear(2, 2).double()
    with library.no_grad():
        for i, p in enumerate([*first.parameters(), *second.parameters()]):
            p.copy_(library.tensor(np.cos(np.arange(p.numel()) + i).reshape(tuple(p.shape))))
    return first, second, library.nn.Sequential(first, library.nn.Tanh(), second, second)


def rounded(gradients):
    return [None if g is None else np.round(g.detach().numpy(), 12).tolist() for g in gradients]


@pytest.mark.parametrize("input_needs_gradient", [True, False])
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_hooks_are_called_in_pytorchs_order_with_its_gradients(input_needs_gradient):
    """Only that the hook of a leaf is called at the end of a pass, when all leaves get their gradients."""
    logs = []
    for library in LIBRARIES:
        log, of_leaf = [], []
        first, second, model = network(library)
        names = {first: "first", second: "second", model: "model"}
        for module in names:
            module.register_forward_pre_hook(lambda m, args, log=log, n=names: log.append((n[m], "before")))
            module.register_forward_hook(lambda m, args, out, log=log, n=names: log.append((n[m], "after")))
            module.register_full_backward_hook(
                lambda m, gin, gout, log=log, n=names: log.append((n[m], rounded(gin), rounded(gout)))
            )
        second.register_full_backward_hook(lambda m, gin, gout: (gin[0] * 2,))
        first.weight.register_hook(lambda g, of_leaf=of_leaf: of_leaf.append(rounded([g])))
        x = library.tensor([[1.0, -2.0]], dtype=library.float64, requires_grad=input_needs_gradient)
        model(x).sum().backward()
        log += [of_leaf, rounded(p.grad for p in model.parameters())]
        logs.append(log)
    assert logs[0] == logs[1]


def test_copies_of_tensors():
    for library in LIBRARIES:
        x = library.tensor([1.0, 2.0], requires_grad=True)
        (x * x).sum().backward()
        with pytest.raises(RuntimeError, match="deepcopy"):
            copy.deepcopy(x * 2)
        deep = copy.deepcopy(x)
        assert (deep.requires_grad, deep.is_leaf, deep.grad.tolist()) == (True, True, [2, 4])
        assert deep.data_ptr() != x.data_ptr() if library is torch else deep.array is not x.array
        first, second = copy.deepcopy([x, x])
        assert first is second
        thawed = pickle.loads(pickle.dumps(x))
        assert (thawed.tolist(), thawed.requires_grad, thawed.grad) == ([1, 2], True, None)
        result = pickle.loads(pickle.dumps(x * 2))
        assert (result.is_leaf, result.requires_grad) == (True, True)
        shallow = copy.copy(x)
        with library.no_grad():
            shallow[0] = 9.0
        assert x[0].item() == 9
        parameter = copy.deepcopy(library.nn.Parameter(library.ones(2)))
        assert type(parameter) is library.nn.Parameter


def test_tied_weights_stay_tied_in_copies():
    for library in LIBRARIES:
        model = library.nn.Sequential(library.nn.Linear(2, 2), library.nn.Linear(2, 2))
        model[1].weight = model[0].weight
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert twin[1].weight is twin[0].weight
            assert [name for name, _ in twin.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
            assert list(twin.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_moving_to_the_only_device():
    for library in LIBRARIES:
        model = library.nn.Linear(2, 2)
        assert model.to("cpu") is model.cpu() is model
        assert model.to("cpu", library.float64).weight.dtype == library.float64
        assert model.to(dtype=library.float32).weight.dtype == library.float32
        assert model.to(device="cpu").to(library.device("cpu")) is model
        x = library.ones(2)
        assert x.to("cpu", non_blocking=True) is x.cpu() is x
        assert x.to(device="cpu", dtype=library.float64).dtype == library.float64
        assert x.to("cpu", library.int64).dtype == library.int64
        assert x.to(library.ones(1, dtype=library.float64)).dtype == library.float64
        assert model.get_parameter("weight") is model.weight
        with pytest.raises(AttributeError, match="wieght"):
            model.get_parameter("wieght")
        norm = library.nn.BatchNorm1d(2)
        assert norm.get_buffer("running_mean") is norm.running_mean


def test_there_is_no_other_device():
    for move in (tg.nn.Linear(1, 1).to, tg.ones(1).to):
        for device in ("cuda", "cuda:0", "mps"):
            with pytest.raises(RuntimeError, match=r"to: there is no device '(cuda|mps).*wanted 'cpu'"):
                move(device)
