"""Custom operations in PyTorch's form: a class with a forward and a backward.

Each application makes one node. Its edges share one call of ``backward``, which returns all gradients.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.tape.grad_mode import is_grad_enabled, no_grad
from tinygrad_cnn.tape.record import Operation, make_tensors
from tinygrad_cnn.tape.views import MADE_IN_FUNCTION, note_view
from tinygrad_cnn.tape.watch import note_line
from tinygrad_cnn.tensor import Tensor


class Context:
    """What `Function.forward` passes to `Function.backward`: saved tensors, and any attributes that it sets."""

    def __init__(self, function: type[Function], arguments: tuple[Any, ...]) -> None:
        self.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in arguments)
        self._function = function
        self._arguments = [(a.shape, a.dtype) if isinstance(a, Tensor) else None for a in arguments]
        self._constant: set[int] = set()
        self._saved: tuple[Any, ...] = ()  # results as their numbers: a node must not refer to its results
        self._saved_arrays: tuple[Any, ...] = ()
        self._outputs: tuple[Any, ...] = ()  # the results, while backward runs
        # the gradients that backward returned for one g and that no edge has taken yet
        self._ready: tuple[Any, dict[int, Any]] = (None, {})

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, results or intermediate tensors; writing to them in place before backward is an error."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward: wanted tensors, got {type(tensor).__name__}; set an attribute")
        self._saved = tensors
        self._saved_arrays = tuple(None if tensor is None else tensor.array for tensor in tensors)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that were given to `save_for_backward`."""
        for tensor, array in zip(self._saved, self._saved_arrays, strict=True):
            if isinstance(tensor, Tensor) and tensor.array is not array:
                raise RuntimeError(
                    "backward: .data of a saved tensor was assigned to afterwards; save a copy (clone())"
                )
        return tuple(self._outputs[s] if isinstance(s, int) else s for s in self._saved)

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Declare that these results of forward have no gradient; backward still gets zeros for them."""
        self._constant |= {id(output) for output in outputs}


class Function:
    """An operation with a custom derivative. Subclass it, and call ``apply``.

    ``forward(ctx, ...)`` gets the arguments of ``apply`` and returns a tensor or a tuple of tensors; it is not
    recorded. ``backward(ctx, *grads)`` gets the gradients of the results and returns one for each argument of
    forward, None for those that are not tensors. If it consists of operations on tensors, it can be differentiated
    again.

    >>> import tinygrad_cnn as tg
    >>> class Exp(tg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         out = x.exp()
    ...         ctx.save_for_backward(out)
    ...         return out
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (out,) = ctx.saved_tensors
    ...         return grad * out
    >>> tg.gradcheck(Exp.apply, tg.ones(2, dtype=tg.float64, requires_grad=True))
    True
    """

    _operation: ClassVar[Operation]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._operation = _operation_of(cls)

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """Compute the result."""
        raise NotImplementedError("Function: a subclass must define the static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradient of each argument of forward."""
        raise NotImplementedError("Function: a subclass must define the static method backward(ctx, *grad_outputs)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Compute the result of forward, and record the call for the backward pass."""
        ctx = Context(cls, args)
        with no_grad():
            result = cls.forward(ctx, *args)
        outputs = result if isinstance(result, tuple) else (result,)
        if not outputs or not all(isinstance(output, Tensor) for output in outputs):
            given = ", ".join(type(output).__name__ for output in outputs)
            raise TypeError(f"{cls.__name__}: forward returned ({given}); wanted a tensor or a tuple of tensors")
        if is_grad_enabled() and any(ctx.needs_input_grad):
            outputs = _recorded(ctx, args, outputs)
        else:
            outputs = tuple(output.detach() for output in outputs)
        for output in outputs:  # a write to what shows an input's memory would not reach that input's node
            for given in args:
                if isinstance(given, Tensor):
                    note_view(output, given, MADE_IN_FUNCTION)
        return outputs if isinstance(result, tuple) else outputs[0]


class _FunctionOperation(Operation):
    """The operation that records a `Function` on the tape."""

    may_lack_gradients = True


def _operation_of(function: type[Function]) -> Operation:
    def forward(*arguments: Any, ctx: Context) -> Any:
        return function.forward(ctx, *arguments)

    forward.__name__ = function.__name__
    return _FunctionOperation(forward, {"arguments": _gradient}, registered=False)


def _recorded(ctx: Context, args: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Record an application, and return its results as tensors with its node."""
    inputs = {id(a) for a in args}
    numbers = {id(o): k for k, o in enumerate(outputs) if id(o) not in inputs and o.dtype.kind == "f"}
    ctx._saved = tuple(numbers.get(id(s), s) for s in ctx._saved)
    arrays = tuple(output.array for output in outputs)
    needing = tuple(i for i, needed in enumerate(ctx.needs_input_grad) if needed)
    constants = {"ctx": ctx, "saved": ctx._saved_arrays}  # checked for in-place writes by the backward pass
    node = ctx._function._operation.record(args, needing, list(args), constants, arrays)
    if not any(isinstance(s, int) for s in ctx._saved):
        node.kept["out"] = None
    note_line(node)
    results = make_tensors(outputs[0], arrays, node)
    return tuple(r.detach() if id(o) in ctx._constant else r for o, r in zip(outputs, results, strict=True))


def _gradient(g: tuple[Any, ...], ctx: Context, index: int, out: tuple[Any, ...] | None) -> Any:
    """Return the gradient of one argument; the first call for a g runs backward, which computes all of them."""
    asked, ready = ctx._ready
    if asked is not g or index not in ready:
        ready = _gradients(ctx, g, out)
    value = ready.pop(index)
    ctx._ready = (g, ready) if ready else (None, {})
    return value


def _gradients(ctx: Context, g: tuple[Any, ...], out: tuple[Any, ...] | None) -> dict[int, Any]:
    """Call backward; return the gradient of each argument that needs one, as an array if ``g`` holds arrays."""
    as_tensors = any(isinstance(part, Tensor) for part in g)
    if out is not None:
        ctx._outputs = _tensors(out)
    try:
        result = ctx._function.backward(ctx, *_tensors(g))
    finally:
        ctx._outputs = ()
    gradients = _checked(ctx, result if isinstance(result, tuple) else (result,))
    if as_tensors:
        return gradients
    return {i: None if value is None else value.array.view() for i, value in gradients.items()}


def _tensors(values: Iterable[Any]) -> tuple[Tensor, ...]:
    """Return arrays as read-only tensors, because others refer to their memory too, and tensors unchanged."""
    tensors = []
    for value in values:
        if not isinstance(value, Tensor):
            view = np.asarray(value).view()
            view.flags.writeable = False
            value = from_numpy(view)
        tensors.append(value)
    return tuple(tensors)


def _checked(ctx: Context, returned: tuple[Any, ...]) -> dict[int, Tensor | None]:
    """Return the needed gradients, after checking that all fit the arguments of forward."""
    name, arguments = ctx._function.__name__, ctx._arguments
    extra = returned[len(arguments) :]
    if len(returned) < len(arguments) or any(e is not None for e in extra):
        raise RuntimeError(
            f"{name}: backward returned {len(returned)} gradients; wanted {len(arguments)}, one for each argument "
            "of forward"
        )
    gradients: dict[int, Tensor | None] = {}
    for i, (value, argument) in enumerate(zip(returned, arguments, strict=False)):
        if value is not None and not (isinstance(value, Tensor) and argument is not None):
            wanted = "None, because it is not a tensor" if argument is None else "a tensor or None"
            raise RuntimeError(
                f"{name}: backward returned {type(value).__name__} for argument {i} of forward; wanted {wanted}"
            )
        if argument is None:
            continue
        shape, dtype = argument
        if value is not None and value.dtype.kind == dtype.kind == "f":
            value = value.to(dtype)  # a gradient of another float type is converted, as in PyTorch
        if value is not None and (value.shape, value.dtype) != argument:
            raise RuntimeError(
                f"{name}: backward returned a gradient of shape {value.shape} and type {value.dtype} for argument "
                f"{i} of forward; wanted {shape} and {dtype}"
            )
        if ctx.needs_input_grad[i]:
            gradients[i] = value
    return gradients
