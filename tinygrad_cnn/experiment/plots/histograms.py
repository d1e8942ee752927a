"""Histograms of weights and gradients, by layer and by epoch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_cnn.experiment.plots.style import HEAT, INK, bare, drawing, shortened
from tinygrad_cnn.training.recorders import Histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

MOST_EPOCHS = 12


def plot_histograms(
    weights: Mapping[str, Sequence[Histogram]],
    gradients: Mapping[str, Sequence[Histogram]],
    path: str | os.PathLike[str],
) -> None:
    """Draw the distributions of each layer's weights (left) and gradients (right), an outline for each epoch.

    Of many epochs 12 are drawn, among them the first and the last. Raises ValueError if there is no layer.
    """
    if not weights:
        raise ValueError("plot_histograms: there are no histograms; wanted those of at least one layer")
    with drawing(path, 11, 1.5 * len(weights) + 0.9) as figure:
        figure.suptitle("Weights and gradients by epoch", fontweight="bold", x=0.01, ha="left", fontsize=13)
        grid = figure.subplots(len(weights), 2, squeeze=False)
        for row, name in zip(grid, weights, strict=True):
            for axes, kind, each in ((row[0], "weights", weights[name]), (row[1], "gradients", gradients[name])):
                axes.set_title(f"{shortened(name, 28)}: {kind}", fontsize=10)
                colours = _outlines(axes, each)
        epochs = len(next(iter(weights.values())))
        figure.colorbar(colours, ax=grid, label="epoch", shrink=0.5, aspect=40, ticks=sorted({1, epochs}))


def _outlines(axes: Axes, histograms: Sequence[Histogram]) -> ScalarMappable:
    """Draw histograms as outlines over one axis, the later the brighter; return their colours for a scale."""
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bare(axes)
    axes.spines["bottom"].set_visible(True)
    colours = ScalarMappable(Normalize(1, max(2, len(histograms))), matplotlib.colormaps[HEAT])
    reach = max(h.reach for h in histograms)
    for i in np.unique(np.linspace(0, len(histograms) - 1, min(len(histograms), MOST_EPOCHS)).astype(int)):
        reach_i, counts = histograms[i]
        edges = np.linspace(-reach_i, reach_i, len(counts) + 1)
        axes.stairs(counts / (2 * reach_i), edges, color=colours.to_rgba(i + 1), linewidth=1.2)
    axes.axvline(0, color=INK, linewidth=0.5)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(bottom=0)
    axes.set_xticks([-reach, 0, reach], [f"{-reach:.2g}", "0", f"{reach:.2g}"], fontsize=8)
    return colours
