"""Recurrent layers (RNN, LSTM, GRU) over sequences, and their cells, which take one step."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Any

from tinygrad_cnn import creation, ops
from tinygrad_cnn.kernels.recurrent import Inputs, Steps
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn import init
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.nn.utils.rnn import PackedSequence
from tinygrad_cnn.ops.arguments import array_of, whole
from tinygrad_cnn.ops.index import take_at
from tinygrad_cnn.ops.recurrent import recurrent
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor

States = tuple[Tensor, ...]


class _Recurrent(Module):
    """What layers and cells share: the formula of one layer in one direction."""

    mode: str  # PyTorch's name of the formula
    input_size: int
    hidden_size: int
    bias: bool

    @property
    def _gates(self) -> int:
        """How many times the hidden size the rows of the weights are."""
        return {"LSTM": 4, "GRU": 3}.get(self.mode, 1)

    @property
    def _kept(self) -> int:
        """The number of states: h, and for LSTM the cell c."""
        return 2 if self.mode == "LSTM" else 1

    def reset_parameters(self) -> None:
        """Fill all weights and biases uniformly on +-1 / sqrt(hidden_size)."""
        bound = 1 / sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _run(self, rows: Tensor, states: States, steps: Steps, suffix: str = "") -> tuple[Any, ...]:
        """Return the outputs of all rows and the last states, by the weights with a suffix."""
        cell = states[1] if len(states) > 1 else None
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        weights = (self.__dict__.get(f"{name}{suffix}") for name in names)
        return recurrent(self.mode, Inputs(rows, states[0], cell, *weights), steps)

    def _checked(self, hx: Any, wanted: list[tuple[int, ...]]) -> States:
        """Return given initial states as a tuple, after checking their shapes."""
        states = tuple(hx) if self._kept > 1 and isinstance(hx, (tuple, list)) else (hx,)
        given = [getattr(state, "shape", type(state).__name__) for state in states]
        if given != wanted:
            raise ValueError(f"{type(self).__name__}: the initial states have shapes {given}; wanted {wanted}")
        return states

    def _given_back(self, states: States) -> Any:
        return states if self._kept > 1 else states[0]


def _mode(owner: Module, nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"{type(owner).__name__}: nonlinearity is {nonlinearity!r}; wanted 'tanh' or 'relu'")
    return f"RNN_{nonlinearity.upper()}"


# --- layers ---


class RNNBase(_Recurrent):
    """The base of recurrent layers: weights of all layers and directions, and the way of a batch through them."""

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name, self.mode = type(self).__name__, mode
        self.input_size = whole(name, "input_size", input_size, 1)
        self.hidden_size = whole(name, "hidden_size", hidden_size, 1)
        self.num_layers = whole(name, "num_layers", num_layers, 1)
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.proj_size = whole(name, "proj_size", proj_size, 0)
        if proj_size and mode != "LSTM":
            raise ValueError(f"{name}: proj_size is {proj_size}; only LSTM takes it")
        if proj_size >= hidden_size:
            raise ValueError(f"{name}: proj_size is {proj_size}; wanted less than hidden_size, {hidden_size}")
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout is {dropout}; wanted a probability between 0 and 1")
        self.dropout = float(dropout)
        if dropout and num_layers == 1:
            warn_user(f"{name}: dropout {dropout} does nothing: it comes between layers, and num_layers is 1")
        for layer, suffix in self._suffixes():
            for key, shape in self._shapes(layer).items():
                setattr(self, f"{key}{suffix}", Parameter(creation.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def _suffixes(self) -> Iterator[tuple[int, str]]:
        """Yield each layer and direction as the layer's number and the ending of its parameters' names."""
        for layer in range(self.num_layers):
            yield layer, f"_l{layer}"
            if self.bidirectional:
                yield layer, f"_l{layer}_reverse"

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        rows, out = self._gates * self.hidden_size, self.proj_size or self.hidden_size
        columns = out * (1 + self.bidirectional) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, columns), "weight_hh": (rows, out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        return shapes | ({"weight_hr": (out, self.hidden_size)} if self.proj_size else {})

    def flatten_parameters(self) -> None:
        """Do nothing: the parameters need no preparation here."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, f"{key}{s}") for key in self._shapes(layer)] for layer, s in self._suffixes()]

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Return the outputs of all steps, and the last states of all layers and directions."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        name, alone = type(self).__name__, input.ndim == 2
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size or not input.shape[0]:
            batch = "(N, L, H)" if self.batch_first else "(L, N, H)"
            raise ValueError(
                f"{name}: input has shape {input.shape}; wanted {batch} or (L, H) with H {self.input_size}"
            )
        sequence = ops.unsqueeze(input, 1) if alone else input.transpose(0, 1) if self.batch_first else input
        length, count, _ = sequence.shape
        states = self._initial(sequence, hx, count, alone)
        rows, last = self._through_layers(ops.flatten(sequence, 0, 1), states, (count,) * length)
        output = ops.reshape(rows, (length, count, rows.shape[1]))
        if alone:
            return ops.squeeze(output, 1), self._given_back(tuple(ops.squeeze(s, 1) for s in last))
        return (output.transpose(0, 1) if self.batch_first else output), self._given_back(last)

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, order, back = input.data, input.sorted_indices, input.unsorted_indices
        if data.ndim != 2 or data.shape[1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: packed data have shape {data.shape}; wanted (rows, {self.input_size})"
            )
        batch_sizes = tuple(array_of(input.batch_sizes).tolist())
        states = self._initial(data, hx, batch_sizes[0], False)
        if hx is not None and order is not None:
            states = tuple(take_at(s, (slice(None), order)) for s in states)
        rows, last = self._through_layers(data, states, batch_sizes)
        if back is not None:
            last = tuple(take_at(s, (slice(None), back)) for s in last)
        return input._replace(data=rows), self._given_back(last)

    def _initial(self, input: Tensor, hx: Any, count: int, alone: bool) -> States:
        """Return the initial states, (layers and directions, N, size): the given ones, or zeros."""
        number = self.num_layers * (1 + self.bidirectional)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)[: self._kept]
        if hx is None:
            return tuple(creation.zeros(number, count, size, dtype=input.dtype) for size in sizes)
        states = self._checked(hx, [(number, size) if alone else (number, count, size) for size in sizes])
        return tuple(ops.unsqueeze(s, 1) for s in states) if alone else states

    def _through_layers(self, rows: Tensor, states: States, sizes: tuple[int, ...]) -> tuple[Tensor, States]:
        """Return the outputs of the last layer, and the last states of all layers and directions."""
        last: list[States] = []
        outputs: list[Tensor] = []
        for number, (layer, suffix) in enumerate(self._suffixes()):
            first = tuple(s[number] for s in states)
            output, *ends = self._run(rows, first, Steps(sizes, suffix.endswith("_reverse")), suffix)
            outputs.append(output)
            last.append(tuple(ends))
            if len(outputs) == 1 + self.bidirectional:
                rows, outputs = ops.cat(outputs, 1) if self.bidirectional else output, []
                if self.training and layer < self.num_layers - 1:
                    rows = F.dropout(rows, self.dropout)
        return rows, tuple(ops.stack(several) for several in zip(*last, strict=True))

    def extra_repr(self) -> str:
        """Return the sizes and the options that are not at their defaults, as PyTorch writes them."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0}
        for name, default in {**defaults, "bidirectional": False}.items():
            if getattr(self, name) != default:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)


class RNN(RNNBase):
    """Elman's recurrent layers: h_t = tanh(W x_t + b + U h_(t-1) + c), or relu, over sequences.

    Input (L, N, input_size), (N, L, input_size) if ``batch_first``, or (L, input_size) for one sequence, or packed
    sequences (`nn.utils.rnn`). The result is a pair: the outputs (L, N, D H) of the last layer, D being 2 if
    ``bidirectional`` and else 1, and the last states (D num_layers, N, H). Such states may be given as ``hx`` to
    start from. ``dropout`` applies to the outputs of all layers but the last. Weights have PyTorch's names:
    ``weight_ih_l0``, ``weight_hh_l0_reverse``, ... (Elman, "Finding structure in time", 1990.)

    >>> import tinygrad_cnn as tg
    >>> output, last = tg.nn.RNN(10, 20, batch_first=True)(tg.ones(3, 7, 10))
    >>> output.shape, last.shape
    ((3, 7, 20), (1, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(_mode(self, nonlinearity), input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory layers over sequences; shapes are those of `RNN`.

    The state is a pair (h, c) of the state and the cell: with i, f, o = sigmoid and g = tanh of W x + b + U h + c,
    each step has c = f c + i g and h = o tanh(c). With ``proj_size`` P, that is multiplied by ``weight_hr`` (P, H).
    (Hochreiter & Schmidhuber, "Long short-term memory", 1997; Gers et al., "Learning to forget", 2000.)

    >>> import tinygrad_cnn as tg
    >>> output, (h, c) = tg.nn.LSTM(10, 20, num_layers=2, bidirectional=True)(tg.ones(7, 3, 10))
    >>> output.shape, h.shape, c.shape
    ((7, 3, 40), (4, 3, 20), (4, 3, 20))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent layers over sequences; shapes are those of `RNN`.

    With r, z = sigmoid of W x + b + U h + c, and n = tanh(W x + b + r (U h + c)), each step has
    h = (1 - z) n + z h. (Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.)

    >>> import tinygrad_cnn as tg
    >>> output, last = tg.nn.GRU(10, 20)(tg.ones(7, 3, 10))
    >>> output.shape, last.shape
    ((7, 3, 20), (1, 3, 20))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("GRU", *args, **kwargs)


# --- cells ---


class _Cell(_Recurrent):
    def __init__(self, mode: str, input_size: int, hidden_size: int, bias: bool, device: Any, dtype: Any) -> None:
        super().__init__()
        name, self.mode = type(self).__name__, mode
        self.input_size = whole(name, "input_size", input_size, 1)
        self.hidden_size = whole(name, "hidden_size", hidden_size, 1)
        self.bias = bias
        rows = self._gates * hidden_size
        self.weight_ih = Parameter(creation.empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(creation.empty(rows, hidden_size, device=device, dtype=dtype))
        for key in ("bias_ih", "bias_hh"):
            vector = Parameter(creation.empty(rows, device=device, dtype=dtype)) if bias else None
            self.register_parameter(key, vector)
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """Return the next state, or for LSTM the pair of the next state and cell."""
        alone, size = input.ndim == 1, self.input_size
        if input.ndim not in (1, 2) or input.shape[-1] != size:
            raise ValueError(
                f"{type(self).__name__}: input has shape {input.shape}; wanted (N, {size}) or ({size},)"
            )
        rows = ops.unsqueeze(input, 0) if alone else input
        if hx is None:
            zeros = creation.zeros(len(rows), self.hidden_size, dtype=rows.dtype)
            states: States = (zeros,) * self._kept
        else:
            states = self._checked(hx, [(*input.shape[:-1], self.hidden_size)] * self._kept)
            states = tuple(ops.unsqueeze(s, 0) for s in states) if alone else states
        _, *last = self._run(rows, states, Steps((len(rows),)))
        return self._given_back(tuple(ops.squeeze(s, 0) for s in last) if alone else tuple(last))

    def extra_repr(self) -> str:
        """Return the sizes, as PyTorch writes them."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


class RNNCell(_Cell):
    """One step of `RNN`: input (N, input_size) and state (N, hidden_size), by default zeros, to the next state.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.RNNCell(10, 20)(tg.ones(3, 10), tg.zeros(3, 20)).shape
    (3, 20)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(_mode(self, nonlinearity), input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        """Return the sizes, as PyTorch writes them."""
        extra = super().extra_repr()
        return extra if self.nonlinearity == "tanh" else f"{extra}, nonlinearity={self.nonlinearity}"


class LSTMCell(_Cell):
    """One step of `LSTM`: input (N, input_size) and the pair of state and cell, by default zeros, to the next pair.

    >>> import tinygrad_cnn as tg
    >>> h, c = tg.nn.LSTMCell(10, 20)(tg.ones(3, 10))
    >>> h.shape, c.shape
    ((3, 20), (3, 20))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__("LSTM", input_size, hidden_size, bias, device, dtype)


class GRUCell(_Cell):
    """One step of `GRU`: input (N, input_size) and state (N, hidden_size), by default zeros, to the next state.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.GRUCell(3, 5)(tg.ones(2, 3)).shape
    (2, 5)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__("GRU", input_size, hidden_size, bias, device, dtype)
