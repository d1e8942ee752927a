"""A program for several ranks, the last of which fails in the middle: ``python -m tests.mpi.faulty KIND``."""

from __future__ import annotations

import os
import signal
import sys
import time

import tinygrad_cnn as tg
from tinygrad_cnn.nn.parallel import DistributedDataParallel


def fail(kind: str) -> None:
    print(f"fails at {time.monotonic()}", flush=True)  # this clock is the same for all processes of a machine
    if kind == "raises":
        raise ArithmeticError("the rank that fails")
    if kind == "exits":
        sys.exit(3)
    if kind == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hangs":
        time.sleep(1000)
    if kind == "goes on alone":
        tg.distributed.barrier()  # the place


def main(kind: str) -> None:
    tg.distributed.init_process_group(timeout=3 if kind == "hangs" else 60)
    last = tg.distributed.get_rank() == tg.distributed.get_world_size() - 1
    model = DistributedDataParallel(tg.nn.Linear(3, 1))
    for step in range(30):
        if last and step == 20 and kind not in ("ends", "goes on alone"):
            fail(kind)
        model(tg.ones(2, 3)).sum().backward()
    if last and kind == "goes on alone":
        fail(kind)
    time.sleep(0.1 * tg.distributed.get_rank())  # ranks end one after the other
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
