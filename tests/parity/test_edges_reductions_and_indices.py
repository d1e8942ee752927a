"""Where PyTorch says what NaN, infinities, ties, empty and 0-d tensors give, and which types come out."""

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")
nan, inf = float("nan"), float("inf")


def assert_same(ours, theirs):
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
        return
    assert str(theirs.dtype).removeprefix("torch.") == str(ours.dtype)
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    assert tuple(ours.shape) == tuple(theirs.shape)


GRADIENTS = {
    "max shares a tie": (lambda m, x: x.max(), [1.0, 3.0, 3.0]),
    "max of NaN": (lambda m, x: x.max(), [1.0, nan, 3.0]),
    "min shares a tie": (lambda m, x: x.min(), [1.0, 1.0, 3.0]),
    "amax shares a tie": (lambda m, x: x.amax(0), [1.0, 3.0, 3.0]),
    "aminmax shares a tie": (lambda m, x: m.aminmax(x).min, [1.0, 1.0, 3.0]),
    "max along a dim takes the first": (lambda m, x: x.max(0).values, [1.0, 3.0, 3.0]),
    "min along a dim takes the first": (lambda m, x: x.min(0)[0], [3.0, 1.0, 1.0]),
    "max along a dim finds NaN": (lambda m, x: x.max(0).values, [1.0, nan, 3.0]),
    "max of two shares a tie": (lambda m, x: m.max(x, m.ones(2)).sum(), [1.0, 2.0]),
    "maximum beside NaN": (lambda m, x: m.maximum(x, m.tensor([1.0, nan])).sum(), [nan, 2.0]),
    "minimum beside NaN": (lambda m, x: m.minimum(x, m.tensor([1.0, nan])).sum(), [nan, 2.0]),
    "relu of NaN": (lambda m, x: x.relu().sum(), [nan, 1.0, -1.0]),
    "abs of NaN": (lambda m, x: x.abs().sum(), [nan, -2.0, 0.0]),
    "median shares a tie": (lambda m, x: x.median(), [3.0, 3.0, 1.0]),
    "median with infinities": (lambda m, x: x.median(), [inf, 1.0, -inf]),
    "median of NaN": (lambda m, x: x.median(), [3.0, nan, 1.0]),
    "median along a dim finds NaN": (lambda m, x: x.median(0).values, [3.0, nan, 1.0]),
    "std of equals": (lambda m, x: x.std(), [2.0, 2.0]),
    "std of one": (lambda m, x: x.std(correction=0), [2.0]),
    "norm at 0": (lambda m, x: x.norm(), [0.0, 0.0]),
    "norm of order 3 at 0": (lambda m, x: x.norm(3), [0.0, 0.0]),
    "norm of order 1 at 0": (lambda m, x: x.norm(1), [0.0, 1.0]),
    "norm of order 1/2 beside 0": (lambda m, x: x.norm(0.5), [0.0, 1.0]),
    "norm of order 3/2 beside 0": (lambda m, x: x.norm(1.5), [0.0, 1.0]),
    "norm of order -1 beside 0": (lambda m, x: x.norm(-1), [0.0, 1.0]),
    "norm of order inf shares a tie": (lambda m, x: x.norm(inf), [2.0, -2.0]),
    "prod of one 0": (lambda m, x: x.prod(), [2.0, 0.0, 3.0]),
    "prod of two 0s": (lambda m, x: x.prod(), [2.0, 0.0, 0.0]),
    "cumprod of 0s": (lambda m, x: x.cumprod(0).sum(), [2.0, 0.0, 3.0, 0.0, 4.0]),
    "nansum": (lambda m, x: x.nansum(), [1.0, nan]),
    "nanmean": (lambda m, x: x.nanmean(), [1.0, nan, 3.0]),
    "logsumexp with -inf": (lambda m, x: m.logsumexp(x, 0), [-inf, 0.0]),
    "tril drops NaN": (lambda m, x: x.reshape(2, 2).tril().sum(), [1.0, nan, 1.0, 1.0]),
    "masked_fill covers NaN": (lambda m, x: x.masked_fill(m.isnan(x), 0.0).sum(), [1.0, nan]),
    "sorting NaN": (lambda m, x: x.sort(descending=True).values[:2].nansum(), [1.0, nan, 3.0]),
    "an index named twice": (lambda m, x: x[[0, 0, 1]].sum(), [1.0, 2.0]),
    "scatter to one place twice": (lambda m, x: m.zeros(3).scatter(0, m.tensor([1, 1]), x).sum(), [1.0, 1.0]),
}


@pytest.mark.parametrize(("function", "data"), GRADIENTS.values(), ids=GRADIENTS)
def test_edges_have_the_same_value_and_gradient(function, data):
    ours, theirs = tg.tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    out, expected = function(tg, ours), function(torch, theirs)
    assert_same(out, expected)
    out.backward()
    expected.backward()
    assert_same(ours.grad, theirs.grad)


VALUES = {
    "sum of booleans": lambda m: m.tensor([True, True]).sum(),
    "sum of uint8": lambda m: m.tensor([200, 100], dtype=m.uint8).sum(),
    "sum of int32 in float": lambda m: m.tensor([1, 2], dtype=m.int32).sum(dtype=m.float32),
    "sum of nothing": lambda m: m.zeros(0).sum(),
    "mean of nothing": lambda m: m.zeros(0).mean(),
    "mean of integers in float": lambda m: m.tensor([1, 2]).mean(dtype=m.float64),
    "prod of booleans": lambda m: m.tensor([True, False]).prod(),
    "prod of nothing": lambda m: m.zeros(0, 2).prod(0),
    "prod of a number": lambda m: m.tensor(3.0).prod(0),
    "nansum of integers": lambda m: m.tensor([1, 2]).nansum(),
    "nanmean of NaN": lambda m: m.tensor([nan]).nanmean(),
    "cumsum of int32": lambda m: m.tensor([1, 2], dtype=m.int32).cumsum(0),
    "cumsum of a number": lambda m: m.tensor(3.0).cumsum(0),
    "cumprod of booleans": lambda m: m.tensor([True, False]).cumprod(0),
    "cumprod of nothing": lambda m: m.zeros(0).cumprod(0),
    "logsumexp of integers": lambda m: m.logsumexp(m.tensor([0, 0]), 0),
    "logsumexp of -inf": lambda m: m.logsumexp(m.tensor([-inf, -inf]), 0),
    "logsumexp of inf": lambda m: m.logsumexp(m.tensor([inf, 1.0]), 0),
    "logcumsumexp of -inf": lambda m: m.logcumsumexp(m.tensor([-inf, -inf, 0.0]), 0),
    "max of a number": lambda m: m.tensor(3.0).max(0),
    "max of booleans": lambda m: m.tensor([True, False]).max(0),
    "argmax of a number": lambda m: m.tensor(3.0).argmax(0),
    "argmax of NaN": lambda m: m.tensor([1.0, nan, 3.0]).argmax(),
    "argmin of NaN": lambda m: m.tensor([1.0, nan, 3.0]).argmin(),
    "argmax of nothing along another dim": lambda m: m.zeros(0, 2).argmax(1),
    "max of int and float": lambda m: m.max(m.tensor([1]), m.tensor([1.5])),
    "all of nothing": lambda m: m.zeros(0).all(),
    "any over two dims": lambda m: m.zeros(2, 3).any((0, -1), True),
    "sort of a number": lambda m: m.tensor(3.0).sort(),
    "sort of ties, backwards, with NaN": lambda m: m.sort(
        m.tensor([1.0, 1.0, nan, 2.0]), descending=True, stable=True
    ),
    "mode of infinities": lambda m: m.mode(m.tensor([[inf, 0.0, inf], [-inf, -inf, 0.0]])),
    "norm of order 0 with NaN": lambda m: m.norm(m.tensor([nan, 0.0, inf, 2.0]), 0),
    "cumulative_trapezoid of nothing": lambda m: m.cumulative_trapezoid(m.zeros(2, 0)),
    "trapezoid of nothing": lambda m: m.trapezoid(m.zeros(2, 0)),
    "cumulative_trapezoid of one value": lambda m: m.cumulative_trapezoid(m.zeros(2, 1)),
    "topk of a number": lambda m: m.tensor(3.0).topk(1),
    "topk of NaN": lambda m: m.tensor([1.0, nan, 2.0]).topk(2),
    "unique of NaN": lambda m: m.unique(m.tensor([nan, nan, 1.0])),
    "nonzero of a number": lambda m: m.nonzero(m.tensor(1.0)),
    "nonzero as a tuple": lambda m: m.nonzero(m.tensor([[0, 1], [1, 1]]), as_tuple=True),
    "nonzero of a number as a tuple": lambda m: m.nonzero(m.tensor(1.0), as_tuple=True),
    "searchsorted of a number": lambda m: m.searchsorted(m.tensor([1, 2, 3]), m.tensor(2), side="right"),
    "bincount with weights": lambda m: m.bincount(m.tensor([0, 1, 1]), m.tensor([1.0, 2.0, 3.0])),
    "bincount with integers as weights": lambda m: m.bincount(m.tensor([0, 1, 1]), m.tensor([1, 2, 3])),
    "sign of NaN": lambda m: m.sign(m.tensor([nan, -inf, -0.0])),
    "sign of booleans": lambda m: m.sign(m.tensor([True, False])),
    "square of booleans": lambda m: m.square(m.tensor([True, False])),
    "where of numbers": lambda m: m.where(m.tensor([True, False]), 0.5, 2.0),
    "where of an integer and a float": lambda m: m.where(m.tensor([True, False]), 1, 0.5),
    "where of integers": lambda m: m.where(m.tensor(True), 1, 2),
    "xlogy of bytes and a larger number": lambda m: m.xlogy(m.tensor([2], dtype=m.uint8), 300),
    "xlogy with a number": lambda m: m.xlogy(m.tensor([2.0]), 1.0),
    "xlogy of a wider number": lambda m: m.xlogy(m.tensor([2.0]), m.tensor(1.0, dtype=m.float64)),
    "xlogy of float64 and integers": lambda m: m.xlogy(m.tensor(2.0, dtype=m.float64), m.tensor([1])),
    "bits of a vector and a wider number": lambda m: m.tensor([5], dtype=m.int32) & m.tensor(3),
    "hardtanh of integers": lambda m: m.nn.functional.hardtanh(m.tensor([-3, 0, 3]), -0.5, 2.5),
    "relu6 of integers": lambda m: m.nn.functional.relu6(m.tensor([-3, 3, 9])),
    "avg_pool2d by tuples of one": lambda m: m.nn.functional.avg_pool2d(m.ones(1, 1, 4, 4), (2,), padding=(1,)),
    "swapaxes by name": lambda m: m.swapaxes(m.ones(2, 3), axis0=0, axis1=1),
    "pow by name": lambda m: m.pow(m.tensor([2.0]), exponent=m.tensor([3.0])),
    "cat of int and float": lambda m: m.cat([m.tensor([1]), m.tensor([1.5])]),
    "cat with shape (0,)": lambda m: m.cat([m.zeros(0), m.zeros(2, 2)]),
    "stack of int and float": lambda m: m.stack([m.tensor(1), m.tensor(1.5)]),
    "split of nothing": lambda m: m.zeros(0).split(3),
    "chunk of nothing": lambda m: m.zeros(0).chunk(3),
    "squeeze of no dims": lambda m: m.zeros(1, 2).squeeze(()),
    "ravel of nothing": lambda m: m.zeros(0, 2).ravel(),
    "tril of booleans": lambda m: m.ones(2, 2).bool().tril(),
    "tril of integers": lambda m: m.ones(2, 2).long().tril(-1),
    "flip of no dims": lambda m: m.tensor([1, 2]).flip(()),
    "flip by name": lambda m: m.flip(m.tensor([1, 2]), dims=[0]),
    "reshape by name": lambda m: m.reshape(m.tensor([1, 2]), shape=(2, 1)),
    "roll of a matrix as if flat": lambda m: m.roll(m.tensor([[1, 2], [3, 4]]), 1),
    "repeat into new dims": lambda m: m.tensor([1, 2]).repeat(3, 1, 2),
    "repeat_interleave of a matrix": lambda m: m.tensor([[1, 2]]).repeat_interleave(2),
    "unfold of a number": lambda m: m.tensor(3.0).unfold(0, 1, 1),
    "index_select with a number": lambda m: m.tensor([1, 2, 3]).index_select(0, m.tensor(1)),
    "index_select of a number": lambda m: m.tensor(3).index_select(0, m.tensor(0)),
    "gather of a number": lambda m: m.tensor(3).gather(0, m.tensor(0)),
    "take from behind": lambda m: m.tensor([1, 2, 3]).take(m.tensor([-1])),
    "take_along_dim from behind": lambda m: m.take_along_dim(m.tensor([1, 2, 3]), m.tensor([-1]), 0),
    "masked_fill of integers": lambda m: m.tensor([1, 2]).masked_fill(m.tensor([True, False]), 0.5),
    "masked_fill broadcasts": lambda m: m.tensor([1, 2]).masked_fill(m.tensor([[True, False], [False, True]]), 7),
    "an index of True": lambda m: m.zeros(2, 3)[True],
    "an index beside integers": lambda m: m.zeros(2, 3, 4, 5)[0, :, [1, 2]],
    "indices apart": lambda m: m.zeros(2, 3, 4, 5)[:, [0, 1], :, [1, 2]],
    "an index tensor without dims": lambda m: m.zeros(2, 3, 4)[m.tensor(0), :, [1, 2]],
}


@pytest.mark.parametrize("function", VALUES.values(), ids=VALUES)
def test_edges_have_the_same_values_types_and_shapes(function):
    assert_same(function(tg), function(torch))
