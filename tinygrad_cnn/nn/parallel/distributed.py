"""DistributedDataParallel: a model of which each rank has the same copy, trained on its share of each batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinygrad_cnn.distributed.average import average_gradients, broadcast_tensors
from tinygrad_cnn.distributed.group import get_world_size
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parallel.sync_batch_norm import weighing
from tinygrad_cnn.tape.backward import queue_callback
from tinygrad_cnn.tape.grad_mode import is_grad_enabled


class DistributedDataParallel(Module):
    """Calls the module that it wraps, and averages gradients over all ranks at the end of each backward pass.

    Parameters and buffers are those of rank 0 at first, and buffers after each backward pass too. A rank's
    gradients count as many times as there are samples in the first input of its last call, so that shares of
    unequal size give what one process with the whole batch has, for a loss that is a mean over samples. For another
    mean, such as one with class weights, set ``weight`` between the call and the backward pass: to what the loss
    divides by. Parameters that the loss does not depend on, on some ranks or on all, need no option.

    Names in its ``state_dict`` begin with ``module.``, as in PyTorch. PyTorch's other options are accepted and
    change nothing. Raises ValueError without a process group.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.nn.parallel import DistributedDataParallel
    >>> tg.distributed.init_process_group()  # with mpiexec: all of its processes
    >>> model = DistributedDataParallel(tg.nn.Linear(2, 1))
    >>> model(tg.ones(3, 2)).sum().backward()
    >>> model.module.weight.grad
    tensor([[3., 3.]])
    >>> tg.distributed.destroy_process_group()
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(module, Module):
            raise TypeError(f"DistributedDataParallel: wanted a Module, got {type(module).__name__}")
        if process_group is not None:
            raise ValueError(
                "DistributedDataParallel: process_group is not None; wanted the group of all processes"
            )
        ranks = get_world_size()
        trained = [p for p in module.parameters() if p.requires_grad]
        if not trained:
            raise RuntimeError("DistributedDataParallel: no parameter of the module requires a gradient")
        self.module = module
        self.broadcast_buffers = broadcast_buffers
        self.require_backward_grad_sync = True
        self.weight = 1.0
        self._arrived = False
        if ranks > 1:
            if init_sync:
                broadcast_tensors([*module.parameters(), *module.buffers()])
            for parameter in trained:
                parameter.register_post_accumulate_grad_hook(self._on_gradient)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Return what the module gives."""
        if is_grad_enabled():
            first = next((value for value in (*inputs, *options.values()) if getattr(value, "ndim", 0)), None)
            self.weight = 1.0 if first is None else float(len(first))
        with weighing(self.weight):
            return self.module(*inputs, **options)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Within the block, add gradients up on each rank by itself: the next backward pass after it averages all.

        Each rank's then count by the weight of its last call.
        """
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def _on_gradient(self, parameter: Any) -> None:
        if self.require_backward_grad_sync:
            self._arrived = True
            queue_callback(self._average)

    def _average(self) -> None:
        """Average all gradients once in a backward pass, for all parameters that it reached."""
        if self._arrived:
            self._arrived = False
            average_gradients(self.module.parameters(), self.weight)
            if self.broadcast_buffers:
                broadcast_tensors(self.module.buffers())
