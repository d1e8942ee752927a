"""Measure a threshold or a cost of `tinygrad_cnn.kernels.thresholds`: ``python -m benchmarks.thresholds NAME ...``.

To measure a threshold, the same work is done with the constant so small that work of any size is above it, and so
large that none is, at sizes around the constant. The right value is where the faster side changes. (If the unit is
not elements, as for the alignment at which lines are padded, the two columns show what the threshold gains.) A cost
is the time for each element, in multiplications that BLAS does in that time.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn import compile, from_numpy
from tinygrad_cnn.kernels import threads, thresholds
from tinygrad_cnn.kernels.dispatch import TABLE
from tinygrad_cnn.kernels.geometry import Geometry, Window
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.nn.functional import cross_entropy

Run = Callable[[], Any]
BATCH = 64


def values(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape, np.float32)


def images(n: int, channels: int = 4, side: int = 8, innermost: bool = True) -> Any:
    """Return images of n elements or a little more."""
    batch = max(1, -(-n // (channels * side * side)))
    if innermost:
        return values(side, channels, side, batch).transpose(3, 1, 0, 2)
    return values(batch, channels, side, side)


def call(module: str, name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module(f"tinygrad_cnn.{module}"), name)


def row(name: str, column: str, *arguments: Any) -> Run:
    """Return a call of one implementation of a kernel, a column of its row in the table."""
    return lambda: getattr(TABLE[name], column)(*arguments)


def by_column(name: str, arguments: Callable[[int], tuple[Any, ...]]) -> Callable[[int], tuple[Run, Run]]:
    """Return the compiled kernel and the NumPy kernel, for arguments of n elements."""
    return lambda n: (row(name, "compiled", *arguments(n)), row(name, "numpy", *arguments(n)))


def convolution(n: int) -> tuple[Any, ...]:
    return images(n), values(6, 4, 3, 3), None, Geometry()


def multiplied(n: int) -> tuple[Any, ...]:
    """Return arguments of a convolution of n multiplications."""
    return images(n // (6 * 9), 4, 12), values(6, 4, 3, 3), None, Geometry()


def product(n: int) -> Run:
    """Return a matrix product of n multiplications."""
    side, run = max(1, round(n ** (1 / 3))), call("kernels.matmul", "matmul")
    a, b = values(side, side), values(side, side)
    return lambda: run(a, b)


def added_at_rows(n: int) -> Run:
    """Return the gradient of an index of rows, of n elements."""
    x, index, run = values(n // 20, 20), np.arange(n // 20)[::-1], call("ops.index", "_unindex")
    return lambda: run(x, shape=x.shape, index=index)


def several_zeros(n: int) -> Run:
    """Return the allocation of several arrays of n bytes at once."""
    zeros = call("kernels.memory", "zeros")
    return lambda: [zeros((n,), np.dtype(np.uint8)) for _ in range(16)]


def matmul(a: Any, b: Any) -> Run:
    """Return a product by the compiled kernel, or by NumPy where it declines."""
    compiled, numpy = row("large_matmul", "compiled", a, b), row("large_matmul", "numpy", a, b)

    def run() -> Any:
        product = compiled()
        return numpy() if product is None else product

    return run


def compiled_training(n: int) -> Run:
    """Return training steps of LeNet, compiled anew for each value of a constant, with batches of n images."""
    model, x, labels = LeNet(), from_numpy(values(n, 1, 28, 28)), from_numpy(np.arange(n) % 10)
    steps: dict[tuple[int, int], Run] = {}

    def step() -> None:
        model.zero_grad()
        cross_entropy(model(x), labels).backward()

    def run() -> None:
        runner = importlib.import_module("tinygrad_cnn.compiling.records.runner")
        constants = runner.PROGRAM_BLOCK, runner.SAMPLES_PER_THREAD
        steps.setdefault(constants, compile(step))()

    return run


class Threshold(NamedTuple):
    """Modules of the package that read the constant, and work of n elements, multiplications or bytes."""

    modules: tuple[str, ...]
    work: Callable[[int], Run]
    sizes: tuple[int, ...] = ()  # sizes to measure in place of those around the constant
    ends: tuple[int, int] = (1, 1 << 60)  # values of the constant for which all work is above it, and none is


THRESHOLDS: dict[str, Threshold] = {
    "RELU_PLAIN_BELOW": Threshold(("kernels.relu",), lambda n: row("relu", "numpy", values(n))),
    "MATMUL_COMPILED_ROWS": Threshold(
        ("kernels.compiled.matmul",), lambda n: matmul(values(n, 256), values(256, 120)), (1, 2, 3, 4, 6)
    ),
    "MATMUL_COMPILED_COLUMNS": Threshold(
        ("kernels.compiled.matmul",), lambda n: matmul(values(120, 256), values(256, n)), (4, 8, 10, 12, 16)
    ),
    "WHERE_BY_BITS_FROM": Threshold(
        ("kernels.where",), lambda n: row("where", "numpy", values(n) < 0.5, values(n), -values(n))
    ),
    "INDEX_CHECKED_FROM": Threshold(("ops.index",), added_at_rows),
    "SUM_ROW_WIDTH": Threshold(
        ("kernels.sums",),
        lambda n: row("total", "numpy", values((1 << 21) // n, n), (0,)),
        (16, 128, 1024, 4096),
    ),
    "BATCH_INNERMOST_ROWS_COMPILED_FROM": Threshold(
        ("kernels.compiled.batch_innermost",),
        lambda n: row("copy_to_batch_innermost", "compiled", images(4 * n // 3, side=12)[:, :, 1:-1, 1:-1]),
    ),
    "CACHE_ALIASING_BYTES": Threshold(
        ("kernels.batch_innermost",),
        lambda n: row("copy_to_batch_innermost", "numpy", values(n, 64, 16, 16)),
        (16, 64, 256),
    ),
    "LINE_ALIASING": Threshold(
        ("kernels.conv",),
        lambda n: row("conv2d", "numpy", images(n * 784, 1, 28), values(6, 1, 5, 5), None, Geometry()),
        (64, 128, 512),
    ),
    "POOLED_FROM_BYTES": Threshold(("kernels.memory",), several_zeros),
    "GRAIN_SIZE": Threshold(("kernels.threads",), lambda n: row("conv2d", "numpy", *multiplied(2 * n))),
    "COMPILED_GRAIN_SIZE": Threshold(
        ("kernels.compiled.thread_pool",), lambda n: row("conv2d", "compiled", *multiplied(2 * n))
    ),
    "BLAS_THREADS_FROM": Threshold(("kernels.matmul", "kernels.threads"), product),
    "SPINS_BEFORE_SLEEP": Threshold(
        ("kernels.compiled.thread_pool",),
        lambda n: row("conv2d", "compiled", *multiplied(n)),
        (10**6, 10**7),
        (1, 30_000),
    ),
    "BLAS_UNPACKED_MULTIPLICATIONS": Threshold(
        ("kernels.conv",), lambda n: row("conv2d", "numpy", *multiplied(n)), (10**5, 10**6, 10**7, 10**8)
    ),
    "PROGRAM_BLOCK": Threshold(
        ("compiling.records.runner",), compiled_training, (64, 128, 256, 512), (thresholds.PROGRAM_BLOCK, 1 << 60)
    ),
    "SAMPLES_PER_THREAD": Threshold(("compiling.records.runner",), compiled_training, (4, 8, 12, 16, 24, 32)),
    "BLAS_PACKED_ROWS": Threshold(
        ("kernels.conv",),
        lambda n: row("conv2d", "numpy", images(1 << 19, 8, 16), values(n, 8, 3, 3), None, Geometry()),
        (8, 16, 32, 64),
    ),
    "RESAMPLE_BLOCK": Threshold(
        ("kernels.resample",),
        lambda n: resampling("numpy", images(n, 1, 28)),
        (1 << 16, 1 << 18, 1 << 22),
        (thresholds.RESAMPLE_BLOCK, 1 << 60),
    ),
    "WEIGHT_OUTPUTS_AS_COLUMNS_FROM": Threshold(
        ("kernels.conv",),
        lambda n: row(
            "conv2d_weight", "numpy", images(BATCH * n * 196, n, 14), images(1 << 16, 4, 16), (3, 3), Geometry()
        ),
        (2, 4, 8, 16),
    ),
}

BY_COLUMN: dict[str, Callable[[int], tuple[Run, Run]]] = {
    "COMPILED_FROM": by_column("conv2d", convolution),
    "CHANNEL_SUMS_COMPILED_FROM": by_column("channel_sums", lambda n: (images(n),)),
    "BATCH_INNERMOST_FROM": by_column("copy_to_batch_innermost", lambda n: (images(n, innermost=False),)),
    "MATMUL_COMPILED_BELOW": by_column(
        "large_matmul", lambda n: (values(120, 8 * n // 120), values(8 * n // 120, 64))
    ),
}

WINDOW = Window((2, 2), (2, 2), (0, 0))
COSTS: dict[str, Callable[[Any], list[Run]]] = {
    "POOL_COST": lambda x: pooling("numpy", x),
    "COMPILED_POOL_COST": lambda x: pooling("compiled", x),
    "COMPILED_COPY_COST": lambda x: [row("copy_to_batch_innermost", "compiled", np.ascontiguousarray(x))],
    "COMPILED_ELEMENTWISE_COST": lambda x: [row("gelu", "compiled", x), row("sigmoid", "compiled", x)],
    "COMPILED_RELU_COST": lambda x: [row("relu", "compiled", x), row("where_nonzero", "compiled", x, x)],
    "COMPILED_SUM_COST": lambda x: [row("channel_sums", "compiled", x)],
    "COMPILED_RESAMPLE_COST": lambda x: [resampling("compiled", x)],
}


def pooling(column: str, x: Any) -> list[Run]:
    """Return max-pooling and its derivative."""
    forward = row("max_pool2d", column, x, WINDOW)
    return [forward, row("max_unpool2d", column, forward(), x, forward(), WINDOW)]


def resampling(column: str, x: Any) -> Run:
    """Return the interpolation of images at places that differ a little for each."""
    n, _, height, width = x.shape
    places = np.indices((height, width), np.float32)[..., None] + values(2, height, width, n) - np.float32(0.5)
    return row("resample", column, x, *places)


ROUNDING = "chosen for its rounding error, not for its time"
NOT_MEASURED = {
    "COMPILED_BLOCK_TERMS": ROUNDING,
    "MATMUL_BLOCK_TERMS": ROUNDING,
    "MATMUL_BLOCKED_UP_TO": ROUNDING,
    "MATMUL_COMPILED_TERMS": ROUNDING,
    "SUM_BLOCK": ROUNDING,
    "SUMMED_PLAINLY_UP_TO": ROUNDING,
    "MEMORY_POOL_BYTES": "a bound on memory, not a threshold",
    "POOLED_UP_TO_BYTES": "a bound on memory, not a threshold",
    "WEIGHT_BLOCK": "is part of compiled code: change it, and run `python -m benchmarks lenet-step-*`",
}


def best(run: Run, seconds: float = 0.2) -> float:
    """Return the shortest time of a call, in microseconds."""
    run()
    shortest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest * 1e6


def with_constant(name: str, modules: tuple[str, ...], value: int, run: Run) -> float:
    """Return the shortest time of a call while a constant has another value."""
    loaded = [importlib.import_module(f"tinygrad_cnn.{module}") for module in modules]
    before = [getattr(module, name) for module in loaded]
    try:
        for module in loaded:
            setattr(module, name, value)
        return best(run)
    finally:
        for module, constant in zip(loaded, before, strict=True):
            setattr(module, name, constant)


def measure(name: str) -> None:
    """Print one constant, and the measurements that it is chosen by."""
    constant = getattr(thresholds, name)
    print(f"{name} = {constant}")
    if name in NOT_MEASURED:
        print(f"  {NOT_MEASURED[name]}")
        return
    if name in COSTS:
        x, a, before = images(1 << 21), values(512, 512), threads.get_num_threads()
        threads.set_num_threads(1)
        multiplication = best(row("large_matmul", "numpy", a, a)) / 512**3
        measured = [best(run) / x.size / multiplication for run in COSTS[name](x)]
        threads.set_num_threads(before)
        print("  measured:", *(f"{cost:.0f}" for cost in measured))
        return
    around = tuple(max(1, constant * k // 4) for k in (1, 2, 4, 8, 16))
    print(f"  {'n':>10} {'above':>10} {'below':>10}  us")
    threshold = THRESHOLDS.get(name)
    for n in (threshold and threshold.sizes) or around:
        if threshold:
            run = threshold.work(n)
            above, below = (with_constant(name, threshold.modules, value, run) for value in threshold.ends)
        else:
            above, below = map(best, BY_COLUMN[name](n))
        print(f"  {n:>10} {above:>10.1f} {below:>10.1f}")


def main() -> None:
    names = [name for name in vars(thresholds) if name.isupper()]
    parser = argparse.ArgumentParser("python -m benchmarks.thresholds", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(names)}; default: all")
    for name in parser.parse_args().names or names:
        if name not in names:
            parser.error(f"no constant is named {name}; wanted some of {', '.join(names)}")
        measure(name)


if __name__ == "__main__":
    main()
