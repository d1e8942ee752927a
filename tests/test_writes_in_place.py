"""Recorded writes in place: every name of a tensor, its base and all views of its memory see them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg


def leaf(*shape: int) -> tg.Tensor:
    return tg.tensor(np.arange(1.0, 1 + np.prod(shape)).reshape(shape), requires_grad=True)


# --- who sees a write ---


def test_whoever_holds_the_tensor_sees_what_was_added() -> None:
    def add(total: tg.Tensor, term: tg.Tensor) -> None:
        total += term

    w, total = leaf(), tg.zeros((), dtype=tg.float64)
    for _ in range(3):
        add(total, w * w)
    total.backward()
    assert (total.item(), w.grad.item()) == (3, 6)


def test_a_row_writes_to_its_matrix() -> None:
    w, x = leaf(2), leaf(2, 2)
    out = x * 1
    row = out[0]
    row += w
    assert out.tolist() == [[2, 4], [3, 4]]
    (out * out).sum().backward()
    assert w.grad.tolist() == [4, 8]
    assert x.grad.tolist() == [[4, 8], [6, 8]]


def test_the_matrix_writes_to_its_rows() -> None:
    x = leaf(2, 2)
    out = x * 1
    row, column = out[1], out.T[0]
    out *= 3
    assert (row.tolist(), column.tolist()) == ([9, 12], [3, 9])
    (row.sum() + column.sum() * 10).backward()
    assert x.grad.tolist() == [[30, 0], [33, 3]]


def test_a_view_of_a_view_and_windows_that_overlap_follow() -> None:
    x = leaf(4)
    out = x * 1
    windows, end = out.unfold(0, 2, 1), out[1:][1:]
    out[1:3].mul_(2)
    assert windows.tolist() == [[1, 4], [4, 6], [6, 4]]
    (windows.sum() + end.sum()).backward()
    assert x.grad.tolist() == [1, 4, 6, 2]


def test_a_second_name_keeps_up() -> None:
    h = leaf(2) * 1
    keep, before = h, h.grad_fn
    h += 5
    assert keep is h
    assert keep.grad_fn is not before
    assert keep.tolist() == [6, 7]


def test_a_plain_tensor_starts_to_be_recorded() -> None:
    buffer, w = tg.zeros(3, 2, dtype=tg.float64), leaf(2)
    view = buffer[1:]
    for i in range(3):
        buffer[i] = w * i
    assert buffer.requires_grad
    assert view.requires_grad
    assert not buffer.is_leaf
    (view * view).sum().backward()
    assert w.grad.tolist() == [10, 20]


def test_what_detach_gives_shares_memory_but_no_record() -> None:
    x = leaf(2) * 1
    x.detach().mul_(3)
    x.data.add_(1)
    assert x.tolist() == [4, 7]
    assert x.grad_fn.operation.name == "mul"


# --- what is recorded ---


def test_the_old_values_are_kept_where_a_derivative_needs_them() -> None:
    x, w = leaf(2), leaf(2)
    y = x * 1
    y.mul_(w).square_()
    y.sum().backward()
    assert x.grad.tolist() == [2, 16]
    assert w.grad.tolist() == [2, 16]


def test_what_is_overwritten_receives_zeros() -> None:
    for write in (lambda y: y.zero_(), lambda y: y.fill_(2), lambda y: y.copy_(tg.ones(2)), lambda y: y.sign_()):
        x = leaf(2)
        y = x * 1
        write(y)
        assert y.requires_grad
        y.sum().backward()
        assert x.grad.tolist() == [0, 0]


def test_other_types_are_converted_on_the_way() -> None:
    w, x = leaf(2), tg.zeros(2)
    x += w
    x[0] = w[1]
    assert x.dtype == tg.float32
    x.sum().backward()
    assert w.grad.tolist() == [0, 2]
    integers = tg.zeros(2, dtype=tg.int64)
    integers.copy_(w)
    assert not integers.requires_grad
    assert integers.tolist() == [1, 2]


def test_random_numbers_end_what_was_recorded() -> None:
    x = leaf(100)
    y = x * 1
    y.uniform_(2, 3)
    y.sum().backward()
    assert y.min() >= 2
    assert not x.grad.any()


def test_second_derivatives_go_through_a_write() -> None:
    x = leaf(3)

    def function(x: tg.Tensor) -> tg.Tensor:
        y = x * 1
        part = y[1:]
        y.sin_()
        part.mul_(x[:2])
        y[0] = part.sum()
        return y * part.sum()

    assert tg.gradcheck(function, x)
    assert tg.gradgradcheck(function, x)


def test_memory_of_any_layout() -> None:
    for array in (np.ones((4, 3)).T, np.ones((6, 8))[::2, ::2], np.ones((3, 4))[::-1, ::-1]):
        w, base = leaf(2, 2), tg.from_numpy(array)
        rest = base[0]
        base[1:, 1:3].mul_(w)
        base.mul_(2)
        (base.sum() + rest.sum()).backward()
        assert w.grad.tolist() == [[2, 2], [2, 2]]


def test_a_tensor_may_change_its_shape() -> None:
    x = leaf(2, 3)
    y = x * 1
    row = y[0]
    assert y.t_() is y
    assert y.unsqueeze_(0).transpose_(0, 2).shape == (2, 3, 1)
    y.squeeze_().mul_(tg.tensor([[1.0, 2.0, 3.0]] * 2))
    assert y.shape == (2, 3)
    row.mul_(2)
    (y * y).sum().backward()
    assert x.grad.shape == (2, 3)
    plain = tg.zeros(1, 2)
    assert plain.squeeze_(0).shape == (2,)
    assert plain.t_().tolist() == [0, 0]


# --- what notices, and what does not ---


@pytest.mark.parametrize("write", [lambda y: y.add_(1), lambda y: y[:1].add_(1), lambda y: y.detach().add_(1)])
def test_a_derivative_that_needs_what_is_overwritten_refuses(write: Callable[[tg.Tensor], Any]) -> None:
    y = leaf(2) * 1
    z = y * y
    write(y)
    with pytest.raises(RuntimeError, match="mul needs a value that add_ has since overwritten"):
        z.sum().backward()


def test_a_result_in_place_is_kept_in_its_place() -> None:
    x = leaf(2)
    y = (x * 1).exp_()
    assert y.grad_fn.kept["out"] is y.array
    y.add_(1)
    with pytest.raises(RuntimeError, match="exp needs a value that add_ has since overwritten"):
        y.sum().backward()


def test_a_write_from_the_same_memory_refuses_where_it_is_needed() -> None:
    for write in (lambda y: y.mul_(y), lambda y: y[0].mul_(y[1])):
        y = leaf(2, 2) * 1
        write(y)
        with pytest.raises(RuntimeError, match="mul needs a value that mul_ has since overwritten"):
            y.sum().backward()


def test_hooks_stay_with_the_old_values_and_retain_grad_goes_along() -> None:
    x, seen = leaf(2), []
    y = x * 1
    y.register_hook(lambda g: seen.append(("old", g.tolist())))
    y.retain_grad()
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("new", g.tolist())))
    (y * 2).sum().backward()
    assert seen == [("new", [2, 2]), ("old", [6, 6])]
    assert y.grad.tolist() == [2, 2]


# --- what is refused ---


def several(name: str) -> Callable[[tg.Tensor], tg.Tensor]:
    return lambda y: getattr(y, name)(*((1,) if name != "unbind" else ()))[0]


class Same(tg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: tg.Tensor) -> tg.Tensor:
        return x.view(-1)

    @staticmethod
    def backward(ctx: Any, g: tg.Tensor) -> tg.Tensor:
        return g.reshape(2, 2)


def under_no_grad(y: tg.Tensor) -> tg.Tensor:
    with tg.no_grad():
        return y[0]


REFUSED_VIEWS: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "one of the results of unbind": several("unbind"),
    "one of the results of split": several("split"),
    "of split, which makes several": several("chunk"),
    "results of unbind, which": lambda y: next(iter(y)),
    "was made under no_grad": under_no_grad,
    "was returned by a custom Function": Same.apply,
}


@pytest.mark.parametrize(("message", "view"), REFUSED_VIEWS.items(), ids=list(REFUSED_VIEWS))
def test_views_that_cannot_follow_are_neither_written_nor_used_after_a_write(message: str, view: Any) -> None:
    y = leaf(2, 2) * 1
    part = view(y)
    before = y.tolist()
    for write in (lambda: part.mul_(2), lambda: part[:1].mul_(2)):
        with pytest.raises(RuntimeError, match=f"mul_: this tensor .*{message}"):
            write()
    assert y.tolist() == before
    y.mul_(2)
    assert part.detach().flatten().tolist() == np.ravel(y.array)[: part.numel()].tolist()
    with pytest.raises(RuntimeError, match=f"this tensor .*{message}.* has since been written to in place"):
        part * 2
    assert view(y).tolist() == part.tolist()


REFUSED: list[tuple[str, Callable[[tg.Tensor], Any]]] = [
    ("add_: several entries of this tensor lie at the same place", lambda y: y.expand(3, 2).add_(1)),
    (
        "mul_: several entries of this tensor lie at the same place",
        lambda y: y.unfold(0, 1, 1).expand(2, 2).mul_(2),
    ),
    ("detach_: this tensor is a view", lambda y: y[:1].detach_()),
    ("requires_grad: only that of a leaf", lambda y: y.requires_grad_(False)),
    ("add_: .*shape", lambda y: y.add_(tg.ones(3))),
    ("add_: the result has shape", lambda y: y.add_(tg.ones(2, 2))),
    ("copy_: .*broadcast", lambda y: y.copy_(tg.ones(3))),
    ("setitem: .*index 2 is out of bounds", lambda y: y.__setitem__(2, 1.0)),
    ("add_: .*int64", lambda y: tg.tensor([1, 2]).add_(y)),
    ("fill_: wanted one value", lambda y: y.fill_(tg.ones(2))),
]


@pytest.mark.parametrize(("message", "write"), REFUSED, ids=[message for message, _ in REFUSED])
def test_what_is_refused_changes_nothing(message: str, write: Callable[[tg.Tensor], Any]) -> None:
    x = leaf(2)
    y = x * 1
    before = y.grad_fn
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError), match=message):
        write(y)
    assert y.grad_fn is before
    assert y.tolist() == [1, 2]
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_new_memory_by_data_ends_what_views_show() -> None:
    y = leaf(2) * 1
    part = y[:1]
    y.data = tg.zeros(2, dtype=tg.float64)
    with pytest.raises(RuntimeError, match=r"mul_: .data was assigned"):
        part.mul_(2)


def test_the_shape_of_a_recorded_tensor_does_not_change_under_no_grad() -> None:
    y = leaf(2, 1) * 1
    with tg.no_grad(), pytest.raises(RuntimeError, match="t_: the shape of a recorded tensor cannot change"):
        y.t_()
    assert y.shape == (2, 1)


def test_requires_grad_is_already_so_of_what_is_recorded() -> None:
    y = leaf(2) * 1
    assert y.requires_grad_() is y
    assert not y.is_leaf


def test_parameters_take_values_by_data() -> None:
    p = tg.nn.Parameter(tg.zeros(2))
    p.data.copy_(tg.tensor([1.0, 2.0]))
    assert p.tolist() == [1, 2]
    assert p.is_leaf


def test_views_and_bases_are_freed_at_once() -> None:
    gc.disable()
    try:
        y = leaf(2, 2) * 1
        row = y[0]
        row.mul_(2)
        gone = [weakref.ref(y), weakref.ref(row), weakref.ref(y.grad_fn)]
        for _ in range(100):
            y[0]
        assert len(y._views) == 1
        del y, row
        assert all(ref() is None for ref in gone)
    finally:
        gc.enable()


def test_a_derivative_reads_the_result_that_was_written() -> None:
    x = tg.tensor([0.5, -1.0], dtype=tg.float64, requires_grad=True)
    y = x * 1.0
    y.exp_()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([0.5, -1.0]), rtol=1e-12)


def test_a_write_keeps_the_number_of_dimensions() -> None:
    x = tg.ones(2)
    with pytest.raises(ValueError, match=r"addcmul_: the result has shape \(1, 2\)"):
        x.addcmul_(tg.ones(1, 2), tg.ones(2))
    assert x.tolist() == [1.0, 1.0]
