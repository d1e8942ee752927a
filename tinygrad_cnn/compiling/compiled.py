"""Which program a call needs, when one is captured and checked, and when the function runs as it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from tinygrad_cnn.compiling.program import Program
from tinygrad_cnn.compiling.reach import Reach
from tinygrad_cnn.compiling.recorded import Backward, open_results
from tinygrad_cnn.compiling.traced import traced, tracing
from tinygrad_cnn.nn.module import changes
from tinygrad_cnn.support.dtypes import default_dtype
from tinygrad_cnn.tape.capture import Capture, Instruction, array_of
from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.record import Variable
from tinygrad_cnn.tape.watch import begin_watching, end_watching, warn_user
from tinygrad_cnn.tensor import Tensor

MOST_PROGRAMS = 8
_NOT_REPEATED = {"print", "input", "open", "write", "time", "perf_counter", "monotonic", "random", "getrandbits"}
_NOT_REPEATED_MODULES = {"random", "time", "logging", "warnings", "datetime"}
_PLAIN = (int, float, bool, str, bytes, type(None))


def compiled_function(function: Callable[..., Any], fullgraph: bool = False) -> Any:
    """Return a function that runs another one, as a program from its third call on.

    With ``fullgraph``, what cannot be a program is an error.
    """
    compiled = Compiled(function, fullgraph)

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        return compiled(arguments, named)

    call.programs = compiled.programs  # type: ignore[attr-defined]
    call.explain = compiled.explain  # type: ignore[attr-defined]
    return call


class _Entry:
    """What is known of calls with one key: a program that was captured, and whether it was checked."""

    program: Program | None = None
    is_checked = False


class Compiled:
    """A function and its programs."""

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False) -> None:
        self.function, self.fullgraph = function, fullgraph
        self.programs: dict[Any, _Entry] = {}
        self.reason: str | None = None
        self._reach: Reach | None = None
        self._changes = -1

    def explain(self) -> str:
        """Return the programs as text, or why there are none."""
        if self.reason is not None:
            return f"{name_of(self.function)} runs as it is: {self.reason}"
        return "\n\n".join(str(entry.program) for entry in self.programs.values() if entry.program)

    def __call__(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if self.reason is not None or _mode.observers or _mode.anomaly is not None or _mode.capture is not None:
            return self.function(*arguments, **named)
        key, values = self._key(arguments, named)
        if key is None:
            return self._as_it_is(arguments, named, "an argument is neither a tensor nor a plain value")
        if self._reach is None or not self._is_unchanged(self._reach):
            self.programs.clear()
            self._reach, self._changes = Reach(self.function), changes[0]
        entry = self._entry(key, values)
        if entry is None:
            return self._as_it_is(arguments, named, f"there were more than {MOST_PROGRAMS} kinds of arguments")
        if entry.is_checked:
            assert entry.program is not None
            return entry.program(values)
        return self._captured(entry, arguments, named, values)

    def _entry(self, key: Any, values: list[Any]) -> _Entry | None:
        """Return the entry for arguments, a new one if necessary; None if there are too many.

        There is one for each way in which the function decides by numbers.
        """
        for way in range(MOST_PROGRAMS):
            entry = self.programs.get((key, way))
            if entry is None or (entry.program is not None and not entry.program.fits()):
                self.programs.pop((key, way), None)
                if len(self.programs) >= MOST_PROGRAMS:
                    return None
                self.programs[key, way] = entry = _Entry()
            if entry.program is None or entry.program.allows(values):
                return entry
        return None

    def _key(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, list[Any]]:
        """Return what a program depends on in the arguments, or None, and the tensors and arrays among them."""
        values: list[Any] = []
        try:
            described = _described((arguments, named), values)
        except TypeError:
            return None, values
        arrays = [id(array_of(value)) for value in values]
        return (_mode.recording, default_dtype(), described, *map(arrays.index, arrays)), values

    def _is_unchanged(self, reach: Reach) -> bool:
        """Return whether what the function reads beside its arguments is what it was."""
        if not reach.is_unchanged():
            return False
        if self._changes != changes[0]:
            self._changes = changes[0]
            return reach.modules_are_unchanged()
        return True

    def _captured(self, entry: _Entry, arguments: Any, named: Any, values: list[Any]) -> Any:
        """Run the function as it is, and note its program or hold it against the one that was noted before."""
        assert self._reach is not None
        if sys.getprofile() is not None:
            return self.function(*arguments, **named)
        capture = Capture(values, self._reach.tensors, self._reach.outside)
        if entry.program is not None:
            capture.on_note = entry.program.check_records(capture)
        before = changes[0]
        try:
            with self._watched(capture, values):
                result = self.function(*arguments, **named)
                sys.setprofile(None)
                capture.check_outside()
                outputs = open_results(capture, values, result)
                name = name_of(self.function)
                backward = Backward(capture, values, outputs, name) if outputs and not capture.refusal else None
        except BaseException:
            self.programs.clear()
            raise
        program = Program(capture, values, result, backward)
        reason = self._reach.refusal or capture.refusal
        if reason is None and not (self._reach.is_unchanged() and changes[0] == before):
            reason = "the function changes a variable, list or attribute that outlives the call"
        if reason is None and entry.program is not None:
            reason = difference(entry.program, program)
        if reason is not None:
            self._give_up(reason)
        elif entry.program is not None:
            entry.is_checked = True
        else:
            entry.program = program
        return result

    @contextmanager
    def _watched(self, capture: Capture, values: list[Any]) -> Iterator[None]:
        """Note what the function does in this block."""
        assert self._reach is not None

        def follow(result: Any) -> None:
            for value in result if isinstance(result, tuple) else (result,):
                if isinstance(value, Tensor):
                    traced(value)

        def leave(what: str) -> None:
            capture.refuse(f"{what} takes numbers out of the recorded operations; return the tensor instead")

        with tracing(leave):
            for value in (*values, *self._reach.tensors.values()):
                if isinstance(value, Tensor):
                    traced(value)
            capture.follow = follow
            _mode.capture = capture
            begin_watching(capture.see)
            sys.setprofile(_Profile(capture, self._reach.codes))
            try:
                yield
            finally:
                sys.setprofile(None)
                end_watching(capture.see)
                _mode.capture = None

    def _as_it_is(self, arguments: Any, named: Any, reason: str) -> Any:
        self._give_up(reason)
        return self.function(*arguments, **named)

    def _give_up(self, reason: str) -> None:
        if self.fullgraph:
            raise RuntimeError(f"compile: {name_of(self.function)} cannot be a program (fullgraph=True): {reason}")
        self.reason = reason
        self.programs.clear()
        warn_user(f"compile: {name_of(self.function)} runs as it is, not faster: {reason}")


def _described(value: Any, values: list[Any]) -> Any:
    """Return what a program depends on in an argument, and append its tensors to ``values``.

    Raises TypeError for what is neither a tensor nor an array nor a plain value nor a container of such.
    """
    if isinstance(value, Variable):
        values.append(value)
        return value.array.shape, value.array.dtype, value._requires_grad, type(value)
    if isinstance(value, np.ndarray):
        values.append(value)
        return value.shape, value.dtype
    if isinstance(value, float):
        return value.hex()  # tells 0.0 from -0.0, and NaN is itself
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, (tuple, list)):
        return type(value), *(_described(item, values) for item in value)
    if isinstance(value, dict):
        return dict, *((_described(key, values), _described(item, values)) for key, item in value.items())
    raise TypeError(f"a {type(value).__name__} is neither a tensor nor a plain value")


def difference(first: Program, second: Program) -> str | None:
    """Return how two captures of a function differ, or None."""
    calls, others = first.all_calls(), second.all_calls()
    for a, b in zip(calls, others, strict=False):
        if not _same_call(a, b):
            return f"two calls with the same kinds of arguments differ at {a.name}"
    constants = [[s.key for s in program.sources if s.kind == "constant"] for program in (first, second)]
    if len(calls) != len(others) or not all(map(_same_numbers, *constants)):
        return "two calls with the same kinds of arguments do different things"
    return None


def _same_numbers(a: Any, b: Any) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _same_call(a: Instruction, b: Instruction) -> bool:
    if (a.kind, a.name, a.outputs) != (b.kind, b.name, b.outputs):
        return False
    return _same(a.inputs, b.inputs) and _same(a.constants, b.constants)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, slice):
        return _same((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if isinstance(a, FunctionType):
        cells = [tuple(cell.cell_contents for cell in f.__closure__ or ()) for f in (a, b)]
        return a.__code__ is b.__code__ and _same(*cells)
    if isinstance(a, (*_PLAIN, np.generic, np.dtype)):
        return bool(a == b or (a != a and b != b))
    return not isinstance(a, (np.ndarray, Variable)) and "__eq__" in vars(type(a)) and bool(a == b)


class _Profile:
    """Notes calls that a program would not repeat: of print, files, clocks and Python's random numbers."""

    def __init__(self, capture: Capture, codes: set[CodeType]) -> None:
        self.capture, self.codes = capture, codes

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        if event == "c_call" and frame.f_code in self.codes and argument.__name__ in _NOT_REPEATED:
            self._refuse(argument.__name__)
        elif event == "call" and frame.f_globals.get("__name__") in _NOT_REPEATED_MODULES:
            self._look_at_caller(frame)

    def _look_at_caller(self, frame: Any) -> None:
        if frame.f_back is not None and frame.f_back.f_code in self.codes:
            self._refuse(frame.f_code.co_name)

    def _refuse(self, name: str) -> None:
        self.capture.refuse(f"{name}() is called, which a program would not repeat")


def name_of(function: Any) -> str:
    """Return the name of a function for a message."""
    return getattr(function, "__qualname__", None) or type(function).__name__
