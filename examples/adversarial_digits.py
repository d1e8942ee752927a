"""Adversarial examples: digits changed so little that a person hardly notices, but the network is wrong.

The fast gradient sign method of Goodfellow, Shlens & Szegedy, "Explaining and harnessing adversarial examples"
(2015): each pixel moves by epsilon in the direction in which the loss grows.
"""

from __future__ import annotations

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.data.sources import open_dataset
from tinygrad_cnn.experiment.plots.style import bare, drawing
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.support.program import program
from tinygrad_cnn.training import Trainer

PICTURE = "adversarial_digits.png"


def attacked(model: nn.Module, images: tg.Tensor, labels: tg.Tensor, epsilon: float) -> tg.Tensor:
    """Return the images with each pixel moved by epsilon so that the loss grows."""
    pixels = images.clone().requires_grad_()
    (gradient,) = tg.autograd.grad(nn.functional.cross_entropy(model(pixels), labels), pixels)
    return (images + epsilon * gradient.sign()).clamp(0, 1)


def main() -> None:
    """Train LeNet, attack its test digits, and draw those that fooled it."""
    tg.manual_seed(0)
    source = open_dataset("auto")
    model = LeNet()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    Trainer(model, nn.CrossEntropyLoss(), optimizer).fit(DataLoader(source.train, 64, shuffle=True), verbose=True)

    images, labels = next(iter(DataLoader(source.test, 2000)))
    print(f"\n{source.name}: {len(labels):,} test images, accuracy with pixels moved by")
    for epsilon in (0, 0.02, 0.05, 0.1, 0.15, 0.2):
        predictions = model(attacked(model, images, labels, epsilon)).argmax(1)
        print(f"  {epsilon:4.2f}: {(predictions == labels).float().mean().item():6.1%}")

    moved = attacked(model, images, labels, 0.1)
    before, after = model(images).argmax(1), model(moved).argmax(1)
    fooled = ((before == labels) & (after != labels)).nonzero().flatten()[:8].tolist()
    with drawing(PICTURE, 9, 2.9) as figure:
        figure.suptitle("Above the test images, below with pixels moved by 0.1", x=0.01, ha="left", fontsize=13)
        grid = figure.subplots(2, 8)
        for column, i in enumerate(fooled):
            for axes, picture, prediction in zip(grid[:, column], (images, moved), (before, after), strict=True):
                axes.imshow(picture[i, 0].numpy(), cmap="gray", vmin=0, vmax=1)
                axes.set_title(f"seen as {prediction[i].item()}", fontsize=9, loc="center", pad=3)
        for axes in grid.flat:
            bare(axes)
    print(f"\npicture: {PICTURE}")


if __name__ == "__main__":
    program(main, __doc__)
