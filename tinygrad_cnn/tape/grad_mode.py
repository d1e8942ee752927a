"""Grad modes: whether operations on tensors are recorded, in each thread."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class _Mode(threading.local):
    recording = True
    watcher: Callable[..., Any] | None = None  # called in place of each operation, and runs it (see watch.py)
    observers: tuple[Callable[[Any], None], ...] = ()  # called by the watcher with each `Call`
    anomaly: Any = None  # checks each gradient of a backward pass (see anomaly.py)
    capture: Any = None  # notes what is computed as a program (see capture.py)
    at_end: list[Callable[[], None]] | None = None  # called at the end of the running backward pass


_mode = _Mode()


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded in this thread.

    >>> import tinygrad_cnn as tg
    >>> tg.is_grad_enabled()
    True
    """
    return _mode.recording


class set_grad_enabled:
    """Switch recording on or off in this thread: from now on, for a ``with`` block, or for a function.

    >>> import tinygrad_cnn as tg
    >>> with tg.set_grad_enabled(False):
    ...     tg.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self._before = _mode.recording
        self._mode = _mode.recording = bool(mode)

    def __enter__(self) -> None:
        _mode.recording = self._mode

    def __exit__(self, *_: object) -> None:
        _mode.recording = self._before

    def __call__(self, function: Decorated) -> Decorated:
        _mode.recording = self._before  # a decorator changes the mode when the function runs, not now
        return _within(lambda: set_grad_enabled(self._mode), function)


class _Block:
    """A recording mode for a ``with`` block or a decorated function."""

    _recording: ClassVar[bool]

    def __new__(cls, function: Any = None) -> Any:
        return super().__new__(cls) if function is None else _within(cls, function)

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(_mode.recording)
        _mode.recording = self._recording

    def __exit__(self, *_: object) -> None:
        _mode.recording = self._before.pop()

    def __call__(self, function: Decorated) -> Decorated:
        return _within(type(self), function)


class no_grad(_Block):
    """Record nothing within a ``with`` block or a decorated function, in this thread.

    >>> import tinygrad_cnn as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> with tg.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    _recording = False


inference_mode = no_grad
"""PyTorch's name for a stricter mode; here, operations on tensors made in it can be recorded afterwards."""


class enable_grad(_Block):
    """Record again within a `no_grad` block.

    >>> import tinygrad_cnn as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    _recording = True


def _within(mode: Callable[[], Any], function: Decorated) -> Decorated:
    """Return a function that enters a recording mode for each of its calls."""
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"{function.__name__}: a generator cannot be decorated with a recording mode; use `with`")

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with mode():
            return function(*args, **kwargs)

    return wrapped  # type: ignore[return-value]
