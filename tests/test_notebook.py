"""What a notebook shows: all that matters, well-formed, and nothing that could run."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given

import tinygrad_cnn as tg
from tests.support.strategies import shapes
from tinygrad_cnn import nn
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.support.html import COLUMNS, ROWS
from tinygrad_cnn.training import Epoch, History, Score


def read(shown: str) -> ET.Element:
    """Return the HTML as a tree: written so that it is XML too."""
    return ET.fromstring(shown.replace("<details open ", '<details open="" '))


def text(shown: str) -> str:
    return " ".join("".join(read(shown).itertext()).split())


@given(shapes())
def test_a_tensor_of_any_shape_shows_its_first_numbers(shape: tuple[int, ...]) -> None:
    x = tg.arange(float(np.prod(shape))).reshape(shape)
    cells = [cell.text for cell in read(x._repr_html_()).iter("td")]
    rows = x.array.reshape(-1, shape[-1] if len(shape) > 1 else x.numel()) if x.numel() else x.array.reshape(0, 1)
    assert [c for c in cells if c != "…"] == [f"{v:.4g}" for row in rows[:ROWS] for v in row[:COLUMNS]]


def test_what_a_tensor_says_of_itself() -> None:
    x = tg.ones(20, 30, requires_grad=True)
    assert text(x._repr_html_()).startswith("Tensor, 20 × 30, float32, requires_grad 1 to 1, mean 1")
    assert "by mul" in text((x * 2)._repr_html_())
    assert text(tg.tensor(True)._repr_html_()) == "Tensor, 0-d, bool True"
    assert text(tg.tensor([float("nan"), 1.0])._repr_html_()).startswith("Tensor, 2, float32 nan to nan")


def test_a_module_is_a_tree_with_its_parameters_counted() -> None:
    shown = text(nn.Sequential(LeNet(), nn.ReLU())._repr_html_())
    assert shown.startswith("Sequential 44,426 parameters0 LeNet 44,426 parametersconv1 Conv2d")
    assert "fc3 Linear in_features=84, out_features=10, bias=True 850 parameters" in shown


class Hostile(nn.Module):
    """A module that would like to run something."""

    def extra_repr(self) -> str:
        return "<script>alert(1)</script>"


def test_names_are_only_names() -> None:
    assert "<script>" not in Hostile()._repr_html_()
    assert "<script>" in text(Hostile()._repr_html_())


@pytest.mark.parametrize("validated", [True, False])
def test_a_history_shows_curves_and_epochs(validated: bool) -> None:
    history = History()
    assert text(history._repr_html_()) == "no epoch yet"
    for i in range(3):
        history.epochs.append(Epoch(i + 1, Score(1.5 - i, 0.5), Score(1.0, 0.25) if validated else None, 0.1, 2.0))
    history.ended_early = "no better for 3 epochs"
    tree = read(history._repr_html_())
    assert len(list(tree.iter("svg"))) == 2
    assert len(list(tree.iter("polyline"))) == 2 * (1 + validated)
    assert len(list(tree.iter("tr"))) == 4
    assert "no better for 3 epochs" in text(history._repr_html_())
    history.epochs.append(Epoch(4, Score(float("nan"), 0.5), None, 0.1, 2.0))
    points = [line.get("points") for line in read(history._repr_html_()).iter("polyline")]
    assert not any("nan" in line for line in points)  # a loss that is no number leaves a gap


def test_the_name_of_a_class_cannot_run() -> None:
    named = type("<script>", (nn.Module,), {})()
    assert "&lt;script&gt;" in named._repr_html_()
    assert "<script>" not in named._repr_html_()
