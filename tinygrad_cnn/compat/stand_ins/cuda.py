"""``torch.cuda`` on a machine without CUDA: what asks gets an empty answer, what needs a device an error."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn.compat.refused import refused


def memory_allocated(device: Any = None) -> int:
    """Return 0, as in PyTorch without CUDA."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_cached = memory_allocated


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False: bfloat16 is not supported."""
    return False


def reset_peak_memory_stats(device: Any = None) -> None:
    """Do nothing, as in PyTorch without CUDA."""


current_device = refused("torch.cuda.current_device")
get_device_name = refused("torch.cuda.get_device_name")
get_device_capability = refused("torch.cuda.get_device_capability")
get_device_properties = refused("torch.cuda.get_device_properties")
set_device = refused("torch.cuda.set_device")
mem_get_info = refused("torch.cuda.mem_get_info")
Event = refused("torch.cuda.Event")
Stream = refused("torch.cuda.Stream")
current_stream = refused("torch.cuda.current_stream")
stream = refused("torch.cuda.stream")
FloatTensor = refused("torch.cuda.FloatTensor")
DoubleTensor = refused("torch.cuda.DoubleTensor")
LongTensor = refused("torch.cuda.LongTensor")
HalfTensor = refused("torch.cuda.HalfTensor")
IntTensor = refused("torch.cuda.IntTensor")
ByteTensor = refused("torch.cuda.ByteTensor")
BoolTensor = refused("torch.cuda.BoolTensor")
