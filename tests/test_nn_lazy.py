"""Lazy layers: refused before the first call, and the plain layers after it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

# The plain layer with its input's size, the other arguments, and an input.
LAYERS: dict[str, tuple[int, dict[str, Any], tuple[int, ...]]] = {
    "Linear": (4, {"out_features": 3}, (2, 4)),
    "Conv1d": (4, {"out_channels": 6, "kernel_size": 3, "groups": 2}, (2, 4, 7)),
    "Conv2d": (4, {"out_channels": 6, "kernel_size": 3, "padding": 1, "bias": False}, (2, 4, 5, 5)),
    "ConvTranspose1d": (4, {"out_channels": 6, "kernel_size": 3, "stride": 2}, (2, 4, 7)),
    "ConvTranspose2d": (4, {"out_channels": 6, "kernel_size": 3, "groups": 2}, (2, 4, 5, 5)),
    "BatchNorm1d": (4, {"momentum": 0.3}, (3, 4)),
    "BatchNorm2d": (4, {}, (3, 4, 2, 2)),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def lazy(name: str) -> Any:
    return getattr(nn, f"Lazy{name}")(**LAYERS[name][1])


def plain(name: str) -> Any:
    size, arguments, _ = LAYERS[name]
    return getattr(nn, name)(size, **arguments)


def input_of(name: str) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(0).standard_normal(LAYERS[name][2]).astype(np.float32))


@every_layer
def test_the_first_call_makes_it_the_plain_layer(name: str) -> None:
    layer, wanted = lazy(name), plain(name)
    parameters = dict(layer.named_parameters())
    assert layer.has_uninitialized_params()
    out = layer(input_of(name))
    assert type(layer) is type(wanted)
    assert repr(layer) == repr(wanted)
    assert list(layer.state_dict()) == list(wanted.state_dict())
    assert {key: tensor.shape for key, tensor in layer.state_dict().items()} == {
        key: tensor.shape for key, tensor in wanted.state_dict().items()
    }
    assert all(before is getattr(layer, key) and type(before) is nn.Parameter for key, before in parameters.items())
    wanted.load_state_dict({key: value for key, value in layer.state_dict().items() if "running" not in key}, False)
    if "Batch" not in name:  # whose first call moved its statistics
        np.testing.assert_array_equal(out.detach().numpy(), wanted(input_of(name)).detach().numpy())
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


@every_layer
def test_before_the_first_call_its_parameters_are_refused_with_the_mend(name: str) -> None:
    weight, message = lazy(name).weight, "UninitializedParameter: .* call the lazy module once, on a batch"
    for use in (
        lambda: weight.shape,
        lambda: weight + 1,
        lambda: weight.numel(),
        lambda: nn.init.ones_(weight),
        lambda: tg.relu(weight),
        lambda: nn.utils.parameters_to_vector([weight]),
    ):
        with pytest.raises(RuntimeError, match=message):
            use()
    assert repr(weight) == "<UninitializedParameter>"


@every_layer
def test_it_can_be_converted_copied_and_pickled_before_the_first_call(name: str) -> None:
    layer = lazy(name).double()
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer):
        assert repr(twin) == repr(layer)
        assert twin(input_of(name).double()).dtype == tg.float64
        assert all(parameter.dtype == tg.float64 for parameter in twin.parameters())


@every_layer
def test_a_state_may_be_loaded_before_the_first_call(name: str, tmp_path: Path) -> None:
    layer, trained = lazy(name), plain(name).eval()
    tg.save(trained.state_dict(), tmp_path / "state.safetensors")
    layer.load_state_dict(lazy(name).state_dict())  # nothing yet
    layer.load_state_dict(tg.load(tmp_path / "state.safetensors"))
    assert not layer.has_uninitialized_params()
    out = layer.eval()(input_of(name))
    assert type(layer) is type(trained)
    np.testing.assert_array_equal(out.detach().numpy(), trained(input_of(name)).detach().numpy())
    with pytest.raises(RuntimeError, match="weight: is not initialised yet"):
        trained.load_state_dict(lazy(name).state_dict())


def test_an_optimizer_may_be_made_before_the_first_call_as_in_pytorch() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(1))
    optimizer = tg.optim.Adam(model.parameters(), lr=0.1)
    optimizer.step()
    model(tg.ones(2, 4)).sum().backward()
    before = model[2].bias.item()
    optimizer.step()
    assert model[2].bias.item() != before


def test_an_input_that_does_not_fit_changes_nothing() -> None:
    layer = nn.LazyConv2d(2, 3)
    with pytest.raises(ValueError, match=r"LazyConv2d: input has shape \(4, 4\); wanted 3 or 4 dimensions"):
        layer(tg.ones(4, 4))
    assert layer.has_uninitialized_params()
    assert repr(layer) == "LazyConv2d(0, 2, kernel_size=(3, 3), stride=(1, 1))"


def test_other_arguments_are_checked_at_once() -> None:
    with pytest.raises(ValueError, match="out_features is 0"):
        nn.LazyLinear(0)
