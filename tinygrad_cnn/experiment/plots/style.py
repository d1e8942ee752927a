"""What all pictures share: colours, fonts, and how they are written. matplotlib is imported where it is used."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_cnn.storage.atomic_files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# Okabe & Ito, "Color universal design" (2008): distinguishable with any kind of colour vision.
BLUE, VERMILION, GREEN, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9"
INK, QUIET, FAINT, PALE = "#222222", "#666666", "#dddddd", "#e3eef6"
HEAT = "viridis"
TEN = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Petroff, "Accessible color sequences for data visualization" (2021): ten classes."""

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 11,
    "text.parse_math": False,  # a class may be named $1
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 100,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.08,
    "savefig.dpi": 144,
    "savefig.bbox": None,
    "grid.color": FAINT,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "image.cmap": HEAT,
    "image.interpolation": "nearest",
}


_FOOTNOTE = ContextVar("footnote", default="")


@contextmanager
def footnote(text: str) -> Iterator[None]:
    """Write ``text`` at the foot of every picture that is drawn within the block."""
    token = _FOOTNOTE.set(text)
    try:
        yield
    finally:
        _FOOTNOTE.reset(token)


@contextmanager
def drawing(path: str | os.PathLike[str], width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of that size in inches; when the block ends, write it to ``path`` as a PNG file."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        try:
            yield figure
            if _FOOTNOTE.get():
                figure.supxlabel(_FOOTNOTE.get(), fontsize=10, fontweight="bold", color=VERMILION)
            png = io.BytesIO()
            with warnings.catch_warnings():  # characters that the font lacks are drawn as boxes
                warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
                figure.savefig(png, format="png")
        finally:
            figure.clear()
    with atomic_write(Path(path)) as file:
        file.write(png.getvalue())


def signed() -> Colormap:
    """Return a diverging map for numbers of both signs: vermilion below 0, nearly white at 0, blue above."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", [VERMILION, "#f7f7f5", BLUE])


def shortened(name: str, most: int = 16) -> str:
    """Return a name on one line, cut to at most ``most`` characters."""
    name = " ".join(name.split())
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def bare(axes: Axes) -> None:
    """Remove ticks and frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
