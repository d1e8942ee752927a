"""The workloads in JAX: loss, gradients and update compiled as one function, which reuses its buffers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks import models
from benchmarks.pytorch_like import Job
from benchmarks.workloads import STEPS, Workload, batches, initial_weights, read_digits

SHAPES = {
    "lenet": [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 256), (120,), (84, 120), (84,), (10, 84), (10,)],
    "mlp": [(512, 784), (512,), (512, 512), (512,), (10, 512), (10,)],
    "wide": [(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,), (128, 9216), (128,), (10, 128), (10,)],
    "residual": [(64, 64, 3, 3), (64,), (64, 64, 3, 3), (64,), (10, 64), (10,)],
}


_ready: Any = jax.block_until_ready


def _conv(x: Any, w: Any, b: Any, padding: str = "VALID") -> Any:
    kinds = ("NCHW", "OIHW", "NCHW")
    return lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=kinds) + b[:, None, None]


def _pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _logits(name: str, params: list[Any], x: Any) -> Any:
    """Return a model's logits: its convolutions, if any, and then linear layers."""
    relu = jax.nn.relu
    if name == "residual":
        w1, b1, w2, b2, *linear = params
        x = relu(_conv(relu(_conv(x, w1, b1, "SAME")), w2, b2, "SAME") + x).mean((2, 3))
    elif name == "mlp":
        linear = params
    else:
        w1, b1, w2, b2, *linear = params
        x = relu(_conv(x, w1, b1))
        x = _pool(relu(_conv(_pool(x) if name == "lenet" else x, w2, b2)))
    x = x.reshape(len(x), -1)
    layers = list(zip(linear[::2], linear[1::2], strict=True))
    for w, b in layers[:-1]:
        x = relu(x @ w.T + b)
    w, b = layers[-1]
    return x @ w.T + b


class Jax:
    """Prepares workloads in JAX."""

    kinds = ("step", "program", "inference", "indexed", "small")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def offers(self, workload: Workload) -> bool:
        """Return whether the workload can be done."""
        return workload.kind in self.kinds and workload.model in SHAPES

    def prepare(self, workload: Workload) -> Job:
        """Return the workload, ready to run."""
        job: Job = getattr(self, f"_{workload.kind}")(workload)
        return job

    def _trainer(self, name: str) -> tuple[Callable[[Any, Any], Any], Callable[[], None]]:
        """Return a function that trains on a batch and returns the loss, and one that resets the weights."""

        def loss_of(params: list[Any], x: Any, y: Any) -> Any:
            logs = jax.nn.log_softmax(_logits(name, params, x))
            return -jnp.take_along_axis(logs, y[:, None], 1).mean()

        def update(params: list[Any], x: Any, y: Any) -> Any:
            loss, grads = jax.value_and_grad(loss_of)(params, x, y)
            return loss, [p - 0.01 * g for p, g in zip(params, grads, strict=True)]

        step = jax.jit(update, donate_argnums=0)
        state: dict[str, Any] = {}

        def reset() -> None:
            state["params"] = [jnp.array(w) for w in initial_weights(SHAPES[name])]

        def train(x: Any, y: Any) -> Any:
            loss, state["params"] = step(state["params"], x, y)
            return loss

        reset()
        return train, reset

    def _step(self, workload: Workload) -> Job:
        train, reset = self._trainer(workload.model)
        tensors = [(jnp.array(x), jnp.array(y)) for x, y in batches(self.folder, workload)]
        endless = cycle(tensors)

        def check() -> list[float]:
            losses = [float(train(*batch)) for batch in tensors[:STEPS]]
            reset()
            return losses

        return Job(lambda: _ready(train(*next(endless))), check, reset)

    _program = _step

    def _inference(self, workload: Workload) -> Job:
        params = [jnp.array(w) for w in initial_weights(SHAPES[workload.model])]
        forward: Any = jax.jit(lambda params, x: _logits(workload.model, params, x))
        endless = cycle([jnp.array(x) for x, _ in batches(self.folder, workload)])
        run = lambda: _ready(forward(params, next(endless)))  # noqa: E731
        return Job(run, lambda: [float(v) for v in np.asarray(run()).ravel()])

    def _indexed(self, workload: Workload) -> Job:
        train, reset = self._trainer(workload.model)
        images, labels = read_digits(self.folder, "train")
        rng = np.random.default_rng(0)

        def run(steps: int | None = None, shuffle: bool = True) -> list[Any]:
            order = rng.permutation(len(images)) if shuffle else np.arange(len(images))
            starts = range(0, len(order), workload.batch)[:steps]
            rows = (order[i : i + workload.batch] for i in starts)
            losses: list[Any] = _ready([train(images[r], labels[r]) for r in rows])
            return losses

        def check() -> list[float]:
            losses = [float(v) for v in run(STEPS, shuffle=False)]
            reset()
            return losses

        return Job(run, check, reset)

    def _small(self, workload: Workload) -> Job:
        rng = np.random.default_rng(0)
        x, w = (jnp.array(rng.uniform(-0.5, 0.5, (10, 10)), jnp.float32) for _ in range(2))
        function = jax.jit(jax.value_and_grad(_small, (0, 1)))

        def check() -> list[float]:
            value, (gradient, _) = function(x, w)
            return [float(value), *(float(v) for v in np.asarray(gradient).ravel())]

        return Job(lambda: _ready(function(x, w)), check, parts=models.SMALL_OPERATIONS)


def _small(x: Any, w: Any) -> Any:
    h = x
    for _ in range(models.SMALL_OPERATIONS // 6):
        h = jnp.tanh(h @ w) * x - jax.nn.sigmoid(h) + x
    return h.sum()
