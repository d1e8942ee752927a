"""A network learns the motion of a damped pendulum from its differential equation alone, without data.

After Raissi, Perdikaris & Karniadakis, "Physics-informed neural networks" (2019): the loss is how far the network's
derivatives are from satisfying u'' + 2 d u' + w^2 u = 0, with u(0) = 1 and u'(0) = 0.
"""

from __future__ import annotations

import math

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.experiment.plots.style import BLUE, VERMILION, drawing
from tinygrad_cnn.support.program import program

DAMPING, FREQUENCY, END = 0.4, 2.0, 6.0
PICTURE = "physics_informed.png"


def derivative(u: tg.Tensor, t: tg.Tensor) -> tg.Tensor:
    """Return du/dt at every t: each u depends on its own t alone, so the gradient of their sum has all of them."""
    (gradient,) = tg.autograd.grad(u.sum(), t, create_graph=True)
    return gradient


def residual(u: tg.Tensor, t: tg.Tensor) -> tg.Tensor:
    """Return by how much u fails the equation at every t."""
    velocity = derivative(u, t)
    return derivative(velocity, t) + 2 * DAMPING * velocity + FREQUENCY**2 * u


def exact(t: np.ndarray) -> np.ndarray:
    """Return the analytic solution, to compare with."""
    w = math.sqrt(FREQUENCY**2 - DAMPING**2)
    return np.exp(-DAMPING * t) * (np.cos(w * t) + DAMPING / w * np.sin(w * t))


def main() -> None:
    """Train the network on the equation, and draw it beside the exact solution."""
    tg.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = optim.Adam(network.parameters(), lr=0.01)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4000)
    times = tg.linspace(0, END, 100).unsqueeze(1).requires_grad_()
    for step in range(4001):
        u = 1 + tg.tanh(times) ** 2 * network(times)  # for any network u(0) = 1 and u'(0) = 0
        loss = (residual(u, times) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0:
            error = np.abs(u.detach().numpy() - exact(times.detach().numpy())).max()
            print(f"step {step:4}   residual {loss.item():9.6f}   largest error {error:.4f}")

    with drawing(PICTURE, 7, 4) as figure:
        axes = figure.subplots()
        t = times.detach().numpy()
        axes.plot(t, exact(t), color=BLUE, linewidth=5, alpha=0.4, label="exact")
        axes.plot(t, u.detach().numpy(), color=VERMILION, linestyle="--", label="network")
        axes.set(title="A damped oscillation, learnt from its equation alone", xlabel="time", ylabel="displacement")
        axes.legend()
    print(f"picture: {PICTURE}")


if __name__ == "__main__":
    program(main, __doc__)
