"""A program: the calls of a captured function as one straight-line Python function without a tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.compiling.form import Form, with_records
from tinygrad_cnn.compiling.records_check import RecordsCheck, kind_of
from tinygrad_cnn.kernels.dispatch import are_compiled_by_default
from tinygrad_cnn.tape.capture import Capture, Instruction, Ref, Source, array_of, refs_in
from tinygrad_cnn.tape.record import Variable, make_tensor
from tinygrad_cnn.tape.views import note_view
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tape.writes import owner_of
from tinygrad_cnn.tensor import Tensor

_VIEW = "was returned by a compiled function and shows the memory of another tensor"


class Program:
    """A captured function. Its calls can be listed (``print(program)``), and run on other arguments."""

    def __init__(self, capture: Capture, arguments: list[Any], result: Any, backward: Any = None) -> None:
        self.result = _as_result(capture, arguments, result)
        self.captured = tuple(capture.instructions)
        self._backward = backward
        self.shapes = [np.shape(value) for value in capture.values]
        self._returned = list(dict.fromkeys(refs_in(self.result)))
        results = [*self._returned, *(backward.saved if backward is not None else ())]
        self.calls = self._needed(set(results))
        read = {ref for call in self.calls for ref in call.reads()}.union(results)
        self.sources = [source for source in capture.sources if source.ref in read]
        self._states = [(s.key, s.shape, s.dtype, s.key._requires_grad) for s in self.sources if s.kind == "state"]
        self._filled = [call.inputs[0] for call in self.calls if call.kind == "deliver"]
        self._zero_d = {i for i, v in enumerate(capture.values) if isinstance(v, np.ndarray) and v.ndim == 0}
        self._plain = Form(self.sources, self.calls, results, self._zero_d)
        self._kinds = [kind_of(value) for value in capture.values]
        states = {source.ref for source in self.sources if source.kind == "state"}
        fast = with_records(self._kinds, self.calls, set(results), states)
        self._fast = Form(self.sources, fast, results, self._zero_d) if fast is not None else None
        self._views = _shared(capture, arguments, self._returned)
        decisions = [call.outputs[0] for call in self.captured if call.kind == "decision"]
        self._decisions = [(bool(capture.values[ref.number]), self._alone(capture, ref)) for ref in decisions]

    def all_calls(self) -> tuple[Instruction, ...]:
        """Return all calls that were captured, those of the backward pass of results last."""
        return (*self.captured, *(self._backward.calls if self._backward is not None else ()))

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
        if not all(call.is_pure or call.name == "tensor" for call in calls):
            capture.refuse("targets of a loss are drawn by the function; pass them as an argument")
        read = {ref, *(r for call in calls for r in call.reads())}
        return Form([s for s in capture.sources if s.ref in read], calls, [ref], self._zero_d)

    def check_records(self, capture: Capture) -> Callable[[], None] | None:
        """Return a function that holds records to the calls that they replace, while these are captured again."""
        forms = [self._fast, self._backward.fast if self._backward is not None else None]
        calls = [call for form in forms if form is not None for call in form.calls]
        if not calls:
            return None
        return RecordsCheck(capture, self.all_calls(), calls, self._kinds, self._drop_records).look

    def _drop_records(self, name: str) -> None:
        self._fast = None
        if self._backward is not None:
            self._backward.fast = None
        warn_user(f"compile: compiled records of {name} differ from the operation by more than rounding")

    def fits(self) -> bool:
        """Return whether parameters and buffers have the shapes, types and grad modes that they had."""
        for tensor, shape, dtype, requires_grad in self._states:
            array = tensor.array
            if array.shape != shape or array.dtype is not dtype or tensor._requires_grad is not requires_grad:
                return False
            if tensor.node is not None:
                return False
        return all(leaf._hooks is None for leaf in self._filled)

    def allows(self, arguments: list[Any]) -> bool:
        """Return whether what was decided by numbers is decided in the same way for these arguments."""
        return all(decide(arguments)[0] == outcome for outcome, decide in self._decisions)

    def __call__(self, arguments: list[Any]) -> Any:
        """Run the program on tensors and arrays, and return what the function returns."""
        form = self._fast if self._fast is not None and are_compiled_by_default() else self._plain
        values = form(arguments)
        returned = [np.asarray(value) for value in values[: len(self._returned)]]
        tensors = dict(zip(self._returned, map(_tensor, returned), strict=True))
        if self._backward is not None:
            outputs = self._backward.outputs
            arrays = [tensors[ref].array for ref in outputs]
            node = self._backward.record(arrays, values[len(returned) :], arguments)
            for k, ref in enumerate(outputs):
                tensors[ref] = _tensor(arrays[k], node.output(k))
        self._note_views(tensors, arguments)
        return _as_tensors(self.result, tensors, arguments)

    def _note_views(self, tensors: dict[Ref, Any], arguments: list[Any]) -> None:
        """Note results that show the memory of others, so that a recorded write to one is refused by name."""
        for view, base in self._views:
            source = tensors[base] if isinstance(base, Ref) else arguments[base] if isinstance(base, int) else base
            note_view(tensors[view], source, _VIEW)

    def __str__(self) -> str:
        lines = [f"v{s.ref.number} = {_described(s)}" for s in self.sources]
        for call in self.calls:
            outputs = ", ".join(f"v{ref.number} {self.shapes[ref.number]}" for ref in call.outputs)
            given = ", ".join([*map(_text, call.inputs), *(f"{k}={_text(v)}" for k, v in call.constants.items())])
            lines.append(f"{outputs}{' = ' if outputs else ''}{call.name}({given})")
        lines += _about_records("these calls", self.calls, self._fast)
        if self._backward is not None:
            lines += _about_records("calls of the backward pass", self._backward.calls, self._backward.fast)
        return "\n".join([*lines, f"return {_text(self.result)}"])


def _about_records(name: str, calls: Sequence[Instruction], fast: Form | None) -> list[str]:
    if fast is None:
        return []
    kept = sum(call.kind != "records" for call in fast.calls)
    return [f"# {len(calls) - kept} of {len(calls)} {name} run as records of compiled kernels"]


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
            ref = capture.ref(array_of(value))
            if ref is None:
                capture.refuse(f"the result of shape {value.shape} is computed outside of operations")
            return ref
        if not isinstance(value, (int, float, bool, str, type(None))):
            capture.refuse(f"the function returns a {type(value).__name__}; wanted tensors, in tuples or dicts")
        return value

    return replaced(result)


def _tensor(array: Any, node: Any = None) -> Any:
    return make_tensor(Tensor, array, node)


def _shared(capture: Capture, arguments: list[Any], returned: list[Ref]) -> list[tuple[Ref, Any]]:
    """Return which results show the memory of an argument, of a tensor from before, or of an earlier result."""
    bases: list[tuple[Any, Any]] = [(i, array_of(v)) for i, v in enumerate(arguments) if isinstance(v, Variable)]
    bases += [(source.key, source.key.array) for source in capture.sources if source.kind == "state"]
    shared = []
    for ref in returned:
        owner = owner_of(capture.values[ref.number])
        base = next((key for key, array in bases if owner_of(array) is owner), None)
        if base is not None:
            shared.append((ref, base))
        bases.append((ref, capture.values[ref.number]))
    return shared


def _as_tensors(result: Any, values: dict[Ref, Any], arguments: list[Any]) -> Any:
    """Return a result with the tensors in the place of references."""
    if isinstance(result, Ref):
        return values[result]
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
