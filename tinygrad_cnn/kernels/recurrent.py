"""The loops over time of recurrent networks (RNN, LSTM, GRU), and their gradients.

The sequences of a batch are packed: all rows of step 0, then all rows of step 1, and so on, with the longest
sequence first, so a step has as many rows as the one before it, or fewer. The products with the input weight are
computed for all steps at once; a loop over time remains for the recurrent product and the gates.

With K gates: inputs (rows, I), states (N, H), weight_ih (K H, I), weight_hh (K H, H), biases (K H,).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels.matmul import matmul
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.sums import total
from tinygrad_cnn.typing import Array


@dataclass(frozen=True)
class Steps:
    """The number of rows of each time step, and whether time runs backwards."""

    sizes: tuple[int, ...]
    reverse: bool = False

    def __iter__(self) -> Iterator[tuple[slice, int]]:
        """Yield the place of each step among the rows, and its number of rows, in the order of computation."""
        ends = accumulate(self.sizes)
        places = [(slice(end - n, end), n) for end, n in zip(ends, self.sizes, strict=True)]
        return iter(places[::-1] if self.reverse else places)

    def backwards(self) -> Iterator[tuple[slice, int]]:
        """Yield the same in the opposite order."""
        return iter(replace(self, reverse=not self.reverse))


class Inputs(NamedTuple):
    """The inputs of a recurrent layer in one direction, under PyTorch's names. The cell is LSTM's alone."""

    input: Any  # arrays, or in the plain formulation tensors
    hidden: Any
    cell: Any
    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any
    weight_hr: Any


@dataclass
class Backward:
    """What the loop backwards over time leaves: gradients of states and gates. The others are their products."""

    inputs: Inputs
    gates: Array  # the gradient of input @ weight_ih.T + bias_ih
    recurrent: Array  # the gradient of state @ weight_hh.T + bias_hh
    before: Array  # the state before each step
    hidden: Array
    cell: Array | None = None
    projected: Any = None  # what LSTM multiplies with weight_hr, and the gradient of the product
    sent: Array | None = None

    def gradient(self, name: str) -> Any:
        """Return the gradient of an input."""
        if name == "input":
            return matmul(self.gates, self.inputs.weight_ih)
        if name == "weight_ih":
            return matmul(self.gates.T, self.inputs.input)
        if name == "weight_hh":
            return matmul(self.recurrent.T, self.before)
        if name == "bias_ih":
            return total(self.gates, (0,))
        if name == "bias_hh":
            return total(self.recurrent, (0,))
        if name == "weight_hr":
            return None if self.sent is None else matmul(self.sent.T, self.projected)
        return self.hidden if name == "hidden" else self.cell


def _product(input: Array, weight: Array, *biases: Array | None) -> Array:
    """Return input @ weight.T + biases, each row contiguous."""
    out = np.matmul(input, weight.T, out=empty((len(input), len(weight)), input.dtype))
    given = [bias for bias in biases if bias is not None]
    if given:
        out += sum(given[1:], given[0])
    return out


def _before(out: Array, first: Array, steps: Steps) -> Array:
    """Return the state before each step, of which ``out`` is the state after it."""
    state, before = first.copy(), empty(out.shape, out.dtype)
    for place, n in steps:
        before[place] = state[:n]
        state[:n] = out[place]
    return before


# --- RNN ---


def rnn(inputs: Inputs, steps: Steps, relu: bool) -> tuple[Array, ...]:
    """Return the states of all steps, and the last ones."""
    out = _product(inputs.input, inputs.weight_ih, inputs.bias_ih, inputs.bias_hh)
    state, weight = inputs.hidden.copy(), np.ascontiguousarray(inputs.weight_hh.T)
    for place, n in steps:
        z = out[place]
        z += state[:n] @ weight
        state[:n] = np.maximum(z, 0, out=z) if relu else np.tanh(z, out=z)
    return out, state


def rnn_backward(
    inputs: Inputs, g: tuple[Array, ...], out: tuple[Array, ...], steps: Steps, relu: bool
) -> Backward:
    """Run backwards over time, given the results of `rnn` and their gradients."""
    states, above, later = out[0], g[0], g[1].copy()
    gates = (states > 0).astype(states.dtype) if relu else 1 - states * states
    for place, n in steps.backwards():
        z = gates[place]
        z *= later[:n] + above[place]
        np.matmul(z, inputs.weight_hh, out=later[:n])
    return Backward(inputs, gates, gates, _before(states, inputs.hidden, steps), later)


# --- LSTM ---


def _curves(size: int, dtype: np.dtype[np.generic]) -> tuple[Array, Array]:
    """Return s and b with gate(x) = s tanh(s x) + b for the gates i, f, g, o.

    The sigmoid is tanh(x / 2) / 2 + 1 / 2, so one tanh serves all four.
    """
    scale = np.repeat(np.array([0.5, 0.5, 1, 0.5], dtype), size)
    return scale, 1 - scale


def lstm(inputs: Inputs, steps: Steps) -> tuple[Array, ...]:
    """Return the states of all steps, the last states and cells, and for the gradient: gates, cells, their tanh."""
    state, cell, projection = inputs.hidden.copy(), inputs.cell.copy(), inputs.weight_hr
    size, rows = cell.shape[1], len(inputs.input)
    scale, shift = _curves(size, cell.dtype)
    gates = _product(inputs.input, inputs.weight_ih, inputs.bias_ih, inputs.bias_hh)
    gates *= scale
    weight = np.ascontiguousarray((inputs.weight_hh * scale[:, None]).T)
    out, cells, curved = (empty((rows, n), cell.dtype) for n in (state.shape[1], size, size))
    for place, n in steps:
        z, c, t = gates[place], cells[place], curved[place]
        z += state[:n] @ weight
        np.tanh(z, out=z)
        z *= scale
        z += shift
        i, f, g, o = (z[:, k * size : (k + 1) * size] for k in range(4))
        np.multiply(f, cell[:n], out=c)
        c += np.multiply(i, g, out=t)
        cell[:n] = c
        np.tanh(c, out=t)
        out[place] = state[:n] = o * t if projection is None else (o * t) @ projection.T
    return out, state, cell, gates, cells, curved


def lstm_backward(inputs: Inputs, g: tuple[Array, ...], out: tuple[Array, ...], steps: Steps) -> Backward:
    """Run backwards over time, given the results of `lstm` and their gradients."""
    states, _, _, values, cells, curved = out
    projection, above, later, memory = inputs.weight_hr, g[0], g[1].copy(), g[2].copy()
    size = cells.shape[1]
    scale, shift = _curves(size, cells.dtype)
    squares = scale * scale
    gates, before = empty(values.shape, values.dtype), _before(cells, inputs.cell, steps)
    sent = None if projection is None else empty(states.shape, states.dtype)
    for place, n in steps.backwards():
        z, t, d, c = values[place], curved[place], gates[place], memory[:n]
        i, f, candidate, o = (z[:, k * size : (k + 1) * size] for k in range(4))
        of_i, of_f, of_g, of_o = (d[:, k * size : (k + 1) * size] for k in range(4))
        h = later[:n] + above[place]
        if sent is not None:
            sent[place] = h
            h = h @ projection
        np.multiply(h, t, out=of_o)
        h *= o
        c += h
        h *= t
        h *= t
        c -= h  # the gradient of the cell: o (1 - tanh^2) times that of the state has been added
        np.multiply(c, candidate, out=of_i)
        np.multiply(c, before[place], out=of_f)
        np.multiply(c, i, out=of_g)
        c *= f
        slope = z - shift  # the derivative of s tanh(s x) + b is s^2 - (its value - b)^2
        slope *= slope
        d *= np.subtract(squares, slope, out=slope)
        np.matmul(d, inputs.weight_hh, out=later[:n])
    projected = None if sent is None else values[:, 3 * size :] * curved
    return Backward(inputs, gates, gates, _before(states, inputs.hidden, steps), later, memory, projected, sent)


# --- GRU ---


def gru(inputs: Inputs, steps: Steps) -> tuple[Array, ...]:
    """Return the states of all steps, the last ones, and for the gradient: gates, and the candidate's product."""
    gates = _product(inputs.input, inputs.weight_ih, inputs.bias_ih)
    state, weight = inputs.hidden.copy(), np.ascontiguousarray(inputs.weight_hh.T)
    size = state.shape[1]
    out, products = (empty((len(gates), size), gates.dtype) for _ in range(2))
    for place, n in steps:
        u = state[:n] @ weight
        if inputs.bias_hh is not None:
            u += inputs.bias_hh
        sigmoids, candidate, new = gates[place, : 2 * size], gates[place, 2 * size :], out[place]
        sigmoids += u[:, : 2 * size]
        sigmoids *= 0.5
        np.tanh(sigmoids, out=sigmoids)
        sigmoids *= 0.5
        sigmoids += 0.5
        products[place] = u[:, 2 * size :]
        candidate += sigmoids[:, :size] * products[place]
        np.tanh(candidate, out=candidate)
        np.subtract(state[:n], candidate, out=new)
        new *= sigmoids[:, size:]
        new += candidate
        state[:n] = new
    return out, state, gates, products


def gru_backward(inputs: Inputs, g: tuple[Array, ...], out: tuple[Array, ...], steps: Steps) -> Backward:
    """Run backwards over time, given the results of `gru` and their gradients."""
    states, _, values, products = out
    size, above, later = states.shape[1], g[0], g[1].copy()
    gates, recurrent = (empty(values.shape, values.dtype) for _ in range(2))
    before = _before(states, inputs.hidden, steps)
    for place, n in steps.backwards():
        r, z, candidate = (values[place, k * size : (k + 1) * size] for k in range(3))
        d, of_u = gates[place], recurrent[place]
        of_r, of_z, of_n = (d[:, k * size : (k + 1) * size] for k in range(3))
        h = later[:n] + above[place]
        straight = h * z  # the gradient that goes to the state before without a gate
        np.subtract(h, straight, out=of_n)
        of_n *= 1 - candidate * candidate
        h *= before[place] - candidate
        np.multiply(h, z - z * z, out=of_z)
        np.multiply(of_n, products[place], out=of_r)
        of_r *= r - r * r
        of_u[...] = d
        of_u[:, 2 * size :] *= r
        np.matmul(of_u, inputs.weight_hh, out=later[:n])
        later[:n] += straight
    return Backward(inputs, gates, recurrent, before, later)
