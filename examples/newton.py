"""Newton's method: with second derivatives, Rosenbrock's valley is six steps long, not thousands."""

from __future__ import annotations

import tinygrad_cnn as tg


def rosenbrock(point: tg.Tensor) -> tg.Tensor:
    """A curved valley with its lowest point, 0, at (1, 1)."""
    x, y = point
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def gradient(point: tg.Tensor) -> tg.Tensor:
    """The direction of the steepest ascent."""
    (slope,) = tg.autograd.grad(rosenbrock(point), point)
    return slope


def descend(point: tg.Tensor, step: tg.Tensor) -> tg.Tensor:
    """A new leaf, a step further down."""
    return (point - step).detach().requires_grad_()


start = tg.tensor([-1.2, 1.0], dtype=tg.float64, requires_grad=True)

print("Newton's method: the step solves  H step = gradient")
point = start
for i in range(100):
    print(f"  step {i}: f{tuple(round(x, 6) for x in point.tolist())} = {rosenbrock(point).item():.3g}")
    slope = gradient(point)
    if slope.abs().max() < 1e-9:
        break
    point = descend(point, tg.linalg.solve(tg.autograd.functional.hessian(rosenbrock, point), slope))

print("Gradient descent, learning rate 0.002")
point = start
for i in range(20_001):
    if i in (0, 1, 10, 100, 1000, 20_000):
        print(f"  step {i}: f{tuple(round(x, 6) for x in point.tolist())} = {rosenbrock(point).item():.3g}")
    point = descend(point, 0.002 * gradient(point))
