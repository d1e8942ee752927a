"""Gradient checks: derivatives of any function of tensors, compared with finite differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape.backward import grad
from tinygrad_cnn.tape.grad_mode import enable_grad, no_grad
from tinygrad_cnn.tape.writes import mark_written
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Tensors = Tensor | Sequence[Tensor]


class GradcheckError(RuntimeError):
    """A derivative that differs from finite differences."""


def gradcheck(
    func: Callable[..., Tensors],
    inputs: Tensors,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
) -> bool:
    """Check the derivatives of a function against central differences.

    Every entry of the Jacobian of every output, for every input that requires a gradient, must satisfy
    ``|analytic - numeric| <= atol + rtol * |numeric|``; ``fast_mode`` checks only one random projection of each
    Jacobian. Inputs should be float64 and away from kinks. Two backward passes may differ by ``nondet_tol``.

    Raises GradcheckError, or returns False without ``raise_exception``.

    >>> import tinygrad_cnn as tg
    >>> x = tg.randn(3, dtype=tg.float64, requires_grad=True)
    >>> tg.gradcheck(lambda x: x.tanh().sum(), x)
    True
    """
    tensors = _checked_inputs("gradcheck", inputs)
    try:
        _check(func, tensors, eps, atol, rtol, nondet_tol, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Tensors],
    inputs: Tensors,
    grad_outputs: Tensors | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
) -> bool:
    """Check the second derivatives of a function: apply `gradcheck` to its gradient.

    The gradient is a function of the inputs and of the gradients of the outputs, which are random by default.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([1.0, 2.0], dtype=tg.float64, requires_grad=True)
    >>> tg.autograd.gradgradcheck(tg.exp, (x,))
    True
    """
    tensors = _checked_inputs("gradgradcheck", inputs)
    outputs = [output for output in _as_tuple(func(*tensors)) if output.requires_grad]
    if grad_outputs is None:
        draw = default_generator().standard_normal
        given = [Tensor(np.asarray(draw(o.shape)), o.dtype, requires_grad=True) for o in outputs]
    else:
        given = [Tensor(g, requires_grad=True) for g in _as_tuple(grad_outputs)]
    sources = [t for t in tensors if t.requires_grad]

    def gradient(*arguments: Tensor) -> Sequence[Tensor]:
        results = [o for o in _as_tuple(func(*arguments[: len(tensors)])) if o.requires_grad]
        found = grad(results, sources, arguments[len(tensors) :], create_graph=True, allow_unused=True)
        return [g for g in found if g is not None]

    return gradcheck(
        gradient,
        (*tensors, *given),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        fast_mode=fast_mode,
    )


def _as_tuple(tensors: Any) -> tuple[Tensor, ...]:
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def _checked_inputs(name: str, inputs: Tensors) -> tuple[Tensor, ...]:
    tensors = _as_tuple(inputs)
    sources = [t for t in tensors if isinstance(t, Tensor) and t.requires_grad]
    if not sources:
        raise ValueError(f"{name}: wanted at least one input that requires a gradient")
    for tensor in sources:
        if tensor.dtype != np.float64:
            warnings.warn(f"{name}: an input is {tensor.dtype}; finite differences need float64", stacklevel=3)
        if not tensor.array.flags.writeable:
            raise ValueError(
                f"{name}: wanted inputs with writable memory, because their values are changed for the differences"
            )
    return tensors


def _check(
    func: Callable[..., Tensors],
    inputs: tuple[Tensor, ...],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    fast_mode: bool,
) -> None:
    """Compare the Jacobian of each output with respect to each input, or one projection of it."""
    sources = [t for t in inputs if t.requires_grad]
    with enable_grad():
        outputs = _as_tuple(func(*inputs))
    checked = [(o, output) for o, output in enumerate(outputs) if output.dtype.kind == "f"]
    rows = {o: list(_directions(output.shape, fast_mode)) for o, output in checked}
    # All analytic gradients come first, because the numeric ones write to the inputs.
    first, second = ({o: _analytic(output, sources, rows[o]) for o, output in checked} for _ in range(2))
    for i, source in enumerate(sources):
        steps = list(_directions(source.shape, fast_mode))
        changes = _numeric(lambda: _as_tuple(func(*inputs)), source, steps, eps)
        for o, _ in checked:
            where = f"of output {o} with respect to input {i} (of those that require a gradient)"
            analytic = _project(first[o][i], steps)
            if not np.allclose(analytic, _project(second[o][i], steps), rtol=0, atol=nondet_tol, equal_nan=True):
                raise GradcheckError(f"two backward passes gave different gradients {where}")
            numeric = np.array([[np.sum(row * change[o]) for change in changes] for row in rows[o]])
            _compare(analytic, numeric.reshape(analytic.shape), atol, rtol, where)


def _directions(shape: tuple[int, ...], fast_mode: bool) -> Iterator[Array]:
    """Yield the unit vectors of a shape, or one random direction."""
    if fast_mode:
        yield np.asarray(default_generator().standard_normal(shape))
        return
    for place in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[place] = 1.0
        yield unit


def _analytic(output: Tensor, sources: Sequence[Tensor], rows: Sequence[Array]) -> list[Array]:
    """Return, for each source, the gradient of the output's projection on each row."""
    jacobians = [np.zeros((len(rows), *source.shape)) for source in sources]
    if output.requires_grad:
        for r, row in enumerate(rows):
            given = Tensor(row, output.dtype)
            found = grad(output, sources, given, retain_graph=True, allow_unused=True)
            for jacobian, gradient in zip(jacobians, found, strict=True):
                if gradient is not None:
                    jacobian[r] = gradient.array
    return jacobians


def _project(jacobian: Array, steps: Sequence[Array]) -> Array:
    return np.array([[np.sum(row * step) for step in steps] for row in jacobian]).reshape(len(jacobian), len(steps))


def _numeric(
    outputs: Callable[[], tuple[Tensor, ...]], source: Tensor, steps: Sequence[Array], eps: float
) -> list[list[Array]]:
    """Return the central difference of each output for each step of the source."""
    kept = source.array.copy()

    def at(values: Array) -> list[Array]:
        source.array[...] = values
        mark_written(source.array, "gradcheck")
        return [output.array.astype(np.float64) for output in outputs()]

    try:
        with enable_grad():  # the function may call backward itself
            return [
                [
                    (ahead - behind) / (2 * eps)
                    for ahead, behind in zip(at(kept + eps * s), at(kept - eps * s), strict=True)
                ]
                for s in steps
            ]
    finally:
        with no_grad():
            source.copy_(kept)


def _compare(analytic: Array, numeric: Array, atol: float, rtol: float, where: str) -> None:
    wrong = ~(np.abs(analytic - numeric) <= atol + rtol * np.abs(numeric))
    if wrong.any():
        r, s = np.argwhere(wrong)[0]
        raise GradcheckError(
            f"the Jacobian {where} is wrong in {wrong.sum()} of {wrong.size} entries, the first at ({r}, {s}): "
            f"analytic {analytic[r, s]:.8g}, by finite differences {numeric[r, s]:.8g}"
        )
