"""Functions of images and random ones that have no module: sampling at places, resizing, initialisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")
near = {"rtol": 1e-8, "atol": 1e-10}


def compare(call: Any, *arrays: np.ndarray) -> None:
    """Hold results and gradients to PyTorch's, which has zeros where nothing depends on an input."""
    results = []
    for lib in (tg, torch):
        leaves = [lib.tensor(array, requires_grad=True) for array in arrays]
        out = call(lib, *leaves)
        out.backward(lib.tensor(np.cos(np.arange(out.numel())).reshape(tuple(out.shape))))
        results.append([out, *(lib.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), **near)


@given(
    st.integers(0, 99),
    st.sampled_from(["bilinear", "nearest"]),
    st.sampled_from(["zeros", "border", "reflection"]),
    st.booleans(),
)
def test_sampling_at_places(seed: int, mode: str, padding: str, align: bool) -> None:
    rng = np.random.default_rng(seed)
    x, grid = rng.standard_normal((2, 3, *rng.integers(1, 5, 2))), rng.uniform(-2.5, 2.5, (2, 3, 2, 2))
    compare(lambda lib, x, g: lib.nn.functional.grid_sample(x, g, mode, padding, align), x, grid)


@given(st.integers(0, 99), st.booleans())
def test_affine_grids(seed: int, align: bool) -> None:
    theta = np.random.default_rng(seed).standard_normal((2, 2, 3))
    compare(lambda lib, t: lib.nn.functional.affine_grid(t, (2, 1, 3, 4), align), theta)


@given(st.data())
def test_resizing(data: Any) -> None:
    mode = data.draw(st.sampled_from(["nearest-exact", "area", "bicubic"]))
    rng, size = np.random.default_rng(0), tuple(data.draw(st.integers(1, 5)) for _ in range(2))
    how: dict[str, Any] = {"mode": mode}
    if mode == "bicubic":
        how["align_corners"] = data.draw(st.booleans())
    if data.draw(st.booleans()):
        how["size"] = tuple(data.draw(st.integers(1, 7)) for _ in range(2))
    else:
        how["scale_factor"] = data.draw(st.sampled_from([1.0, 1.7, 2.0, 2.5]))
    compare(lambda lib, x: lib.nn.functional.interpolate(x, **how), rng.standard_normal((1, 2, *size)))


def test_gumbel_softmax() -> None:
    tg.manual_seed(0)
    logits = tg.tensor(np.log([0.1, 0.2, 0.7]) + np.zeros((20_000, 1)), requires_grad=True)
    hard = tg.nn.functional.gumbel_softmax(logits, tau=0.5, hard=True)
    np.testing.assert_allclose(hard.detach().numpy().mean(0), [0.1, 0.2, 0.7], atol=0.02)
    assert set(hard.detach().numpy().round(9).ravel()) == {0.0, 1.0}
    (hard * tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64)).sum().backward()
    assert logits.grad.abs().sum() > 0
    soft = tg.nn.functional.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.sum(-1).detach().numpy(), 1)


def test_initialisation() -> None:
    for shape in [(300, 200), (200, 300), (40, 5, 3, 3)]:
        ours, theirs = (
            lib.nn.init.orthogonal_(lib.empty(*shape), gain=2).reshape(shape[0], -1) for lib in (tg, torch)
        )
        for w in (ours, theirs):
            gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
            np.testing.assert_allclose(gram.numpy(), 4 * np.eye(len(gram)), atol=1e-4)
        assert ours.numpy().std() == pytest.approx(theirs.numpy().std(), rel=0.05)
    ours, theirs = (lib.nn.init.trunc_normal_(lib.empty(400, 400), 0.5, 2.0, -1.0, 1.5) for lib in (tg, torch))
    assert -1 <= ours.min() <= ours.max() <= 1.5
    assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.01)
    assert ours.std().item() == pytest.approx(theirs.std().item(), abs=0.01)
    ours, theirs = (lib.nn.init.sparse_(lib.empty(10, 300), 0.33, 0.1) for lib in (tg, torch))
    assert ((ours == 0).sum(0) == 4).all()
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.1)
    for name, shape, options in [
        ("eye_", (3, 5), {}),
        ("dirac_", (6, 3, 3, 3), {"groups": 2}),
        ("dirac_", (4, 6, 5), {}),
    ]:
        ours, theirs = (getattr(lib.nn.init, name)(lib.empty(*shape), **options) for lib in (tg, torch))
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda F: F.grid_sample(tg.ones(1, 1, 2, 2), tg.ones(1, 2, 2, 3)), "grid_sample: shapes"),
        (lambda F: F.grid_sample(tg.ones(1, 1, 2, 2), tg.ones(1, 1, 1, 2), "bicubic"), "mode 'bicubic' and"),
        (lambda F: F.affine_grid(tg.ones(1, 3, 4), (1, 1, 2, 2, 2)), "affine_grid: theta has shape"),
        (lambda F: F.pixel_unshuffle(tg.ones(1, 3, 3), 2), "pixel_unshuffle: wanted .* multiples of 2"),
        (lambda F: F.channel_shuffle(tg.ones(1, 3, 3), 2), "channel_shuffle: wanted .* a multiple of 2"),
        (lambda F: F.max_unpool2d(tg.ones(1, 2, 2), tg.ones(1, 2, 3).long(), 2), "max_unpool2d: shapes"),
        (lambda F: F.multi_margin_loss(tg.ones(2, 3), tg.tensor([0, 1]), p=3), "multi_margin_loss: p is 3"),
        (lambda F: tg.nn.init.orthogonal_(tg.ones(3)), "orthogonal_: wanted at least 2 dimensions"),
        (lambda F: tg.nn.init.trunc_normal_(tg.ones(3), a=2, b=1), "trunc_normal_: mean"),
        (lambda F: tg.nn.init.sparse_(tg.ones(3), 0.5), "sparse_: shape"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(tg.nn.functional)
