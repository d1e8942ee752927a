"""``torch.cuda`` on a machine without CUDA: what asks gets an empty answer, what needs a device an error."""

from __future__ import annotations

from typing import Any, NoReturn


def memory_allocated(device: Any = None) -> int:
    """Return 0, as in PyTorch without CUDA."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_cached = memory_allocated


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False: bfloat16 is not supported."""
    return False


def reset_peak_memory_stats(device: Any = None) -> None:
    """Do nothing, as in PyTorch without CUDA."""


class _NoCuda(type):
    def __call__(cls, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("cuda: there is no CUDA here; ask torch.cuda.is_available() before")

    def __instancecheck__(cls, value: Any) -> bool:
        return False


class current_device(metaclass=_NoCuda):
    """Raises RuntimeError when called, as PyTorch does without CUDA; nothing is an instance of it."""


get_device_name = get_device_capability = get_device_properties = set_device = mem_get_info = current_device
Event = Stream = current_stream = stream = current_device
FloatTensor = DoubleTensor = LongTensor = HalfTensor = IntTensor = ByteTensor = BoolTensor = current_device
