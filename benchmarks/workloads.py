"""The workloads: each row of the table, and the data and initial weights that all frameworks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.models import LENGTH, TOKENS

Array = NDArray[Any]

NOISE = {"residual": (64, 16, 16), "resnet8": (3, 32, 32)}
"""The shapes of the inputs of models that are given noise."""

STEPS = 5
"""The number of first losses that must agree before anything is timed."""


@dataclass(frozen=True)
class Workload:
    """A row of the table: the kind of work, the model, and the wanted ratios of PyTorch's time to ours."""

    name: str
    title: str
    kind: str
    targets: tuple[float, float] = (0, 0)
    model: str = "lenet"
    batch: int = 64

    @property
    def turns_of_one(self) -> bool:
        """Whether one run of it is long enough to be a turn."""
        return self.kind in ("epoch", "indexed", "accuracy", "import", "memory")


def _lenet(kind: str, title: str, batches: Sequence[int], targets: Sequence[tuple[float, float]]) -> list[Workload]:
    return [
        Workload(f"lenet-{kind}-{batch}", f"LeNet {title}, batch {batch}", kind, target, batch=batch)
        for batch, target in zip(batches, targets, strict=True)
    ]


WORKLOADS = [
    *_lenet("program", "compiled step", (1, 16, 64, 128, 512), [(3, 7), (2, 4.5), (1.5, 4), (1.5, 4), (1.5, 4)]),
    *_lenet("step", "step", (1, 16, 64, 128, 512), [(1.4, 1.9), (1.2, 2.0), (1.1, 2.3), (1.2, 2.6), (1.3, 2.5)]),
    *_lenet("inference", "inference", (1, 256), [(3, 6), (2.2, 5)]),
    Workload("epoch", "epoch of 60,000, DataLoader", "epoch", (1.5, 5)),
    Workload("epoch-indexed", "epoch, indexed by hand", "indexed"),
    Workload("accuracy", "time to 99 % of the test digits", "accuracy", (1.5, 4)),
    Workload("mlp", "MLP 784-512-512-10 compiled step, 128", "program", (1, 1.3), "mlp", 128),
    Workload("wide", "convnet 1-32-64-128 compiled step, 64", "program", (0.9, 1.3), "wide"),
    Workload("residual", "residual block, compiled step, 64", "program", (0.8, 1.2), "residual"),
    Workload("gpt", "GPT block of 128 x 64 compiled step, 16", "program", (0.8, 1), "gpt", 16),
    Workload("lstm", "LSTM of 128 over rows, compiled step, 64", "program", (0.8, 1), "lstm"),
    Workload("vae", "VAE 784-400-20 compiled step, 128", "program", (0.8, 1), "vae", 128),
    Workload("resnet8", "ResNet-8 compiled step, 64", "program", (0.8, 1), "resnet8"),
    Workload("small", "operation on 100 elements", "small", (2, 2)),
    Workload("tape", "operation that computes nothing", "tape"),
    Workload("import", "import", "import", (5, 2)),
    Workload("memory", "peak memory, epoch of LeNet", "memory", (2, 1.5)),
]


def select(patterns: Sequence[str], among: Sequence[Workload] = WORKLOADS) -> list[Workload]:
    """Return the workloads whose names match one of the patterns; all, if there is none."""
    for pattern in patterns:
        if not any(fnmatch(w.name, pattern) for w in among):
            raise ValueError(f"no workload is named {pattern!r}; there are {', '.join(w.name for w in among)}")
    return [w for w in among if not patterns or any(fnmatch(w.name, p) for p in patterns)]


# --- the same data and weights for all ---


def write_digits(folder: Path, whole: bool) -> str:
    """Write digits as .npy files, which every framework reads; return the name of the data set.

    With ``whole``, it is all of MNIST; otherwise a few thousand digits, synthetic ones if MNIST is not available.
    """
    from tinygrad_cnn.data import MNIST, SyntheticDigits

    size = None if whole else 4096
    name = "MNIST"
    for part in ("train", "test"):
        try:
            digits: Any = MNIST(train=part == "train", download=whole)
        except FileNotFoundError:
            if whole:
                raise
            name, digits = "synthetic digits", SyntheticDigits(train=part == "train", size=size)
        pixels = digits.images[:size, None].astype(np.float32)
        pixels /= 255
        np.save(folder / f"{part}-images.npy", pixels)
        np.save(folder / f"{part}-labels.npy", digits.labels[:size])
    return name


def read_digits(folder: Path, part: str) -> tuple[Array, Array]:
    """Return images (N, 1, 28, 28) and labels (N,)."""
    return np.load(folder / f"{part}-images.npy"), np.load(folder / f"{part}-labels.npy")


def batches(folder: Path, workload: Workload, count: int = 8) -> list[tuple[Array, Array]]:
    """Return a few batches of a model's inputs: digits; noise for models of coloured images; characters."""
    size = workload.batch
    rng = np.random.default_rng(0)
    if workload.model in NOISE:
        shape = (size, *NOISE[workload.model])
        return [(rng.standard_normal(shape, np.float32), rng.integers(0, 10, size)) for _ in range(count)]
    if workload.model == "gpt":
        texts = rng.integers(0, TOKENS, (count, size, LENGTH + 1))
        return [(text[:, :-1].copy(), text[:, 1:].flatten()) for text in texts]
    images = np.load(folder / "train-images.npy", mmap_mode="r")
    labels = np.load(folder / "train-labels.npy")
    starts = range(0, min(count * size, len(labels) - size + 1), size)
    return [(np.array(images[i : i + size]), labels[i : i + size]) for i in starts]


def initial_weights(shapes: Sequence[Sequence[int]], seed: int = 0) -> list[Array]:
    """Return weights and biases as PyTorch initialises its layers: uniform on +-1 / sqrt(fan_in)."""
    rng = np.random.default_rng(seed)
    weights, bound = [], 1.0
    for shape in shapes:
        if len(shape) > 1:
            bound = 1 / sqrt(prod(shape[1:]))
        weights.append(rng.uniform(-bound, bound, tuple(shape)).astype(np.float32))
    return weights
