"""DistributedSampler: each rank's share of a dataset, for scripts that divide their data themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any

import numpy as np

from tinygrad_cnn.data.arguments import flag
from tinygrad_cnn.data.sampler import Sampler
from tinygrad_cnn.distributed.group import get_rank, get_world_size
from tinygrad_cnn.ops.arguments import whole


class DistributedSampler(Sampler[int]):
    """Every n-th sample for each of n ranks, in an order that is drawn from ``seed`` plus the epoch.

    So that all ranks have as many, the first samples of the order come twice, or with ``drop_last`` the last ones
    are left out. Call `set_epoch` before each epoch, for another order. (`Trainer` needs no sampler: it divides
    each batch itself, whatever its length.) Raises ValueError for a rank that does not exist.

    >>> from tinygrad_cnn.utils.data.distributed import DistributedSampler
    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        name = "DistributedSampler"
        self.dataset, self.epoch = dataset, 0
        self.num_replicas = (
            get_world_size() if num_replicas is None else whole(name, "num_replicas", num_replicas, 1)
        )
        self.rank = get_rank() if rank is None else whole(name, "rank", rank, 0)
        if self.rank >= self.num_replicas:
            raise ValueError(f"{name}: rank is {self.rank}; wanted a number from 0 to {self.num_replicas - 1}")
        self.shuffle, self.drop_last = flag(name, "shuffle", shuffle), flag(name, "drop_last", drop_last)
        self.seed = whole(name, "seed", seed, 0)
        full, rest = divmod(len(dataset), self.num_replicas)
        self.num_samples = full + bool(rest and not drop_last)
        self.total_size = self.num_samples * self.num_replicas

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next: its order is drawn from ``seed`` plus this number."""
        self.epoch = whole("DistributedSampler.set_epoch", "epoch", epoch, 0)

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        samples = len(self.dataset)
        drawn = np.random.default_rng(self.seed + self.epoch).permutation(samples) if self.shuffle else None
        order: Any = np.arange(samples) if drawn is None else drawn
        return iter(np.resize(order, self.total_size)[self.rank :: self.num_replicas].tolist())
