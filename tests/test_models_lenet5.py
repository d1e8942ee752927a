"""LeNet-5 is the paper's: layer by layer, connection by connection."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tinygrad_cnn.data import SyntheticDigits
from tinygrad_cnn.models import LeNet5
from tinygrad_cnn.models.lenet5 import CONNECTIONS, PartialConv2d, Subsampling, squash


def test_each_layer_has_as_many_parameters_as_published() -> None:
    model = LeNet5()
    counts = {name: sum(p.numel() for p in child.parameters()) for name, child in model.named_children()}
    assert counts == {
        "c1": 156,
        "s2": 12,
        "c3": 1_516,
        "s4": 32,
        "c5": 48_120,
        "f6": 10_164,
        "output": 850,
    }
    assert sum(t.numel() for t in model.state_dict().values()) == 60_850


def test_connections_are_those_of_table_one() -> None:
    """Six maps see three neighbours, six see four, three see two pairs, one sees all: each is seen ten times."""
    assert [len(c) for c in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert np.bincount(np.concatenate(CONNECTIONS)).tolist() == [10] * 6
    around = [{(first + i) % 6 for i in range(count)} for count in (3, 4) for first in range(6)]
    assert [set(c) for c in CONNECTIONS[:12]] == around
    assert CONNECTIONS[12:15] == ((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5))


def test_partial_convolution_sees_what_it_is_connected_to_and_nothing_else() -> None:
    layer, maps = PartialConv2d(6, CONNECTIONS, 5), tg.randn(2, 6, 9, 9)
    out, first = layer(maps).array, 0
    for o, channels in enumerate(CONNECTIONS):
        kernels = layer.weight[first : first + len(channels)]
        wanted = F.conv2d(maps[:, list(channels)], kernels[None], layer.bias[o : o + 1])
        np.testing.assert_allclose(out[:, o], wanted.array[:, 0], rtol=1e-4, atol=1e-5)
        first += len(channels)
    assert first == 60


def test_subsampling_is_a_sum_times_a_coefficient_plus_a_bias_squashed() -> None:
    layer, maps = Subsampling(2), tg.randn(3, 2, 4, 6)
    sums = maps.array.reshape(3, 2, 2, 2, 3, 2).sum((3, 5))
    wanted = squash(tg.from_numpy(sums) * layer.weight + layer.bias)
    np.testing.assert_allclose(layer(maps).array, wanted.array, rtol=1e-5, atol=1e-6)


def test_squash_keeps_one_and_minus_one() -> None:
    assert squash(tg.tensor([-1.0, 0.0, 1.0])).tolist() == pytest.approx([-1, 0, 1], abs=1e-4)
    assert squash(tg.tensor(100.0)).item() == pytest.approx(1.7159)


def test_derivatives_of_subsampling_and_partial_convolution() -> None:
    partial, pool = PartialConv2d(3, ((0, 2), (1,), (0, 1, 2)), 2).double(), Subsampling(3).double()
    maps = tg.randn(2, 3, 4, 4, dtype=tg.float64, requires_grad=True)
    for part in (partial, pool):
        assert tg.gradcheck(lambda x, *_: part(x), (maps, *part.parameters()))  # noqa: B023
        assert tg.gradgradcheck(lambda x, *_: part(x), (maps, *part.parameters()))  # noqa: B023


def test_weights_start_within_the_published_bounds_and_fill_them() -> None:
    tg.manual_seed(0)
    model, first = LeNet5(), 0
    bounds = [(model.c1.weight, 25), (model.s2.weight, 4), (model.s4.weight, 4), (model.c5.weight, 400)]
    bounds += [(model.f6.weight, 120), (model.output.weight, 84), (model.c5.bias, 400)]
    for channels in CONNECTIONS:
        bounds.append((model.c3.weight[first : first + len(channels)], 25 * len(channels)))
        first += len(channels)
    for weight, fan_in in bounds:
        largest = abs(weight.array).max()
        assert 0.5 * 2.4 / fan_in < largest <= 2.4 / fan_in


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [28, 32])
def test_images_become_logits_in_float32(batch: int, size: int) -> None:
    model = LeNet5(num_classes=7)
    logits = model(tg.randn(batch, 1, size, size))
    assert logits.shape == (batch, 7)
    tg.cross_entropy(logits, tg.zeros(batch, dtype=tg.int64)).backward()
    assert all(p.grad.dtype == p.dtype == tg.float32 and p.grad.array.any() for p in model.parameters())


def test_smaller_images_get_two_zeros_on_each_side() -> None:
    model, small = LeNet5(), tg.randn(2, 1, 28, 28)
    padded = tg.from_numpy(np.pad(small.array, ((0, 0), (0, 0), (2, 2), (2, 2))))
    np.testing.assert_allclose(model(small).array, model(padded).array, rtol=1e-5, atol=1e-6)


def test_lenet5_learns_a_batch_by_heart() -> None:
    tg.manual_seed(0)
    model = LeNet5()
    images, labels = SyntheticDigits(size=20).batch_at(range(20))
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(120):  # the first 60 on a plateau: the published bounds are small
        optimizer.zero_grad()
        loss = tg.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_weights_return_from_a_state() -> None:
    one, other, images = LeNet5(), LeNet5(), tg.randn(2, 1, 32, 32)
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(images).array, other(images).array)


@pytest.mark.parametrize("shape", [(32, 32), (1, 32, 32), (2, 3, 32, 32), (2, 1, 30, 30), (2, 1, 28, 32)])
def test_it_says_what_images_it_wants(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"LeNet5: wanted images of shape \(N, 1, 32, 32\), or \(N, 1, 28, 28\)"):
        LeNet5()(tg.zeros(shape))
