"""The tape: operations that record themselves as they run.

An `Operation` pairs a function of arrays with one derivative for each input. Called on tensors, it also leaves a
`Node`: which operation ran, where its inputs came from (its edges), and the values that its derivatives read.

A derivative is written once for every order. In a plain backward pass it is given arrays, and so computes on
arrays and records nothing; under ``create_graph`` it is given tensors, and the same lines record themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, ClassVar, TypeAlias, overload
from weakref import WeakValueDictionary

import numpy as np

from tinygrad_cnn.support.arrays import plain_array
from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.hooks import GradientHooks
from tinygrad_cnn.tape.writes import clock
from tinygrad_cnn.typing import Array, T

watching: list[Any] = []  # who watches operations, in any thread (see trace.py)


class Node:
    """A recorded operation. It refers to its inputs' origins and to arrays, never to its result: no cycles."""

    __slots__ = ("__weakref__", "dtype", "edges", "hooks", "kept", "operation", "saves", "sequence", "shape")

    def __init__(
        self, operation: Operation, edges: list[Edge], kept: dict[str, Any], saves: bool, out: Any
    ) -> None:
        self.operation = operation
        self.edges = edges  # one for each input that needs a gradient
        self.kept: dict[str, Any] | None = kept  # what derivatives read, by name; None once the graph was freed
        self.saves = saves  # whether arrays are among what is kept
        self.shape = out.shape
        self.dtype = out.dtype
        self.hooks: GradientHooks | None = None
        self.sequence = next(clock)

    def free(self) -> None:
        """Let go of the arrays that were kept. A node that keeps none can be gone through again, as in PyTorch."""
        if self.saves:
            self.kept = None

    def ancestors(self) -> Iterator[Node]:
        """Yield this node and every node that led to it, each once, in no particular order."""
        seen = {self}
        ahead = [self]
        while ahead:
            node = ahead.pop()
            yield node
            for origin, _, _ in node.edges:
                if isinstance(origin, Node) and origin not in seen:
                    seen.add(origin)
                    ahead.append(origin)

    def __repr__(self) -> str:
        return f"<{self.operation.name}>"


class SeveralOutputs(Node):
    """A recorded operation with several results, each of which comes from an `Output` of this node."""

    __slots__ = ("_outputs", "shapes_and_dtypes")

    def __init__(
        self, operation: Operation, edges: list[Edge], kept: dict[str, Any], saves: bool, out: tuple[Array, ...]
    ) -> None:
        super().__init__(operation, edges, kept, saves, out[0])
        self.shapes_and_dtypes = [(array.shape, array.dtype) for array in out]
        self._outputs: WeakValueDictionary[int, Output] = WeakValueDictionary()

    def output(self, k: int) -> Output:
        """Return the origin of result ``k``: the same object for as long as anything refers to it."""
        output = self._outputs.get(k)
        if output is None:
            output = self._outputs[k] = Output(self, k)
        return output


class Output(Node):
    """The origin of one of several results of an operation. The walk hands its gradient on to the operation."""

    __slots__ = ("k", "source")

    def __init__(self, source: SeveralOutputs, k: int) -> None:
        self.source, self.k = source, k
        self.operation, self.edges, self.kept, self.saves = source.operation, [(source, _HAND_ON, k)], {}, False
        self.shape, self.dtype = source.shapes_and_dtypes[k]
        self.hooks = None
        self.sequence = next(clock)


class Variable:
    """What the tape knows of a tensor: its array, the node that made it, and its gradient."""

    __slots__ = ("__weakref__", "_grad", "_hooks", "_requires_grad", "array", "node")

    _result_class: ClassVar[type[Variable]]  # what operations on it make: a Parameter's sum is no Parameter

    array: Array
    node: Node | None
    _requires_grad: bool
    _grad: Any  # a tensor or None
    _hooks: GradientHooks | None  # of a leaf

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim


Origin: TypeAlias = Node | Variable
"""Where a tensor came from: the recorded operation that made it, or, for a leaf, itself."""


def make_tensor(like: Any, array: Array, node: Node | None = None) -> Any:
    """Return a tensor around an array, without copying, of the class that operations on ``like`` make."""
    result = object.__new__(like._result_class)
    result.array = array
    result.node = node
    result._requires_grad = node is not None
    result._grad = result._hooks = None
    return result


def make_tensors(like: Any, arrays: tuple[Array, ...], node: SeveralOutputs | None = None) -> tuple[Any, ...]:
    """Return the results of an operation as tensors; only floating-point numbers have gradients."""
    return tuple(
        make_tensor(like, array, node.output(k) if node is not None and array.dtype.kind == "f" else None)
        for k, array in enumerate(arrays)
    )


def arrays_in(kept: dict[str, Any]) -> Iterable[Array]:
    """Yield the arrays among the values that a node kept."""
    for value in kept.values():
        for item in value if isinstance(value, tuple) else (value,):
            if hasattr(item, "strides"):
                yield item


class Derivative:
    """How a gradient goes back to one input (a vector-Jacobian product).

    ``function`` takes the gradient ``g`` of the result, and the values that are named in ``reads``.
    """

    __slots__ = ("_pick", "function", "reads")

    def __init__(self, function: Callable[..., Any], reads: tuple[str, ...]) -> None:
        self.function = function
        self.reads = reads
        self._pick = itemgetter(*reads) if reads else None  # gives one value, or a tuple of several

    def __call__(self, g: Any, values: dict[str, Any]) -> Any:
        """Return the gradient of the input, given that of the result and the values that the node kept, by name."""
        if self._pick is None:
            return self.function(g)
        if len(self.reads) == 1:
            return self.function(g, self._pick(values))
        return self.function(g, *self._pick(values))


_HAND_ON = Derivative(lambda g: g, ())


Edge: TypeAlias = tuple[Origin, Derivative, int]
"""An input that needs a gradient: where it came from, how the gradient goes back to it, and which input it is."""


Fetch: TypeAlias = Callable[[list[Any], int, Any], Any]
Plan: TypeAlias = tuple[list[tuple[Derivative, int]], list[tuple[str, Fetch | None, int]], int]
"""How to record: the derivatives that are needed; each value that they read, by name (without a function: the input
itself); and how many inputs there must be more than for arrays to be kept (of ``*inputs`` there may be none)."""

MOST = 1 << 30
"""More inputs than an operation has."""


class Operation:
    """A function of arrays that records itself, with a derivative for each input.

    Positional parameters of ``forward`` are inputs (arrays, tensors or numbers), keyword-only ones constants. The
    derivative with respect to an input takes the gradient ``g`` of the result and, by name, what it reads: ``out``
    (the result), any input or constant, ``<input>_shape`` or ``<input>_dtype``. What no needed derivative names
    is not kept. An input without a derivative is a constant (a mask, indices). Of ``*inputs``, the one derivative
    may also ask for ``index``: which of them it is for.

    A forward function that returns a tuple of arrays has several results; ``g`` is then a tuple of their gradients,
    and ``out`` the tuple of the results.

    Called on plain arrays, an operation computes and returns an array.
    """

    registry: ClassVar[dict[str, Operation]] = {}

    promoted: Any = None  # where inputs first come to one type: a method that gives them, or None if they have it
    may_lack_gradients = False  # whether a derivative may return None: no gradient for that input

    def __init__(
        self, forward: Callable[..., Any], derivatives: dict[str, Callable[..., Any]], registered: bool = True
    ) -> None:
        self.forward = forward
        self.name = forward.__name__.strip("_")
        self.__doc__ = forward.__doc__
        code = forward.__code__
        names = code.co_varnames
        constants = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        self.variadic = bool(code.co_flags & inspect.CO_VARARGS)
        self.inputs = names[: code.co_argcount]
        if self.variadic:
            self.inputs += (names[code.co_argcount + len(constants)],)
        self.last = len(self.inputs) - 1  # with ``*inputs``, all from here on have one name
        self.derivatives = {
            name: self._derivative(name, function, constants) for name, function in derivatives.items()
        }
        self._rules = tuple(self.derivatives.get(name) for name in self.inputs)
        self._plans: dict[tuple[int, ...], Plan] = {}  # by the inputs that need a gradient
        if not registered:
            return
        same = Operation.registry.get(self.name)
        if same is not None and same.forward.__module__ != forward.__module__:  # defining it anew is fine
            raise ValueError(f"there is an operation named {self.name} already, in {same.forward.__module__}")
        Operation.registry[self.name] = self

    def _derivative(self, name: str, function: Callable[..., Any], constants: tuple[str, ...]) -> Derivative:
        first, *reads = function.__code__.co_varnames[: function.__code__.co_argcount]
        known = {
            "out",
            *self.inputs,
            *constants,
            *(f"{i}_{of}" for i in self.inputs for of in ("shape", "dtype")),
        }
        if self.variadic:
            known.add("index")
        if name not in self.inputs or first != "g" or not known.issuperset(reads):
            raise TypeError(
                f"{self.name}: the derivative with respect to {name!r} takes ({', '.join([first, *reads])}); "
                f"wanted one of {self.inputs}, reading g and then any of {sorted(known)}"
            )
        return Derivative(function, tuple(reads))

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.forward)

    @overload
    def __call__(self, input: T, /, *inputs: Any, **constants: Any) -> T: ...
    @overload
    def __call__(self, *inputs: Any, **constants: Any) -> Any: ...
    def __call__(self, *inputs: Any, **constants: Any) -> Any:
        if len(inputs) < len(self.inputs):
            inputs = self._in_order(inputs, constants)
        variable = None
        arrays: list[Any] = []
        needing: list[int] = []  # the inputs that need a gradient
        for value in inputs:
            if isinstance(value, Variable):
                variable = value
                if value._requires_grad:
                    needing.append(len(arrays))
                arrays.append(value.array)
            else:
                arrays.append(value if type(value) is np.ndarray else plain_array(self.name, value))
        if self.promoted is not None and variable is not None:
            met = self.promoted(inputs, arrays)
            if met is not None:
                return self(*met, **constants)
        if watching and _mode.watcher is not None:
            return _mode.watcher(self, inputs, constants)
        try:
            out = self.forward(*arrays, **constants)
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise self._explained(error, arrays) from error
        if variable is None:
            return out
        several = type(out) is tuple
        if not several and type(out) is not np.ndarray:
            out = np.asarray(out)
        node = None
        if needing and _mode.recording:
            node = self.record(inputs, tuple(needing), arrays, constants, out)
        return make_tensors(variable, out, node) if several else make_tensor(variable, out, node)

    def _in_order(self, inputs: tuple[Any, ...], constants: dict[str, Any]) -> tuple[Any, ...]:
        """Return the inputs in their order, taking those given by name out of the constants."""
        for name in self.inputs[len(inputs) :]:
            if name not in constants:
                break
            inputs = (*inputs, constants.pop(name))
        return inputs

    def record(
        self, inputs: Any, needing: tuple[int, ...], arrays: list[Any], constants: dict[str, Any], out: Any
    ) -> Any:
        """Return a node, if a derivative is needed, that keeps what the needed derivatives read."""
        rules, fetched, saved_from = self._plans.get(needing) or self._plan(needing)
        if not rules:
            return None
        edges = [(inputs[i].node or inputs[i], rule, i) for rule, i in rules]
        for name, fetch, i in fetched:
            constants[name] = arrays[i] if fetch is None else fetch(arrays, i, out)
        saves = len(inputs) > saved_from
        return (SeveralOutputs if type(out) is tuple else Node)(self, edges, constants, saves, out)

    def _plan(self, needing: tuple[int, ...]) -> Plan:
        """Return the derivatives for those inputs, and what they read beside the constants."""
        rules = [(rule, i) for i in needing if (rule := self._rules[min(i, self.last)]) is not None]
        sources: dict[str, tuple[Fetch | None, int]] = {"out": (lambda arrays, i, out: out, 0)}
        for i, name in enumerate(self.inputs):
            sources[name] = (None, i)
            sources[f"{name}_shape"] = (lambda arrays, i, out: np.shape(arrays[i]), i)
            sources[f"{name}_dtype"] = (lambda arrays, i, out: arrays[i].dtype, i)
        if self.variadic:
            sources[self.inputs[-1]] = (lambda arrays, i, out: tuple(arrays[i:]), self.last)
        reads = dict.fromkeys(name for rule, _ in rules for name in rule.reads)
        fetched = [(name, *sources[name]) for name in reads if name in sources]
        arrays = [i for name, _, i in fetched if name == "out" or name in self.inputs]
        plan = rules, fetched, min(arrays, default=MOST)
        if len(needing) < 8:  # the caller may give any number of ``*inputs``: so many plans are not kept
            self._plans[needing] = plan
        return plan

    def _explained(self, error: Exception, arrays: list[Any]) -> Exception:
        """Return the error with the operation's name and what it was given."""
        if str(error).startswith(f"{self.name}:"):
            return error
        given = ", ".join(describe(a) for a in arrays)
        return renamed(error, f"{self.name}: {error} (given {given})")

    def fit(self, gradient: Any, origin: Origin, name: str) -> Any:
        """Refuse a gradient that is not of its input's shape and type."""
        if gradient.shape == origin.shape and gradient.dtype == origin.dtype:
            return gradient
        raise RuntimeError(
            f"the derivative of {self.name} with respect to {name} is of shape {gradient.shape} and type "
            f"{gradient.dtype}; wanted {origin.shape} and {origin.dtype}"
        )

    def input_name(self, i: int) -> str:
        """Return the name of input ``i``; those of ``*inputs`` have one name."""
        return self.inputs[min(i, self.last)]

    def __set_name__(self, owner: type, name: str) -> None:
        """Become a method of the class that assigns the operation, as in ``exp = ops.exp``."""

        def with_arguments(tensor: Any, *inputs: Any, **constants: Any) -> Any:
            return self(tensor, *inputs, **constants)

        def alone(tensor: Any) -> Any:  # handing no arguments on costs less
            return self(tensor)

        method: Any = alone if len(self.__signature__.parameters) == 1 else with_arguments
        method.__name__, method.__doc__ = name, self.__doc__
        method.__signature__ = self.__signature__
        setattr(owner, name, method)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


def renamed(error: Exception, message: str) -> Exception:
    """Return an error of the same kind with another message; NumPy's own kinds take no message."""
    kind = next((k for k in (IndexError, TypeError) if isinstance(error, k)), ValueError)
    return kind(message)


def describe(value: Any) -> str:
    """Return what an error message says of an argument: the shape of an array, else the value or its type."""
    if hasattr(value, "shape"):
        return f"shape {tuple(value.shape)}"
    return repr(value) if isinstance(value, (int, float, str)) or value is None else type(value).__name__


def operation(**derivatives: Callable[..., Any]) -> Callable[[Callable[..., Any]], Operation]:
    """Make a function of arrays an operation, given the derivative with respect to each input.

    >>> from tinygrad_cnn.autograd import operation
    >>> @operation(input=lambda g, input: g * (3 * input * input))
    ... def cube(input):
    ...     return input * input * input
    """
    return lambda forward: Operation(forward, derivatives)
