"""Names that a script may import and must not call: those of several machines, of TorchScript, of downloads.

Scripts import them at their top and use them under a condition that does not hold here, so the import succeeds. A
call raises RuntimeError with the reason and what to use instead.
"""

from __future__ import annotations

from typing import Any, NoReturn

from tinygrad_cnn.support.missing_names import explanation


class Refused(type):
    """The class of such names; nothing is an instance of one."""

    qualified: str

    def __call__(cls, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(explanation(cls.qualified))

    def __instancecheck__(cls, value: Any) -> bool:
        return False


def refused(qualified: str) -> Refused:
    """Return what stands for a name of PyTorch that can be imported and not be called.

    >>> load = refused("torch.jit.load")
    >>> load("model.pt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: torch.jit.load is not here; TorchScript is not supported; call the model itself, ...
    """
    return Refused(qualified.rpartition(".")[2], (), {"qualified": qualified})
