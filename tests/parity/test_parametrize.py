"""Normalised weights are PyTorch's: names in the state, results, gradients and estimates, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated in favor:FutureWarning")

LAYERS: dict[str, tuple[tuple[Any, ...], tuple[int, ...]]] = {
    "Linear": ((3, 4), (2, 3)),
    "Conv1d": ((3, 4, 2), (2, 3, 5)),
    "Conv2d": ((3, 4, 2), (2, 3, 5, 5)),
    "ConvTranspose2d": ((3, 4, 2), (2, 3, 4, 4)),
}
KINDS = [
    "weight_norm",
    "weight_norm(dim=None)",
    "weight_norm(dim=1)",
    "spectral_norm",
    "spectral_norm(n_power_iterations=3)",
]


def built(library: Any, layer: str, where: str, kind: str) -> Any:
    name, _, rest = kind.partition("(")
    options = eval(f"dict({rest}", {}) if rest else {}
    home = library.nn.utils if where == "utils" else library.nn.utils.parametrizations
    return getattr(home, name)(getattr(library.nn, layer)(*LAYERS[layer][0]).double(), **options)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("where", ["utils", "parametrizations"])
@pytest.mark.parametrize("kind", KINDS)
def test_normalised_weights_train_as_in_pytorch(layer: str, where: str, kind: str) -> None:
    ours, theirs = (built(library, layer, where, kind) for library in (tg, torch))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    optimizers = [p.optim.SGD(m.parameters(), 0.1) for p, m in ((tg, ours), (torch, theirs))]
    images = np.random.default_rng(0).standard_normal(LAYERS[layer][1])
    for step in range(4):
        for model in (ours, theirs):
            model.train(step != 2)
        losses = []
        for library, model, optimizer in zip((tg, torch), (ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            loss = (model(library.tensor(images)) ** 2).sum() + model(library.tensor(images)).sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-9)
    for name, value in ours.state_dict().items():
        np.testing.assert_allclose(value.numpy(), theirs.state_dict()[name].numpy(), rtol=1e-8, err_msg=name)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_norms_begin_as_in_pytorch(kind: str) -> None:
    """Norms are those of the weight, and the estimate of the largest singular value is already near."""
    layer = tg.nn.Linear(5, 4).double()
    weight = layer.weight.detach().clone()
    getattr(tg.nn.utils.parametrizations, kind)(layer)
    largest = np.linalg.norm(weight.numpy(), 2) if kind == "spectral_norm" else 1
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight.numpy() / largest, rtol=0.1)


def test_a_parametrization_behaves_as_in_pytorch() -> None:
    results = []
    for library in (tg, torch):

        class Exponential(library.nn.Module):  # type: ignore[misc, name-defined]
            def forward(self, x: Any) -> Any:
                return x.exp()

            def right_inverse(self, x: Any) -> Any:
                return x.log()

        model = library.nn.Linear(2, 1).double()
        model.load_state_dict({"weight": library.tensor([[1.0, 2.0]]), "bias": library.tensor([0.0])})
        parametrize = library.nn.utils.parametrize
        parametrize.register_parametrization(model, "weight", Exponential())
        parametrize.register_parametrization(model, "weight", library.nn.Softplus(), unsafe=True)
        model(library.ones(1, 2, dtype=library.float64)).sum().backward()
        found = [model.weight, *(p.grad for p in model.parameters())]
        parametrize.remove_parametrizations(model, "weight")
        results.append([p.detach().tolist() for p in [*found, *model.parameters()]])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs)
