"""L-BFGS: a quasi-Newton method with limited memory."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.line_search import Point, strong_wolfe
from tinygrad_cnn.optim.optimizer import Group, Optimizer
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tape.writes import writes
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

LEAST_CURVATURE = 1e-10
"""Of s y, below which a step says nothing useful about the curvature."""


class LBFGS(Optimizer):
    """Go along the inverse Hessian times the gradient, as the last ``history_size`` steps tell it.

    One `step` takes up to ``max_iter`` iterations and calls the closure up to ``max_eval`` times (5/4 of that if
    left out): it must clear the gradients, compute the loss, call backward and return the loss. Each iteration goes
    ``lr`` along the direction or, with ``line_search_fn="strong_wolfe"``, as far as `strong_wolfe` finds. All
    parameters are one group. (Liu & Nocedal, "On the limited memory BFGS method for large scale
    optimization", 1989.)

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = tg.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    13.0
    >>> x.detach()
    tensor([1.0000, 1.0000])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": whole("LBFGS", "max_iter", max_iter, 1),
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(f"LBFGS: got {len(self.param_groups)} groups of parameters; wanted one")

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "tolerance_grad", "tolerance_change")
        for option in ("max_iter", "max_eval", "history_size"):
            whole("LBFGS", option, group[option], 1)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn is {group['line_search_fn']!r}; wanted None or 'strong_wolfe'")

    def _fitting(self, name: str, p: Tensor, key: str, value: Any) -> Any:
        size = sum(parameter.numel() for parameter in self._parameters_in_order())
        for tensor in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(tensor, Tensor) and tensor.ndim and tensor.shape != (size,):
                raise ValueError(f"{name} has shape {tensor.shape}; wanted ({size},)")
        return deepcopy(value)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take iterations until one of the limits is reached; return the loss that the closure returned first."""
        if closure is None:
            raise TypeError("LBFGS.step: wanted a closure, which computes the loss and its gradients anew")
        first = self._called(closure)
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        state["func_evals"] += 1
        now = float(first), self._gradient()
        if _largest(now[1]) > float(group["tolerance_grad"]):
            self._iterate(closure, group, state, *now)
        self.has_stepped = True
        return first

    def _iterate(
        self, closure: Callable[[], Any], group: Group, state: dict[str, Any], loss: float, g: Array
    ) -> None:
        change, lr = float(group["tolerance_change"]), float(group["lr"])
        calls = 1
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(state, g, group["history_size"])
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            before, slope = loss, float(g @ direction)
            state.update(d=self._kept(direction), t=t, prev_flat_grad=self._kept(g.copy()), prev_loss=loss)
            if slope > -change:
                break
            start = Point(0.0, loss, g, slope)
            point, made = self._move(closure, group, start, direction, t, is_last=iteration == group["max_iter"])
            loss, g, state["t"] = point.value, point.gradient, point.t
            calls += made
            state["func_evals"] += made
            if (
                calls >= group["max_eval"]
                or _largest(g) <= float(group["tolerance_grad"])
                or _largest(direction * point.t) <= change
                or abs(loss - before) < change
            ):
                break

    def _direction(self, state: dict[str, Any], g: Array, history_size: int) -> Array:
        """Return the direction of descent, by the two-loop recursion (Nocedal, 1980)."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -g
        y = g - state["prev_flat_grad"].array
        s = state["d"].array * g.dtype.type(state["t"])
        if (ys := float(y @ s)) > LEAST_CURVATURE:
            for name, value in (("old_dirs", self._kept(y)), ("old_stps", self._kept(s)), ("ro", 1.0 / ys)):
                state[name] = [*state[name], value][-history_size:]
            state["H_diag"] = ys / float(y @ y)
        pairs = [
            (y.array, s.array, ro)
            for y, s, ro in zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True)
        ]
        q, shares = -g, []
        for y, s, ro in reversed(pairs):
            shares.append(float(s @ q) * ro)
            q = q - g.dtype.type(shares[-1]) * y
        q = q * g.dtype.type(state["H_diag"])
        for (y, s, ro), share in zip(pairs, reversed(shares), strict=True):
            q = q + g.dtype.type(share - float(y @ q) * ro) * s
        return q

    def _move(
        self, closure: Callable[[], Any], group: Group, start: Point, direction: Array, t: float, is_last: bool
    ) -> tuple[Point, int]:
        """Go along the direction; return where that leads, and how often the closure was called."""
        origin = [p.array.copy() for p in group["params"]]

        def at(t: float) -> Point:
            self._set(origin, direction, t)
            value = float(self._called(closure))
            gradient = self._gradient()
            return Point(t, value, gradient, float(gradient @ direction))

        if group["line_search_fn"] is None:
            if not is_last:
                return at(t), 1
            self._set(origin, direction, t)
            return start._replace(t=t), 0
        try:
            point, calls = strong_wolfe(at, start, t, _largest(direction), 1e-9)
        except BaseException:
            self._set(origin, direction, 0.0)
            raise
        self._set(origin, direction, point.t)
        return point, calls

    def _set(self, origin: list[Array], direction: Array, t: float) -> None:
        """Put the parameters at ``origin + t direction``."""
        start = 0
        parameters = self.param_groups[0]["params"]
        for p, before in zip(parameters, origin, strict=True):
            part = direction[start : start + before.size].reshape(before.shape)
            p.array[...] = before + part.astype(before.dtype) * before.dtype.type(t)
            start += before.size
        writes.note((p.array for p in parameters), "LBFGS.step")

    def _gradient(self) -> Array:
        """Return the gradients of all parameters as one vector; 0 where there is none."""
        parts = [
            np.zeros(p.numel(), p.dtype) if p._grad is None else p._grad.array.ravel()
            for p in self.param_groups[0]["params"]
        ]
        return np.concatenate(parts)

    def _kept(self, vector: Array) -> Tensor:
        return make_tensor(self.param_groups[0]["params"][0], vector)


def _largest(vector: Array) -> float:
    return float(np.abs(vector).max(initial=0))
