"""The tape: operations that record themselves as they run.

An `Operation` pairs a function of arrays with one derivative for each input. A call with tensors also makes a
`Node` of the autograd graph: the operation, the origins of its inputs (edges), and what its derivatives read.

One derivative serves every order. In a plain backward pass it gets arrays, so it computes on arrays and records
nothing. Under ``create_graph`` it gets tensors, and the same code is recorded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, ClassVar, NoReturn, TypeAlias, overload
from weakref import WeakValueDictionary

import numpy as np
from numpy import ndarray

from tinygrad_cnn.support.arrays import plain_array
from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.hooks import GradientHooks
from tinygrad_cnn.tape.writes import clock
from tinygrad_cnn.typing import Array, T

watching: list[Any] = []  # the functions that watch operations, of all threads (see watch.py)


class Node:
    """A recorded operation. It refers to the origins of its inputs, never to its result, so there are no cycles."""

    __slots__ = ("__weakref__", "dtype", "edges", "hooks", "kept", "operation", "saves", "sequence", "shape")

    def __init__(
        self, operation: Operation, edges: list[Edge], kept: dict[str, Any], saves: bool, out: Any
    ) -> None:
        self.operation = operation
        self.edges = edges  # one for each input that needs a gradient
        self.kept: dict[str, Any] | None = kept  # what derivatives read, by name; None once freed
        self.saves = saves  # whether `kept` holds arrays
        self.shape = out.shape
        self.dtype = out.dtype
        self.hooks: GradientHooks | None = None
        self.sequence = next(clock)

    def free(self) -> None:
        """Release the kept arrays. A node that keeps none can be used in another pass, as in PyTorch."""
        if self.saves:
            self.kept = None

    def ancestors(self) -> Iterator[Node]:
        """Yield this node and every node that it depends on, each once, in any order."""
        seen = {self}
        ahead = [self]
        while ahead:
            node = ahead.pop()
            yield node
            for origin, _, _ in node.edges:
                if isinstance(origin, Node) and origin not in seen:
                    seen.add(origin)
                    ahead.append(origin)

    def name(self) -> str:
        """Return the name of the operation."""
        return self.operation.name

    @property
    def next_functions(self) -> tuple[tuple[Node | AccumulateGrad | None, int], ...]:
        """Where the gradient of each input goes: its node and the number of the result, or None, as in PyTorch."""
        inputs: dict[int, tuple[Node | AccumulateGrad | None, int]] = {}
        for origin, _, i in self.edges:
            if isinstance(origin, Variable):
                inputs[i] = AccumulateGrad(origin), 0
            else:
                inputs[i] = (origin.source, origin.k) if isinstance(origin, Output) else (origin, 0)
        count = max(len(self.operation.inputs) - self.operation.variadic, *(i + 1 for i in inputs))
        return tuple(inputs.get(i, (None, 0)) for i in range(count))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_saved"):
            held = ", ".join(self.kept or ()) or "none"
            raise AttributeError(f"{self!r} has no {name}; what it keeps is in grad_fn.kept, by name: {held}")
        raise AttributeError(f"{self!r} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<{self.operation.name}>"


class AccumulateGrad:
    """The end of the autograd graph at a leaf, as `Node.next_functions` shows it."""

    next_functions = ()

    def __init__(self, variable: Variable) -> None:
        self.variable = variable

    def name(self) -> str:
        """Return the name that PyTorch gives it."""
        return "AccumulateGrad"


class SeveralOutputs(Node):
    """A recorded operation with several results; the node of each result is an `Output` of this node."""

    __slots__ = ("_outputs", "shapes_and_dtypes")

    def __init__(
        self, operation: Operation, edges: list[Edge], kept: dict[str, Any], saves: bool, out: tuple[Array, ...]
    ) -> None:
        super().__init__(operation, edges, kept, saves, out[0])
        self.shapes_and_dtypes = [(array.shape, array.dtype) for array in out]
        self._outputs: WeakValueDictionary[int, Output] = WeakValueDictionary()

    def output(self, k: int) -> Output:
        """Return the node of result ``k``: the same object as long as anything refers to it."""
        output = self._outputs.get(k)
        if output is None:
            output = self._outputs[k] = Output(self, k)
        return output


class Output(Node):
    """The node of one of several results of an operation. Its gradient is passed to the node of the operation."""

    __slots__ = ("k", "source")

    def __init__(self, source: SeveralOutputs, k: int) -> None:
        self.source, self.k = source, k
        self.operation, self.edges, self.kept, self.saves = source.operation, [(source, _IDENTITY, k)], {}, False
        self.shape, self.dtype = source.shapes_and_dtypes[k]
        self.hooks = None
        self.sequence = next(clock)


class Variable:
    """The part of a tensor that the tape uses: its array, the node that made it, and its gradient."""

    __slots__ = ("__weakref__", "_base", "_grad", "_hooks", "_refusal", "_requires_grad", "_views", "array", "node")

    _result_class: ClassVar[type[Variable]]  # the class of results: the sum of a Parameter is a Tensor
    _outdated_class: ClassVar[type[Variable]]  # of views that cannot follow a write to their base

    array: Array
    node: Node | None
    _requires_grad: bool
    _grad: Any  # a tensor, or None
    _hooks: GradientHooks | None  # of a leaf
    _base: Any  # of a view: the tensor whose memory it shows (see views.py)
    _refusal: str | None  # of a view: why a recorded write to it is refused
    _views: Any  # of a base: weak references to its views, or None

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
"""Where a gradient goes: the node that made a tensor, or the tensor itself if it is a leaf."""


def make_tensor(like: Any, array: Array, node: Node | None = None) -> Any:
    """Return a tensor that holds an array, without copying, of the class of results of ``like``."""
    result = object.__new__(like._result_class)
    result.array = array
    result.node = node
    result._requires_grad = node is not None
    result._grad = result._hooks = result._base = result._refusal = result._views = None
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
    """The vector-Jacobian product of an operation with respect to one input.

    ``function`` takes the gradient ``g`` of the result and the values that ``reads`` names.
    """

    __slots__ = ("_pick", "function", "reads")

    def __init__(self, function: Callable[..., Any], reads: tuple[str, ...]) -> None:
        self.function = function
        self.reads = reads
        self._pick = itemgetter(*reads) if reads else None  # returns one value, or a tuple of several

    def apply(self, g: Any, values: dict[str, Any]) -> Any:
        """Return the gradient of the input, given that of the result and the kept values by name."""
        if self._pick is None:
            return self.function(g)
        if len(self.reads) == 1:
            return self.function(g, self._pick(values))
        return self.function(g, *self._pick(values))


_IDENTITY = Derivative(lambda g: g, ())


Edge: TypeAlias = tuple[Origin, Derivative, int]
"""An input that needs a gradient: its origin, its derivative, and its position among the inputs."""


Fetch: TypeAlias = Callable[[list[Any], int, Any], Any]
Plan: TypeAlias = tuple[list[tuple[Derivative, int]], list[tuple[str, Fetch | None, int]], int]
"""How to record a call: the needed derivatives; each value that they read, with a function to fetch it (None: the
input itself); and the number of inputs that a call must exceed to keep arrays (``*inputs`` may be empty)."""

MOST = 1 << 30
"""A number of inputs that no call exceeds."""


class Operation:
    """A function of arrays that records itself, with a derivative for each input.

    Positional parameters of ``forward`` are inputs (arrays, tensors or numbers), keyword-only parameters are
    constants. A derivative takes the gradient ``g`` of the result and, by name, the values that it reads: ``out``
    (the result), any input or constant, ``<input>_shape`` or ``<input>_dtype``. What no needed derivative names is
    not kept. An input without a derivative (a mask, indices) has no gradient. The derivative of ``*inputs`` serves
    all of them, and may read ``index``, the position of the one that it is called for.

    If ``forward`` returns a tuple of arrays, the operation has several results: ``g`` and ``out`` are then tuples.

    A call with plain arrays only computes and returns an array.
    """

    registry: ClassVar[dict[str, Operation]] = {}

    promoted: Any = None  # a method that returns inputs converted to one type, or None if they need no conversion
    may_lack_gradients = False  # whether a derivative may return None, for no gradient

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
        self.last = len(self.inputs) - 1  # inputs from here on share a name, if it is ``*inputs``
        self.derivatives = {
            name: self._derivative(name, function, constants) for name, function in derivatives.items()
        }
        self._by_input = tuple(self.derivatives.get(name) for name in self.inputs)
        self._plans: dict[tuple[int, ...], Plan] = {}  # by the positions of inputs that need a gradient
        if not registered:
            return
        same = Operation.registry.get(self.name)
        if same is not None and same.forward.__module__ != forward.__module__:  # the same module may redefine it
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
        needing: list[int] = []  # positions of inputs that need a gradient
        for value in inputs:
            if type(value) is ndarray:
                arrays.append(value)
            elif isinstance(value, Variable):
                variable = value
                if value._requires_grad:
                    needing.append(len(arrays))
                arrays.append(value.array)
            else:
                arrays.append(plain_array(self.name, value))
        if self.promoted is not None and variable is not None:
            converted = self.promoted(inputs, arrays)
            if converted is not None:
                return self(*converted, **constants)
        if watching and _mode.watcher is not None:
            return _mode.watcher(self, inputs, constants)
        try:
            out = self.forward(*arrays, **constants)
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise self._explained(error, arrays) from error
        if variable is None:
            return out
        several = type(out) is tuple
        if not several and type(out) is not ndarray:
            out = np.asarray(out)
        node = None
        if needing and _mode.recording:
            node = self.record(inputs, tuple(needing), arrays, constants, out)
        return make_tensors(variable, out, node) if several else make_tensor(variable, out, node)

    def _in_order(self, inputs: tuple[Any, ...], constants: dict[str, Any]) -> tuple[Any, ...]:
        """Return the inputs in order; move those that were given by name out of the constants."""
        for name in self.inputs[len(inputs) :]:
            if name not in constants:
                break
            inputs = (*inputs, constants.pop(name))
        return inputs

    def record(
        self, inputs: Any, needing: tuple[int, ...], arrays: list[Any], constants: dict[str, Any], out: Any
    ) -> Any:
        """Return a node that keeps what the needed derivatives read; None if no derivative is needed."""
        rules, fetched, saved_from = self._plans.get(needing) or self._plan(needing)
        if not rules:
            return None
        edges: list[Edge] = []
        for rule, i in rules:
            edges.append((inputs[i].node or inputs[i], rule, i))
        for name, fetch, i in fetched:
            constants[name] = arrays[i] if fetch is None else fetch(arrays, i, out)
        kind = SeveralOutputs if type(out) is tuple else Node
        return kind(self, edges, constants, len(inputs) > saved_from, out)

    def _plan(self, needing: tuple[int, ...]) -> Plan:
        """Return how to record a call in which these inputs need a gradient."""
        rules = [(rule, i) for i in needing if (rule := self._by_input[min(i, self.last)]) is not None]
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
        if len(needing) < 8:  # a call may have any number of ``*inputs``, so not every plan is kept
            self._plans[needing] = plan
        return plan

    def _explained(self, error: Exception, arrays: list[Any]) -> Exception:
        """Return the error with the operation's name and a description of its arguments."""
        if str(error).startswith(f"{self.name}:"):
            return error
        given = ", ".join(describe(a) for a in arrays)
        if "broadcast" in str(error):
            given += "; wanted one shape, or 1 where lengths differ, counted from the last dimension"
        return renamed(error, f"{self.name}: {error} (given {given})")

    def fit(self, gradient: Any, origin: Origin, name: str) -> Any:
        """Refuse a gradient that does not have the shape and type of its input."""
        if gradient.shape == origin.shape and gradient.dtype == origin.dtype:
            return gradient
        raise RuntimeError(
            f"the derivative of {self.name} with respect to {name} is of shape {gradient.shape} and type "
            f"{gradient.dtype}; wanted {origin.shape} and {origin.dtype}"
        )

    def input_name(self, i: int) -> str:
        """Return the name of input ``i``; all ``*inputs`` share one name."""
        return self.inputs[min(i, self.last)]

    def __set_name__(self, owner: type, name: str) -> None:
        """Become a method of the class that assigns the operation, as in ``exp = ops.exp``."""

        def with_arguments(tensor: Any, *inputs: Any, **constants: Any) -> Any:
            return self(tensor, *inputs, **constants)

        def alone(tensor: Any) -> Any:  # faster without arguments to pass on
            return self(tensor)

        method: Any = alone if len(self.__signature__.parameters) == 1 else with_arguments
        method.__name__, method.__doc__ = name, self.__doc__
        method.__signature__ = self.__signature__
        setattr(owner, name, method)

    def __reduce__(self) -> Any:
        """Be copied and pickled by name, as functions are: a model may hold an activation function."""
        return registered, (self.name,)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


def registered(name: str) -> Operation:
    """Return the operation of a name."""
    return Operation.registry[name]


def renamed(error: Exception, message: str) -> Exception:
    """Return an error of the same built-in class with another message; NumPy's own error classes take none."""
    kind = next((k for k in (IndexError, TypeError) if isinstance(error, k)), ValueError)
    return kind(message)


def describe(value: Any) -> str:
    """Describe an argument for an error message: the shape of an array, else the value or its type."""
    if hasattr(value, "shape"):
        return f"shape {tuple(value.shape)}"
    return repr(value) if isinstance(value, (int, float, str)) or value is None else type(value).__name__


def operation(**derivatives: Callable[..., Any]) -> Callable[[Callable[..., Any]], Operation]:
    """Turn a function of arrays into an operation, given the derivative with respect to each input.

    >>> from tinygrad_cnn.autograd import operation
    >>> @operation(input=lambda g, input: g * (3 * input * input))
    ... def cube(input):
    ...     return input * input * input
    """
    return lambda forward: Operation(forward, derivatives)
