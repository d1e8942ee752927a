"""Capturing: one run of a function of tensors, written down as a program of pure calls and effects.

Every number that a step computes is the result of a call of an operation's forward, of one of its derivatives, or
of an *effect*: a function that changes something or draws random numbers (an optimizer's step, a dropout mask).
A capture notes these calls in order, and for each of their arguments where it came from: an argument of the
function, a tensor that was there before (a parameter, a buffer), or the result of an earlier call. An array that
comes from nowhere was computed by other code, which the program would not repeat: the capture is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tinygrad_cnn.tape.backward import accumulate, origin_of
from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.gradients import Gradients
from tinygrad_cnn.tape.record import Derivative, Node, Operation, Origin, SeveralOutputs, Variable
from tinygrad_cnn.tape.walk import Walk, leading_to
from tinygrad_cnn.tape.watch import Call, calling_line
from tinygrad_cnn.tape.writes import LATEST, writes

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Ref(NamedTuple):
    """A value of a program, by number."""

    number: int

    def __repr__(self) -> str:
        return f"v{self.number}"


class Instruction(NamedTuple):
    """One call of a program. ``inputs`` and ``constants`` hold `Ref`s in the place of the program's values."""

    kind: str  # "forward", "derivative", "add", "copy", "fit", "deliver", "effect" or "decision"
    name: str  # of the operation or effect
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    constants: dict[str, Any]
    outputs: tuple[Ref, ...]
    several: bool  # whether the call returns a tuple
    operation: Any = None  # of a forward or a derivative
    wrt: int = 0  # of a derivative: the position of the input

    @property
    def is_pure(self) -> bool:
        """Whether the call changes nothing, so that it can be left out if no one reads its result."""
        return self.kind not in ("effect", "deliver")

    def reads(self) -> Iterable[Ref]:
        """Yield the values that the call reads."""
        for value in (*self.inputs, *self.constants.values()):
            yield from refs_in(value)


def refs_in(value: Any) -> Iterable[Ref]:
    """Yield the values of a program in a nest of tuples, lists and dicts."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from refs_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from refs_in(item)


class Source(NamedTuple):
    """Where a program finds a value: argument number ``key``, or the array or gradient of the tensor ``key``."""

    kind: str  # "argument", "state" or "gradient"
    key: Any
    ref: Ref
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Capture:
    """The program of one run of a function, as it is being noted in this thread.

    ``arguments`` are the function's tensors and arrays; ``state`` holds, by id, other tensors that it may read.
    What ``outside`` returns may change only in effects: how many random numbers were drawn, options, gradients.
    """

    def __init__(self, arguments: list[Any], state: Mapping[int, Variable], outside: Callable[[], Any]) -> None:
        self.instructions: list[Instruction] = []
        self.sources: list[Source] = []
        self.refusal: str | None = None
        self.on_note: Callable[[], None] | None = None  # called after each call that is noted
        self.follow: Callable[[Any], Any] = lambda value: value  # called with what each call returns
        self.values: list[Any] = []  # the value of each `Ref` in this run; keeps ids unique
        self._state = {id(array_of(v)): v for v in state.values()}
        self._refs: dict[int, Ref] = {}  # by the id of an array
        self._outside = outside
        self._before = self._now()
        for i, value in enumerate(arguments):
            if id(array_of(value)) in self._state:
                self.refuse(f"argument {i} is a tensor that the function reads by another name, too")
            if id(array_of(value)) not in self._refs:  # it may be given twice
                self._add_source("argument", i, array_of(value))

    # --- values ---

    def _new(self, value: Any) -> Ref:
        ref = Ref(len(self.values))
        self.values.append(value)
        self._refs[id(value)] = ref
        return ref

    def _add_source(self, kind: str, key: Any, array: Any) -> Ref:
        ref = self._new(array)
        self.sources.append(Source(kind, key, ref, array.shape, array.dtype))
        return ref

    def ref(self, array: Any) -> Ref | None:
        """Return the program's value that an array is, or None if it is not known."""
        while id(array) not in self._refs and _shows_all_of(array, array.base):
            array = array.base  # other code is given views, of a class of their own
        known = self._refs.get(id(array))
        if known is not None:
            return known
        tensor = self._state.get(id(array))
        if tensor is not None:
            return self._add_source("state", tensor, array)
        for leaf in self._state.values():
            if leaf._grad is not None and leaf._grad.array is array:
                self.note("effect", "gradient", _gradient, (leaf,), {}, array)
                return self._refs[id(array)]
        return None

    def is_state(self, value: Any) -> bool:
        """Return whether a value is one of the tensors from before."""
        return isinstance(value, Variable) and self._state.get(id(array_of(value))) is value

    def differentiable_state(self) -> list[Variable]:
        """Return the tensors from before that require a gradient."""
        return [tensor for tensor in self._state.values() if tensor._requires_grad]

    def refuse(self, reason: str) -> None:
        """Note why the function cannot be a program; the first reason counts."""
        if self.refusal is None:
            line = calling_line()
            self.refusal = f"{line.short}: {reason}" if line is not None else reason

    def _as_refs(self, value: Any, reader: str) -> Any:
        """Return a value with references in the place of tensors and arrays; refuse those that are not known."""
        if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
            return type(value)(self._as_refs(item, reader) for item in value)
        if isinstance(value, slice):
            parts = [self._as_refs(part, reader) for part in (value.start, value.stop, value.step)]
            return value if not any(isinstance(part, Ref) for part in parts) else self._unsliced(reader)
        array = array_of(value)
        if not isinstance(array, (np.ndarray, np.generic)):
            return value
        known = self.ref(array)
        if known is None and isinstance(array, np.generic):
            return array
        if known is None:
            self.refuse(
                f"{reader} reads an array of shape {array.shape} that is computed outside of operations; "
                "compute it with operations on tensors, or pass it as an argument"
            )
        return known

    def _unsliced(self, reader: str) -> None:
        self.refuse(f"{reader} reads a slice whose bounds are tensors; wanted Python numbers")

    def _now(self) -> Any:
        return writes.times[LATEST], self._outside()

    def check_outside(self) -> None:
        """Refuse what changed outside of effects."""
        if self._before != self._now():
            what = (
                "memory is written in place"
                if writes.times[LATEST] != self._before[0]
                else ("random numbers are drawn, or a gradient, an option or a tensor is replaced,")
            )
            self.refuse(f"{what} in a way that a program would not repeat")

    # --- calls ---

    def see(self, call: Call) -> None:
        """Note a call of an operation."""
        self.follow(call.result)
        if self.refusal is not None:
            return
        self.check_outside()
        operation = call.operation
        if Operation.registry.get(operation.name) is not operation:
            self.refuse(f"{operation.name} is an operation of its own, which may keep what it likes")
        if operation.name == "nonzero" or (operation.name == "index" and _has_mask((call.inputs, call.constants))):
            self.refuse(f"the shape of what {operation.name} returns depends on numbers")
        inputs = tuple(self._as_refs(value, operation.name) for value in call.inputs)
        constants = {name: self._as_refs(value, operation.name) for name, value in call.constants.items()}
        self.note("forward", operation.name, operation.forward, inputs, constants, call.result, operation)

    def note(
        self,
        kind: str,
        name: str,
        function: Callable[..., Any],
        inputs: tuple[Any, ...],
        constants: dict[str, Any],
        result: Any,
        operation: Any = None,
        wrt: int = 0,
    ) -> None:
        several = isinstance(result, tuple)
        arrays = [array_of(value) for value in (result if several else (result,))]
        if kind != "effect" and all(id(array) in self._refs for array in arrays):
            return  # it returned its input
        outputs = tuple(self._refs.get(id(array)) or self._new(array) for array in arrays)
        instruction = Instruction(kind, name, function, inputs, constants, outputs, several, operation, wrt)
        self.instructions.append(instruction)
        if self.on_note is not None:
            self.on_note()

    def effect(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], options: Any) -> Any:
        """Call a function that a program calls again each time, with tensors for the values that it is given."""
        arguments = tuple(list(value) if isinstance(value, Iterator) else value for value in arguments)
        inputs = tuple(self._for_effect(value, name) for value in arguments)
        constants = {k: self._for_effect(value, name) for k, value in options.items()}
        with self.suspended():
            result = function(*arguments, **options)
        if hasattr(function, "decides"):
            self.note("decision", name, function, inputs, constants, np.asarray(result))
            return result
        self.follow(result)
        if is_value(result):
            self.note("effect", name, function, inputs, constants, result)
        else:
            self.instructions.append(Instruction("effect", name, function, inputs, constants, (), False))
        return result

    def _for_effect(self, value: Any, name: str) -> Any:
        """Return what an effect is given: tensors from before, such as parameters, are given as they are."""
        if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
            return type(value)(self._for_effect(item, name) for item in value)
        if self.is_state(value):
            return value
        if any(is_value(cell.cell_contents) for cell in getattr(value, "__closure__", None) or ()):
            self.refuse(f"{name} reads a tensor that is not one of its arguments")
        return self._as_refs(value, name) if is_value(value) else value

    @contextmanager
    def suspended(self) -> Any:
        """Note nothing in a block, which may write to memory."""
        self.check_outside()
        watcher, _mode.watcher, _mode.capture = _mode.watcher, None, None
        try:
            yield
        finally:
            _mode.watcher, _mode.capture = watcher, self
        self._before = self._now()

    # --- the backward pass ---

    def walk(self, like: Variable, retain: bool, create: bool, needed: Any, captured: set[Origin]) -> Walk:
        """Return a backward pass that is noted. Under ``create_graph`` it consists of operations, as all else."""
        walk = (_RecordedWalk if create else _CapturedWalk)(like, retain, create, needed, captured)
        walk.capture = self
        if not create:
            walk.gradients = _CapturedGradients(self)
        return walk

    def constant(self, array: Any) -> None:
        """Note an array that is the same in every run."""
        if self._refs.get(id(array)) is None:
            self._add_source("constant", array, array)

    def derived(self, node: Node, i: int, derivative: Derivative, g: Any, values: Any, result: Any) -> None:
        """Note a derivative with respect to input i, which was given g and the values that it reads."""
        name = f"{node.operation.name}.{node.operation.input_name(i)}"
        inputs = (self._as_refs(g, name), *(self._as_refs(values[read], name) for read in derivative.reads))
        self.note("derivative", name, derivative.function, inputs, {}, result, node.operation, i)

    def fitted(self, operation: Any, origin: Origin, name: str, before: Any, after: Any) -> None:
        """Note that the gradient of an input was summed to the input's shape."""
        inputs = (self._as_refs(before, operation.name), _Like(origin.shape, origin.dtype), name)
        self.note("fit", f"{operation.name}.{name}", operation.fit, inputs, {}, after)

    def added(self, first: Any, second: Any, total: Any) -> None:
        """Note the sum of two gradients."""
        self.note("add", "add", np.add, (self._as_refs(first, "add"), self._as_refs(second, "add")), {}, total)

    def copied(self, before: Any, after: Any) -> None:
        """Note that a gradient that `grad` returns is a copy."""
        if before is not after:
            self.note("copy", "copy", _copy, (self._as_refs(before, "copy"),), {}, after)

    def accumulate(self, leaf: Variable, gradients: Gradients, origin: Origin) -> None:
        """Note that the gradient of an origin is added to ``leaf.grad``, and do it."""
        if not self.is_state(leaf):
            self.refuse("backward() fills in .grad of an argument or a result; autograd.grad returns it instead")
        if leaf._hooks is not None or getattr(leaf._grad, "node", None) is not None:
            self.refuse("backward() calls hooks, or adds to a .grad that can be differentiated")
        given = (leaf, self._as_refs(gradients[origin], "backward"))
        self.instructions.append(Instruction("deliver", "accumulate", deliver, given, {}, (), False))
        with self.suspended():
            deliver(leaf, [gradients[origin]])


class _CapturedWalk(Walk):
    """A backward pass of which each derivative is noted."""

    capture: Capture

    def send(self, origin: Origin, gradient: Any) -> None:
        if self.capture.ref(gradient) is None:
            self.capture.constant(gradient)  # the first gradient: 1
        super().send(origin, gradient)

    def run(self) -> Gradients:
        with self.capture.suspended():
            gradients = super().run()
        if any(isinstance(leaf, Variable) and leaf._hooks is not None for leaf in gradients):
            self.capture.refuse("a tensor has hooks")
        return gradients

    def _step(self, node: Node, gradient: Any) -> None:
        capture, operation = self.capture, node.operation
        if type(node) is SeveralOutputs:
            gradient = self._filled(node, gradient)
            for part in gradient:
                if capture.ref(part) is None:
                    capture.constant(part)
        if node.hooks is not None:
            capture.refuse(f"the result of {operation.name} has hooks")
        for origin, derivative, i in node.edges:
            if self.needed is not None and origin not in self.needed:
                continue
            values = self._values(node)
            if operation.variadic and i >= operation.last:
                values = {**values, "index": i - operation.last}
            value = derivative.apply(gradient, values)
            if value is None and operation.may_lack_gradients:
                continue
            capture.derived(node, i, derivative, gradient, values, value)
            if value.shape != origin.shape or value.dtype is not origin.dtype:
                fitted = operation.fit(value, origin, operation.input_name(i))
                if fitted is not value:
                    capture.fitted(operation, origin, operation.input_name(i), value, fitted)
                value = fitted
            self.send(origin, value)
        if not self.retain_graph:
            node.free()


class _OutwardWalk(_CapturedWalk):
    """A backward pass that ends at tensors from outside: what is sent to them is noted, and not added up."""

    def __init__(self, capture: Capture, outputs: list[Variable], outside: set[Origin]) -> None:
        roots = [origin_of(output) for output in outputs]
        super().__init__(outputs[0], True, False, leading_to(roots, outside), set())
        self.capture, self.gradients = capture, _CapturedGradients(capture)
        self._outside, self.sent = outside, list[tuple[Origin, Ref]]()

    def send(self, origin: Origin, gradient: Any) -> None:
        if origin in self._outside:
            self.sent.append((origin, self.capture._as_refs(gradient, "backward")))
        else:
            super().send(origin, gradient)


def capture_gradients(
    capture: Capture, outputs: list[Variable], outside: set[Origin]
) -> tuple[list[Ref], list[tuple[Origin, Ref]]]:
    """Note the backward pass of tensors, and free nothing.

    Return the gradients that it is given, and those that it sends to the origins outside, in their order.
    """
    walk = _OutwardWalk(capture, outputs, outside)
    given = [np.ones_like(array_of(output)) for output in outputs]
    refs = [capture._new(array) for array in given]
    recording, _mode.recording = _mode.recording, False
    try:
        for output, gradient in zip(outputs, given, strict=True):
            if walk.needed is None or origin_of(output) in walk.needed:
                walk.send(origin_of(output), gradient)
        walk.run()
    except RuntimeError as error:  # the graph was partly freed, or written over
        capture.refuse(f"the result cannot be differentiated: {error}")
    finally:
        _mode.recording = recording
    return refs, walk.sent


class _RecordedWalk(Walk):
    """A backward pass under ``create_graph``: its derivatives are noted as the operations that they consist of."""

    capture: Capture

    def send(self, origin: Origin, gradient: Any) -> None:
        if self.capture.ref(gradient.array) is None:
            self.capture.constant(gradient.array)
        super().send(origin, gradient)


class _CapturedGradients(Gradients):
    """The gradients of a backward pass, of which each sum and copy is noted; none is added in place."""

    def __init__(self, capture: Capture) -> None:
        super().__init__(in_place=False)
        self._capture = capture

    def add(self, origin: Origin, gradient: Any) -> None:
        before = self[origin]
        self[origin] = total = np.asarray(before + gradient)
        self._capture.added(before, gradient, total)

    def as_owned_tensor(self, like: Variable, origin: Origin) -> Any:
        given = self[origin]
        owned = super().as_owned_tensor(like, origin)
        self._capture.copied(given, array_of(owned))
        return owned


class _Like(NamedTuple):
    """The shape and type of the input that a gradient is fitted to."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


_array = vars(Variable)["array"]  # the slot: subclasses may put a property in front of it


def array_of(value: Any) -> Any:
    """Return the array of a tensor, and anything else as it is."""
    return _array.__get__(value) if isinstance(value, Variable) else value


def _shows_all_of(array: Any, base: Any) -> bool:
    """Return whether an array shows the numbers of another one as they are."""
    return isinstance(base, np.ndarray) and bool(array.__array_interface__ == base.__array_interface__)


def _has_mask(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_has_mask, value))
    if isinstance(value, dict):
        return any(map(_has_mask, value.values()))
    return getattr(value, "dtype", None) == np.bool_ and np.ndim(array_of(value)) > 0


def is_value(value: Any) -> bool:
    """Return whether a program has to follow a value: a tensor, an array, or a tuple or list of them."""
    if isinstance(value, (tuple, list)):
        return any(is_value(item) for item in value)
    return isinstance(value, (Variable, np.ndarray, np.generic))


def _gradient(leaf: Any) -> Any:
    return leaf._grad


def _copy(array: Any) -> Any:
    return np.array(array, order="C")


def deliver(leaf: Variable, box: list[Any]) -> None:
    """Add the gradient in a box to ``leaf.grad``, as `backward` does; it may become ``leaf.grad`` itself."""
    gradients = Gradients(in_place=False)
    gradients[leaf] = box.pop()
    accumulate(leaf, gradients, leaf)


def constant(array: Any) -> Any:
    """Return an array as it is, once a capture knows that it depends on shapes and options alone."""
    if _mode.capture is not None:
        _mode.capture.constant(array)
    return array


def decision(function: Decorated) -> Decorated:
    """Have captures note what a function decides by numbers: a program is used only where it decides the same."""
    function.decides = True  # type: ignore[attr-defined]
    return effect(function)


def effect(function: Decorated) -> Decorated:
    """Have captures note a function that changes something or draws numbers: a program calls it again each time."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        capture = _mode.capture
        if capture is None:
            return function(*arguments, **options)
        return capture.effect(function.__qualname__, function, arguments, options)

    return call  # type: ignore[return-value]
