"""The models: each is written once, and runs in PyTorch and in this package."""

from __future__ import annotations

from typing import Any


def build(library: Any, name: str) -> Any:
    """Return a new model by name, made of a library's modules."""
    nn = library.nn
    F = nn.functional

    class LeNet(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(256, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, x: Any) -> Any:
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = F.relu(self.fc1(x.flatten(1)))
            return self.fc3(F.relu(self.fc2(x)))

    class Residual(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(64, 64, 3, padding=1)
            self.conv2 = nn.Conv2d(64, 64, 3, padding=1)
            self.fc = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = F.relu(self.conv2(F.relu(self.conv1(x))) + x)
            return self.fc(x.mean((2, 3)))

    if name == "lenet":
        return library.models.LeNet() if hasattr(library, "models") else LeNet()
    if name == "residual":
        return Residual()
    if name == "mlp":
        layers = [nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)]
        return nn.Sequential(*layers)
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))


SMALL_OPERATIONS = 60


def small(x: Any, w: Any) -> Any:
    """Compute a number by 60 operations on 100 elements: matmul, tanh, mul, sigmoid, sub and add in turn."""
    h = x
    for _ in range(SMALL_OPERATIONS // 6):
        h = (h @ w).tanh() * x - h.sigmoid() + x
    return h.sum()
