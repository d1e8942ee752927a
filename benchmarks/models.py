"""The models: each is written once, and runs in PyTorch and in this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TOKENS, LENGTH, WIDTH = 65, 64, 128
"""Of the language model: kinds of characters, characters of a text, numbers for each."""


def build(library: Any, name: str) -> Any:
    """Return a new model by name, made of a library's modules."""
    return MODELS[name](library, library.nn, library.nn.functional)


def lenet(library: Any, nn: Any, F: Any) -> Any:
    """Return LeNet."""

    class LeNet(nn.Module):  # type: ignore[misc]
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

    return library.models.LeNet() if hasattr(library, "models") else LeNet()


def mlp(library: Any, nn: Any, F: Any) -> Any:
    """Return a perceptron with two hidden layers."""
    layers = [nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)]
    return nn.Sequential(*layers)


def wide(library: Any, nn: Any, F: Any) -> Any:
    """Return a convolutional network with more channels than LeNet."""
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))


def residual(library: Any, nn: Any, F: Any) -> Any:
    """Return a block of two convolutions that are added to their input, with a classifier."""

    class Residual(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(64, 64, 3, padding=1)
            self.conv2 = nn.Conv2d(64, 64, 3, padding=1)
            self.fc = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = F.relu(self.conv2(F.relu(self.conv1(x))) + x)
            return self.fc(x.mean((2, 3)))

    return Residual()


def gpt(library: Any, nn: Any, F: Any) -> Any:
    """Return a language model with one block of attention and a perceptron (Radford et al., 2019)."""

    class GPT(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(TOKENS, WIDTH)
            self.places = nn.Embedding(LENGTH, WIDTH)
            self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(WIDTH) for _ in range(3))
            self.attention = nn.Linear(WIDTH, 3 * WIDTH)
            self.projection = nn.Linear(WIDTH, WIDTH)
            self.up = nn.Linear(WIDTH, 4 * WIDTH)
            self.down = nn.Linear(4 * WIDTH, WIDTH)
            self.head = nn.Linear(WIDTH, TOKENS)

        def forward(self, x: Any) -> Any:
            n = len(x)
            x = self.tokens(x) + self.places.weight
            q, k, v = self.attention(self.norm1(x)).reshape(n, LENGTH, 3, 4, WIDTH // 4).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.projection(mixed.transpose(1, 2).reshape(n, LENGTH, WIDTH))
            x = x + self.down(F.gelu(self.up(self.norm2(x))))
            return self.head(self.norm3(x)).flatten(0, 1)

    return GPT()


def lstm(library: Any, nn: Any, F: Any) -> Any:
    """Return an LSTM that reads an image row by row, with a classifier."""

    class Rows(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(28, 128, batch_first=True)
            self.fc = nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            return self.fc(self.lstm(x.squeeze(1))[0][:, -1])

    return Rows()


def vae(library: Any, nn: Any, F: Any) -> Any:
    """Return a variational autoencoder (Kingma and Welling, 2014), whose noise is the same in each step."""

    class VAE(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Linear(784, 400)
            self.mean, self.log_variance = nn.Linear(400, 20), nn.Linear(400, 20)
            self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

        def loss(self, x: Any, y: Any) -> Any:
            x = x.flatten(1)
            hidden = F.relu(self.encoder(x))
            mean, log_variance = self.mean(hidden), self.log_variance(hidden)
            z = mean + x[:, 400:420] * (log_variance / 2).exp()
            rebuilt = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
            apart = (mean.square() + log_variance.exp() - log_variance - 1).sum() / 2
            return (rebuilt + apart) / x.numel()

    return VAE()


def resnet8(library: Any, nn: Any, F: Any) -> Any:
    """Return a residual network of eight layers for coloured images of 32 x 32 (He et al., 2015)."""

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()

        def forward(self, x: Any) -> Any:
            inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            return F.relu(inner + self.shortcut(x))

    blocks = [Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)]
    stem = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


MODELS: dict[str, Callable[[Any, Any, Any], Any]] = {
    model.__name__: model for model in (lenet, mlp, wide, residual, gpt, lstm, vae, resnet8)
}


SMALL_OPERATIONS = 60


def small(x: Any, w: Any) -> Any:
    """Compute a number by 60 operations on 100 elements: matmul, tanh, mul, sigmoid, sub and add in turn."""
    h = x
    for _ in range(SMALL_OPERATIONS // 6):
        h = (h @ w).tanh() * x - h.sigmoid() + x
    return h.sum()
