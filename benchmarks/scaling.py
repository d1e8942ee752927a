"""What several ranks gain: ``mpiexec -n 2 python -m benchmarks.scaling`` measures, and then predicts for more.

Measured: the time of one rank's step, as a part for each sample and a part for each step (from two batch sizes),
and the time of an all_reduce of all gradients. Predicted: a step of n ranks, each on a machine of its own, as its
computation plus the all_reduce by recursive halving and doubling (Thakur, Rabenseifner and Gropp, 2005):
2 log2(n) messages one after the other, and 2 (n - 1) / n times the bytes sent and received.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import distributed, nn
from tinygrad_cnn.distributed.average import average_gradients
from tinygrad_cnn.models import LeNet

RANKS = (8, 64, 512, 4096)
BATCH = 64
BATCHES = (16, 128)


class Network(NamedTuple):
    """What connects the machines, by its nominal figures."""

    name: str
    latency: float  # seconds for each message
    rate: float  # bytes in a second


NETWORKS = (Network("10 Gbit/s Ethernet", 30e-6, 1.25e9), Network("100 Gbit/s InfiniBand", 1.5e-6, 12.5e9))


class Cost(NamedTuple):
    """The time of a rank's step without the others, and the bytes of its gradients."""

    of_sample: float
    of_step: float
    size: int

    def step(self, samples: float, ranks: int, network: Network) -> float:
        """Return the time of a step in which each of so many ranks has so many samples."""
        messages = 2 * math.ceil(math.log2(ranks)) * network.latency
        exchange = messages + 2 * (ranks - 1) / ranks * self.size / network.rate
        return self.of_step + self.of_sample * samples + exchange


def efficiency(cost: Cost, ranks: int, network: Network, batch: int, strong: bool) -> float:
    """Return the speed of n ranks over n times that of one. Strong: they share one batch; weak: each has one."""
    samples = batch / ranks if strong else batch
    gain = 1 / ranks if strong else 1.0
    return gain * cost.step(batch, 1, network) / cost.step(samples, ranks, network)


def networks() -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, ...]]]:
    yield "LeNet, 44,426", LeNet, (1, 28, 28)
    yield "perceptron, 1.0 million", lambda: perceptron(1024, 200), (784,)
    yield "perceptron, 25 million", lambda: perceptron(4096, 5300), (784,)


def perceptron(first: int, second: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(784, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 10)
    )


def best(work: Callable[[], Any], seconds: float = 3.0) -> float:
    """Return the shortest time of a piece of work, of as many as there is time for, at least three."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - began < seconds and len(times) < 300):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measured(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> Cost:
    """Measure the steps of one rank, on its threads, at two batch sizes."""
    model = make()
    optimizer = tg.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def seconds(batch: int) -> float:
        x, y = tg.rand(batch, *shape), tg.arange(batch) % 10

        def step() -> None:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        return best(step)

    small, large = (seconds(batch) for batch in BATCHES)
    of_sample = (large - small) / (BATCHES[1] - BATCHES[0])
    return Cost(of_sample, max(0.0, small - of_sample * BATCHES[0]), sum(4 * p.numel() for p in model.parameters()))


def exchanged(make: Callable[[], nn.Module]) -> float:
    """Measure how long the ranks take to average the gradients of a model: as many times on each of them."""
    model = make()
    for parameter in model.parameters():
        parameter.grad = tg.ones(*parameter.shape)
    times = []
    for _ in range(10):
        distributed.barrier()
        start = time.perf_counter()
        average_gradients(model.parameters(), 1.0)
        times.append(time.perf_counter() - start)
    return float(np.min(times))


def main() -> None:
    distributed.init_process_group()
    first, ranks = distributed.get_rank() == 0, distributed.get_world_size()
    costs = {}
    for name, make, shape in networks():
        costs[name] = cost = measured(make, shape)
        exchange = exchanged(make)
        if first:
            print(
                f"{name}: {1e6 * cost.of_sample:.0f} us a sample + {1e3 * cost.of_step:.2f} ms a step; "
                f"{cost.size / 1e6:.2f} MB averaged over {ranks} ranks in {1e3 * exchange:.2f} ms",
                flush=True,
            )
    if first:
        print(f"\n| batch {BATCH} | network | scaling | " + " | ".join(f"{n} ranks" for n in RANKS) + " |")
        print("|---" * (3 + len(RANKS)) + "|")
        for name, cost in costs.items():
            for network in NETWORKS:
                for strong in (False, True):
                    cells = [f"{100 * efficiency(cost, n, network, BATCH, strong):.1f} %" for n in RANKS]
                    kind = "strong" if strong else "weak"
                    print(f"| {name} | {network.name} | {kind} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
