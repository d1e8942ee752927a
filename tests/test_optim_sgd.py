"""SGD follows its formula, written out here once more, in the parameters' own memory and type."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.optim import SGD


def naive(p, gradients, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """The formula, from the documentation, number by number."""
    v = None
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            v = g if v is None else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        p = p - lr * g
    return p


@st.composite
def options(draw):
    momentum = draw(st.sampled_from([0, 0.5, 0.9]))
    nesterov = bool(momentum) and draw(st.booleans())
    return {
        "lr": draw(st.floats(0, 1)),
        "momentum": momentum,
        "dampening": 0 if nesterov else draw(st.sampled_from([0, 0.3, 1])),
        "weight_decay": draw(st.sampled_from([0, 0.1])),
        "nesterov": nesterov,
        "maximize": draw(st.booleans()),
    }


def memory(shape, layout, rng):
    """Return an array of a shape that lies in memory in some other way."""
    if layout == "strided":
        return rng.standard_normal((*shape, 2))[..., 0]
    return np.asarray(rng.standard_normal(shape), order=layout)


@settings(max_examples=60, deadline=None)
@given(
    options(),
    st.sampled_from([(), (3,), (2, 3), (0, 2), (100, 100)]),
    st.sampled_from(["C", "F", "strided"]),
    st.sampled_from(["C", "F"]),
    st.sampled_from([tg.float32, tg.float64]),
    st.integers(0, 100),
)
def test_sgd_is_its_formula(options, shape, layout, gradient_layout, dtype, seed):
    rng = np.random.default_rng(seed)
    start = memory(shape, layout, rng).astype(dtype, order="K")
    gradients = [np.asarray(rng.standard_normal(shape), dtype, order=gradient_layout) for _ in range(4)]
    p = tg.from_numpy(start.copy(order="K")).requires_grad_()
    own = p.array
    optimizer = SGD([p], **options)
    for g in gradients:
        p.grad = tg.from_numpy(g.copy(order="K"))
        optimizer.step()
        assert np.array_equal(p.grad.numpy(), g)  # the gradient is only read
    assert p.array is own
    assert p.dtype == dtype
    assert all(s["momentum_buffer"].dtype == dtype for s in optimizer.state.values())
    wanted = naive(start.astype(float), gradients, **options)
    tolerance = 1e-4 if dtype == tg.float32 else 1e-12
    np.testing.assert_allclose(p.array, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("lr", [np.float64(0.5), np.float32(0.5), 1, 0.5])
def test_no_number_widens_the_type(lr):
    p = tg.nn.Parameter([1.0, 2.0])
    optimizer = SGD([p], lr=lr, momentum=np.float64(0.9), dampening=np.float64(0.1), weight_decay=np.float64(0.1))
    for _ in range(2):
        p.grad = tg.ones(2)
        optimizer.step()
    assert p.dtype == optimizer.state[p]["momentum_buffer"].dtype == tg.float32


def test_each_parameter_is_updated_in_the_arithmetic_of_its_own_type():
    rng = np.random.default_rng(0)
    params = [tg.nn.Parameter(rng.standard_normal(100).astype(d)) for d in (np.float32, np.float64, np.float32)]
    wanted = []
    for p in params:
        p.grad = tg.tensor(rng.standard_normal(100).astype(p.dtype))
        wanted.append(p.array - p.grad.array * p.dtype.type(0.1))
    SGD(params, lr=0.1).step()
    assert all(np.array_equal(p.array, w) for p, w in zip(params, wanted, strict=True))


def test_a_strided_view_is_updated_and_its_neighbours_are_not():
    whole = np.zeros((4, 4), np.float32)
    p = tg.nn.Parameter(tg.from_numpy(whole[::2, 1::2]))
    p.grad = tg.ones(2, 2)
    SGD([p], lr=1).step()
    assert whole.sum() == -4
    assert (whole[::2, 1::2] == -1).all()


def test_parameters_without_gradient_stay_and_have_no_state():
    p, frozen = tg.nn.Parameter([1.0]), tg.nn.Parameter([1.0])
    p.grad = tg.ones(1)
    optimizer = SGD([p, frozen], lr=1, momentum=0.9, weight_decay=0.5)
    optimizer.step()
    assert frozen.item() == 1
    assert list(optimizer.state) == [p]


def test_groups_have_options_of_their_own_which_may_change():
    a, b = tg.nn.Parameter([0.0]), tg.nn.Parameter([0.0])
    optimizer = SGD([{"params": [a]}, {"params": b, "lr": 10}], lr=1)
    a.grad = b.grad = tg.ones(1)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 100
    optimizer.step()
    assert (a.item(), b.item()) == (-101, -20)


def test_a_step_is_noticed_by_what_was_recorded_before():
    p = tg.nn.Parameter([1.0])
    loss = (p * p).sum()
    p.grad = tg.ones(1)
    SGD([p]).step()
    with pytest.raises(RuntimeError, match=r"SGD\.step has since overwritten"):
        loss.backward()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1}, "lr is -1"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"lr": float("inf")}, "lr is inf"),
        ({"lr": "0.1"}, "lr is '0.1'"),
        ({"momentum": -0.1}, "momentum is -0.1"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"dampening": float("nan")}, "dampening is nan"),
        ({"nesterov": True}, "nesterov wants a momentum above 0"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov wants .* a dampening of 0"),
    ],
)
def test_options_out_of_range(options, message):
    p = tg.nn.Parameter([1.0])
    for make in (lambda: SGD([p], **options), lambda: SGD([{"params": [p], **options}])):
        with pytest.raises(ValueError, match=f"SGD: {message}"):
            make()


def test_training_on_keeps_everything_float32():
    model = tg.models.LeNet()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for _ in range(2):
        optimizer.zero_grad()
        tg.cross_entropy(model(tg.randn(2, 1, 28, 28)), tg.tensor([1, 2])).backward()
        optimizer.step()
    assert {t.dtype for p in model.parameters() for t in (p, p.grad)} == {tg.float32}
