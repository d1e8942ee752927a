"""A list of calls as one straight-line Python function, in which compiled kernels may run as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.compiling.records_check import Kind
from tinygrad_cnn.kernels.dispatch import FLOAT32, are_compiled_by_default, have_compiled
from tinygrad_cnn.kernels.thresholds import COMPILED_FROM
from tinygrad_cnn.tape.capture import Instruction, Ref, Source, array_of, deliver, refs_in
from tinygrad_cnn.tape.record import Variable, make_tensor
from tinygrad_cnn.tensor import Tensor


class Form:
    """A list of calls as a function that Python compiles: of the arguments, which returns the results."""

    def __init__(
        self,
        sources: Sequence[Source],
        calls: Sequence[Instruction],
        results: Sequence[Ref],
        zero_d: Collection[int] = (),
    ) -> None:
        self.calls = calls
        self._calls_by_line: dict[int, Instruction] = {}
        self._run = _Writer(sources, calls, results, zero_d).function(self._calls_by_line)

    def __call__(self, arguments: list[Any]) -> list[Any]:
        """Return the results. Errors are those of the operations."""
        try:
            return self._run(arguments)
        except Exception as error:
            raise _explained(error, self._calls_by_line) from error


def with_records(
    kinds: Sequence[Kind], calls: Sequence[Instruction], results: set[Ref], states: set[Ref]
) -> list[Instruction] | None:
    """Return calls with records of compiled kernels; None if there are none, or if all arrays are small."""
    is_large = any(kind.dtype == FLOAT32 and prod(kind.shape) >= COMPILED_FROM for kind in kinds)
    if not (is_large and are_compiled_by_default() and have_compiled()):
        return None
    sections: Any = import_module("tinygrad_cnn.compiling.records.sections")  # it loads machine code
    fast: list[Instruction] = sections.with_sections(kinds, calls, results, states)
    return fast if any(call.kind == "records" for call in fast) else None


def _explained(error: Exception, calls_by_line: dict[int, Instruction]) -> Exception:
    """Return the error with the operation's name, as the operation itself would raise it."""
    trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
    call = calls_by_line.get(trace.tb_lineno) if trace is not None else None
    if trace is None or call is None or call.operation is None:
        return error
    if call.kind != "forward" or not isinstance(error, (ValueError, TypeError, IndexError, OverflowError)):
        error.add_note(f"in the backward pass of {call.operation.name}")
        return error
    names = trace.tb_frame.f_locals
    arrays = [names[f"v{value.number}"] if isinstance(value, Ref) else value for value in call.inputs]
    explained: Exception = call.operation._explained(error, arrays)
    return explained


class _Writer:
    """Writes calls as the source of a Python function, which Python compiles."""

    def __init__(
        self,
        sources: Sequence[Source],
        calls: Sequence[Instruction],
        results: Sequence[Ref],
        zero_d: Collection[int],
    ) -> None:
        self.sources, self.calls, self.results = sources, calls, results
        self.zero_d = zero_d  # numbers of values that are arrays without dimensions; NumPy returns scalars
        self.names: dict[str, Any] = {
            "_tensor": make_tensor,
            "_Tensor": Tensor,
            "_array": array_of,
            "_asarray": np.asarray,
        }
        self.last = {ref: i for i, call in enumerate(calls) for ref in call.reads()}
        self.last.update(dict.fromkeys(results, len(calls)))
        uses = Counter([*results, *(ref for call in calls for ref in call.reads())])
        records = (call for call in calls if call.kind == "records")
        self.owned = {ref for call in records for ref in call.outputs if uses[ref] == 1}

    def function(self, calls_by_line: dict[int, Instruction]) -> Callable[[list[Any]], list[Any]]:
        """Return the calls as a function of a list of arguments. It forgets each value after its last use."""
        lines = ["def program(arguments):"]
        lines += [f"    v{source.ref.number} = {self._source(source)}" for source in self.sources]
        for i, call in enumerate(self.calls):
            lines.append(f"    {self._call(i, call)}")
            calls_by_line[len(lines)] = call
            dead = {ref for ref in (*call.reads(), *call.outputs) if self.last.get(ref, i) == i}
            if dead and call.kind != "deliver":
                lines.append(f"    {' = '.join(f'v{ref.number}' for ref in dead)} = None")
        lines.append(f"    return [{', '.join(f'v{ref.number}' for ref in self.results)}]")
        exec("\n".join(lines), self.names)  # the text is made of numbered names alone
        program: Callable[[list[Any]], list[Any]] = self.names["program"]
        return program

    def _source(self, source: Source) -> str:
        if source.kind == "argument":
            return f"_array(arguments[{source.key}])"
        return f"{self._name(source.key)}{'.array' if source.kind == 'state' else ''}"

    def _call(self, i: int, call: Instruction) -> str:
        function = self._name(call.function)
        if call.kind == "deliver":  # the box has the only reference, so that the array can become .grad
            leaf, value = self._name(call.inputs[0]), call.inputs[1]
            if value in self.owned:
                return f"{self._name(_deliver_owned)}({leaf}, v{value.number})"
            forget = f"v{value.number} = None; " if self.last[value] == i else ""
            return f"box = [v{value.number}]; {forget}{function}({leaf}, box)"
        as_tensors = call.kind == "effect"
        given = [self._value(value, as_tensors) for value in call.inputs]
        given += [f"{k}={self._value(value, as_tensors)}" for k, value in call.constants.items()]
        outputs = ", ".join(f"v{ref.number}" for ref in call.outputs) + ("," if call.several else "")
        text = f"{function}({', '.join(given)})"
        if as_tensors and call.outputs:
            text = f"map(_array, {text})" if call.several else f"_array({text})"
        elif call.kind == "forward" and not call.several and call.outputs[0].number in self.zero_d:
            text = f"_asarray({text})"
        return f"{outputs} = {text}" if outputs else text

    def _value(self, value: Any, as_tensor: bool) -> str:
        if isinstance(value, Ref):
            return f"_tensor(_Tensor, v{value.number})" if as_tensor else f"v{value.number}"
        if isinstance(value, (tuple, list)) and any(True for _ in refs_in(value)):
            items = ", ".join(self._value(item, as_tensor) for item in value)
            return f"[{items}]" if isinstance(value, list) else f"({items},)"
        return self._name(value)

    def _name(self, value: Any) -> str:
        if value is None or (type(value) in (bool, int, float) and value == value and abs(value) != float("inf")):
            return repr(value)
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name


def _deliver_owned(leaf: Variable, gradient: Any) -> None:
    """Add a gradient to ``leaf.grad``, or have it become ``leaf.grad``: nothing else is going to use its memory."""
    first = make_tensor(leaf, gradient)
    if leaf._grad is None and leaf._hooks is None:
        leaf._grad = first
    else:
        deliver(leaf, [gradient])
