"""A network that learns the swing of a damped pendulum from its differential equation, without seeing one swing.

After Raissi, Perdikaris & Karniadakis, "Physics-informed neural networks" (2019): the loss is how far the network's
own derivatives are from u'' + 2 d u' + w^2 u = 0, with u(0) = 1 and u'(0) = 0.
"""

from __future__ import annotations

import math

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.experiment.plots.style import BLUE, VERMILION, drawing

DAMPING, FREQUENCY, END = 0.4, 2.0, 6.0
PICTURE = "physics_informed.png"


def derivative(u: tg.Tensor, t: tg.Tensor) -> tg.Tensor:
    """The derivative of u at every t; each u depends on its own t alone, so that of their sum is all of them."""
    (slope,) = tg.autograd.grad(u.sum(), t, create_graph=True)
    return slope


def residual(u: tg.Tensor, t: tg.Tensor) -> tg.Tensor:
    """How far u is from obeying the equation."""
    velocity = derivative(u, t)
    return derivative(velocity, t) + 2 * DAMPING * velocity + FREQUENCY**2 * u


def exact(t: np.ndarray) -> np.ndarray:
    """The solution by pen and paper, to compare with."""
    w = math.sqrt(FREQUENCY**2 - DAMPING**2)
    return np.exp(-DAMPING * t) * (np.cos(w * t) + DAMPING / w * np.sin(w * t))


tg.manual_seed(0)
network = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = optim.Adam(network.parameters(), lr=0.01)
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4000)
times = tg.linspace(0, END, 100).unsqueeze(1).requires_grad_()
for step in range(4001):
    u = 1 + tg.tanh(times) ** 2 * network(times)  # whatever the network says, u(0) = 1 and u'(0) = 0
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
    axes.set(title="A damped swing, learnt from its equation alone", xlabel="time", ylabel="displacement")
    axes.legend()
print(f"drawn in {PICTURE}")
