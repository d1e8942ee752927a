"""What scripts expect beside the operations: names, devices, default types, methods in place."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.compat import old_names

torch = pytest.importorskip("torch")

IN_PLACE = [
    "x.add_(y, alpha=2)",
    "x.sub_(y, alpha=3)",
    "x.mul_(2)",
    "x.div_(y)",
    "x.addcmul_(y, y, value=0.5)",
    "x.addcdiv_(y, y, value=2)",
    "x.lerp_(y, 0.3)",
    "x.clamp_(0.2, 1)",
    "x.clamp_(min=0.5)",
    "x.clamp_min_(1)",
    "x.clamp_max_(1)",
    "x.clip_(0.1, 0.7)",
    "x.relu_()",
    "x.sigmoid_()",
    "x.tanh_()",
    "x.exp_()",
    "x.log_()",
    "x.sqrt_()",
    "x.rsqrt_()",
    "x.square_()",
    "x.reciprocal_()",
    "x.neg_()",
    "x.abs_()",
    "x.pow_(2)",
    "x.round_()",
    "x.floor_()",
    "x.ceil_()",
    "x.trunc_()",
    "x.sign_()",
    "x.sin_()",
    "x.cos_()",
    "x.remainder_(0.3)",
    "x.zero_()",
    "x.fill_(3)",
    "x.copy_(y)",
    "x.masked_fill_(y > 1, 0.0)",
    "x.tril_()",
    "x.triu_()",
    "x.index_add_(0, i, y)",
    "x.scatter_(1, j, y)",
    "x.scatter_(1, j, value=2.0)",
    "x.scatter_add_(1, j, y)",
    "x.index_put_((i, i), y[0])",
    "x.add_(1).mul_(y)",
    "x.detach_()",
]


@pytest.mark.parametrize("call", IN_PLACE)
def test_methods_in_place_write_what_they_write_there(call: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 3, 3)) + 0.5
    results = []
    for p in (tg, torch):
        names = {"x": p.tensor(x), "y": p.tensor(y), "i": p.tensor([2, 0, 1]), "j": p.tensor([[0, 2, 1]] * 3)}
        before = names["x"]
        assert eval(call, names) is before
        results.append(before.numpy())
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_random_methods_in_place_draw_as_they_should() -> None:
    tg.manual_seed(0)
    x = tg.empty(10_000, dtype=tg.float64)
    for call, low, high, mean in [
        (lambda: x.uniform_(-1, 3), -1, 3, 1),
        (lambda: x.normal_(2, 0.5), -2, 6, 2),
        (lambda: x.bernoulli_(0.3), 0, 1, 0.3),
    ]:
        assert call() is x
        assert low <= x.min().item() <= x.max().item() <= high
        assert x.mean().item() == pytest.approx(mean, abs=0.05)


NAMES = [
    'device("cpu").type',
    'str(device("cpu"))',
    "cuda.is_available()",
    "get_default_dtype() == float32",
    "float == float32",
    "double == float64",
    "long == int64",
    "half == float16",
    "ones(2).device.type",
    'ones(2, device="cpu").sum().item()',
    'ones(2).to("cpu").to(float64).double().long().dtype == int64',
    "ones(2, 3).size()",
    "ones(2, 3).size(-1)",
    "ones(2, 3).numel()",
    "ones(2, 3).dim()",
    "ones(2).type_as(zeros(1, dtype=float64)).dtype == float64",
    "ones(2, 3).T.stride()",
    "ones(2, 3).T.is_contiguous()",
    "ones(2).is_floating_point()",
    'nn.Linear(2, 3, device="cpu", dtype=float64).to(device("cpu")).weight.dtype == float64',
    "isinstance(manual_seed(0), Generator)",
    "is_grad_enabled()",
    "tensor(1.5).cpu().item()",
    "pi",
    "inf",
    'sorted(utils.data.TensorDataset(ones(3))[0][0].tolist() for _ in "a")',
    "backends.mps.is_available()",
    "isinstance(nn.Parameter(ones(1)), Tensor)",
    "ones(3).data.add_(1).tolist()",
    "tuple(broadcast_shapes((2, 1), (3,)))",
    "zeros(2, 3).fill_diagonal_(5).tolist()",
    'list(nn.ParameterDict({"a": ones(2)}).state_dict())',
    "repr(nn.ParameterDict())",
    "unravel_index(tensor([5]), (2, 3))[1].tolist()",
    "asarray([1.0, 2.0]).tolist()",
    "scalar_tensor(3).tolist()",
    "is_signed(ones(1, dtype=uint8))",
    'frombuffer(bytearray(b"ab"), dtype=uint8).tolist()',
    "fill(ones(2), 3).tolist()",
    "is_same_size(ones(2), ones(2))",
    "get_device(ones(2))",
    "detach(ones(2, requires_grad=True)).requires_grad",
    "ones(2)[:, newaxis].tolist()",
    "nn.functional.pdist(tensor([[0.0], [1.0], [3.0]])).tolist()",
    "nn.functional.upsample_nearest(ones(1, 1, 1, 1), scale_factor=2).tolist()",
    "nn.functional.upsample_bilinear(ones(1, 1, 2, 2), size=2).tolist()",
    "tensor([0.0, 1.0]).lgamma_().tolist()",
    "tensor([3.0, 4.0]).less_(4).tolist()",
]


@pytest.mark.filterwarnings("ignore:.*is deprecated:UserWarning")
@pytest.mark.parametrize("expression", NAMES)
def test_names_that_scripts_use(expression: str) -> None:
    old = {name: getattr(tg, name) for name in old_names.__all__ if name != "Tensor"}
    ours, theirs = (eval(expression, names) for names in ({**old, **vars(tg)}, dict(vars(torch))))
    assert (tuple(theirs) if isinstance(theirs, torch.Size) else theirs) == ours


def test_other_devices_are_refused_by_name() -> None:
    for call in (
        lambda: tg.device("cuda"),
        lambda: tg.ones(2, device="cuda:0"),
        lambda: tg.ones(2).to("mps"),
        lambda: tg.nn.Linear(2, 3, device="cuda"),
        lambda: tg.Generator("cuda"),
    ):
        with pytest.raises(RuntimeError, match=r"there is no device '.*' here; wanted 'cpu'"):
            call()


def test_the_default_type_is_what_floats_become() -> None:
    for package in (tg, torch):
        try:
            package.set_default_dtype(package.float64)
            made = [package.tensor(1.5), package.zeros(2), package.nn.Linear(2, 2).weight, package.tensor([1]) / 2]
            assert [t.dtype for t in made] == [package.float64] * 4
        finally:
            package.set_default_dtype(package.float32)
        with pytest.raises(TypeError):
            package.set_default_dtype(package.int64)


def test_resize_is_that_of_pytorch() -> None:
    images = np.random.default_rng(0).random((2, 3, 11, 7))
    for size in [(5, 4), (11, 14), (23, 3)]:
        theirs = torch.nn.functional.interpolate(torch.tensor(images), size, mode="bilinear", antialias=True)
        ours = tg.data.transforms.Resize(size)(tg.tensor(images))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "float16", "float32", "float64", "bool"])
@pytest.mark.parametrize("bounds", [(), (3,), (2, 7)])
def test_random_whole_numbers_fill_the_range_that_pytorch_fills(kind: str, bounds: tuple[int, ...]) -> None:
    if kind == "bool" and bounds:
        bounds = (2,)
    ours = tg.zeros(4000, dtype=getattr(tg, kind)).random_(*bounds).numpy().astype(np.float64)
    theirs = torch.zeros(4000, dtype=getattr(torch, kind)).random_(*bounds).numpy().astype(np.float64)
    width = max(np.ptp(theirs), 1)
    assert np.array_equal(ours, ours.round())
    assert abs(ours.min() - theirs.min()) <= width / 100
    assert abs(ours.max() - theirs.max()) <= width / 100


def test_random_fillers_refuse_what_pytorch_refuses() -> None:
    for call in (lambda lib: lib.ones(2).random_(0), lambda lib: lib.ones(2).random_(3, 3)):
        with pytest.raises(ValueError, match="random_: wanted from < to"):
            call(tg)
        with pytest.raises(RuntimeError):
            call(torch)
    with pytest.raises(ValueError, match="exponential_: lambd is 0; wanted a rate above 0"):
        tg.ones(2).exponential_(0)
    drawn = tg.zeros(20000, dtype=tg.float64).exponential_(4.0).numpy()
    assert drawn.min() >= 0
    assert abs(drawn.mean() - 0.25) < 0.02
