"""The tape and the walk back: what is recorded, kept, freed, refused, and added up."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.tape.record import Operation, operation


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, dtype=tg.float64, requires_grad=True)


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def defined():
    """Operations that a test defines are gone when it ends."""
    before = dict(Operation.registry)
    yield
    Operation.registry.clear()
    Operation.registry.update(before)


# --- adding up ---


def test_gradients_add_up_over_uses_and_over_calls():
    x = leaf(2.0)
    (x * x + x).backward()
    assert x.grad.item() == 5.0
    (3 * x).backward()
    assert x.grad.item() == 8.0


@given(st.integers(1, 30), st.integers(0, 99))
def test_gradient_of_a_random_program_is_that_of_finite_differences(steps, seed):
    def program(*leaves):
        rng = np.random.default_rng(seed)
        values = list(leaves)
        for _ in range(steps):
            a, b = (values[rng.integers(len(values))] for _ in range(2))
            values.append([a + b, a * b, (a - b).tanh(), a.sin(), a.sum() * b][rng.integers(5)])
        return values[-1] * 0.5

    assert tg.gradcheck(program, (leaf(0.3, -0.5), leaf(0.7, 0.2)), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
@pytest.mark.parametrize("uses", [1, 2, 3, 4, 7])
def test_gradients_of_many_uses_add_up_in_any_shape(shape, uses):
    x = tg.full(shape, 2.0, requires_grad=True)
    sum((x * x for _ in range(uses)), tg.zeros(shape)).sum().backward()
    assert x.grad.shape == shape
    assert isinstance(x.grad.array, np.ndarray)
    assert np.all(x.grad.array == 4.0 * uses)
    x.grad += 1.0
    assert np.all(x.grad.array == 4.0 * uses + 1.0)


def test_two_leaves_never_share_the_memory_of_their_gradients():
    x, y, z = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    given = tg.ones(2, dtype=tg.float64)
    (x + y + z.reshape(2, 1).reshape(2)).backward(given)
    gradients = [x.grad.array, y.grad.array, z.grad.array, given.array]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(gradients) for b in gradients[:i])


def test_a_long_chain_a_wide_fan_and_many_uses(no_collector):
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y

    x.grad = None
    tg.cat([x * 2.0 for _ in range(10_000)]).sum().backward()
    assert x.grad.item() == 20_000.0

    x.grad = None
    total = x * 0.0
    for _ in range(10_000):
        total = total + x
    total.backward()
    assert x.grad.item() == 10_000.0


def test_a_dropped_graph_frees_its_memory_without_the_collector(no_collector):
    x = tg.ones(1000, requires_grad=True)
    y = (x * 2.0).exp()
    array, node = weakref.ref(y.array), weakref.ref(y.grad_fn)
    z = y.tanh().sum()
    del y
    assert array() is not None
    del z
    assert array() is None
    assert node() is None


def test_a_long_chain_can_be_dropped_without_going_back(no_collector):
    y = leaf(1.0)
    for _ in range(100_000):
        y = y * 1.0
    node = weakref.ref(y.grad_fn)
    del y
    assert node() is None


# --- freed and retained ---


def test_a_graph_that_keeps_no_values_may_be_gone_through_again():
    x = leaf(1, 2)
    y = (x + 3).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2, 2]


def test_a_second_backward_says_that_the_graph_was_freed():
    x = leaf(2.0)
    y = (x * x).exp()
    y.backward()
    before = x.grad.item()
    with pytest.raises(RuntimeError, match=r"graph behind this exp was freed .* retain_graph=True"):
        y.backward()
    assert x.grad.item() == before


def test_a_retained_graph_gives_the_same_gradient_again():
    x = leaf(2.0)
    y = x**3
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 24.0


def test_backward_frees_what_the_loss_holds():
    x = tg.ones(1000, requires_grad=True)
    hidden = x * 2.0
    kept = weakref.ref(hidden.array)
    loss = (hidden * hidden).sum()
    del hidden
    assert kept() is not None
    loss.backward()
    assert kept() is None


# --- what is recorded and kept ---


def test_nothing_is_kept_that_no_needed_derivative_reads():
    x, w = leaf(1.0, 2.0), tg.ones(2, dtype=tg.float64)
    assert (x + w).grad_fn.kept == {}
    assert set((x * w).grad_fn.kept) == {"other"}
    assert set((w * x).grad_fn.kept) == {"input"}
    assert set(x.exp().grad_fn.kept) == {"out"}
    assert x.sum().grad_fn.kept["input_shape"] == (2,)


def test_what_an_input_without_gradient_would_cost_is_not_computed(defined):
    asked = []

    @operation(a=lambda g: asked.append("a") or g, b=lambda g: asked.append("b") or g)
    def both(a, b):
        return a + b

    both(leaf(1.0), tg.zeros(1, dtype=tg.float64)).sum().backward()
    assert asked == ["a"]


def test_grad_walks_only_towards_its_inputs(defined):
    @operation(a=lambda g: 1 / 0)
    def trap(a):
        return a.copy()

    x, y = leaf(1.0), leaf(2.0)
    out = (x * 3.0 + trap(y)).sum()
    (gradient,) = tg.autograd.grad(out, x)
    assert gradient.item() == 3.0


# --- grad, intermediate results, hooks ---


def test_grad_returns_gradients_and_leaves_grad_alone():
    x, y = leaf(2.0), leaf(3.0)
    h = x * y
    out = h * h
    gx, gh = tg.autograd.grad(out, [x, h])
    assert (gx.item(), gh.item()) == (36.0, 12.0)
    assert x.grad is y.grad is h._grad is None


def test_grad_of_several_outputs_weighs_them_by_grad_outputs():
    x = leaf(2.0)
    gradients = tg.autograd.grad([x * 3.0, x * x], x, [tg.tensor([2.0], dtype=tg.float64), None])
    assert gradients[0].item() == 2 * 3 + 4


def test_grad_of_something_unused_is_an_error_or_none():
    x, y = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="do not depend on input 1; pass allow_unused=True"):
        tg.autograd.grad(x * 2.0, [x, y])
    assert tg.autograd.grad(x * 2.0, [x, y], allow_unused=True)[1] is None


def test_backward_with_inputs_fills_only_theirs():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3.0
    assert y.grad is None


@given(st.integers(1, 5))
def test_create_graph_goes_to_every_order(order):
    x = leaf(1.5)
    value = x**5
    for _ in range(order):
        (value,) = tg.autograd.grad(value.sum(), x, create_graph=True)
    expected = np.prod(np.arange(5, 5 - order, -1)) * 1.5 ** (5 - order)
    np.testing.assert_allclose(value.item(), expected)


def test_grad_of_backward_with_create_graph_is_recorded():
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert x.grad.item() == 27.0
    (second,) = tg.autograd.grad(x.grad, x)
    assert second.item() == 18.0


def test_retain_grad_keeps_an_intermediate_gradient_as_long_as_the_tensor_lives(no_collector):
    x = leaf(2.0)
    h = x * 3.0
    h.retain_grad()
    h.retain_grad()
    (h * h).backward()
    assert h.grad.item() == 12.0
    alive = weakref.ref(h)
    del h
    assert alive() is None


def test_a_hook_sees_the_whole_gradient_once_and_may_replace_it():
    x, seen = leaf(2.0), []
    h = x * 1.0

    def double(gradient):
        seen.append(gradient.item())
        return gradient * 2.0

    h.register_hook(double)
    (h * 3.0 + h).backward()
    assert seen == [4.0]
    assert x.grad.item() == 8.0


# --- leaves ---


def test_leaves_are_what_the_user_made():
    x = leaf(1.0)
    y = x * 2.0
    assert (x.is_leaf, x.grad_fn) == (True, None)
    assert not y.is_leaf
    assert y.requires_grad
    d = y.detach()
    assert (d.is_leaf, d.requires_grad) == (True, False)
    assert np.shares_memory(d.array, y.array)
    with pytest.raises(RuntimeError, match="only that of a leaf can be changed"):
        y.requires_grad = False
    with pytest.raises(RuntimeError, match="only floating-point tensors have gradients, this is int64"):
        tg.tensor([1, 2], requires_grad=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.detach().backward(), "does not require a gradient"),
        (lambda x: (x * 1.0).backward(), r"output has shape \(2,\); wanted a scalar, such as its sum\(\)"),
        (lambda x: (x * 1.0).backward(tg.ones(3, dtype=tg.float64)), r"shape \(3,\) .* output of shape \(2,\)"),
        (lambda x: (x * 1.0).backward(tg.ones(2).long()), "type int64 for an output"),
        (lambda x: (x * 1.0).backward(np.ones(2)), "wanted a tensor as gradient, got ndarray"),
        (lambda x: tg.autograd.grad(x.sum(), x.detach()), "not a tensor that requires a gradient"),
        (lambda x: tg.autograd.backward([]), "at least one output"),
        (lambda x: tg.autograd.backward([x.sum()], [None, None]), "1 outputs, but 2 gradients"),
        (lambda x: x.detach().retain_grad(), "does not require a gradient"),
        (lambda x: setattr(x, "grad", tg.ones(3)), r"wanted None or a tensor of shape \(2,\)"),
    ],
)
def test_bad_calls_say_what_is_wrong_and_change_nothing(call, message):
    x = leaf(1.0, 2.0)
    with pytest.raises((RuntimeError, ValueError, TypeError), match=message):
        call(x)
    assert x.grad is None


# --- derivatives that are wrong ---


@pytest.mark.parametrize(
    ("derivative", "message"),
    [
        (lambda g: g[:1], r"derivative of broken with respect to a is of shape \(1,\) .*wanted \(2,\)"),
        (lambda g: g.astype(np.float32), "type float32; wanted .* float64"),
        (lambda g: None, "no attribute 'shape'"),
        (lambda g: 1 / 0, "division by zero"),
    ],
)
def test_a_broken_derivative_is_named_and_leaves_every_gradient_alone(defined, derivative, message):
    @operation(a=derivative)
    def broken(a):
        return a * 2

    x, y = leaf(1.0, 2.0), leaf(1.0, 1.0)
    with pytest.raises(Exception, match=message) as caught:
        (y * broken(x)).sum().backward()
    assert "in the backward pass of broken" in caught.value.__notes__
    assert x.grad is y.grad is None


def test_a_derivative_that_reads_what_there_is_not_is_refused_when_defined(defined):
    with pytest.raises(TypeError, match=r"odd: the derivative with respect to 'a' takes \(g, colour\)"):

        @operation(a=lambda g, colour: g)
        def odd(a):
            return a

    with pytest.raises(ValueError, match="there is an operation named exp already, in tinygrad_cnn"):

        @operation()
        def exp(a):
            return a


# --- in-place writes ---


@pytest.mark.parametrize(
    "overwrite",
    [
        lambda x: x.zero_(),
        lambda x: x.detach().mul_(2.0),
        lambda x: x.data.view(2, 1)[0].fill_(3.0),
        lambda x: x.__setitem__(0, 5.0),
        lambda x: tg.from_numpy(x.detach().numpy()[:1]).add_(1.0),
    ],
)
def test_a_value_that_was_overwritten_is_noticed_through_any_view(overwrite):
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    with tg.no_grad():
        overwrite(x)
    with pytest.raises(RuntimeError, match=r"mul needs a value that \w+ has since overwritten in place"):
        y.backward()
    assert x.grad is None


def test_a_write_that_no_derivative_reads_does_no_harm():
    x = leaf(1.0, 2.0)
    y = (x + 1.0).sum()
    with tg.no_grad():
        x.zero_()
    y.backward()
    z = (x * x).sum()  # recorded after the write
    z.backward()
    np.testing.assert_array_equal(x.grad.array, [1.0, 1.0])


def test_an_overwritten_value_is_noticed_also_where_the_same_writer_wrote_before_it_was_recorded():
    x, w = leaf(1, 2), tg.ones(2, dtype=tg.float64)
    w.add_(1)
    loss = (x * w).sum()
    w.add_(1)
    with pytest.raises(RuntimeError, match=r"mul needs a value that add_ has since overwritten"):
        loss.backward()


def test_an_overwritten_value_is_noticed_under_create_graph_too():
    x = leaf(1.0)
    y = x**3
    x.data = tg.tensor([5.0], dtype=tg.float64)
    with pytest.raises(RuntimeError, match=r"pow needs a value that an assignment to \.data"):
        y.backward(create_graph=True)


# --- recording modes ---


def test_modes_nest_and_are_restored_on_exceptions():
    def raising():
        with tg.no_grad(), tg.enable_grad():
            raise KeyError

    with tg.no_grad():
        assert not tg.is_grad_enabled()
        with pytest.raises(KeyError):
            raising()
        assert not tg.is_grad_enabled()
        with tg.set_grad_enabled(True):
            assert tg.is_grad_enabled()
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()


def test_modes_decorate_functions():
    @tg.no_grad()
    def off(depth):
        return tg.is_grad_enabled() or (depth and off(depth - 1))

    @tg.enable_grad
    def on():
        return tg.is_grad_enabled()

    @tg.set_grad_enabled(False)
    def set_off():
        return tg.is_grad_enabled()

    assert tg.is_grad_enabled()
    assert not off(3)
    assert not set_off()
    with tg.no_grad():
        assert on()
    assert tg.is_grad_enabled()
    with pytest.raises(TypeError, match="a generator cannot be decorated"):

        @tg.no_grad()
        def several():
            yield 1


def test_set_grad_enabled_acts_at_once():
    tg.set_grad_enabled(False)
    try:
        assert not (leaf(1.0) * 2.0).requires_grad
    finally:
        tg.set_grad_enabled(True)
    assert (leaf(1.0) * 2.0).requires_grad


def test_modes_are_local_to_the_thread():
    seen = []
    with tg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tg.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_train_side_by_side_with_the_bits_of_each_alone():
    def train(seed):
        w = tg.tensor(np.random.default_rng(seed).standard_normal(50), requires_grad=True)
        for _ in range(200):
            ((w * w - 1.0) ** 2).sum().backward()
            with tg.no_grad():
                w -= 0.001 * w.grad
            w.grad = None
        return w.array

    alone = [train(seed) for seed in range(4)]
    together = [None] * 4
    threads = [threading.Thread(target=lambda i=i: together.__setitem__(i, train(i))) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


# --- hooks of leaves, and callbacks at the end of a pass ---


def test_a_retained_gradient_is_what_all_hooks_made_of_it():
    x = leaf(2.0)
    h = x * 3.0
    h.retain_grad()
    h.register_hook(lambda gradient: gradient * 10.0)
    h.sum().backward()
    assert h.grad.item() == x.grad.item() / 3.0 == 10.0


def test_a_freed_graph_is_an_error_whatever_is_asked_of_it():
    x = leaf(2.0)
    y = (x * x).exp()
    y.backward()
    for call in (
        lambda: tg.autograd.grad(y, x, allow_unused=True),
        lambda: tg.autograd.grad(y, x),
        lambda: y.backward(inputs=[x]),
        lambda: (y * 2 + x).backward(),
    ):
        with pytest.raises(RuntimeError, match="was freed by an earlier backward pass"):
            call()


def test_what_keeps_no_arrays_can_be_gone_through_again():
    x = tg.ones(2, 3, requires_grad=True)
    y = x.t()
    (y * 2).sum().backward()
    (y * 3).sum().backward()
    assert x.grad.tolist() == [[5.0] * 3] * 2


def test_a_hook_runs_when_a_leaf_has_its_gradient_and_not_for_grad():
    x, y, seen = leaf(1.0), leaf(2.0), []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.item())))
    (x * y * 3.0).backward()
    (x * y * 3.0).backward()
    assert seen == [(True, 6.0), (True, 12.0)]
    tg.autograd.grad(x * y, x)
    handle.remove()
    (x * y).backward()
    assert len(seen) == 2
    with pytest.raises(RuntimeError, match="register_post_accumulate_grad_hook: wanted a leaf"):
        (x * 1.0).register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="register_post_accumulate_grad_hook: wanted a leaf"):
        x.detach().register_post_accumulate_grad_hook(print)


def test_a_callback_runs_once_at_the_end_and_a_failing_pass_clears_it(defined):
    x, ended = leaf(1.0, 2.0), []

    def hook(gradient):
        tg.autograd.queue_callback(lambda: ended.append(x.grad.tolist()))

    h = x * 2.0
    h.register_hook(hook)
    h.sum().backward(retain_graph=True)
    assert ended == [[2.0, 2.0]]

    @operation(a=lambda g: 1 / 0)
    def broken(a):
        return a * 1

    bad = broken(x) * 2.0
    bad.register_hook(hook)
    with pytest.raises(ZeroDivisionError):
        bad.sum().backward()
    h.sum().backward()
    assert ended == [[2.0, 2.0], [4.0, 4.0]]
    with pytest.raises(RuntimeError, match="queue_callback: no backward pass is running"):
        tg.autograd.queue_callback(print)
