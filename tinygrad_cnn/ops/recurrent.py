"""Recurrent layers (RNN, LSTM, GRU): one operation for a whole packed sequence, in one direction.

Each has a plain formulation beside it, one operation at a time. It says what the fused operation computes, and it
is what is differentiated under ``create_graph``: derivatives of higher order are its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from tinygrad_cnn.kernels import recurrent as kernels
from tinygrad_cnn.kernels.recurrent import Inputs, Steps
from tinygrad_cnn.ops.activation import relu
from tinygrad_cnn.ops.arguments import want_same_dtype
from tinygrad_cnn.ops.elementwise import sigmoid
from tinygrad_cnn.ops.index import narrow
from tinygrad_cnn.ops.matrix import linear
from tinygrad_cnn.ops.shape import cat
from tinygrad_cnn.ops.split_join import chunk
from tinygrad_cnn.ops.trigonometry import tanh
from tinygrad_cnn.tape.backward import grad
from tinygrad_cnn.tape.record import Variable, operation
from tinygrad_cnn.typing import Array

# --- the plain formulation: from a row's product with the input weight, and the states, to the new states ---


def _rnn_step(curve: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    return lambda x, w, h: (curve(x + linear(h, w.weight_hh, w.bias_hh)),)


def _lstm_step(x: Any, w: Inputs, h: Any, c: Any) -> tuple[Any, ...]:
    i, f, g, o = chunk(x + linear(h, w.weight_hh, w.bias_hh), 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return h if w.weight_hr is None else linear(h, w.weight_hr), c


def _gru_step(x: Any, w: Inputs, h: Any) -> tuple[Any, ...]:
    (xr, xz, xn), (hr, hz, hn) = chunk(x, 3, 1), chunk(linear(h, w.weight_hh, w.bias_hh), 3, 1)
    z, n = sigmoid(xz + hz), tanh(xn + sigmoid(xr + hr) * hn)
    return (n + z * (h - n),)


def plain(step: Callable[..., tuple[Any, ...]], inputs: Inputs, steps: Steps) -> tuple[Any, ...]:
    """Return the states of all steps, and the last ones, one operation at a time."""
    gates = linear(inputs.input, inputs.weight_ih, inputs.bias_ih)
    states = (inputs.hidden,) if inputs.cell is None else (inputs.hidden, inputs.cell)
    outputs = {}
    for place, n in steps:
        new = step(narrow(gates, 0, place.start, n), inputs, *(narrow(state, 0, 0, n) for state in states))
        outputs[place.start] = new[0]
        rest = states[0].shape[0] - n
        pairs = zip(new, states, strict=True)
        states = tuple(cat([after, narrow(before, 0, n, rest)]) if rest else after for after, before in pairs)
    return cat([outputs[start] for start in sorted(outputs)]), *states


# --- the fused operation ---


class _Shared:
    """The backward pass over time of one call, which the derivatives of all its inputs share.

    It decides nothing about the result, so that all are equal: a program may use one of them in each run.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[Any, Any] = (), None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shared)

    __hash__ = None  # type: ignore[assignment]

    def of(self, g: tuple[Any, ...], out: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """Return what was computed for gradients ``g`` of the results ``out``, which are new in each run.

        The first derivative that asks computes it.
        """
        last, now = self._last, (*g, *out)  # read once, since another thread may run the same program
        if len(last[0]) != len(now) or any(a is not b for a, b in zip(last[0], now, strict=True)):
            last = self._last = now, compute()
        return last[1]


def _differentiated(step: Callable[..., Any], inputs: Inputs, steps: Steps, g: tuple[Any, ...]) -> dict[str, Any]:
    """Return the gradients of the inputs of the plain formulation, which can be differentiated again."""
    # Each input is replaced by its sum with 0, so that no way leads from one input to another.
    named: Any = inputs._asdict().items()
    live = {key: v + 0.0 for key, v in named if getattr(v, "requires_grad", False)}
    results = plain(step, inputs._replace(**live), steps)
    return dict(zip(live, grad(results, tuple(live.values()), g[: len(results)], create_graph=True), strict=True))


class Mode(NamedTuple):
    """A kind of recurrent layer: its plain formulation, and the loops over time of the fused one."""

    step: Callable[..., tuple[Any, ...]]
    forward: Callable[[Inputs, Steps], tuple[Array, ...]]
    backward: Callable[[Inputs, tuple[Array, ...], tuple[Array, ...], Steps], kernels.Backward]


MODES = {
    "RNN_TANH": Mode(_rnn_step(tanh), partial(kernels.rnn, relu=False), partial(kernels.rnn_backward, relu=False)),
    "RNN_RELU": Mode(_rnn_step(relu), partial(kernels.rnn, relu=True), partial(kernels.rnn_backward, relu=True)),
    "LSTM": Mode(_lstm_step, kernels.lstm, kernels.lstm_backward),
    "GRU": Mode(_gru_step, kernels.gru, kernels.gru_backward),
}
"""The kinds of recurrent layers, under PyTorch's names."""


def _through_time(wanted: str) -> Callable[..., Any]:
    """Return the derivative with respect to an input: backpropagation through time (Werbos, 1990)."""

    def derivative(
        g: Any,
        input: Any,
        hidden: Any,
        cell: Any,
        weight_ih: Any,
        weight_hh: Any,
        bias_ih: Any,
        bias_hh: Any,
        weight_hr: Any,
        out: Any,
        mode: str,
        steps: Steps,
        shared: _Shared,
    ) -> Any:
        inputs = Inputs(input, hidden, cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr)
        if isinstance(g[0], Variable):
            return shared.of(g, out, lambda: _differentiated(MODES[mode].step, inputs, steps, g))[wanted]
        return shared.of(g, out, lambda: MODES[mode].backward(inputs, g, out, steps)).gradient(wanted)

    return derivative


@operation(
    input=_through_time("input"),
    hidden=_through_time("hidden"),
    cell=_through_time("cell"),
    weight_ih=_through_time("weight_ih"),
    weight_hh=_through_time("weight_hh"),
    bias_ih=_through_time("bias_ih"),
    bias_hh=_through_time("bias_hh"),
    weight_hr=_through_time("weight_hr"),
)
def _recurrent(
    input: Array,
    hidden: Array,
    cell: Array | None,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    weight_hr: Array | None,
    *,
    mode: str,
    steps: Steps,
    shared: _Shared,
) -> Any:
    """A layer of an RNN, LSTM or GRU in one direction, over all steps of a packed sequence."""
    inputs = Inputs(input, hidden, cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr)
    return MODES[mode].forward(inputs, steps)


def recurrent(mode: str, inputs: Inputs, steps: Steps) -> tuple[Any, ...]:
    """Return the states of all steps and the last ones, and for LSTM also the last cells.

    The formulas are those of the steps above. Raises TypeError if the inputs have different types.
    """
    given = {key: value for key, value in inputs._asdict().items() if value is not None}
    want_same_dtype(mode, **given)
    results = _recurrent(*inputs, mode=mode, steps=steps, shared=_Shared())
    return results[: 2 if inputs.cell is None else 3]  # the rest is for the gradient
