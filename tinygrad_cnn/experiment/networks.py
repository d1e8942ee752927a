"""The networks of a run, by the names that the configuration has for them."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_cnn.models import DuanCNN, LeNet, LeNet5, PorpigliaLeNet, SalmonMLP, SmallCNN
from tinygrad_cnn.nn import Module

NETWORKS: dict[str, Callable[[], Module]] = {
    "lenet": LeNet,
    "lenet5": LeNet5,
    "small": SmallCNN,
    "porpiglia": PorpigliaLeNet,
    "duan": DuanCNN,
    "salmon": SalmonMLP,
}
