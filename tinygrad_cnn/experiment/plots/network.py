"""Pictures of a network: its layers, its filters, and its feature maps."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import ceil, log2, prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.experiment.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    QUIET,
    SKY,
    bare,
    drawing,
    shortened,
    signed,
)
from tinygrad_cnn.inspection.observe import observe
from tinygrad_cnn.inspection.summary import Row, Summary, shape_text
from tinygrad_cnn.nn import Conv2d, Module
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MOST_FILTERS = 64
MOST_MAPS = 16
BOXES_ACROSS = 8
MOST_LETTERS = 15  # under a box

_COLOURS = {
    "": SKY,
    "Conv2d": BLUE,
    "PartialConv2d": BLUE,
    "MaxPool2d": GREEN,
    "AvgPool2d": GREEN,
    "Subsampling": GREEN,
    "Linear": ORANGE,
}


def plot_filters(model: Module, path: str | os.PathLike[str]) -> None:
    """Draw the kernels of the first convolution (of their first input channel), at most 64, on one scale."""
    convolutions = [(name, m) for name, m in model.named_modules() if isinstance(m, Conv2d)]
    if not convolutions:
        raise ValueError(f"plot_filters: {type(model).__name__} has no Conv2d; wanted at least one")
    name, convolution = convolutions[0]
    kernels = convolution.weight.array[:MOST_FILTERS, 0]
    across = min(len(kernels), 8)
    down = ceil(len(kernels) / across)
    reach = float(np.abs(kernels).max()) or 1.0
    with drawing(path, max(1.25 * across, 3) + 1.2, 1.3 * down + 0.7) as figure:
        title = f"Filters of {shortened(name or 'Conv2d', 24)}: {shape_text(convolution.weight.shape)}"
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
        grid = figure.subplots(down, across, squeeze=False)
        for axes in grid.flat:
            bare(axes)
        for axes, kernel in zip(grid.flat, kernels, strict=False):
            image = axes.imshow(kernel, cmap=signed(), vmin=-reach, vmax=reach)
        figure.colorbar(image, ax=grid, label="weight", shrink=0.9)


def plot_feature_maps(
    model: Module, image: Tensor, path: str | os.PathLike[str], activation: Callable[[Tensor], Tensor] | None = None
) -> None:
    """Draw the output of each layer for one image (1, C, H, W): up to 16 feature maps, or numbers as a strip.

    With the ``activation`` that follows the layers, such as `relu`, it is applied to the outputs of all but the
    last. Each layer has a scale of its own, which stands beside it; where there are numbers below 0, the scale
    has both signs, and its middle is 0.
    """
    layers = [("input", "", image.array[0])]
    calls = [call for call in observe(model, image) if isinstance(call.output, Tensor)]
    for call in calls:
        if call.output.ndim in (2, 4):
            output = activation(call.output) if activation is not None and call is not calls[-1] else call.output
            values = output.array[0]
            if values.shape[1:] == (1, 1):
                values = values.ravel()
            layers.append((call.name or "model", type(call.module).__name__, values))
    with drawing(path, 11, sum(map(_height, layers)) + 0.5) as figure:
        after = "" if activation is None else ", each layer after the activation function"
        title = f"One image through the network{after}"
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
        rows = figure.subfigures(len(layers), 1, squeeze=False, height_ratios=[_height(layer) for layer in layers])
        for row, (name, kind, values) in zip(rows[:, 0], layers, strict=True):
            _layer(row, name, kind, values)


def _height(layer: tuple[str, str, Array]) -> float:
    _, _, values = layer
    if values.ndim == 1:
        return 0.75
    return 1.15 if len(values) <= 8 else 1.9


def _layer(row: SubFigure, name: str, kind: str, values: Array) -> None:
    """Draw a label at the left, then the maps in one or two lines, or the strip."""
    label, right = row.subfigures(1, 2, squeeze=False, width_ratios=[1.6, 8])[0]
    heading = f"{shortened(name, 20)}\n{shortened(kind, 20)}".rstrip()
    more = f"\n{MOST_MAPS} shown" if values.ndim == 3 and len(values) > MOST_MAPS else ""
    label.text(0.04, 0.5, f"{heading}\n{shape_text(values.shape)}{more}", va="center", fontsize=9)
    shown = values[None, None] if values.ndim == 1 else values[:MOST_MAPS]
    across = 1 if values.ndim == 1 else 8
    grid = right.subplots(ceil(len(shown) / across), across, squeeze=False)
    for axes in grid.flat:
        bare(axes)
    scale = _scale(values, "gray" if name == "input" else None)
    for axes, picture in zip(grid.flat, shown, strict=False):
        image = axes.imshow(picture, aspect="auto" if values.ndim == 1 else "equal", **scale)
    ends = [scale["vmin"], *([0.0] if scale["vmin"] < 0 else []), scale["vmax"]]
    bar = right.colorbar(image, ax=grid, ticks=ends, format="{x:.2g}", aspect=9, pad=0.01)
    bar.ax.tick_params(labelsize=8, length=0)


def _scale(values: Array, cmap: str | None) -> dict[str, Any]:
    """Return the colours of a layer: from 0 to the highest value, or about 0 where there are values below it."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if low < 0:
        reach = max(-low, high)
        return {"cmap": signed(), "vmin": -reach, "vmax": reach}
    return {"cmap": cmap, "vmin": 0.0, "vmax": high or 1.0}


def plot_architecture(summary: Summary, path: str | os.PathLike[str]) -> None:
    """Draw the layers of a model as boxes sized by the shapes of their outputs: sheets for maps, bars for rows."""
    start = Row("input", "", summary.input_size, 0, 0)
    rows = (start, *summary.rows)
    across = min(len(rows), BOXES_ACROSS)
    down = ceil(len(rows) / across)
    with drawing(path, max(1.55 * across, 6), 3.1 * down + 0.6) as figure:
        title = (
            f"{summary.model}: {summary.parameters:,} parameters, "
            f"{summary.multiply_adds:,} multiply-adds per sample"
        )
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=13)
        _lines(figure, rows, across, down)


def _lines(figure: Figure, rows: tuple[Row, ...], across: int, down: int) -> None:
    shapes = [row.output_shape for row in rows if row.output_shape]
    side = max((max(shape[-2:]) for shape in shapes if len(shape) == 3), default=1)
    length = max((shape[0] for shape in shapes if len(shape) == 1), default=1)
    for i, axes in enumerate(figure.subplots(down, 1, squeeze=False)[:, 0]):
        bare(axes)
        axes.set_xlim(-0.12, across)
        axes.set_ylim(-0.8, 1)
        for x, row in enumerate(rows[i * across :][:across]):
            _box(axes, x + 0.5, row, side, length)
            _words(axes, x + 0.5, row)
            if i * across + x > 0:  # from the box before
                axes.annotate("", (x + 0.06, 0.5), (x - 0.06, 0.5), arrowprops={"arrowstyle": "-|>", "color": INK})


def _box(axes: Axes, x: float, row: Row, side: int, length: int) -> None:
    """Draw sheets for feature maps, more of them for more maps, or a bar for a row of numbers."""
    from matplotlib.patches import Rectangle

    shape = row.output_shape or ()
    if len(shape) == 3:
        sheets = 1 + min(round(log2(shape[0])), 5)
        high, wide = (0.12 + 0.48 * sqrt(size / side) for size in shape[-2:])
    else:
        sheets, wide = 1, 0.13
        high = 0.12 + 0.73 * log2(1 + prod(shape)) / log2(1 + max(length, prod(shape)))
    step, colour = 0.035, _COLOURS.get(row.kind, FAINT)
    for sheet in range(sheets):
        shift = (sheet - (sheets - 1) / 2) * step
        corner = (x - wide / 2 + shift, 0.5 - high / 2 - shift)
        axes.add_patch(Rectangle(corner, wide, high, facecolor=colour, edgecolor=INK, linewidth=0.8))


def _words(axes: Axes, x: float, row: Row) -> None:
    name = shortened(row.name, MOST_LETTERS)
    counts = f"{row.parameters:,}\nparameters" if row.parameters else ""
    kind = "" if row.kind == row.name else shortened(row.kind, MOST_LETTERS)
    axes.text(x, -0.02, name, ha="center", va="top", fontsize=10, fontweight="bold")
    axes.text(x, -0.17, f"{kind}\n{shape_text(row.output_shape)}", ha="center", va="top", fontsize=9)
    axes.text(x, -0.46, counts, ha="center", va="top", fontsize=9, color=QUIET)
