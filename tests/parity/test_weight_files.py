"""Weights go to PyTorch's twin and back through safetensors, names and layouts as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402


def lenet(lib: Any) -> Any:
    nn = lib.nn

    class LeNet(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
            self.fc1, self.fc2, self.fc3 = nn.Linear(256, 120), nn.Linear(120, 84), nn.Linear(84, 10)

        def forward(self, x: Any) -> Any:
            for conv in (self.conv1, self.conv2):
                x = nn.functional.max_pool2d(conv(x).relu(), 2)
            return self.fc3(self.fc2(self.fc1(x.flatten(1)).relu()).relu())

    return tg.models.LeNet() if lib is tg else LeNet()


def batch_norm(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, bias=False),
        nn.BatchNorm2d(4),
        nn.PReLU(4),
        nn.ConvTranspose2d(4, 3, 3),
        nn.GroupNorm(3, 3),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.LayerNorm(12),
        nn.Linear(12, 10),
    )


def embedding(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(
        nn.Embedding(20, 6, padding_idx=0),
        nn.Flatten(),
        nn.Linear(30, 8),
        nn.BatchNorm1d(8),
        nn.Tanh(),
        nn.Linear(8, 9),
    )


def small_resnet(lib: Any) -> Any:
    """A residual network for images of 32 x 32 pixels, with one block in a stage."""
    nn = lib.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            if stride > 1:
                narrow = nn.Conv2d(before, after, 1, stride, bias=False)
                self.downsample = nn.Sequential(narrow, nn.BatchNorm2d(after))
            self.conv1, self.bn1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
            self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
            return (y + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()

    class SmallResNet(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            self.layer1 = nn.Sequential(Block(16, 16, 1))
            self.layer2 = nn.Sequential(Block(16, 32, 2))
            self.layer3 = nn.Sequential(Block(32, 64, 2))
            self.fc = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = self.layer3(self.layer2(self.layer1(self.bn1(self.conv1(x)).relu())))
            return self.fc(x.mean((2, 3)))

    return tg.models.SmallResNet(blocks=1) if lib is tg else SmallResNet()


MODELS: list[tuple[Callable[[Any], Any], Callable[[np.random.Generator], np.ndarray]]] = [
    (lenet, lambda rng: rng.random((6, 1, 28, 28), np.float32)),
    (batch_norm, lambda rng: rng.random((6, 1, 12, 12), np.float32)),
    (small_resnet, lambda rng: rng.random((6, 3, 32, 32), np.float32)),
    (embedding, lambda rng: rng.integers(0, 20, (6, 5))),
]


def trained(lib: Any, make: Callable[[Any], Any], inputs: np.ndarray) -> Any:
    """A model after some steps, so that no weight and no running mean is what it began as."""
    lib.manual_seed(0)
    model = make(lib)
    optimizer = lib.optim.Adam(model.parameters(), lr=0.01)
    labels = lib.arange(len(inputs))
    for _ in range(4):
        optimizer.zero_grad()
        lib.nn.functional.cross_entropy(model(lib.tensor(inputs)), labels).backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize(("make", "draw"), MODELS, ids=[make.__name__ for make, _ in MODELS])
@pytest.mark.parametrize("source", [tg, torch], ids=["from here", "from PyTorch"])
def test_a_trained_model_gives_the_same_in_the_other_library(
    make: Callable[[Any], Any], draw: Callable[[np.random.Generator], np.ndarray], source: Any, tmp_path: Path
) -> None:
    inputs = draw(np.random.default_rng(0))
    model, path = trained(source, make, inputs), tmp_path / "model.safetensors"
    if source is tg:
        tg.save(model.state_dict(), path)
        other, lib, state = make(torch), torch, load_file(path)
    else:
        save_file(model.state_dict(), path)
        other, lib, state = make(tg), tg, tg.load(path)
    other.eval().load_state_dict(state)
    assert list(other.state_dict()) == list(model.state_dict())
    inputs = inputs.astype(np.float64) if inputs.dtype == np.float32 else inputs  # in which rounding hides nothing
    with source.no_grad(), lib.no_grad():
        expected = model.double()(source.tensor(inputs)).numpy()
        found = other.double()(lib.tensor(inputs)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert np.ptp(expected) > 0.1
