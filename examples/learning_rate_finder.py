"""Find LeNet's learning rate in a hundred steps: raise it until the loss diverges; see where it fell fastest."""

from __future__ import annotations

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.data.sources import open_dataset
from tinygrad_cnn.experiment.plots.style import BLUE, VERMILION, drawing
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.support.program import program
from tinygrad_cnn.training import LearningRateFinder, Trainer

PICTURE = "learning_rate_finder.png"


def main() -> None:
    """Try the rates, and draw the losses."""
    tg.manual_seed(0)
    source = open_dataset("auto")
    model = LeNet()
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), momentum=0.9))
    found = LearningRateFinder(least=1e-4, most=10).run(trainer, DataLoader(source.train, 64, shuffle=True))
    for rate, loss in list(zip(found.rates, found.losses, strict=True))[::10]:
        print(f"  learning rate {rate:8.5f}   loss {loss:.3f}")
    print(f"the loss falls fastest at {found.suggestion:.3g}")

    with drawing(PICTURE, 7, 4) as figure:
        axes = figure.subplots()
        axes.semilogx(found.rates, found.losses, color=BLUE)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.axvline(found.suggestion, color=VERMILION, linestyle="--")
        axes.annotate(
            f"{found.suggestion:.3g} ", (found.suggestion, max(found.losses)), color=VERMILION, ha="right", va="top"
        )
        axes.set(title="Loss while the learning rate grows", xlabel="learning rate", ylabel="loss, smoothed")
    print(f"picture: {PICTURE}")


if __name__ == "__main__":
    program(main, __doc__)
