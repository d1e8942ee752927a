"""What a notebook shows: all that matters, well-formed, and nothing that could run."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given

import tinygrad_cnn as tg
from tests.support.strategies import shapes
from tinygrad_cnn import data, nn, training
from tinygrad_cnn.data import datasets
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.optim.lr_scheduler import LRScheduler
from tinygrad_cnn.support.html import COLUMNS, ROWS
from tinygrad_cnn.training import Callback, EarlyStopping, Epoch, History, LiveCurve, Score, Trainer


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


# --- a run that is shown while it trains ---


def trained(callback: LiveCurve, epochs: int = 2) -> None:
    model = nn.Linear(1, 2)
    batches = [(tg.ones(2, 1), tg.tensor([0, 1]))] * 3
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=[callback]).fit(batches, epochs=epochs)


def test_a_live_curve_shows_each_step_and_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_cnn.training.live_curve.EVERY", 0.0)
    shown: list[str] = []
    trained(LiveCurve(shown.append))
    assert len(shown) == 2 * (3 + 1) + 1
    assert "epoch 1, batch 2: loss" in text(shown[1])
    assert "accuracy" in text(shown[1])
    assert [bar.get("max") for html in shown for bar in read(html).iter("progress")] == [None] * 3 + ["3"] * 3
    assert len(list(read(shown[-1]).iter("svg"))) == 2


def test_a_live_curve_opens_one_place_in_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    class Place:
        updates: ClassVar[list[str]] = []

        def update(self, html: str) -> None:
            self.updates.append(html)

    def fake(**names: object) -> None:
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
        monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, **names))

    fake(display=lambda html, display_id: Place())
    trained(LiveCurve())
    assert "<svg" in Place.updates[-1]
    fake(display=lambda html, display_id: None)
    with pytest.raises(RuntimeError, match=r"no notebook is running; wanted .* LiveCurve\(show\)"):
        trained(LiveCurve())
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(ModuleNotFoundError, match="LiveCurve needs IPython"):
        trained(LiveCurve())


# --- what a shell shows ---

DATA = data.TensorDataset(tg.ones(4, 2), tg.tensor([0, 1, 0, 1]))
MODEL = nn.Linear(2, 2)
OPTIMIZER = tg.optim.SGD(MODEL.parameters(), lr=0.1)
SHOWN = {
    "StepLR(SGD, lr 0.1, step_size=3, last_epoch=0)": tg.optim.lr_scheduler.StepLR(OPTIMIZER, 3),
    "TensorDataset(4 samples, <Tensor of shape (4, 2)>, <Tensor of shape (4,)>)": DATA,
    "DataLoader(2 batches, dataset=<list of 40>, batch_size=20, shuffle=True, collate_fn=default_collate)": (
        data.DataLoader([*range(40)], batch_size=20, shuffle=True)
    ),
    "RandomSampler(4 indices)": data.RandomSampler(DATA),
    "EarlyStopping(patience=3, mode='min')": EarlyStopping(patience=3),
    "Trainer(Linear, loss=CrossEntropyLoss, optimizer=SGD, 0 epochs)": (
        Trainer(MODEL, nn.CrossEntropyLoss(), OPTIMIZER)
    ),
}


@pytest.mark.parametrize("shown", SHOWN)
def test_what_an_object_says_of_itself(shown: str) -> None:
    assert repr(SHOWN[shown]) == shown


KINDS = (data.Dataset, data.Sampler, data.DataLoader, tg.optim.Optimizer, LRScheduler, Callback, Trainer, nn.Module)


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_of_a_kind_has_a_repr(kind: type) -> None:
    rooms = (data, datasets, nn, tg.optim, tg.optim.lr_scheduler, training)
    known = {value for room in rooms for name in room.__all__ if isinstance(value := getattr(room, name), type)}
    assert all(cls.__repr__ is not object.__repr__ for cls in known if issubclass(cls, kind))


class Unfinished(data.Dataset):
    """A dataset whose length fails."""

    def __len__(self) -> int:
        raise OSError("no such disk")


def test_a_repr_does_not_fail() -> None:
    assert repr(Unfinished()) == "Unfinished()"
    assert repr(tg.summary(MODEL, (2,))) == str(tg.summary(MODEL, (2,)))
    assert repr(tg.explain(MODEL(tg.ones(1, 2)).sum())).count("\n") > 3


def test_a_number_in_a_text_is_the_number() -> None:
    loss = tg.tensor(0.5, requires_grad=True) * 1
    assert (f"{loss}", f"{loss:.3f}") == ("0.5", "0.500")


@pytest.mark.parametrize("room", [nn, nn.functional, tg.optim, tg.optim.lr_scheduler, data, tg.linalg, tg.autograd])
def test_tab_lists_public_names_only(room: Any) -> None:
    assert {name for name in dir(room) if name[:2] != "__"} == set(room.__all__)


def test_tab_lists_the_names_of_the_package() -> None:
    names = set(dir(tg))
    assert names >= {"nn", "optim", "tensor", "Tensor", "relu", "float32", "pi", "no_grad", "__version__"}
    assert names.isdisjoint({"sys", "tape", "support", "TYPE_CHECKING", "_spell", "typing"})
