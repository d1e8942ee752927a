"""Refusals of an export, and the tensors of a model that is being exported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from tinygrad_cnn.compiling.traced import Traced, numbers_of, tracing
from tinygrad_cnn.methods.recorded_writes import check_writable, fitted, like_target
from tinygrad_cnn.tape.record import Variable
from tinygrad_cnn.tape.watch import calling_line

MEND = "compute with operations on tensors (tg.where in place of an if)"


class Refusal(BaseException):
    """What cannot be exported; not an Exception, so that no handler in the model takes it for its own."""


def refuse(what: str) -> NoReturn:
    """Stop an export, and name the line of the user's code that is running."""
    line = calling_line()
    raise Refusal(f"{line.short + ': ' if line else ''}{what}")


@contextmanager
def exporting() -> Iterator[None]:
    """Refuse, in this block, whatever takes the numbers of a traced tensor out of recorded operations.

    A refusal becomes a ValueError.
    """

    def leave(what: str) -> NoReturn:
        refuse(
            f"{what} takes numbers of the batch out of the recorded operations, which a file cannot follow; {MEND}"
        )

    with tracing(leave, copies=True):
        try:
            yield
        except Refusal as refusal:
            raise ValueError(f"onnx.export: {refusal}") from None


class Exported(Traced):
    """A tensor that depends on the input of a model that is being exported."""

    __slots__ = ()

    def _record_write(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Move on to a new array: a file has no memory that could be written to, and no view of it."""
        if self._base is not None or self._views:
            refuse(f"{name} writes in place to a tensor that has views; {MEND}")
        check_writable(name, self)
        result = like_target(name, self, function(self, *arguments, **options))
        set_numbers(self, numbers_of(result))
        self.node = result.node
        return self

    def _record_copy(self, name: str, value: Any) -> Any:
        return self._record_write(name, fitted, value)


Exported._result_class = Exported
set_numbers = vars(Variable)["array"].__set__
