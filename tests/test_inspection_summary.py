"""The table of a model's layers, and that looking at a model does not change it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.inspection.observe import observe
from tinygrad_cnn.inspection.summary import Row, summary
from tinygrad_cnn.models import LeNet, LeNet5


def test_lenet_by_hand() -> None:
    found = summary(LeNet(), (1, 28, 28))
    assert found.rows == (
        Row("conv1", "Conv2d", (6, 24, 24), 6 * (25 + 1), 6 * 24 * 24 * 25),
        Row("pool", "MaxPool2d", (6, 12, 12), 0, 0),
        Row("conv2", "Conv2d", (16, 8, 8), 16 * (6 * 25 + 1), 16 * 8 * 8 * 6 * 25),
        Row("pool", "MaxPool2d", (16, 4, 4), 0, 0),
        Row("fc1", "Linear", (120,), 120 * (256 + 1), 120 * 256),
        Row("fc2", "Linear", (84,), 84 * (120 + 1), 84 * 120),
        Row("fc3", "Linear", (10,), 10 * (84 + 1), 10 * 84),
    )
    assert found.parameters == found.trainable == 44_426
    assert found.multiply_adds == 281_640


def test_lenet5_has_the_connections_of_the_paper() -> None:
    """Every parameter, biases too, once for each place of a map: C1 has 122,304, C3 151,600, C5 48,120."""
    found = summary(LeNet5(), (1, 32, 32))
    assert [row.name for row in found.rows] == ["c1", "s2", "c3", "s4", "c5", "f6", "output"]
    connections = {row.name: row.parameters * math.prod(row.output_shape[1:]) for row in found.rows}
    assert [connections[name] for name in ("c1", "c3", "c5")] == [122_304, 151_600, 48_120]
    assert found.parameters == sum(row.parameters for row in found.rows) == 60_850


@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 1))
def test_multiply_adds_of_a_convolution_are_those_of_a_loop(
    groups: int, channels: int, kernel: int, stride: int, padding: int
) -> None:
    layer = nn.Conv2d(groups, channels * groups, kernel, stride, padding, groups=groups)
    count = 0
    for _output_channel in range(channels * groups):
        for _y in range(-padding, 6 + padding - kernel + 1, stride):
            for _x in range(-padding, 5 + padding - kernel + 1, stride):
                count += kernel * kernel  # of one input channel: each group has one
    assert summary(layer, (groups, 6, 5)).multiply_adds == count


def test_the_table_is_aligned() -> None:
    title, rule, *lines = str(summary(LeNet(), (1, 28, 28))).splitlines()
    assert title == "LeNet, one input of 1 x 28 x 28"
    assert {len(line) for line in lines} == {len(rule)}
    assert lines[-1].split() == ["total", "44,426", "281,640"]


class Shared(nn.Module):
    """One layer called twice, one not at all, and a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Linear(3, 3)
        self.never = nn.Linear(3, 2)
        self.scale = nn.Parameter([1.0])

    def forward(self, input: tg.Tensor) -> tg.Tensor:
        return self.twice(self.twice(input)) * self.scale


def test_every_parameter_counts_once_and_every_call_is_a_row() -> None:
    model = Shared()
    model.never.requires_grad_(False)
    found = summary(model, (3,))
    assert found.rows == (
        Row("twice", "Linear", (3,), 12, 9),
        Row("twice", "Linear", (3,), 0, 9),
        Row("Shared", "Shared", (3,), 1, 0),
    )
    assert (found.parameters, found.trainable) == (21, 13)
    assert "8 of the parameters are not trained" in str(found)


@pytest.mark.parametrize(
    ("layer", "size", "counted"),
    [
        (nn.ConvTranspose2d(3, 4, 2, stride=2), (3, 5, 6), 3 * 5 * 6 * 4 * 4),
        (nn.Conv1d(2, 3, 3, dilation=2), (2, 9), 3 * 5 * 2 * 3),
        (nn.Linear(4, 3), (5, 4), 5 * 4 * 3),
        (nn.LayerNorm(4), (4,), 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_layer_counts_its_products(layer: nn.Module, size: tuple[int, ...], counted: int) -> None:
    (row,) = tg.summary(layer, size).rows
    assert row.multiply_adds == counted


def test_a_layer_counts_only_what_is_in_no_layer_below() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)
            self.weight = nn.Parameter(tg.ones(3, 5))

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            return self.inner(x) @ self.weight

    assert [(row.name, row.multiply_adds) for row in summary(Outer(), (3,)).rows] == [("inner", 9), ("Outer", 15)]


def test_integers_and_several_inputs() -> None:
    words = tg.summary(nn.Embedding(10, 3), (5,), dtype=tg.int64)
    assert words.rows == (Row("Embedding", "Embedding", (5, 3), 30, 0),)
    pair = tg.summary(nn.Bilinear(3, 4, 2), [(3,), (4,)])
    assert pair.rows[0].output_shape == (2,)
    assert str(pair).startswith("Bilinear, one input of 3 and one of 4")


def test_a_model_without_parameters_and_one_in_float64() -> None:
    assert summary(nn.Flatten(), (2, 3)).rows == (Row("Flatten", "Flatten", (6,), 0, 0),)
    assert summary(nn.Linear(2, 2).double(), (2,)).parameters == 6


def test_looking_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model[1].eval()
    mine = model[0].forward
    model[0].forward = mine  # an instance's own forward stays
    before = [dict(module.__dict__) for module in model.modules()]
    summary(model, (2,))
    assert [dict(module.__dict__) for module in model.modules()] == before
    assert model(tg.ones(1, 2)).requires_grad


def test_a_model_that_fails_is_left_as_it_was() -> None:
    model = LeNet()
    before = [dict(module.__dict__) for module in model.modules()]
    with pytest.raises(ValueError, match="LeNet: wanted images"):
        summary(model, (3, 28, 28))
    assert [dict(module.__dict__) for module in model.modules()] == before
    assert tg.is_grad_enabled()


def test_observed_outputs_are_the_layers_own() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    image = tg.tensor([[1.0, -2.0]])
    first, second = observe(model, image)
    np.testing.assert_array_equal(first.output.array, model[0](image).array)
    np.testing.assert_array_equal(second.output.array, model(image).array)
    assert (first.name, second.name) == ("0", "1")
    assert not second.output.requires_grad
