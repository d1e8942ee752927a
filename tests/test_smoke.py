"""Read this first: what the package is, in a minute. Every other test file holds one of its promises in full."""

from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.autograd import operation


def test_a_gradient_by_hand() -> None:
    """y = x^2 w has the derivatives 2 x w and x^2."""
    x = tg.tensor(3.0, requires_grad=True)
    w = tg.tensor(5.0, requires_grad=True)
    (x**2 * w).backward()
    assert (x.grad.item(), w.grad.item()) == (30.0, 9.0)


def test_a_derivative_is_checked() -> None:
    """An operation is a function of arrays with its derivative beside it; finite differences say if it is right."""

    @operation(input=lambda g, input: g * 3 * input**2)
    def to_the_third(input: np.ndarray) -> np.ndarray:
        return input**3

    points = tg.tensor([-1.0, 0.5, 2.0], dtype=tg.float64, requires_grad=True)
    assert tg.gradcheck(to_the_third, points)
    assert tg.gradgradcheck(to_the_third, points)  # the derivative of the derivative came by itself


def test_a_network_learns_and_its_weights_survive(tmp_path: Path) -> None:
    """Two classes that no line separates; then a new network with the weights from the file says the same."""
    tg.manual_seed(0)
    points = tg.randn(256, 2)
    labels = (points[:, 0] * points[:, 1] > 0).long()

    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))

    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for _ in range(200):
        loss = nn.functional.cross_entropy(model(points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(points).argmax(1) == labels).float().mean().item() > 0.97

    tg.save(model.state_dict(), tmp_path / "model.safetensors")
    other = network()
    other.load_state_dict(tg.load(tmp_path / "model.safetensors"))
    assert (other(points) == model(points)).all()
