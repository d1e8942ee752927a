"""Pictures: each is a PNG of a sensible size, made without a warning, and leaves nothing behind."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.experiment import plots
from tinygrad_cnn.experiment.plots.style import shortened
from tinygrad_cnn.inspection.summary import summary
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.training import Epoch, History, Score
from tinygrad_cnn.training.finder import FinderResult

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (14, 28, 28), dtype=np.uint8)
LABELS = np.arange(14) % 3
NAMES = ["a", "$x_{$ is no formula but a long name", "お<b>"]
GUESSES = np.eye(3)[(LABELS + RNG.integers(0, 2, 14)) % 3]


def history(epochs: int) -> History:
    return History([Epoch(i, Score(2 / i, 0.5), Score(2 / i, 0.4), 0.1 / i, 0.5) for i in range(1, epochs + 1)])


LOST = History(
    [
        Epoch(1, Score(2.0, 0.1), None, 0.1, 1.0),
        Epoch(2, Score(math.nan, 0.1), Score(math.inf, 0.1), 0.1, 1.0),
    ]
)
CURVES = [plots.plot_losses, plots.plot_accuracies, plots.plot_seconds, plots.plot_learning_rates]
HISTORIES = {"none": History(), "one epoch": history(1), "50 epochs": history(50), "lost": LOST}
MIXED = nn.Sequential(nn.Conv2d(1, 20, 9, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(180, 3))


def lost_weights() -> nn.Module:
    model = LeNet()
    model.fc1.weight.array[:] = np.nan
    return model


Draw = Callable[[Path], None]
DRAWINGS: dict[str, Draw] = {
    f"{draw.__name__[5:]}, {name}": lambda path, draw=draw, h=h: draw(h, path)
    for draw in CURVES
    for name, h in HISTORIES.items()
} | {
    "samples": lambda path: plots.plot_samples(IMAGES, LABELS, NAMES, path),
    "one sample": lambda path: plots.plot_samples(IMAGES[:1, None], LABELS[:1], NAMES, path),
    "confusion": lambda path: plots.plot_confusion(np.diag([5, 123456, 0]), NAMES, path),
    "nothing seen": lambda path: plots.plot_confusion(np.zeros((3, 3), int), NAMES, path),
    "mistakes": lambda path: plots.plot_mistakes(IMAGES, LABELS, GUESSES, NAMES, path),
    "no mistakes": lambda path: plots.plot_mistakes(IMAGES, LABELS, np.eye(3)[LABELS], NAMES, path),
    "filters": lambda path: plots.plot_filters(MIXED, path),
    "one filter": lambda path: plots.plot_filters(nn.Conv2d(1, 1, 3), path),
    "feature maps": lambda path: plots.plot_feature_maps(MIXED, tg.rand(1, 1, 28, 28), path),
    "maps that are lost": lambda path: plots.plot_feature_maps(lost_weights(), tg.rand(1, 1, 28, 28), path),
    "architecture": lambda path: plots.plot_architecture(summary(LeNet(), (1, 28, 28)), path),
    "deep": lambda path: plots.plot_architecture(
        summary(nn.Sequential(MIXED, *[nn.ReLU()] * 5), (1, 28, 28)), path
    ),
    "finder": lambda path: plots.plot_finder(FinderResult([1e-3, 1e-2, 1e-1], [2.0, 1.0, 4.0], 3e-3), path),
    "one rate": lambda path: plots.plot_finder(FinderResult([1e-3], [math.nan], 1e-3), path),
    "one layer": lambda path: plots.plot_architecture(summary(nn.Linear(3, 2), (3,)), path),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS.keys())
def test_each_picture_is_one_png(draw: Draw, tmp_path: Path, figures: list[object]) -> None:
    path = tmp_path / "picture.png"
    draw(path)
    assert list(tmp_path.iterdir()) == [path]
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert 250 <= width <= 3000
    assert 110 <= height <= 4000
    assert len(figures) == 1
    assert figures[0].get_children() == [figures[0].patch]  # emptied


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """All figures that were made."""
    from matplotlib.figure import Figure

    made: list[object] = []
    original = Figure.__init__

    def noting(self: Figure, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(Figure, "__init__", noting)
    return made


def test_style_and_state_of_matplotlib_stay_the_users(tmp_path: Path) -> None:
    import sys

    import matplotlib

    with matplotlib.rc_context({"font.size": 3.0}):
        before = dict(matplotlib.rcParams)
        plots.plot_losses(history(3), tmp_path / "picture.png")
        assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS.keys())
def test_a_footnote_is_at_the_foot_of_the_picture(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    said = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: said.append(figure.get_supxlabel()))
    with plots.footnote("NOT MNIST"):
        draw(tmp_path / "picture.png")
    draw(tmp_path / "picture.png")
    assert said == ["NOT MNIST", ""]


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        plots.plot_accuracies(history(3), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_failure_leaves_the_old_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    with pytest.raises(IndexError):
        plots.plot_samples(IMAGES, LABELS, ["only one name"], path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda p: plots.plot_samples(IMAGES[0], LABELS, NAMES, p), r"plot_samples: images \(28, 28\), 14 labels"),
        (lambda p: plots.plot_samples(IMAGES[:0], LABELS[:0], NAMES, p), r"plot_samples: images \(0, 28, 28\)"),
        (lambda p: plots.plot_confusion(np.eye(2), NAMES, p), r"plot_confusion: matrix \(2, 2\), 3 names"),
        (lambda p: plots.plot_mistakes(IMAGES, LABELS, np.eye(3), NAMES, p), r"probabilities \(3, 3\), 14 images"),
        (lambda p: plots.plot_filters(nn.Linear(2, 2), p), "plot_filters: Linear has no Conv2d"),
    ],
)
def test_bad_calls_say_what_is_wrong(draw: Draw, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        draw(tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())


def test_names_are_shortened_to_one_line() -> None:
    assert shortened("T-shirt") == "T-shirt"
    assert shortened("two\nlines") == "two lines"
    assert shortened("a very long name", 8) == "a very…"
