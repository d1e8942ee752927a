"""What notebooks show of tensors, modules and histories: well-formed tables with the figures in them."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.training.history import Epoch, History, Score


def cells(shown: object) -> list[list[str]]:
    """The rows of the table that a notebook shows. Raises if the markup is not well formed."""
    tree = ElementTree.fromstring(shown._repr_html_())  # type: ignore[attr-defined]
    return [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]


@pytest.mark.parametrize(
    ("tensor", "rows"),
    [
        (tg.tensor(2.5), [["2.5"]]),
        (tg.tensor([1, 1234567]), [["1", "1234567"]]),
        (tg.tensor([[True], [False]]), [["True"], ["False"]]),
        (tg.tensor([[1 / 3, float("nan")]]), [["0.33333", "nan"]]),
        (tg.zeros(0), [[]]),
    ],
)
def test_a_small_tensor_is_a_table(tensor: tg.Tensor, rows: list[list[str]]) -> None:
    assert cells(tensor) == rows


def test_a_large_tensor_is_shortened_and_says_what_it_is() -> None:
    x = tg.arange(1000.0).view(20, 50).requires_grad_()
    shown = cells(x)
    assert len(shown) == 13
    assert shown[0] == ["0", "1", "2", "3", "4", "5", "…", "44", "45", "46", "47", "48", "49"]
    assert shown[6] == ["…"] * 13
    assert "shape (20, 50), float32, requires_grad" in x._repr_html_()
    assert "made by &lt;mul&gt;" in (x * 2)._repr_html_()
    assert "<pre>tensor([[[" in tg.ones(2, 2, 2)._repr_html_()


def test_a_module_is_a_table_of_its_parts() -> None:
    head, whole, *rows = cells(tg.models.LeNet())
    assert head == ["name", "module", "parameters", "number"]
    assert whole == ["", "LeNet()", "", ""]
    assert rows[0] == ["conv1", "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))", "weight 6×1×5×5, bias 6", "156"]
    assert "LeNet: 44,426 parameters" in tg.models.LeNet()._repr_html_()


def test_a_history_is_a_table_of_epochs() -> None:
    epochs = [Epoch(1, Score(0.5, 0.9), None, 0.1, 2.0), Epoch(2, Score(np.inf, 0.95), Score(0.3, 0.94), 0.1, 2.5)]
    head, first, second = cells(History(epochs, "stopped <early>"))
    assert head[:4] == ["epoch", "train loss", "train accuracy", "val loss"]
    assert first == ["1", "0.5", "0.9", "", "", "0.1", "2"]
    assert second == ["2", "inf", "0.95", "0.3", "0.94", "0.1", "2.5"]
    assert cells(History()) == []
