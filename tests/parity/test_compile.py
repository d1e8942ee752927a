"""`compile` takes PyTorch's arguments, names the same parameters, and refuses what PyTorch refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")


def twins() -> tuple[Any, Any]:
    """Return equal models, PyTorch's and ours."""
    models = [lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Tanh(), lib.nn.Linear(3, 1)) for lib in (torch, tg)]
    models[1].load_state_dict({name: tg.tensor(value.numpy()) for name, value in models[0].state_dict().items()})
    return models[0], models[1]


def losses_of(lib: Any, model: Any, compile: Any) -> list[float]:
    optimizer = lib.optim.Adam(model.parameters(), lr=0.05)

    @compile
    def loss_of(outputs: Any, targets: Any) -> Any:
        return (outputs - targets).square().mean()

    losses = []
    for i in range(6):
        inputs = lib.tensor(np.sin(np.arange(8.0) + i).reshape(4, 2), dtype=lib.float32)
        optimizer.zero_grad()
        loss = loss_of(model(inputs), inputs.sum(1, keepdim=True))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("options", [{"mode": "reduce-overhead"}, {"fullgraph": True, "dynamic": False}])
def test_a_compiled_model_trains_as_pytorchs_does(options: dict[str, Any]) -> None:
    theirs, ours = twins()
    compiled = tg.compile(ours, **options)
    assert list(compiled.state_dict()) == list(torch.compile(theirs, **options).state_dict())
    wanted = losses_of(torch, theirs, lambda function: function)  # as it is: the inductor needs a C++ compiler
    np.testing.assert_allclose(losses_of(tg, compiled, tg.compile(**options)), wanted, rtol=1e-5)


@pytest.mark.parametrize("options", [{"mode": "fast"}, {"mode": "default", "options": {}}, {"other": 1}])
def test_the_same_arguments_are_refused(options: dict[str, Any]) -> None:
    errors = []
    for lib in (torch, tg):
        with pytest.raises((RuntimeError, TypeError)) as caught:
            lib.compile(lambda x: x, **options)
        errors.append(caught.type)
    assert errors[0] is errors[1]


def test_what_is_disabled_is_the_same_object() -> None:
    for lib in (torch, tg):
        model = lib.nn.Linear(2, 2)
        assert lib.compile(model, disable=True) is model
