"""The gradient of a batch, filled in by a program from the first step on: so a resumed run has the same bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_cnn.compiling.compiled import Compiled
from tinygrad_cnn.compiling.reach import Reach
from tinygrad_cnn.nn import Module
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.evaluation import mean_loss


def fill_gradients(
    model: Module,
    loss: Callable[..., Tensor],
    optimizer: Optimizer,
    inputs: Tensor,
    targets: Tensor,
    weight: float | None = None,
) -> tuple[Tensor, Any]:
    """Fill in the gradients of a batch's loss, times a weight, and return the loss and the model's outputs."""
    outputs = model(inputs)
    value = mean_loss("fit", loss, outputs, targets)
    optimizer.zero_grad()
    (value if weight is None else value * weight).backward()
    return value, outputs


class GradientsOfBatches(Compiled):
    """`fill_gradients` as a program for batches of one kind, that of the first; others run as they are.

    A program may round otherwise than the function. So where one runs depends on the batch and on ``kind`` alone,
    which is part of a trainer's state: None before the first step, and "" if that could not be a program.
    """

    def __init__(
        self, model: Module, loss: Callable[..., Tensor], optimizer: Optimizer, kind: str | None = None
    ) -> None:
        self.parts = model, loss, optimizer
        super().__init__(partial(fill_gradients, *self.parts))
        self.kind = kind

    def fill(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Any]:
        """Fill in the gradients of a batch's loss, and return the loss and the model's outputs."""
        kind = f"{inputs.dtype} {inputs.shape}, {targets.dtype} {targets.shape}"
        if self.kind not in (None, kind):
            return fill_gradients(*self.parts, inputs, targets)
        loss, outputs = self((inputs, targets), {})
        if self.kind is None:
            self.kind = kind if self.reason is None else ""
        return loss, outputs

    def explain(self) -> str:
        """Return the program as text, or why there is none."""
        if self.kind == "" and self.reason is None:
            return "steps run as they are: the first one of the run could not be a program"
        return super().explain()

    def __reduce__(self) -> tuple[Any, ...]:
        return GradientsOfBatches, (*self.parts, self.kind)

    def _captured(self, entry: Any, arguments: Any, named: Any, values: list[Any]) -> Any:
        """Capture and check the program in runs that leave no trace, then run it."""
        for _ in range(2):
            assert self._reach is not None
            before = _Before(self._reach)
            result = super()._captured(entry, arguments, named, values)
            if self.reason is not None or entry.program is None:
                return result
            before.restore()
        return entry.program(values)

    def _give_up(self, reason: str) -> None:
        """Go on without a program, and without a warning: results are the same."""
        self.reason = reason
        self.programs.clear()


class _Before:
    """What a run can change: buffers, gradients, and the states of generators."""

    def __init__(self, reach: Reach) -> None:
        self._tensors = [(tensor, tensor.array.copy(), tensor._grad) for tensor in reach.tensors.values()]
        self._gradients = [(grad, grad.array.copy()) for *_, grad in self._tensors if grad is not None]
        generators = [default_generator(), *(m for m in reach.machines if isinstance(m, np.random.Generator))]
        self._generators = [(generator, generator.bit_generator.state) for generator in generators]

    def restore(self) -> None:
        for tensor, numbers, gradient in self._tensors:
            if not np.array_equal(tensor.array, numbers):
                tensor.array[...] = numbers
            tensor._grad = gradient
        for gradient, numbers in self._gradients:
            gradient.array[...] = numbers
        for generator, state in self._generators:
            generator.bit_generator.state = state
