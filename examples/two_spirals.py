"""Two spirals that no straight line separates, and the boundary that a small network learns between them."""

from __future__ import annotations

import math

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.experiment.plots.style import BLUE, VERMILION, drawing
from tinygrad_cnn.support.program import program

PICTURE = "two_spirals.png"


def spirals(count: int) -> tuple[tg.Tensor, tg.Tensor]:
    """Return points (2 * count, 2) on two arms of one and a half turns, and the arm of each point (0 or 1)."""
    turn = tg.rand(count).sqrt() * 3 * math.pi
    arm = tg.stack([turn.cos(), turn.sin()], 1) * (turn / (3 * math.pi)).unsqueeze(1)
    points = tg.cat([arm, -arm]) + 0.02 * tg.randn(2 * count, 2)
    return points, tg.arange(2 * count) // count


def main() -> None:
    """Train the network on the spirals, and draw its boundary."""
    tg.manual_seed(0)
    points, labels = spirals(500)
    model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for step in range(1001):
        logits = model(points)
        loss = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 200 == 0:
            right = (logits.argmax(1) == labels).float().mean()
            print(f"step {step:4}   loss {loss.item():.4f}   accuracy {right.item():.1%}")

    side = np.linspace(-1.2, 1.2, 300, dtype=np.float32)
    plane = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    with tg.no_grad():
        first = tg.softmax(model(tg.tensor(plane)), 1)[:, 1].numpy().reshape(300, 300)
    with drawing(PICTURE, 6, 6) as figure:
        axes = figure.subplots()
        axes.imshow(first, extent=(-1.2, 1.2, -1.2, 1.2), origin="lower", cmap="RdBu", vmin=-1, vmax=2)
        axes.contour(side, side, first, levels=[0.5], colors="black", linewidths=1)
        for arm, colour, marker in ((0, VERMILION, "o"), (1, BLUE, "s")):
            axes.scatter(*points.numpy()[labels.numpy() == arm].T, s=9, c=colour, marker=marker, label=f"arm {arm}")
        axes.set(title="The arm that the network predicts", xlabel="x", ylabel="y")
        axes.legend(loc="upper right", frameon=True)
    print(f"picture: {PICTURE}")


if __name__ == "__main__":
    program(main, __doc__)
