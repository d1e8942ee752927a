"""Programs whose results can be differentiated: one node for each run, with a program for its derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.compiling.form import Form, with_records
from tinygrad_cnn.compiling.records_check import kind_of
from tinygrad_cnn.kernels.dispatch import are_compiled_by_default
from tinygrad_cnn.tape.backward import origin_of
from tinygrad_cnn.tape.capture import Capture, Instruction, Ref, Source, array_of, capture_gradients, refs_in
from tinygrad_cnn.tape.record import Derivative, Edge, Node, Operation, Origin, SeveralOutputs, Variable


class Contribution(NamedTuple):
    """A gradient that a program sends to a tensor from outside: argument number ``place``, or the tensor itself."""

    place: int | Variable
    ref: Ref


class Backward:
    """The backward pass of a program: its calls, what they read of the forward pass, and where gradients go.

    Each contribution to a gradient is an edge of its own, so that they are added in the order in which they are
    added without a program. Results without a gradient contribute nothing, so there is a program for each choice
    of results that have one.
    """

    def __init__(self, capture: Capture, arguments: list[Any], outputs: list[Variable], name: str) -> None:
        first = len(capture.instructions)
        places: dict[Origin, int | Variable] = {origin_of(v): v for v in capture.differentiable_state()}
        places |= {origin_of(a): i for i, a in enumerate(arguments) if getattr(a, "_requires_grad", False)}
        self._given, sent = capture_gradients(capture, outputs, set(places))
        self._sent = [Contribution(places[origin], ref) for origin, ref in sent]
        self.calls = tuple(capture.instructions[first:])
        del capture.instructions[first:]
        self.outputs = [capture.ref(array_of(output)) for output in outputs]
        made = {ref for call in self.calls for ref in call.outputs}.union(self._given)
        self._constants = [source for source in capture.sources if source.kind == "constant"]
        made.update(source.ref for source in self._constants)
        read = [ref for call in self.calls for ref in call.reads()] + [ref for _, ref in self._sent]
        self.saved = [ref for ref in dict.fromkeys(read) if ref is not None and ref not in made]
        self._kinds = [kind_of(value) for value in capture.values]
        self._operation = _operation(name)
        sent_refs = [ref for _, ref in self._sent]
        fast = with_records(self._kinds, self.calls, set(sent_refs), set())
        self.fast = self._form(fast, sent_refs) if fast is not None else None  # if all results have a gradient
        self._forms: dict[tuple[bool, ...], tuple[Form, list[int]]] = {}

    def record(self, results: list[Any], saved: list[Any], arguments: list[Any]) -> SeveralOutputs:
        """Return the node of a run of the program that returned these arrays, and saved those."""
        edges: list[Edge] = []
        for i, (place, _) in enumerate(self._sent):
            tensor = arguments[place] if isinstance(place, int) else place
            edges.append((origin_of(tensor), _DERIVATIVE, i))
        kept = {"saved": tuple(map(np.asarray, saved)), "run": _Run(self)}  # forward functions may return numbers
        return _ProgramNode(self._operation, edges, kept, bool(saved), tuple(results))

    def gradients(self, given: Sequence[Any], saved: tuple[Any, ...]) -> dict[int, Any]:
        """Return the contributions by number, given the gradients of results, or None for those that have none."""
        present = tuple(gradient is not None for gradient in given)
        if self.fast is not None and all(present) and are_compiled_by_default():
            return dict(enumerate(self.fast([*saved, *given])))
        if present not in self._forms:
            calls, known = self._with(present)
            numbers = [i for i, (_, ref) in enumerate(self._sent) if known(ref) is not None]
            self._forms[present] = self._form(calls, [known(self._sent[i].ref) for i in numbers]), numbers
        form, numbers = self._forms[present]
        return dict(zip(numbers, form([*saved, *given]), strict=True))

    def _form(self, calls: Sequence[Instruction], sent: list[Ref]) -> Form:
        read = (*self.saved, *self._given)
        sources = [Source("argument", i, ref, *self._kinds[ref.number][:2]) for i, ref in enumerate(read)]
        return Form([*sources, *self._constants], calls, sent)

    def _with(self, present: tuple[bool, ...]) -> tuple[list[Instruction], Callable[[Any], Any]]:
        """Return the calls that are made if only some results have a gradient, and what each value then is."""
        calls: list[Instruction] = []
        instead: dict[Ref, Any] = {
            ref: None for ref, given in zip(self._given, present, strict=True) if not given
        }  # None: there is no gradient

        def known(ref: Ref) -> Any:
            return instead.get(ref, ref)

        for call in self.calls:
            first = call.inputs[0]
            if call.kind == "add" and None in (pair := [known(ref) for ref in call.inputs]):
                instead[call.outputs[0]] = next((ref for ref in pair if ref is not None), None)
                continue
            parts = [known(ref) for ref in refs_in(first)]
            if parts and all(part is None for part in parts):
                instead.update(dict.fromkeys(call.outputs))
                continue
            inputs = tuple(self._filled(value, known) for value in call.inputs)
            calls.append(call._replace(inputs=inputs))
        return calls, known

    def _filled(self, value: Any, known: Callable[[Ref], Any]) -> Any:
        """Return an input of a call, with zeros for the gradients that an operation of several results lacks."""
        if isinstance(value, Ref):
            now = known(value)
            return np.zeros(*self._kinds[value.number][:2]) if now is None else now
        if isinstance(value, (tuple, list)) and any(True for _ in refs_in(value)):
            return type(value)(self._filled(item, known) for item in value)
        return value


class _Run:
    """One run of a program, and the gradients of one pass that no edge has taken yet."""

    def __init__(self, backward: Backward) -> None:
        self._backward = backward
        self._given: Any = None
        self._ready: dict[int, Any] = {}

    def gradient(self, given: Sequence[Any], saved: tuple[Any, ...], index: int) -> Any:
        """Return one contribution, or None; the first call of a pass computes all of them."""
        if self._given is not given:
            if any(isinstance(gradient, Variable) for gradient in given):
                raise RuntimeError(
                    "the result of a compiled function cannot be differentiated twice; call the function itself, "
                    "without compile, where create_graph is set"
                )
            self._given, self._ready = given, self._backward.gradients([_as_array(g) for g in given], saved)
        return self._ready.pop(index, None)


def _as_array(gradient: Any) -> Any:
    return None if gradient is None else np.asarray(gradient)


class _ProgramNode(SeveralOutputs):
    """The node of a run of a program. Its derivatives are given None for each result without a gradient."""

    __slots__ = ()


class _ProgramOperation(Operation):
    may_lack_gradients = True


def _operation(name: str) -> Operation:
    def forward(*arguments: Any) -> Any:
        raise NotImplementedError

    forward.__name__ = name
    return _ProgramOperation(forward, {}, registered=False)


def _gradient(g: Any, saved: tuple[Any, ...], run: _Run, index: int) -> Any:
    return run.gradient(g, saved, index)


_DERIVATIVE = Derivative(_gradient, ("saved", "run", "index"))


def open_results(capture: Capture, arguments: list[Any], result: Any) -> list[Variable]:
    """Return the tensors in a function's result that can be differentiated, each once."""
    found: dict[int, Variable] = {}

    def look(value: Any) -> None:
        if isinstance(value, (tuple, list)):
            for item in value:
                look(item)
        elif isinstance(value, dict):
            for item in value.values():
                look(item)
        elif isinstance(value, Variable) and value._requires_grad and not capture.is_state(value):
            if any(value is argument for argument in arguments):
                return
            if value.node is None:
                capture.refuse("the function returns a leaf of its own that requires a gradient")
            elif not is_freed(value.node):
                found[id(array_of(value))] = value

    look(result)
    return list(found.values())


def is_freed(node: Node) -> bool:
    """Return whether a backward pass has freed the graph behind a node, as far as that can be seen."""
    kept = [ancestor.kept for ancestor in node.ancestors() if ancestor.saves]
    return bool(kept) and not any(values is not None for values in kept)
