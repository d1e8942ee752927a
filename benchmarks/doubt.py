"""Below which probability ``draw_digit.py`` shows an answer as doubt: ``python -m benchmarks.doubt``.

A network for digits has an answer for any drawing. This draws things that are no digits (scribbles,
letters and figures), and lists for each threshold how many of them, and of MNIST's test digits, stay below it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.data import digit_from_drawing
from tinygrad_cnn.data.sources import open_dataset
from tinygrad_cnn.models import LeNet

SIDE, PEN = 140, 13  # of the page's drawings
COUNT = 500
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)

Stroke = np.ndarray
"""Points (N, 2) of a line, from (0, 0), left above, to (1, 1)."""

FIGURES = {
    "A": "0,1 .5,0 1,1|.2,.6 .8,.6",
    "E": "1,0 0,0 0,1 1,1|0,.5 .8,.5",
    "F": "1,0 0,0 0,1|0,.5 .7,.5",
    "H": "0,0 0,1|1,0 1,1|0,.5 1,.5",
    "K": "0,0 0,1|1,0 0,.5 1,1",
    "M": "0,1 0,0 .5,.6 1,0 1,1",
    "N": "0,1 0,0 1,1 1,0",
    "R": "0,1 0,0 .8,.1 .8,.4 0,.5 1,1",
    "W": "0,0 .25,1 .5,.4 .75,1 1,0",
    "X": "0,0 1,1|1,0 0,1",
    "plus": ".5,0 .5,1|0,.5 1,.5",
    "triangle": ".5,0 1,1 0,1 .5,0",
    "square": "0,0 1,0 1,1 0,1 0,0",
    "house": "0,.4 .5,0 1,.4 1,1 0,1 0,.4 1,.4",
    "arrow": "0,.5 1,.5|.7,.2 1,.5 .7,.8",
    "star": ".5,0 .8,1 0,.35 1,.35 .2,1 .5,0",
    "heart": ".5,1 0,.35 .2,0 .5,.25 .8,0 1,.35 .5,1",
    "fence": ".3,0 .3,1|.7,0 .7,1|0,.3 1,.3|0,.7 1,.7",
    "zigzag": "0,.3 .2,.7 .4,.3 .6,.7 .8,.3 1,.7",
    "hourglass": "0,0 1,0 0,1 1,1 0,0",
}


def drawn(strokes: Sequence[Stroke]) -> np.ndarray:
    """Return strokes as the page sends them: ink (SIDE, SIDE) from 0 to 255."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    nearest = np.full((SIDE, SIDE), np.inf)
    for stroke in strokes:
        points = stroke * (SIDE - 4 * PEN) + 2 * PEN
        for (x0, y0), (x1, y1) in pairwise(points):
            dx, dy = x1 - x0, y1 - y0
            t = np.clip(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
            nearest = np.minimum(nearest, np.hypot(x - x0 - t * dx, y - y0 - t * dy))
    return np.rint(255 * np.clip(PEN / 2 + 0.5 - nearest, 0, 1)).astype(np.uint8)


def scribble(random: np.random.Generator) -> list[Stroke]:
    """Return a smooth line to and fro: a sum of random waves."""
    t = np.linspace(0, 2 * math.pi, 120)[:, None]
    waves = sum(random.normal(size=2) / k * np.sin(k * t + random.uniform(0, 7, 2)) for k in range(1, 7))
    return [(waves - waves.min(0)) / np.ptp(waves, axis=0)]


def figure(random: np.random.Generator) -> list[Stroke]:
    """Return one of the figures, turned and sheared a little."""
    text = FIGURES[random.choice(list(FIGURES))]
    turn = np.eye(2) + random.normal(scale=0.12, size=(2, 2))
    lines = [np.array([point.split(",") for point in line.split()], float) for line in text.split("|")]
    return [np.clip((line - 0.5) @ turn + 0.5, 0, 1) for line in lines]


def probabilities(model: LeNet, images: np.ndarray) -> np.ndarray:
    """Return the probability of the answer to each image (N, 28, 28)."""
    with tg.no_grad():
        return tg.softmax(model(tg.tensor(images[:, None])), 1).numpy().max(1)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the network of the run that is named, or of ``runs/draw_digit``."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    folder = Path(arguments[0] if arguments else "runs/draw_digit")
    model = LeNet()
    model.load_state_dict(tg.load(folder / "model.safetensors"))
    model.eval()
    random = np.random.default_rng(0)
    groups = {
        name: probabilities(model, np.stack([digit_from_drawing(drawn(draw(random))) for _ in range(COUNT)]))
        for name, draw in (("scribbles", scribble), ("figures", figure))
    }
    source = open_dataset("auto")
    groups = {"test digits": probabilities(model, source.test.images / np.float32(255)), **groups}
    print(f"{folder}, {source.name}: of the answers, below the threshold\n  threshold  " + "  ".join(groups))
    for threshold in THRESHOLDS:
        shares = [f"{(p < threshold).mean():{len(name)}.1%}" for name, p in groups.items()]
        print(f"  {threshold:9g}  " + "  ".join(shares))


if __name__ == "__main__":
    main()
