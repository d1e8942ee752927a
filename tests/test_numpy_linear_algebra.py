"""NumPy's linear algebra called on tensors: what it gives for arrays, recorded, with a tensor on either side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

RNG = np.random.default_rng(0)
SQUARE = RNG.standard_normal((2, 2, 2)) + 2 * np.eye(2)


def arrays(*shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(RNG.standard_normal(shape) for shape in shapes)


CALLS: list[tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = [
    (np.dot, arrays((3,), (3,))),
    (np.dot, arrays((2, 3), (3,))),
    (np.dot, arrays((2, 3), (3, 4))),
    (np.dot, arrays((2, 3), (5, 3, 4))),
    (np.dot, arrays((), (2, 3))),
    (np.inner, arrays((2, 3), (4, 3))),
    (np.outer, arrays((2, 2), (3,))),
    (np.vdot, arrays((2, 3), (2, 3))),
    (lambda a, b: np.einsum("ij,kj->ik", a, b), arrays((2, 3), (4, 3))),
    (lambda a, b: np.einsum("ij,kj->ik", a, b, optimize=True), arrays((2, 3), (4, 3))),
    (np.tensordot, arrays((2, 3, 4), (3, 4, 5))),
    (lambda a, b: np.tensordot(a, b, axes=([0], [1])), arrays((2, 3), (4, 2))),
    (np.kron, arrays((2, 3), (2,))),
    (np.trace, arrays((2, 3))),
    (lambda a: np.trace(a, offset=1, axis1=2, axis2=0), arrays((2, 3, 4))),
    (np.cross, arrays((2, 3), (3,))),
    (lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), arrays((3, 2), (2, 3))),
    (lambda a, b: np.cross(a, b, axis=0), arrays((3, 2), (3, 2))),
    (np.linalg.inv, (SQUARE,)),
    (np.linalg.pinv, arrays((4, 3))),
    (np.linalg.eigvalsh, (SQUARE + np.swapaxes(SQUARE, -1, -2),)),
    (lambda a: np.linalg.eigh(a).eigenvalues, (SQUARE + np.swapaxes(SQUARE, -1, -2),)),
    (lambda a: np.linalg.svd(a, full_matrices=False).S, arrays((4, 3))),
    (lambda a: abs(np.linalg.qr(a).R), arrays((4, 3))),
    (np.linalg.det, (SQUARE,)),
    (lambda a: np.linalg.slogdet(a).logabsdet, (SQUARE,)),
    (np.linalg.solve, (SQUARE, *arrays((2,)))),
    (np.linalg.solve, (SQUARE, *arrays((2, 2)))),
    (np.linalg.solve, (SQUARE, *arrays((2, 2, 3)))),
    (np.linalg.cholesky, (SQUARE @ np.swapaxes(SQUARE, -1, -2),)),
    (lambda *a: np.linalg.multi_dot(a), arrays((2,), (2, 3), (3, 4))),
    (lambda a: np.linalg.matrix_power(a, -3), (SQUARE,)),
    (lambda a: np.pad(a, 1), arrays((2, 3))),
    (lambda a: np.pad(a, (1, 2), constant_values=3.0), arrays((2, 3))),
    (lambda a: np.pad(a, ((0, 1), (2, 0))), arrays((2, 3))),
]


@pytest.mark.parametrize(("call", "inputs"), CALLS)
def test_tensors_give_what_arrays_give_and_are_recorded(call: Any, inputs: tuple[np.ndarray, ...]) -> None:
    for i in range(len(inputs)):
        mixed = [tg.tensor(a, requires_grad=True) if i == j else a for j, a in enumerate(inputs)]
        result = call(*mixed)
        np.testing.assert_allclose(result.detach().numpy(), call(*inputs), rtol=1e-12)
        assert result.requires_grad


def test_what_is_not_recorded_is_refused() -> None:
    x = tg.ones(2, 2, requires_grad=True)
    for call in (lambda: np.linalg.eig(x), lambda: np.fft.fft(x), lambda: np.pad(x, 1, mode="edge")):
        with pytest.raises(TypeError, match="is not recorded"):
            call()
