"""Draw docs/pictures/: two backward passes (*.svg), and what a run of the README's command draws (*.png).

``python docs/make_pictures.py tape`` draws the backward passes only; ``run`` trains for some ten seconds, on MNIST.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.experiment.config import Config
from tinygrad_cnn.experiment.run import run
from tinygrad_cnn.inspection.explain import Explanation
from tinygrad_cnn.models import LeNet

PICTURES = Path(__file__).resolve().with_name("pictures")
OF_A_RUN = ("losses", "accuracies", "confusion", "mistakes", "filters", "feature-maps")
COLOURS = 128  # enough for a picture of a run; the files become a third as large


def small() -> Explanation:
    """The expression that docs/tape.md walks back through."""
    values = nn.Module()
    values.a, values.b = nn.Parameter(2.0), nn.Parameter(3.0)
    return tg.explain(lambda: (values.a * values.b + values.a).exp().log(), values, check=True)


def lenet() -> Explanation:
    """LeNet's loss on 32 images, each derivative held to finite differences."""
    tg.manual_seed(0)
    model, x, y = LeNet(), tg.rand(32, 1, 28, 28), tg.randint(0, 10, (32,))
    tg.cross_entropy(model(x), y).backward()  # warm, so that the times are those of a training step
    return tg.explain(lambda: tg.cross_entropy(model(x), y), model, check=True)


TAPE = {"small": small, "lenet": lenet}


def draw_tape() -> None:
    """Draw the backward passes; the path of this checkout is left out."""
    root = f"{PICTURES.parents[1]}{os.sep}"
    for name, explained in TAPE.items():
        (PICTURES / f"{name}.svg").write_text(explained().svg().replace(root, ""), encoding="utf-8")


def draw_run() -> None:
    """Train as the README's command does, and keep the pictures."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        run(Config(dataset="mnist", output=folder))
        for name in OF_A_RUN:
            picture = Image.open(Path(folder, f"{name}.png")).convert("RGB")
            picture.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    PARTS = {"tape": draw_tape, "run": draw_run}
    if unknown := set(sys.argv[1:]) - PARTS.keys():
        sys.exit(f"there is no part {', '.join(unknown)}; wanted some of {', '.join(PARTS)}")
    PICTURES.mkdir(exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
    print(PICTURES)
