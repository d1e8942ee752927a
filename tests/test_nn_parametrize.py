"""Parametrizations: what is registered, read, written and removed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn.utils import parametrize


class Doubled(nn.Module):
    calls = 0

    def forward(self, x: Any) -> Any:
        Doubled.calls += 1
        return 2 * x

    def right_inverse(self, x: Any) -> Any:
        return x / 2


class Parts(nn.Module):
    def forward(self, a: Any, b: Any) -> Any:
        return a + b

    def right_inverse(self, x: Any) -> Any:
        return x / 4, x * 3 / 4


def layer() -> nn.Linear:
    return nn.Linear(2, 3)


def test_a_parametrized_weight_is_computed_and_its_original_is_trained() -> None:
    model = layer()
    before = model.weight.detach().clone()
    original = parametrize.register_parametrization(model, "weight", Doubled()).parametrizations.weight.original
    assert original is dict(model.named_parameters())["parametrizations.weight.original"]
    assert "weight" not in dict(model.named_parameters())
    assert model.weight.tolist() == before.tolist()  # by right_inverse
    model(tg.ones(1, 2)).sum().backward()
    assert original.grad.tolist() == [[2.0, 2.0]] * 3
    assert isinstance(model, nn.Linear)
    assert type(model).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(model) is nn.Linear


def test_a_weight_can_be_written_and_several_parametrizations_apply_in_turn() -> None:
    model = layer()
    for part in (Parts(), Doubled(), Doubled()):
        parametrize.register_parametrization(model, "weight", part)
    model.weight = tg.full((3, 2), 8.0)
    assert [p[0, 0].item() for p in model.parametrizations.weight.originals()] == [0.5, 1.5]
    assert model.weight.tolist() == [[8.0, 8.0]] * 3


@pytest.mark.parametrize("leave", [True, False])
def test_what_is_removed_is_an_ordinary_parameter_again(leave: bool) -> None:
    model = layer()
    parametrize.register_parametrization(model, "weight", Doubled())
    parametrize.register_parametrization(model, "bias", Doubled())
    value, original = model.weight.tolist(), model.parametrizations.weight.original
    twin = deepcopy(model)
    parametrize.remove_parametrizations(model, "weight", leave_parametrized=leave)
    assert model.weight is original
    assert model.weight.tolist() == (value if leave else [[v / 2 for v in row] for row in value])
    assert parametrize.is_parametrized(model, "bias")
    parametrize.remove_parametrizations(model, "bias")
    assert type(model) is nn.Linear
    assert not parametrize.is_parametrized(model)
    assert list(dict(model.named_parameters())) == ["weight", "bias"]
    assert twin.weight.tolist() == value  # a copy keeps its own


def test_a_cache_computes_once() -> None:
    model = parametrize.register_parametrization(layer(), "weight", Doubled())
    with parametrize.cached():
        Doubled.calls = 0
        assert model.weight is model.weight
    assert Doubled.calls == 1
    assert model.weight is not model.weight


@pytest.mark.parametrize("old", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_old_names_are_removed_too(old: Any) -> None:
    model = layer()
    model.eval()
    old(model)
    wanted = model(tg.ones(2)).tolist()
    getattr(nn.utils, f"remove_{old.__name__}")(model)
    assert sorted(dict(model.state_dict())) == ["bias", "weight"]
    assert model(tg.ones(2)).tolist() == pytest.approx(wanted)
    with pytest.raises(ValueError, match="was not applied to 'weight' of Linear"):
        getattr(nn.utils, f"remove_{old.__name__}")(model)


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    class Larger(nn.Module):
        def forward(self, x: Any) -> Any:
            return tg.cat([x, x])

    model = layer()
    with pytest.raises(
        ValueError, match=r"made float32 \(6, 2\) of float32 \(3, 2\); wanted the same type and shape"
    ):
        parametrize.register_parametrization(model, "weight", Larger())
    with pytest.raises(ValueError, match="Linear has no parameter or buffer 'weights'"):
        parametrize.register_parametrization(model, "weights", Doubled())
    with pytest.raises(ValueError, match="Linear has no parametrization of 'weight'"):
        parametrize.remove_parametrizations(model, "weight")
    with pytest.raises(ValueError, match="n_power_iterations is 0; wanted 1 or more"):
        nn.utils.spectral_norm(model, n_power_iterations=0)
    with pytest.raises(ValueError, match="weight_norm: Linear has no parameter 'gain'"):
        nn.utils.weight_norm(model, "gain")
    assert list(model.state_dict()) == ["weight", "bias"]
    nn.utils.parametrizations.weight_norm(model)
    with pytest.raises(ValueError, match="leave_parametrized=False is for a tensor with one original, got 2"):
        parametrize.remove_parametrizations(model, "weight", leave_parametrized=False)
