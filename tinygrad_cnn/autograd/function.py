"""Operations of a user's own, in PyTorch's form: a class with a forward and a backward.

One application is one node. Its edges share a call of ``backward``, which gives the gradients of all the inputs at
once. Several results are parts of one flat tensor that the node makes, so that their gradients meet before it.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.tape.grad_mode import is_grad_enabled, no_grad
from tinygrad_cnn.tape.record import Derivative, Edge, Node, Operation, make_tensor
from tinygrad_cnn.tape.watch import note_line
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class Context:
    """What `Function.forward` leaves for `Function.backward`: saved tensors, and any attribute that it sets."""

    def __init__(self, function: type[Function], arguments: tuple[Any, ...]) -> None:
        self.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in arguments)
        self._function = function
        self._arguments = [(a.shape, a.dtype) if isinstance(a, Tensor) else None for a in arguments]
        self._layout: list[_Place] = []
        self._constant: set[int] = set()
        self._saved: tuple[Any, ...] = ()  # a result is saved as its number: a node must not refer to its results
        self._outputs: tuple[Any, ...] = ()  # the results, only while backward runs
        # gradients that backward gave for one g, not yet taken
        self._ready: tuple[Any, dict[int, Any]] = (None, {})

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, results or intermediate tensors; writing to them in place before backward is an error."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward: wanted tensors, got {type(tensor).__name__}; set an attribute")
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` was given."""
        return tuple(self._outputs[s] if isinstance(s, int) else s for s in self._saved)

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say which results of forward have no gradient; backward still gets zeros for them."""
        self._constant |= {id(output) for output in outputs}


class Function:
    """An operation with a derivative of the user's own. Subclass it, and call ``apply``.

    ``forward(ctx, ...)`` takes whatever ``apply`` is given, and returns a tensor or a tuple of tensors; nothing in
    it is recorded. ``backward(ctx, *grads)`` takes the gradient of each, and returns one for each argument of
    forward: None for what is no tensor. Written in operations on tensors, it can be differentiated again.

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
        """Compute the result of forward, and record how backward takes gradients through it."""
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
        return outputs if isinstance(result, tuple) else outputs[0]


class _Applied(Operation):
    """What the engine asks of a node's operation, for one application of a `Function`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.variadic = True
        self.inputs = ("arguments",)


class _Place(NamedTuple):
    """A result: its shape and type, and where it is in the flat tensor (None: it has no gradient)."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int | None


def _recorded(ctx: Context, args: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> tuple[Any, ...]:
    """Return the results as tensors that the node of this application made."""
    name = ctx._function.__name__
    live: list[Tensor] = []
    for output in outputs:
        differentiable = output.dtype.kind == "f" and id(output) not in ctx._constant
        start = sum(o.numel() for o in live) if differentiable else None
        ctx._layout.append(_Place(output.shape, output.dtype, start))
        live += [output] if differentiable else []
    if len({o.dtype for o in live}) > 1:
        raise TypeError(f"{name}: forward returned floating-point numbers of several types; wanted one")
    if not live:
        return tuple(output.detach() for output in outputs)
    inputs = {id(a) for a in args}
    places = {id(o): k for k, o in enumerate(outputs) if ctx._layout[k].start is not None and id(o) not in inputs}
    ctx._saved = tuple(places.get(id(s), s) for s in ctx._saved)
    out = live[0].array if len(outputs) == 1 else np.concatenate([o.array.reshape(-1) for o in live])
    kept = {"ctx": ctx, "saved": tuple(s.array for s in ctx._saved if isinstance(s, Tensor))}
    if any(isinstance(s, int) for s in ctx._saved):
        kept["out"] = out
    rule = Derivative(_gradient, ("ctx", "index", *list(kept)[1:]))
    edges: list[Edge] = [(a.node or a, rule, i) for i, a in enumerate(args) if ctx.needs_input_grad[i]]
    node = Node(_Applied(name), edges, kept, out)
    note_line(node)
    parts = _parts(ctx._layout, make_tensor(live[0], out, node))
    return tuple(o.detach() if part is None else part for part, o in zip(parts, outputs, strict=True))


def _parts(layout: list[_Place], whole: Tensor) -> tuple[Tensor | None, ...]:
    """Return the results, or their gradients, that a flat tensor holds; None where there is no gradient."""
    if len(layout) == 1:
        return (whole,)
    return tuple(
        None if start is None else ops.reshape(ops.narrow(whole, 0, start, prod(shape)), shape)
        for shape, _, start in layout
    )


def _gradient(g: Any, ctx: Context, index: int, saved: tuple[Array, ...], out: Any = None) -> Any:
    """Return the gradient of one argument; the first that is asked for has backward compute all of them."""
    if any(s.array is not a for s, a in zip((s for s in ctx._saved if isinstance(s, Tensor)), saved, strict=True)):
        raise RuntimeError("backward: .data of a saved tensor was assigned to since; save a copy (clone())")
    asked, ready = ctx._ready
    if asked is not g or index not in ready:
        ready = _gradients(ctx, g, out)
    value = ready.pop(index)
    ctx._ready = (g, ready) if ready else (None, {})
    return value


def _gradients(ctx: Context, g: Any, out: Any) -> dict[int, Any]:
    """Call backward; return the gradient of each argument that needs one, as arrays if ``g`` is one."""
    tracing = isinstance(g, Tensor)
    given = _parts(ctx._layout, g if tracing else _constant(g))
    if out is not None:
        ctx._outputs = _parts(ctx._layout, out if tracing else _constant(out))
    try:
        zeros = (from_numpy(np.zeros(place.shape, place.dtype)) for place in ctx._layout)
        result = ctx._function.backward(ctx, *(z if p is None else p for p, z in zip(given, zeros, strict=True)))
    finally:
        ctx._outputs = ()
    gradients = _checked(ctx, result if isinstance(result, tuple) else (result,))
    return gradients if tracing else {i: value.array.view() for i, value in gradients.items()}


def _constant(array: Any) -> Tensor:
    """Return a tensor around an array that others hold too: writing to it is an error."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return from_numpy(view)


def _checked(ctx: Context, returned: tuple[Any, ...]) -> dict[int, Tensor]:
    """Return the gradients that are needed, or refuse what does not fit the arguments of forward."""
    name, arguments = ctx._function.__name__, ctx._arguments
    extra = returned[len(arguments) :]
    if len(returned) < len(arguments) or any(e is not None for e in extra):
        raise RuntimeError(
            f"{name}: backward returned {len(returned)} gradients; wanted {len(arguments)}, one for each argument "
            "of forward"
        )
    gradients = {}
    for i, (value, argument) in enumerate(zip(returned, arguments, strict=False)):
        if value is not None and not (isinstance(value, Tensor) and argument is not None):
            wanted = "None, as that is no tensor" if argument is None else "a tensor or None"
            raise RuntimeError(
                f"{name}: backward returned {type(value).__name__} for argument {i} of forward; wanted {wanted}"
            )
        if argument is None:
            continue
        shape, dtype = argument
        if value is not None and (value.shape, value.dtype) != argument:
            raise RuntimeError(
                f"{name}: backward returned a gradient of shape {value.shape} and type {value.dtype} for argument "
                f"{i} of forward; wanted {shape} and {dtype}"
            )
        if ctx.needs_input_grad[i]:
            gradients[i] = from_numpy(np.zeros(shape, dtype)) if value is None else value
    return gradients
