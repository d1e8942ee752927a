"""``torch.nn.DataParallel`` on a machine without GPUs: the module itself, under the name ``module``."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn.nn.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Calls the module that it wraps. Names in its ``state_dict`` begin with ``module.``, as in PyTorch.

    >>> import tinygrad_cnn as tg
    >>> list(DataParallel(tg.nn.Linear(2, 1)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Return what the module gives."""
        return self.module(*inputs, **options)


def data_parallel(module: Module, inputs: Any, *_: Any, **__: Any) -> Any:
    """Return what a module gives for an input, or for a tuple of inputs."""
    return module(*inputs) if isinstance(inputs, tuple) else module(inputs)
