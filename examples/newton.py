"""Newton's method: with second derivatives, Rosenbrock's function takes six steps, with first ones thousands."""

from __future__ import annotations

import tinygrad_cnn as tg
from tinygrad_cnn.support.program import program


def rosenbrock(point: tg.Tensor) -> tg.Tensor:
    """Return Rosenbrock's function, a curved valley whose minimum, 0, is at (1, 1)."""
    x, y = point
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def gradient(point: tg.Tensor) -> tg.Tensor:
    """Return the gradient of Rosenbrock's function."""
    (gradient,) = tg.autograd.grad(rosenbrock(point), point)
    return gradient


def descend(point: tg.Tensor, step: tg.Tensor) -> tg.Tensor:
    """Return a new leaf, one step away."""
    return (point - step).detach().requires_grad_()


def main() -> None:
    """Minimize the function with both methods."""
    start = tg.tensor([-1.2, 1.0], dtype=tg.float64, requires_grad=True)

    print("Newton's method: the step solves  H step = gradient")
    point = start
    for i in range(100):
        print(f"  step {i}: f{tuple(round(x, 6) for x in point.tolist())} = {rosenbrock(point).item():.3g}")
        g = gradient(point)
        if g.abs().max() < 1e-9:
            break
        point = descend(point, tg.linalg.solve(tg.autograd.functional.hessian(rosenbrock, point), g))

    print("Gradient descent, learning rate 0.002")
    point = start
    for i in range(20_001):
        if i in (0, 1, 10, 100, 1000, 20_000):
            print(f"  step {i}: f{tuple(round(x, 6) for x in point.tolist())} = {rosenbrock(point).item():.3g}")
        point = descend(point, 0.002 * gradient(point))


if __name__ == "__main__":
    program(main, __doc__)
