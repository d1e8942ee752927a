"""Images, and how a model classified them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_cnn.experiment.plots.style import BLUE, INK, PALE, QUIET, VERMILION, bare, drawing, shortened
from tinygrad_cnn.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

ACROSS = 10  # sample images in a row
MOST_SAMPLES = 40
MOST_MISTAKES = 12


def plot_samples(images: Array, labels: Array, class_names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Draw the first images, at most 40, with their labels; images (N, H, W) or (N, 1, H, W)."""
    pictures = _grey("plot_samples", images, labels)[:MOST_SAMPLES]
    across = min(ACROSS, len(pictures))
    down = ceil(len(pictures) / across)
    with drawing(path, max(1.1 * across, 3), 1.35 * down + 0.4) as figure:
        figure.suptitle("Sample images", fontweight="bold", x=0.01, ha="left", fontsize=13)
        grid = figure.subplots(down, across, squeeze=False)
        for axes in grid.flat:
            bare(axes)
        for axes, picture, label in zip(grid.flat, pictures, labels, strict=False):
            axes.imshow(picture, cmap="gray")
            axes.set_title(shortened(class_names[int(label)], 11), fontsize=9, loc="center", pad=3)


def plot_confusion(matrix: Array, class_names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Draw a confusion matrix (rows: the truth, columns: the guesses) with its counts.

    Mistakes have a colour by their share of the row; single ones are written small and without colour. Cells
    without a count are left white.
    """
    classes = len(matrix)
    if matrix.shape != (classes, classes) or len(class_names) != classes:
        raise ValueError(f"plot_confusion: matrix {matrix.shape}, {len(class_names)} names; wanted (C, C) and C")
    names = [shortened(name) for name in class_names]
    size = 2.4 + (0.55 if classes <= 15 else 0.4) * max(classes, 4) + 0.07 * max(map(len, names))
    with drawing(path, size + 1.2, size) as figure:
        axes = figure.subplots()
        _cells(figure, axes, matrix)
        slanted = max(map(len, names)) > 3
        axes.set_xticks(range(classes), names, rotation=45 if slanted else 0, ha="right" if slanted else "center")
        axes.set_yticks(range(classes), names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(True)
        axes.set_xlabel("guess")
        axes.set_ylabel("truth")
        right, total = int(np.trace(matrix)), int(matrix.sum())
        axes.set_title(f"Confusion matrix: {right:,} of {total:,} right", fontweight="bold")


def _cells(figure: Figure, axes: Axes, matrix: Array) -> None:
    """Draw the counts: right ones on a pale ground, mistakes on vermilion by their share of the row."""
    from matplotlib.colors import LinearSegmentedColormap

    wrong = ~np.eye(len(matrix), dtype=bool) & (matrix > 1)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    most = float(share[wrong].max()) if wrong.any() else 0.01
    axes.imshow(np.where(np.diag(np.diagonal(matrix)) > 0, 1.0, np.nan), cmap=_one_colour(PALE), vmin=0, vmax=1)
    mistakes = LinearSegmentedColormap.from_list("mistakes", ["#fdf1ea", VERMILION])
    image = axes.imshow(np.where(wrong, share, np.nan), cmap=mistakes, vmin=0, vmax=most)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        count = f"{matrix[row, column]}"
        alone = row != column and matrix[row, column] == 1
        strong = bool(wrong[row, column]) and share[row, column] > 0.7 * most
        size = 6.5 if alone else 9 if len(count) < 5 else 7
        ink = QUIET if alone else "white" if strong else INK
        axes.text(column, row, count, ha="center", va="center", color=ink, fontsize=size)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, format="{x:.1%}")
    bar.set_label("mistakes: share of the row")


def _one_colour(colour: str) -> Colormap:
    from matplotlib.colors import ListedColormap

    return ListedColormap([colour])


def plot_mistakes(
    images: Array, labels: Array, probabilities: Array, class_names: Sequence[str], path: str | os.PathLike[str]
) -> None:
    """Draw the wrong guesses with the highest probability, at most 12.

    Beside each image are bars for the three most probable classes; the true class takes the place of the third if
    it is not among them.
    """
    pictures = _grey("plot_mistakes", images, labels)
    if probabilities.shape != (len(pictures), len(class_names)):
        raise ValueError(
            f"plot_mistakes: probabilities {probabilities.shape}, {len(pictures)} images, {len(class_names)} names;"
            " wanted (N, C), N and C"
        )
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    worst = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MOST_MISTAKES]
    down = ceil(len(worst) / 3)
    with drawing(path, 11, 1.5 * down + 0.8) as figure:
        title = f"Mistakes: {len(wrong):,} of {len(pictures):,} images"
        title += ", the most confident first" if len(wrong) else ""
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
        cells = figure.subfigures(down, 3, squeeze=False).flat if down else ()
        for cell, i in zip(cells, worst, strict=False):
            _mistake(cell, pictures[i], int(labels[i]), probabilities[i], class_names)


def _mistake(cell: SubFigure, picture: Array, label: int, probabilities: Array, class_names: Sequence[str]) -> None:
    left, right = cell.subplots(1, 2, width_ratios=[1, 1.5])
    left.imshow(picture, cmap="gray")
    left.set_title(f"truth: {shortened(class_names[label], 13)}", fontsize=9, loc="center", pad=3)
    bare(left)
    top = [int(i) for i in np.argsort(-probabilities, kind="stable")[:3]]
    if label not in top:
        top[-1] = label
    _bars(right, probabilities[top], [class_names[i] for i in top], [i == label for i in top])


def _bars(axes: Axes, values: Array, names: Sequence[str], right: Sequence[bool]) -> None:
    """Name and probability of each class, above its bar: right ones in blue, wrong ones in vermilion."""
    places = np.arange(len(values))
    axes.barh(places, values, height=0.35, color=[BLUE if r else VERMILION for r in right])
    for place, value, name, r in zip(places, values, names, right, strict=True):
        text = f"{shortened(name)}  {value:.1%}" + ("  (truth)" if r else "")
        axes.text(0, place - 0.28, text, fontsize=8.5, va="bottom", ha="left")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(values) - 0.6, -0.9)
    bare(axes)


def _grey(function: str, images: Array, labels: Array) -> Array:
    """Return images as (N, H, W)."""
    pictures = images[:, 0] if images.ndim == 4 and images.shape[1] == 1 else images
    if pictures.ndim != 3 or not len(pictures) or len(pictures) != len(labels):
        raise ValueError(
            f"{function}: images {images.shape}, {len(labels)} labels; wanted (N, H, W) or (N, 1, H, W) and N"
        )
    return pictures
