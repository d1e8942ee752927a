"""Every module is PyTorch's twin: outputs, gradients, buffers, names and words, in training and evaluation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.module_cases import CASES, ModuleCase, Part, made

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings(
    "ignore:enable_nested_tensor:UserWarning", "ignore:.*mplicit dimension choice:UserWarning"
)


def close(case: ModuleCase) -> dict[str, float]:
    """How close: PyTorch's derivative of hardsigmoid multiplies by 1 / 6 in single precision."""
    return {"rtol": 1e-7 if case.name == "Hardsigmoid" else 1e-9, "atol": 1e-11}


def parts(result: Any) -> list[Any]:
    """The tensors of a result, which may be a tuple of tensors and tuples."""
    return [part for several in result for part in parts(several)] if isinstance(result, tuple) else [result]


def compare_call(ours: Any, theirs: Any, a: list[Any], b: list[Any], near: dict[str, float]) -> None:
    """Call both; hold results and all gradients, for random gradients of the results, against one another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own advice
        results = list(zip(parts(ours(*a)), parts(theirs(*b)), strict=True))
    for out, wanted in results:
        np.testing.assert_allclose(out.detach().numpy(), wanted.detach().numpy(), **near)
        assert out.requires_grad == wanted.requires_grad
    live = [pair for pair in results if pair[0].requires_grad]
    if not live:
        return
    rng = np.random.default_rng(1)
    gradients = [rng.standard_normal(out.shape) for out, _ in live]
    tg.autograd.backward([out for out, _ in live], [tg.tensor(g) for g in gradients])
    torch.autograd.backward([wanted for _, wanted in live], [torch.tensor(g) for g in gradients])
    named = [*enumerate(zip(a, b, strict=True))]
    named += [(n, (p, q)) for (n, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True)]
    for name, (p, q) in named:
        assert (p.grad is None) == (q.grad is None), name
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **near, err_msg=str(name))


def assert_same_state(ours: Any, theirs: Any) -> None:
    state, wanted = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(wanted)
    for name, value in state.items():
        np.testing.assert_allclose(value.numpy(), wanted[name].numpy(), rtol=1e-9, err_msg=name)
        assert str(wanted[name].dtype).removeprefix("torch.") == str(value.dtype)


@pytest.mark.parametrize("case", CASES, ids=repr)
@given(data=st.data())
def test_it_computes_what_pytorchs_does(case: ModuleCase, data: Any) -> None:
    sample = data.draw(case.samples)
    ours, theirs = case.make(sample), sample.make(torch, case.name)
    assert repr(ours) == repr(theirs)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, 0.5)  # norms start at 1 and 0, which would hide much
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    a, b = sample.given(tg), sample.given(torch)
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        if not (training and case.random):
            compare_call(ours, theirs, a, b, close(case))
        assert_same_state(ours, theirs)


@pytest.mark.parametrize("name", sorted({case.name for case in CASES}))
def test_it_starts_as_pytorchs_does(name: str) -> None:
    """The same bounds and moments, drawn or fixed."""
    arguments: dict[str, Any] = STARTS.get(name, {})
    try:
        ours, theirs = (getattr(lib.nn, name)(**made(lib, arguments)) for lib in (tg, torch))
    except TypeError as error:
        pytest.fail(
            f"{error}: STARTS of this file needs the arguments of a {name} with many parameters, if it has any"
        )
    for (key, p), q in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        drawn, wanted = p.numpy(), q.numpy()
        assert drawn.dtype == wanted.dtype
        n = (
            drawn.size
        )  # of few uniform numbers, such as a bias, the moments differ by chance: 5 standard deviations
        most = 0.3 if "Emb" in name else max(0.03, 20 / n)
        assert np.abs(drawn).max() == pytest.approx(np.abs(wanted).max(), rel=most), key
        assert drawn.std() == pytest.approx(wanted.std(), rel=max(0.12, 3.2 / n**0.5)), key
        assert abs(drawn.mean() - wanted.mean()) < max(0.2, 4.1 / n**0.5) * np.abs(wanted).max() + 1e-12, key


HEADS = {"d_model": 64, "nhead": 2, "dim_feedforward": 300}
STARTS: dict[str, dict[str, Any]] = {
    "MultiheadAttention": {"embed_dim": 400, "num_heads": 2, "kdim": 60, "vdim": 90},
    "TransformerEncoderLayer": HEADS,
    "TransformerDecoderLayer": HEADS,
    "TransformerEncoder": {"encoder_layer": Part("TransformerEncoderLayer", HEADS), "num_layers": 2},
    "TransformerDecoder": {"decoder_layer": Part("TransformerDecoderLayer", HEADS), "num_layers": 2},
    "Transformer": {**HEADS, "num_encoder_layers": 1, "num_decoder_layers": 1},
    **{name: {"input_size": 50, "hidden_size": 400} for name in ("RNN", "LSTM", "GRU")},
    **{name: {"input_size": 50, "hidden_size": 400} for name in ("RNNCell", "LSTMCell", "GRUCell")},
    "Linear": {"in_features": 50, "out_features": 400},
    "Bilinear": {"in1_features": 50, "in2_features": 9, "out_features": 400},
    "Embedding": {"num_embeddings": 300, "embedding_dim": 50, "padding_idx": 7},
    "EmbeddingBag": {"num_embeddings": 300, "embedding_dim": 50, "padding_idx": 7},
    "Conv1d": {"in_channels": 6, "out_channels": 300, "kernel_size": 5, "groups": 2},
    "Conv2d": {"in_channels": 6, "out_channels": 300, "kernel_size": (3, 5), "groups": 2},
    "ConvTranspose1d": {"in_channels": 40, "out_channels": 300, "kernel_size": 5, "groups": 2},
    "ConvTranspose2d": {"in_channels": 40, "out_channels": 300, "kernel_size": 3, "groups": 2},
    "PReLU": {"num_parameters": 3},
    "GroupNorm": {"num_groups": 2, "num_channels": 4},
    "LayerNorm": {"normalized_shape": (2, 3)},
    "RMSNorm": {"normalized_shape": (2, 3)},
    "MaxPool1d": {"kernel_size": 2},
    "MaxPool2d": {"kernel_size": 2},
    "AvgPool1d": {"kernel_size": 2},
    "AvgPool2d": {"kernel_size": 2},
    "AdaptiveAvgPool2d": {"output_size": 2},
    "AdaptiveMaxPool2d": {"output_size": 2},
    "Unflatten": {"dim": 1, "unflattened_size": (2, 3)},
    "PixelShuffle": {"upscale_factor": 2},
    "LocalResponseNorm": {"size": 2},
    "Threshold": {"threshold": 1, "value": 2},
    **{
        f"{kind}Pad{d}d": {"padding": 1}
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for d in (1, 2, 3)
    },
    **{f"ConstantPad{d}d": {"padding": 1, "value": 2} for d in (1, 2, 3)},
    **{f"LPPool{d}d": {"norm_type": 2, "kernel_size": 2} for d in (1, 2)},
    **{f"MaxUnpool{d}d": {"kernel_size": 2} for d in (1, 2)},
    "AdaptiveAvgPool1d": {"output_size": 2},
    "AdaptiveMaxPool1d": {"output_size": 2},
    "PixelUnshuffle": {"downscale_factor": 2},
    "ChannelShuffle": {"groups": 2},
    "Unfold": {"kernel_size": 2},
    "Fold": {"output_size": 2, "kernel_size": 2},
    "BatchNorm1d": {"num_features": 3},
    "BatchNorm2d": {"num_features": 3},
    "SyncBatchNorm": {"num_features": 3},
    "InstanceNorm1d": {"num_features": 3, "affine": True, "track_running_stats": True},
    "InstanceNorm2d": {"num_features": 3, "affine": True, "track_running_stats": True},
}
