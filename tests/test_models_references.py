"""The networks of the report's references are what their authors describe."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.models import DuanCNN, PorpigliaLeNet, SalmonMLP, resnet20
from tinygrad_cnn.models.lenet5 import CONNECTIONS

SHAPES = {
    PorpigliaLeNet: [(6, 1, 5, 5), (16, 1, 5, 5), (120, 256), (120,), (84, 120), (84,), (10, 84), (10,)],
    DuanCNN: [(5, 1, 3, 3), (10, 3380), (10,)],
    SalmonMLP: [(10, 784), (10,), (10, 10), (10,)],
}
PARAMETERS = {PorpigliaLeNet: 42_404, DuanCNN: 33_855, SalmonMLP: 7_960}


@pytest.mark.parametrize("network", SHAPES)
def test_parameters_are_those_that_the_author_describes(network: type[tg.nn.Module]) -> None:
    shapes = [tuple(t.shape) for t in network().state_dict().values()]
    assert shapes == SHAPES[network]
    assert sum(map(prod, shapes)) == PARAMETERS[network]


@pytest.mark.parametrize("network", SHAPES)
def test_a_network_turns_images_into_logits_and_every_parameter_learns(network: type[tg.nn.Module]) -> None:
    tg.manual_seed(0)
    model = network(num_classes=7)
    logits = model(tg.rand(3, 1, 28, 28))
    assert logits.shape == (3, 7)
    tg.cross_entropy(logits, tg.zeros(3, dtype=tg.int64)).backward()
    assert all(p.grad.dtype == p.dtype == tg.float32 and p.grad.array.any() for p in model.parameters())


@pytest.mark.parametrize("network", SHAPES)
@pytest.mark.parametrize("shape", [(28, 28), (2, 3, 28, 28), (2, 1, 32, 32), (784,)])
def test_a_network_says_what_images_it_wants(network: type[tg.nn.Module], shape: tuple[int, ...]) -> None:
    message = rf"{network.__name__}: wanted images of shape \(N, 1, 28, 28\), got"
    with pytest.raises(ValueError, match=message):
        network()(tg.zeros(shape))


def test_porpiglias_second_convolution_applies_one_kernel_to_the_sum_of_connected_maps() -> None:
    tg.manual_seed(0)
    model, maps = PorpigliaLeNet(), tg.rand(1, 6, 12, 12)
    ours = tg.conv2d(maps, model.connections * model.conv2.weight).array[0]
    for i, connected in enumerate(CONNECTIONS):
        total = tg.tensor(maps.array[:, list(connected)].sum(1, keepdims=True))
        np.testing.assert_allclose(ours[i], tg.conv2d(total, model.conv2.weight[i : i + 1]).array[0, 0], rtol=1e-4)


def test_weights_start_as_the_authors_draw_them() -> None:
    tg.manual_seed(0)
    assert PorpigliaLeNet().fc1.weight.array.std() == pytest.approx(0.5, rel=0.02)
    assert PorpigliaLeNet().conv2.weight.array.std() == pytest.approx(1, rel=0.1)
    assert DuanCNN().fc.weight.array.std() == pytest.approx(33_800**-0.5, rel=0.02)
    weight = SalmonMLP().fc1.weight.array
    assert (weight.min(), weight.max()) == pytest.approx((-0.5, 0.5), abs=0.01)


def test_the_residual_network_for_small_images_has_20_layers_and_the_parameters_that_are_known_of_it() -> None:
    model = resnet20()
    assert sum(p.numel() for p in model.parameters()) == 272_474
    layers = [m for m in model.modules() if isinstance(m, (tg.nn.Conv2d, tg.nn.Linear))]
    assert len([layer for layer in layers if getattr(layer, "kernel_size", None) != (1, 1)]) == 20
    assert resnet20(num_classes=3, in_channels=1)(tg.zeros(2, 1, 28, 28)).shape == (2, 3)
