"""A program: the calls of a captured function as one straight-line Python function without a tape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.compiling.conditions import conditions
from tinygrad_cnn.compiling.records_check import Kind, RecordsCheck
from tinygrad_cnn.kernels.dispatch import FLOAT32, are_compiled_by_default, have_compiled
from tinygrad_cnn.kernels.thresholds import COMPILED_FROM
from tinygrad_cnn.tape.capture import Capture, Instruction, Ref, Source, array_of, deliver_owned, refs_in
from tinygrad_cnn.tape.record import Variable, make_tensor
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor


class Program:
    """A captured function. Its calls can be listed (``print(program)``), and run on other arguments."""

    def __init__(self, capture: Capture, arguments: list[Any], result: Any) -> None:
        self.result = _as_result(capture, arguments, result)
        self.captured = tuple(capture.instructions)
        self.shapes = [np.shape(value) for value in capture.values]
        results = list(refs_in(self.result))
        self.calls = self._needed(set(results))
        read = {ref for call in self.calls for ref in call.reads()}.union(results)
        self.sources = [source for source in capture.sources if source.ref in read]
        self._states = [(s.key, s.shape, s.dtype, s.key._requires_grad) for s in self.sources if s.kind == "state"]
        self._results = results
        self._zero_d = {i for i, v in enumerate(capture.values) if isinstance(v, np.ndarray) and v.ndim == 0}
        self._plain = _Form(self.sources, self.calls, results, self._zero_d)
        self._kinds = [Kind(np.shape(value), np.asarray(value).dtype) for value in capture.values]
        self._fast = self._with_records()
        self._conditions = [(c.check, self._alone(capture, c.ref)) for c in conditions(capture)]

    def _needed(self, wanted: set[Ref], effects: bool = True) -> list[Instruction]:
        """Return the calls that lead to wanted values, and those that have an effect."""
        kept = []
        for call in reversed(self.captured):
            if wanted.intersection(call.outputs) or (effects and not call.is_pure):
                kept.append(call)
                wanted.update(call.reads())
        return kept[::-1]

    def _alone(self, capture: Capture, ref: Ref) -> Callable[[list[Any]], Any]:
        """Return a function that computes one value before the program runs."""
        calls = self._needed({ref}, effects=False)
        if not all(call.is_pure for call in calls):
            capture.refuse("the targets of cross_entropy are drawn by the function; pass them as an argument")
        read = {ref, *(r for call in calls for r in call.reads())}
        return _Form([s for s in capture.sources if s.ref in read], calls, [ref], self._zero_d).run

    def _with_records(self) -> _Form | None:
        """Return the program with records of compiled kernels; None without any, or if all arrays are small."""
        is_large = any(kind.dtype == FLOAT32 and prod(kind.shape) >= COMPILED_FROM for kind in self._kinds)
        if not (is_large and are_compiled_by_default() and have_compiled()):
            return None
        sections: Any = import_module("tinygrad_cnn.compiling.records.sections")  # it imports Numba
        states = {source.ref for source in self.sources if source.kind == "state"}
        calls = sections.with_sections(self._kinds, self.calls, set(self._results), states)
        if not any(call.kind == "records" for call in calls):
            return None
        return _Form(self.sources, calls, self._results, self._zero_d)

    def check_records(self, capture: Capture) -> Callable[[], None] | None:
        """Return a function that holds records to the calls that they replace, while these are captured again."""
        if self._fast is None:
            return None
        return RecordsCheck(capture, self.captured, self._fast.calls, self._kinds, self._drop_records).look

    def _drop_records(self, name: str) -> None:
        self._fast = None
        warn_user(f"compile: compiled records of {name} differ from the operation by more than rounding")

    def fits(self) -> bool:
        """Return whether parameters and buffers have the shapes, types and grad modes that they had."""
        for tensor, shape, dtype, requires_grad in self._states:
            array = tensor.array
            if array.shape != shape or array.dtype is not dtype or tensor._requires_grad is not requires_grad:
                return False
            if tensor._hooks is not None or tensor.node is not None:
                return False
        return True

    def allows(self, arguments: list[Any]) -> bool:
        """Return whether the numbers of these arguments meet the program's conditions."""
        return all(check(compute(arguments)[0]) for check, compute in self._conditions)

    def __call__(self, arguments: list[Any]) -> Any:
        """Run the program on tensors and arrays, and return what the function returns."""
        form = self._fast if self._fast is not None and are_compiled_by_default() else self._plain
        try:
            values = form.run(arguments)
        except Exception as error:
            raise _explained(error, form.calls_by_line) from error
        return _as_tensors(self.result, values, arguments)

    def __str__(self) -> str:
        lines = [f"v{s.ref.number} = {_described(s)}" for s in self.sources]
        for call in self.calls:
            outputs = ", ".join(f"v{ref.number} {self.shapes[ref.number]}" for ref in call.outputs)
            given = ", ".join([*map(_text, call.inputs), *(f"{k}={_text(v)}" for k, v in call.constants.items())])
            lines.append(f"{outputs}{' = ' if outputs else ''}{call.name}({given})")
        if self._fast is not None:
            kept = sum(call.kind != "records" for call in self._fast.calls)
            lines.append(f"# {len(self.calls) - kept} of these calls run as records of compiled kernels")
        return "\n".join([*lines, f"return {_text(self.result)}"])


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


class _Form:
    """A list of calls as a function that Python compiles."""

    def __init__(
        self, sources: list[Source], calls: list[Instruction], results: list[Ref], zero_d: set[int]
    ) -> None:
        self.calls = calls
        self.calls_by_line: dict[int, Instruction] = {}
        self.run = _Writer(sources, calls, results, zero_d).function(self.calls_by_line)


class _Writer:
    """Writes calls as the source of a Python function, which Python compiles."""

    def __init__(
        self, sources: list[Source], calls: list[Instruction], results: list[Ref], zero_d: set[int]
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
                return f"{self._name(deliver_owned)}({leaf}, v{value.number})"
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


# --- results ---


class _Argument:
    """In a result: an argument, returned as it is."""

    def __init__(self, number: int) -> None:
        self.number = number


def _as_result(capture: Capture, arguments: list[Any], result: Any) -> Any:
    """Return a function's result with references for its tensors, and places for arguments that it returns."""
    places = {id(value): i for i, value in enumerate(arguments)}

    def replaced(value: Any) -> Any:
        if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
            return type(value)(replaced(item) for item in value)
        if isinstance(value, dict) and type(value) is dict:
            return {key: replaced(item) for key, item in value.items()}
        if id(value) in places:
            return _Argument(places[id(value)])
        if capture.is_state(value):
            return value
        if isinstance(value, Variable):
            if value.node is not None and not _is_freed(value):
                capture.refuse(
                    "the result can still be differentiated; compile the whole step, backward() included, or call "
                    "the function under no_grad()"
                )
            ref = capture.ref(array_of(value))
            if ref is None:
                capture.refuse(f"the result of shape {value.shape} is computed outside of operations")
            return ref
        if not isinstance(value, (int, float, bool, str, type(None))):
            capture.refuse(f"the function returns a {type(value).__name__}; wanted tensors, in tuples or dicts")
        return value

    return replaced(result)


def _is_freed(tensor: Variable) -> bool:
    """Return whether a backward pass has freed the graph behind a tensor, as far as that can be seen."""
    kept = [node.kept for node in tensor.node.ancestors() if node.saves] if tensor.node is not None else []
    return bool(kept) and not any(values is not None for values in kept)


def _as_tensors(result: Any, values: list[Any], arguments: list[Any]) -> Any:
    """Return a result with new tensors in the place of references."""
    if isinstance(result, Ref):
        return make_tensor(Tensor, np.asarray(values.pop(0)))
    if isinstance(result, _Argument):
        return arguments[result.number]
    if isinstance(result, (tuple, list)):
        return type(result)(_as_tensors(item, values, arguments) for item in result)
    if isinstance(result, dict):
        return {key: _as_tensors(item, values, arguments) for key, item in result.items()}
    return result


def _described(source: Source) -> str:
    what = {"argument": f"argument {source.key}", "state": "state", "constant": "constant"}[source.kind]
    return f"{what} {source.shape} {source.dtype}"


def _text(value: Any) -> str:
    if isinstance(value, Variable):
        return f"tensor{value.shape}"
    return getattr(value, "__name__", None) or repr(value)
