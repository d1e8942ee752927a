"""Derivatives of functions: Jacobian, Hessian, and products with them (vector-Jacobian, Jacobian-vector, ...).

``func`` takes tensors and returns a tensor or a tuple of tensors. ``inputs`` and ``v`` are a tensor or a tuple of
tensors, and results have the same form. With ``create_graph`` the results can be differentiated again. With
``strict``, a result that is independent of an input raises RuntimeError; otherwise its derivative is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy, ones_like, zeros_like
from tinygrad_cnn.ops import reshape, stack
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.backward import grad
from tinygrad_cnn.tape.grad_mode import enable_grad
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = Any
"""A tensor or a tuple of tensors."""


def vjp(
    func: Callable[..., Tensors],
    inputs: Tensors,
    v: Tensors = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """Return func's value and its vector-Jacobian product with v, which is optional for a result of one element.

    >>> import tinygrad_cnn as tg
    >>> tg.autograd.functional.vjp(lambda x: x * x, tg.tensor([1.0, 2.0]), tg.tensor([1.0, 10.0]))[1]
    tensor([ 2., 40.])
    """
    sources, outputs, value = _called("vjp", func, inputs, create_graph)
    given = _fitting("vjp", "the outputs of func", v, outputs)
    products = _gradients("vjp", outputs, sources, given, create_graph, strict)
    return _value(value, create_graph), _like(inputs, products)


def jvp(
    func: Callable[..., Tensors],
    inputs: Tensors,
    v: Tensors = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """Return func's value and its Jacobian-vector product with v, which is optional for an input of one element.

    The product u J is linear in u, and its derivative with respect to u, in the direction v, is J v: two backward
    passes replace forward-mode differentiation.

    >>> import tinygrad_cnn as tg
    >>> tg.autograd.functional.jvp(lambda x: x**2, tg.tensor([1.0, 2.0]), tg.ones(2))[1]
    tensor([2., 4.])
    """
    sources, outputs, value = _called("jvp", func, inputs, create_graph)
    given = _fitting("jvp", "the inputs", v, sources)
    directions = [zeros_like(o, requires_grad=True) for o in outputs]
    linear = _gradients("jvp", outputs, sources, directions, True, strict)
    products = _gradients("jvp", linear, directions, given, create_graph, strict)
    return _value(value, create_graph), _like(value, products)


def jacobian(
    func: Callable[..., Tensors], inputs: Tensors, create_graph: bool = False, strict: bool = False
) -> Tensors:
    """Return the Jacobian of an output with respect to an input: its shape is the output's, then the input's.

    A tuple of inputs gives a tuple of Jacobians, and a tuple of outputs a tuple of these for each output.

    >>> import tinygrad_cnn as tg
    >>> tg.autograd.functional.jacobian(lambda x: x * x, tg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    sources, outputs, value = _called("jacobian", func, inputs, create_graph)
    rows = [_jacobian_of(output, sources, create_graph, strict) for output in outputs]
    return _like(value, [_like(inputs, row) for row in rows])


def hessian(
    func: Callable[..., Tensor], inputs: Tensors, create_graph: bool = False, strict: bool = False
) -> Tensors:
    """Return the Hessian, the second derivatives, of a function whose result has one element.

    A tuple of inputs gives a tuple of tuples.

    >>> import tinygrad_cnn as tg
    >>> tg.autograd.functional.hessian(lambda x: (x**3).sum(), tg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    single = _single("hessian", func)
    return jacobian(lambda *x: jacobian(single, _like(inputs, x), True, strict), inputs, create_graph, strict)


def vhp(
    func: Callable[..., Tensor],
    inputs: Tensors,
    v: Tensors = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """Return func's value, of one element, and v times its Hessian.

    >>> import tinygrad_cnn as tg
    >>> tg.autograd.functional.vhp(lambda x: (x**3).sum(), tg.tensor([1.0, 2.0]), tg.ones(2))[1]
    tensor([ 6., 12.])
    """
    sources, outputs, value = _called("vhp", _single("vhp", func), inputs, create_graph)
    given = _fitting("vhp", "the inputs", v, sources)
    slopes = _gradients("vhp", outputs, sources, None, True, strict)
    products = _gradients("vhp", slopes, sources, given, create_graph, strict)
    return _value(value, create_graph), _like(inputs, products)


def hvp(
    func: Callable[..., Tensor],
    inputs: Tensors,
    v: Tensors = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """Return func's value, of one element, and its Hessian times v.

    The Hessian is symmetric, so this is `vhp`, which needs one pass less.

    >>> import tinygrad_cnn as tg
    >>> tg.autograd.functional.hvp(lambda x: (x**3).sum(), tg.tensor([1.0, 2.0]), tg.ones(2))[1]
    tensor([ 6., 12.])
    """
    return vhp(func, inputs, v, create_graph, strict)


# --- helpers ---


def _tuple(name: str, what: str, tensors: Tensors) -> tuple[Tensor, ...]:
    several = tuple(tensors) if isinstance(tensors, (tuple, list)) else (tensors,)
    for tensor in several:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: wanted a tensor or a tuple of tensors as {what}, got {type(tensor).__name__}")
    return several


def _like(form: Tensors, tensors: Sequence[Any]) -> Tensors:
    """Return a tuple if the form is a tuple or list, else the only tensor."""
    return tuple(tensors) if isinstance(form, (tuple, list)) else tensors[0]


def _value(value: Tensors, create_graph: bool) -> Tensors:
    return value if create_graph else _like(value, [v.detach() for v in _tuple("func", "result", value)])


def _called(
    name: str, func: Callable[..., Tensors], inputs: Tensors, create_graph: bool
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensors]:
    """Call a function on new tensors for the inputs; return these, the results as a tuple, and the plain result."""
    with enable_grad():
        sources = tuple(
            reshape(t, t.shape) if create_graph and t.requires_grad else t.detach().requires_grad_()
            for t in _tuple(name, "inputs", inputs)
        )
        value = func(*sources)
    return sources, _tuple(name, "result of func", value), value


def _single(name: str, func: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function that returns the result of func, of one element, as a 0-d tensor."""

    def single(*inputs: Tensor) -> Tensor:
        result = func(*inputs)
        if not isinstance(result, Tensor) or result.numel() != 1:
            given = f"shape {result.shape}" if isinstance(result, Tensor) else type(result).__name__
            raise RuntimeError(f"{name}: wanted a tensor of one element as result of func, got {given}")
        return reshape(result, ())

    return single


def _fitting(name: str, what: str, v: Tensors, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return v as a tuple, after checking its shapes; by default 1, if the tensors are one number."""
    if v is None:
        if len(tensors) != 1 or tensors[0].numel() != 1:
            raise RuntimeError(f"{name}: v is optional only if {what} are one element")
        return (ones_like(tensors[0]),)
    given = _tuple(name, "v", v)
    if [t.shape for t in given] != [t.shape for t in tensors]:
        shapes, wanted = [t.shape for t in given], [t.shape for t in tensors]
        raise RuntimeError(f"{name}: v has the shapes {shapes}; wanted those of {what}, {wanted}")
    return given


def _gradients(
    name: str,
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    given: Sequence[Tensor] | None,
    create_graph: bool,
    strict: bool,
) -> list[Tensor]:
    """Return the gradient of each input; if the outputs do not depend on it, zeros, or an error if ``strict``."""
    used = [i for i, output in enumerate(outputs) if output.requires_grad]
    if strict and len(used) < len(outputs):
        raise RuntimeError(f"{name}: a result of func is independent of the inputs, and strict forbids it")
    found: Sequence[Tensor | None] = [None] * len(inputs)
    if used:
        directions = None if given is None else [given[i] for i in used]
        found = grad([outputs[i] for i in used], inputs, directions, True, create_graph, allow_unused=True)
    for i, gradient in enumerate(found):
        if strict and (gradient is None or (create_graph and not gradient.requires_grad)):
            order = "result" if gradient is None else "derivative"
            raise RuntimeError(f"{name}: a {order} is independent of input {i}, and strict forbids it")
    return [zeros_like(t) if g is None else g for t, g in zip(inputs, found, strict=True)]


def _jacobian_of(output: Tensor, sources: Sequence[Tensor], create_graph: bool, strict: bool) -> list[Tensor]:
    """Return the Jacobian of one output for each source, row by row."""
    rows = []
    for place in np.ndindex(output.shape):
        unit = np.zeros_like(output.array)
        unit[place] = 1
        rows.append(_gradients("jacobian", [output], sources, [from_numpy(unit)], create_graph, strict))
    if not rows:
        return [from_numpy(np.zeros((*output.shape, *s.shape), s.dtype)) for s in sources]
    return [
        reshape(stack(column), (*output.shape, *source.shape))
        for column, source in zip(zip(*rows, strict=True), sources, strict=True)
    ]


explain_calls(globals())
explain_missing_names("torch.autograd.functional", __name__)
