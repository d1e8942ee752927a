"""Adafactor: the mean square of a matrix of gradients, kept as a mean of rows and one of columns."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.kernels.elementwise import scaled
from tinygrad_cnn.optim.optimizer import Group
from tinygrad_cnn.optim.options import numbers_of
from tinygrad_cnn.optim.per_parameter import PerParameter, average, next_step
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class Adafactor(PerParameter):
    """Divide the gradient by the root of its mean square, kept as one number for each row and each column.

    The step is at most ``lr``, and 1 / sqrt(t), times the size of the parameter, and the root mean square of the
    scaled gradient is held at ``d``. Weight decay is decoupled. (Shazeer & Stern, "Adafactor: adaptive learning
    rates with sublinear memory cost", 2018.)
    """

    _accepted = ("foreach",)
    _decays_itself: ClassVar[bool] = True
    _state_names: ClassVar = {"step": True, "row_var": False, "col_var": False, "variance": False}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "weight_decay")
        self._want_finite(group, 1, "d")
        self._want_finite(group, -inf, "beta2_decay")
        eps = group["eps"]
        given = [0.0, *eps[1:]] if isinstance(eps, (tuple, list)) and eps and eps[0] is None else eps
        numbers = numbers_of(given, 2)
        if float(group["beta2_decay"]) > 0 or numbers is None or min(numbers) < 0:
            raise ValueError(
                f"Adafactor: beta2_decay is {group['beta2_decay']!r}, eps {eps!r}; wanted at most 0, and two "
                "numbers of at least 0, or None and one"
            )

    def _fitting(self, name: str, p: Tensor, key: str, value: Any) -> Any:
        shapes = {"row_var": (*p.shape[:-1], 1), "col_var": (*p.shape[:-2], 1, *p.shape[-1:])}
        if key not in shapes or not isinstance(value, (Tensor, np.ndarray)):
            return super()._fitting(name, p, key, value)
        if value.shape != shapes[key]:
            raise ValueError(f"{name} has shape {value.shape}, its parameter {p.shape}; wanted {shapes[key]}")
        return Tensor(value, p.dtype)

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        step, array = next_step(state), p.array
        share = step ** float(group["beta2_decay"])
        least = float(np.finfo(array.dtype).eps if group["eps"][0] is None else group["eps"][0])
        size = max(float(group["eps"][1]), _norm(array) / sqrt(array.size)) * min(lr, 1 / sqrt(step))
        array *= 1 - lr * float(group["weight_decay"])
        update = direction / np.sqrt(np.maximum(_mean_square(p, direction, state, share, least), least * least))
        array -= scaled(update, size / max(1.0, _norm(update) / (sqrt(array.size) * float(group["d"]))))


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array.ravel()))


def _mean_square(p: Tensor, gradient: Array, state: dict[str, Any], share: float, least: float) -> Array:
    """Return the running mean of the squares, of a matrix as the product of its rows' and its columns'."""
    square = gradient * gradient
    if gradient.ndim < 2:
        return _moved(p, state, "variance", square, share)
    rows = _moved(p, state, "row_var", square.mean(-1, keepdims=True), share)
    columns = _moved(p, state, "col_var", square.mean(-2, keepdims=True), share)
    return (rows @ columns) / np.maximum(rows.mean(-2, keepdims=True), least)


def _moved(p: Tensor, state: dict[str, Any], name: str, value: Array, share: float) -> Array:
    """Move a running mean of the state towards a value, and return it."""
    if name not in state:
        state[name] = make_tensor(p, np.zeros_like(value))
    mean: Array = state[name].array
    average(mean, value, share)
    return mean
