"""Hooks see what passes, may put something else in its place, and are gone once removed."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn


class Scale(nn.Module):
    """The product of two inputs and a factor, and their sum."""

    def forward(self, a, b, factor=1.0):
        return a * b * factor, a + b


class Twice(nn.Module):
    def forward(self, x, bias=0.0):
        return 2 * x + bias


# --- of tensors --------------------------------------------------------------------------------------------------


def test_the_hook_of_a_leaf_sees_what_each_backward_pass_brings():
    x, seen = tg.tensor([1.0, 2.0], requires_grad=True), []
    handle = x.register_hook(lambda g: seen.append(g.tolist()))
    for _ in range(2):
        (x * x + x).sum().backward()
    assert seen == [[3, 5], [3, 5]]
    assert x.grad.tolist() == [6, 10]
    handle.remove()
    x.sum().backward()
    assert len(seen) == 2


def test_what_hooks_return_is_passed_on_in_the_order_of_registration():
    x = tg.tensor([1.0], requires_grad=True)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    (3 * x).sum().backward()
    assert x.grad.item() == 40
    assert tg.autograd.grad((3 * x).sum(), x)[0].item() == 40


def test_the_hook_of_a_leaf_is_recorded_under_create_graph():
    x = tg.tensor(2.0, requires_grad=True)
    x.register_hook(lambda g: g * x)
    (first,) = tg.autograd.grad(x**3, x, create_graph=True)
    assert first.item() == 24
    assert tg.autograd.grad(first, x)[0].item() == 36 * 2  # 9 x^2, and the hook once more


def test_a_gradient_that_a_hook_keeps_is_not_written_to():
    x, kept = tg.tensor([1.0], requires_grad=True), []
    x.register_hook(kept.append)
    for _ in range(2):
        (x * 2).sum().backward()
    assert [g.item() for g in kept] == [2, 2]


def test_removing_one_hook_leaves_the_others_and_may_be_done_twice():
    x, seen = tg.tensor(1.0, requires_grad=True), []
    first, second = (x.register_hook(lambda g, n=n: seen.append(n)) for n in (1, 2))
    first.remove()
    first.remove()
    x.backward()
    assert seen == [2]
    with second:
        x.backward()
    x.backward()
    assert seen == [2, 2]


def test_a_function_that_is_registered_twice_is_called_until_both_are_removed():
    x, seen = tg.tensor(1.0, requires_grad=True), []
    keep = seen.append
    first, _ = x.register_hook(keep), x.register_hook(keep)
    first.remove()
    first.remove()
    x.backward()
    assert len(seen) == 1


def test_the_hook_of_a_result_may_be_removed_too():
    x, seen = tg.tensor(1.0, requires_grad=True), []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.item())).remove()
    y.register_hook(lambda g: seen.append(-g.item()))
    y.backward()
    assert seen == [-1]


@pytest.mark.parametrize("returned", [1.0, tg.ones(2), tg.ones(1, dtype=tg.float64)])
@pytest.mark.parametrize("leaf", [True, False])
def test_a_hook_that_returns_no_gradient_is_refused_and_nothing_changes(returned, leaf):
    x = tg.tensor([1.0], requires_grad=True)
    y = x * 2
    (x if leaf else y).register_hook(lambda g: returned)
    with pytest.raises(RuntimeError, match=r"a hook returned .*; wanted None or a tensor of shape \(1,\)"):
        y.backward()
    assert x.grad is None


def test_a_tensor_without_gradient_takes_no_hook():
    with pytest.raises(RuntimeError, match="register_hook: this tensor does not require a gradient"):
        tg.ones(1).register_hook(print)


# --- of modules --------------------------------------------------------------------------------------------------


def test_hooks_before_and_after_forward_see_and_change_what_passes():
    module, seen = Twice(), []
    module.register_forward_pre_hook(lambda m, args: seen.append((m, args)))
    changing = module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    module.register_forward_hook(lambda m, args, out: seen.append((args, out)))
    doubling = module.register_forward_hook(lambda m, args, out: out * 10)
    assert module(3.0) == 80
    assert seen == [(module, (3.0,)), ((4.0,), 8.0)]
    changing.remove()
    doubling.remove()
    assert module(3.0) == 6


def test_hooks_may_take_keyword_arguments():
    module, seen = Twice(), []
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"bias": kwargs["bias"] + 1}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, out: seen.append((args, kwargs, out)), with_kwargs=True)
    assert module(3.0, bias=1.0) == 8
    assert seen == [((3.0,), {"bias": 2.0}, 8.0)]


def test_backward_hooks_get_the_gradients_of_all_inputs_and_outputs_at_once():
    module, seen = Scale(), []
    module.register_full_backward_hook(lambda m, gin, gout: seen.append((m, gin, gout)))
    a, b = tg.tensor(2.0, requires_grad=True), tg.tensor(3.0, requires_grad=True)
    product, total = module(a, b, factor=10.0)
    (product + 5 * total).backward()
    ((which, grad_input, grad_output),) = seen
    assert which is module
    assert [g.item() for g in grad_output] == [1, 5]
    assert [g.item() for g in grad_input] == [30 + 5, 20 + 5]
    assert (a.grad.item(), b.grad.item()) == (35, 25)


def test_an_argument_without_gradient_has_none_in_its_place():
    module, seen = Scale(), []
    module.register_full_backward_hook(lambda m, gin, gout: seen.append([g and g.item() for g in gin]))
    module(2.0, tg.tensor(3.0, requires_grad=True))[0].backward()
    assert seen == [[None, 2]]


def test_what_a_backward_hook_returns_goes_on():
    module = Scale()
    module.register_full_backward_hook(lambda m, gin, gout: (gin[0] * 0, gin[1] + 1))
    a, b = tg.tensor(2.0, requires_grad=True), tg.tensor(3.0, requires_grad=True)
    module(a, b)[0].backward()
    assert (a.grad.item(), b.grad.item()) == (0, 3)
    module.register_full_backward_hook(lambda m, gin, gout: (gin[0],))
    with pytest.raises(RuntimeError, match="Scale: a backward hook returned 1 gradients; wanted 2"):
        module(a, b)[0].backward()


def test_a_first_layer_has_no_gradient_of_its_input_but_its_hook_is_called():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, gin, gout: seen.append((gin, gout[0].tolist())))
    layer(tg.ones(3, 2)).sum().backward()
    assert seen == [((None,), [[1], [1], [1]])]
    assert layer.weight.grad.tolist() == [[3, 3]]


def test_hooks_change_no_value_and_no_second_derivative():
    x = tg.tensor(np.linspace(-1, 1, 6).reshape(3, 2), requires_grad=True)
    layer = nn.Linear(2, 2).double()
    layer.register_full_backward_hook(lambda m, gin, gout: None)
    model = nn.Sequential(layer, nn.Tanh())
    assert tg.gradcheck(model, x)
    assert tg.gradgradcheck(model, x)


def test_without_recording_a_backward_hook_does_nothing():
    layer = nn.Linear(2, 1)
    layer.register_full_backward_hook(lambda m, gin, gout: 1 / 0)
    with tg.no_grad():
        assert not layer(tg.ones(1, 2)).requires_grad


def test_hooks_that_cannot_work_are_refused():
    class Lists(nn.Module):
        def forward(self, x):
            return [x]

    module = Lists()
    for register in (
        module.register_forward_hook,
        module.register_forward_pre_hook,
        module.register_full_backward_hook,
    ):
        with pytest.raises(TypeError, match="wanted a function, got int"):
            register(3)
    module.register_full_backward_hook(lambda *_: None)
    with pytest.raises(TypeError, match="Lists: with backward hooks forward must return a tensor"):
        module(tg.ones(1, requires_grad=True))


def test_a_copied_module_has_hooks_of_its_own():
    module, seen = Twice(), []
    handle = module.register_forward_hook(lambda m, args, out: seen.append(out))
    twin = copy.deepcopy(module)
    handle.remove()
    module(1.0)
    twin(2.0)
    assert seen == [4]
