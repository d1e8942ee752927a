"""The frameworks that are compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec


@dataclass(frozen=True)
class Peer:
    """A framework: its title in the table, the module that it needs, and the environment of its process."""

    name: str
    title: str
    module: str
    environment: dict[str, str] = field(default_factory=dict)
    needs: str = ""

    @property
    def installed(self) -> bool:
        """Whether it can run here."""
        return find_spec(self.needs or self.module) is not None


PEERS = [
    Peer("numpy", "ours", "tinygrad_cnn", {"TINYGRAD_CNN_FAST": "0"}),
    Peer("fast", "ours [fast]", "tinygrad_cnn", {"TINYGRAD_CNN_FAST": "1"}, "numba"),
    Peer("torch", "PyTorch", "torch"),
    Peer("compile", "torch.compile", "torch"),
    Peer("jax", "JAX jit", "jax"),
]
