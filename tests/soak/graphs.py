"""Steps of training without the garbage collector: memory that grew would show. It takes minutes.

python tests/soak/graphs.py [steps]
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

ALLOWED = 1 << 20  # bytes more than after the first tenth


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(steps: int) -> int:
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    rng = np.random.default_rng(0)
    gc.collect()
    gc.disable()
    start, first = time.perf_counter(), 0
    for step in range(1, steps + 1):
        x = tg.tensor(rng.standard_normal((4, 2)), dtype=tg.float32)
        loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
        if step % 8 == 7:
            del loss  # a graph that nobody walks back
            continue
        optimizer.zero_grad()
        loss.backward(retain_graph=step % 8 == 3)  # and one that is not freed by the walk
        optimizer.step()
        if step % (steps // 10) == 0:
            now = resident()
            first = first or now
            seconds = time.perf_counter() - start
            print(
                f"{step:>9} steps {seconds:6.0f} s {now / 2**20:7.2f} MiB {len(gc.get_objects()):>7} objects",
                flush=True,
            )
    grown = resident() - first
    print(f"after the first tenth: {grown / 1024:+.0f} KiB")
    return int(grown > ALLOWED)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
