"""Recurrent layers are PyTorch's twins: given states, packed sequences of any lengths, gradients of all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

NAMES = ("RNN", "LSTM", "GRU")
near = {"rtol": 1e-9, "atol": 1e-11}


def parts(result: Any) -> list[Any]:
    if isinstance(result, tuple) and hasattr(result, "batch_sizes"):
        return [result.data]
    return [part for several in result for part in parts(several)] if isinstance(result, tuple) else [result]


def twins(name: str, **options: Any) -> tuple[Any, Any]:
    theirs = getattr(torch.nn, name)(2, 3, **options).double()
    ours = getattr(tg.nn, name)(2, 3, **options).double()
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return ours, theirs


def compare(results: list[tuple[list[Any], list[Any]]]) -> None:
    """Send the same random gradients back in both libraries, and compare results and gradients of leaves."""
    rng = np.random.default_rng(0)
    (ours, leaves), (theirs, wanted) = results
    gradients = [rng.standard_normal(tuple(out.shape)) for out in ours]
    tg.autograd.backward(ours, [tg.tensor(g) for g in gradients])
    torch.autograd.backward(theirs, [torch.tensor(g) for g in gradients])
    for a, b in zip([*ours, *(p.grad for p in leaves)], [*theirs, *(p.grad for p in wanted)], strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **near)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_given_states_and_their_gradients(name: str, data: Any) -> None:
    layers, bidirectional, alone = data.draw(st.integers(1, 2)), data.draw(st.booleans()), data.draw(st.booleans())
    options = {"num_layers": layers, "bidirectional": bidirectional, "batch_first": data.draw(st.booleans())}
    projected = {"proj_size": 2} if name == "LSTM" and data.draw(st.booleans()) else {}
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 2) if alone else (3, 3, 2))
    sizes = [projected.get("proj_size", 3), 3][: 1 + (name == "LSTM")]
    before = () if alone else (3,)
    states = [rng.standard_normal((layers * (1 + bidirectional), *before, size)) for size in sizes]
    results = []
    for lib, layer in zip((tg, torch), twins(name, **options, **projected), strict=True):
        leaves = [lib.tensor(array, requires_grad=True) for array in (x, *states)]
        hx = tuple(leaves[1:]) if name == "LSTM" else leaves[1]
        results.append((parts(layer(leaves[0], hx)), [*leaves, *layer.parameters()]))
    compare(results)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_packed_sequences(name: str, data: Any) -> None:
    lengths = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    sort, batch_first = data.draw(st.booleans()), data.draw(st.booleans())
    lengths = sorted(lengths, reverse=True) if sort else lengths
    options = {"num_layers": data.draw(st.integers(1, 2)), "bidirectional": data.draw(st.booleans())}
    total, value = data.draw(st.sampled_from([None, 6])), data.draw(st.sampled_from([0.0, -1.5]))
    rng = np.random.default_rng(0)
    shape = (len(lengths), 4, 2) if batch_first else (4, len(lengths), 2)
    x, given_states = rng.standard_normal(shape), data.draw(st.booleans())
    h = rng.standard_normal((options["num_layers"] * (1 + options["bidirectional"]), len(lengths), 3))
    results, found = [], []
    for lib, layer in zip((tg, torch), twins(name, **options), strict=True):
        leaf, state = lib.tensor(x, requires_grad=True), lib.tensor(h)
        rnn = lib.nn.utils.rnn
        packed = rnn.pack_padded_sequence(leaf, lib.tensor(lengths), batch_first, enforce_sorted=sort)
        hx = ((state, state * 2) if name == "LSTM" else state) if given_states else None
        out, last = layer(packed, hx)
        padded, back = rnn.pad_packed_sequence(out, batch_first, value, total)
        found.append([packed.batch_sizes.tolist(), back.tolist()])
        found[-1] += [None if i is None else i.tolist() for i in packed[2:]]
        results.append(([padded, *parts(last)], [leaf, *layer.parameters()]))
    assert found[0] == found[1]
    compare(results)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans(), st.sampled_from(["left", "right"]))
def test_padding_packing_and_back(lengths: list[int], batch_first: bool, side: str) -> None:
    arrays = [np.arange(2 * n, dtype=float).reshape(n, 2) + 10 * i for i, n in enumerate(lengths)]
    results = []
    for lib in (tg, torch):
        rnn, several = lib.nn.utils.rnn, [lib.tensor(a) for a in arrays]
        padded = rnn.pad_sequence(several, batch_first, -1.0, side)
        right = rnn.pad_sequence(several, batch_first)
        packed = rnn.pack_sequence(several, enforce_sorted=False)
        unpadded = rnn.unpad_sequence(right, lib.tensor(lengths), batch_first)
        results.append([t.tolist() for t in (padded, packed.data, *unpadded, *rnn.unpack_sequence(packed))])
        assert [t.tolist() for t in rnn.unpack_sequence(packed)] == [a.tolist() for a in arrays]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tg.nn.LSTM(2, 3)(tg.ones(4, 5, 3)), r"LSTM: input has shape \(4, 5, 3\); wanted \(L, N, H\) or"),
        (lambda: tg.nn.LSTM(2, 3)(tg.ones(4, 5, 2), tg.ones(1, 5, 3)), "LSTM: the initial states have shapes"),
        (lambda: tg.nn.GRU(2, 3)(tg.ones(4, 5, 2), tg.ones(1, 4, 3)), r"GRU: .* wanted \[\(1, 5, 3\)\]"),
        (lambda: tg.nn.GRU(2, 3, proj_size=2), "GRU: proj_size is 2; only LSTM takes it"),
        (lambda: tg.nn.LSTM(2, 3, proj_size=3), "LSTM: proj_size is 3; wanted less than hidden_size, 3"),
        (lambda: tg.nn.RNN(2, 3, nonlinearity="sin"), "RNN: nonlinearity is 'sin'; wanted 'tanh' or 'relu'"),
        (lambda: tg.nn.RNN(2, 3, dropout=2), "RNN: dropout is 2; wanted a probability"),
        (lambda: tg.nn.LSTMCell(2, 3)(tg.ones(4, 3)), r"LSTMCell: input has shape \(4, 3\); wanted \(N, 2\)"),
        (lambda: tg.nn.GRUCell(2, 3)(tg.ones(4, 2), tg.ones(3, 3)), "GRUCell: the initial states have shapes"),
        (lambda: tg.nn.utils.rnn.pack_padded_sequence(tg.ones(3, 2), [1, 2]), r"lengths \[1, 2\] do not decrease"),
        (lambda: tg.nn.utils.rnn.pack_padded_sequence(tg.ones(3, 2), [4, 1]), "wanted 2 integers from 1 to 3"),
        (
            lambda: tg.nn.utils.rnn.pad_sequence([tg.ones(2, 3), tg.ones(2)]),
            "pad_sequence: got sequences of shapes",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_dropout_between_no_layers_is_worth_a_warning() -> None:
    with pytest.warns(UserWarning, match="LSTM: dropout 0.5 does nothing"):
        tg.nn.LSTM(2, 3, dropout=0.5)
