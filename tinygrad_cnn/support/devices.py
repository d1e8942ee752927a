"""Devices: the only one is the CPU. Scripts that request another device get an error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class device:
    """The CPU, as PyTorch's ``torch.device``. Raises RuntimeError for any other device.

    >>> import tinygrad_cnn as tg
    >>> tg.device("cuda" if tg.cuda.is_available() else "cpu")
    device(type='cpu')
    """

    type = "cpu"
    index = None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        want_cpu("device", type)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device)

    def __hash__(self) -> int:
        return hash(self.type)

    def __str__(self) -> str:
        return self.type

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"


def want_cpu(name: str, wanted: Any) -> None:
    """Refuse every device except the CPU; None stands for the default, the CPU."""
    if not (wanted is None or isinstance(wanted, device) or (isinstance(wanted, str) and _kind(wanted) == "cpu")):
        raise RuntimeError(f"{name}: there is no device {wanted!r} here; wanted 'cpu'")


def is_device(value: Any) -> bool:
    """Return whether a value is a device or the name of one, available or not."""
    return isinstance(value, device) or (isinstance(value, str) and _kind(value) in ("cpu", "cuda", "mps", "xpu"))


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _none(*_: Any, **__: Any) -> None:
    """Do nothing, as PyTorch does without the device."""


_ABSENT = {"is_available": lambda: False, "device_count": lambda: 0}

cuda = SimpleNamespace(**_ABSENT, manual_seed=_none, manual_seed_all=_none, empty_cache=_none, synchronize=_none)
accelerator = SimpleNamespace(**_ABSENT)
backends = SimpleNamespace(cudnn=SimpleNamespace(is_available=lambda: False), mps=SimpleNamespace(**_ABSENT))
