"""Runs one script with PyTorch and with tinygrad_cnn: imports are translated, random numbers come from NumPy."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_cnn as tg
from tinygrad_cnn.data import SyntheticDigits, datasets, transforms, write_idx

IMPORTS = [  # what a user changes, in this order, in lines that begin with import or from
    (r"^import torch$", "import tinygrad_cnn as torch"),
    (r"^from torchvision\b", "from tinygrad_cnn.data"),
    (r"^(import|from) torch\b", r"\1 tinygrad_cnn"),
]


def translated(source: str) -> str:
    """The script with its imports changed."""
    lines = source.splitlines(keepends=True)
    for pattern, new in IMPORTS:
        lines = [re.sub(pattern, new, line) for line in lines]
    return "".join(lines)


def torchvision() -> dict[str, ModuleType]:
    """Return the part of torchvision that the scripts use, with this package's data and PyTorch's tensors."""

    class MNIST(torch.utils.data.Dataset):
        def __init__(self, root: str, train: bool = True, transform: Any = None, download: bool = False) -> None:
            self.digits = datasets.MNIST(root, train, transform)
            self.targets = torch.from_numpy(self.digits.labels)

        def __len__(self) -> int:
            return len(self.digits)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            image, label = self.digits[index]
            return torch.from_numpy(image.numpy().copy()), label

    package = ModuleType("torchvision")
    package.transforms, package.datasets = ModuleType("t"), ModuleType("d")
    vars(package.transforms).update(vars(transforms))
    package.datasets.MNIST = MNIST
    return {
        "torchvision": package,
        "torchvision.transforms": package.transforms,
        "torchvision.datasets": package.datasets,
    }


def write_digits(folder: Path) -> None:
    """Write some digits as MNIST has them."""
    folder.mkdir()
    for part, train, size in (("train", True, 400), ("t10k", False, 100)):
        digits = SyntheticDigits(train, size)
        write_idx(folder / f"{part}-images-idx3-ubyte", digits.images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", digits.labels.astype(np.uint8))


def take_randomness_from_numpy(patch: pytest.MonkeyPatch, lib: Any) -> None:
    """Draw initial weights, noise, orders and dropout from one NumPy generator, in both libraries."""
    rng = np.random.default_rng(0)

    def tensor(array: Any) -> Any:
        array = np.asarray(array)
        return lib.tensor(array, dtype=lib.get_default_dtype() if array.dtype.kind == "f" else lib.int64)

    def randn(*size: Any, requires_grad: bool = False) -> Any:
        shape = size[0] if len(size) == 1 and isinstance(size[0], tuple) else size
        return tensor(rng.standard_normal(shape)).requires_grad_(requires_grad)

    patch.setattr(lib, "randn", randn)
    patch.setattr(lib, "randn_like", lambda t: randn(*t.shape))
    patch.setattr(lib, "randint", lambda low, high, size: tensor(rng.integers(low, high, size)))
    patch.setattr(lib, "randperm", lambda n: tensor(rng.permutation(n)))

    add = lib.optim.Optimizer.add_param_group

    def add_and_fill(self: Any, group: Any) -> None:
        add(self, group)
        for p in self.param_groups[-1]["params"]:
            p.data = tensor(rng.uniform(-1, 1, tuple(p.shape)) / np.sqrt(np.prod(p.shape[1:])))

    patch.setattr(lib.optim.Optimizer, "add_param_group", add_and_fill)

    def dropout(ndim: int) -> Any:
        def forward(self: Any, input: Any) -> Any:
            if not self.training:
                return input
            kept = rng.random((*input.shape[:ndim], *(1,) * (input.ndim - ndim))) >= self.p
            return input * tensor(kept / (1 - self.p))

        return forward

    patch.setattr(lib.nn.Dropout, "forward", dropout(2))
    patch.setattr(lib.nn.Dropout2d, "forward", dropout(2))
    if lib is torch:
        patch.setattr(
            torch.utils.data.RandomSampler, "__iter__", lambda self: iter(rng.permutation(len(self.data_source)))
        )
    else:
        patch.setattr(
            tg.data.DataLoader,
            "order",
            lambda self: rng.permutation(len(self.dataset)) if self.shuffle else np.arange(len(self.dataset)),
        )


def run(path: Path, lib: Any) -> Any:
    """Run a script's main() in float64 in the current folder, which has the digits in data/; return the losses."""
    source = path.read_text(encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, module in torchvision().items():
            patch.setitem(sys.modules, name, module)
        patch.setattr(sys, "argv", [path.name])
        take_randomness_from_numpy(patch, lib)
        lib.set_default_dtype(lib.float64)
        tg.set_default_dtype(tg.float64)
        try:
            script: dict[str, Any] = {"__name__": path.stem}
            exec(compile(translated(source) if lib is tg else source, path.name, "exec"), script)
            return script["main"]()
        finally:
            lib.set_default_dtype(lib.float32)
            tg.set_default_dtype(tg.float32)
