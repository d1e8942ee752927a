"""What `Trainer` does where several ranks train one model: each computes its share of every global batch.

The loss, metrics and gradients of a step are those of the whole batch, on all ranks: so all ranks clip, step and
decide alike, and the weights stay the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import nan
from typing import Any

import numpy as np

from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.distributed.average import average_gradients, broadcast_tensors, check_equal
from tinygrad_cnn.distributed.collectives import all_gather_object, broadcast_object, gather_arrays
from tinygrad_cnn.distributed.group import current_group, get_world_size, started_by_mpiexec
from tinygrad_cnn.distributed.share import Share, random_checksum, rows_of, share_of
from tinygrad_cnn.inspection.observe import in_evaluation_mode
from tinygrad_cnn.nn import CrossEntropyLoss, Module, NLLLoss
from tinygrad_cnn.nn.parallel import DistributedDataParallel
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.batches import (
    Batch,
    Loader,
    batches_of_pass,
    checked_batches,
    order_of_pass,
    seed_of_pass,
)
from tinygrad_cnn.training.evaluation import mean_loss
from tinygrad_cnn.training.history import Score
from tinygrad_cnn.training.metric import Metric, metric_sums
from tinygrad_cnn.training.progress import Totals
from tinygrad_cnn.typing import Array


def are_several() -> bool:
    """Return whether this process trains together with others."""
    group = current_group()
    return group is not None and group.size > 1


def is_first() -> bool:
    """Return whether this process is the one that prints and writes: rank 0, or the only one."""
    group = current_group()
    return group is None or group.rank == 0


def plain(model: Module) -> Module:
    """Return the model itself if it is wrapped for several ranks: its state then has plain names."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def begin_alike(model: Module, loss: Any) -> None:
    """Give all ranks the weights of the first. Raises ValueError for a loss that is no mean.

    Warns if mpiexec started several processes that are no group: each would train a model of its own.
    """
    if not are_several():
        if current_group() is None and (started := started_by_mpiexec()) > 1:
            warn_user(
                f"fit: mpiexec started {started} processes, and each of them trains a model of its own; to "
                "train one together, call tinygrad_cnn.distributed.init_process_group() first"
            )
        return
    if getattr(loss, "reduction", "mean") != "mean":
        raise ValueError(
            f"fit: the loss has reduction {loss.reduction!r}; wanted 'mean': a rank's share counts by its samples"
        )
    broadcast_tensors([*model.parameters(), *model.buffers()])


def of_first(value: Any) -> Any:
    """Return, on all ranks, what the first has."""
    return broadcast_object(value) if are_several() else value


def check_same(what: str, number: int) -> None:
    """Raise RuntimeError, on all ranks, if one of them has another number than the first."""
    if are_several():
        check_equal(what, [np.array(number)])


def check_alike(model: Module) -> None:
    """Raise RuntimeError if the ranks have different weights: something on one of them was not done on all."""
    check_equal("fit: the weights", (t.array for t in model.state_dict().values()))


def agreed(*reasons: str | None) -> list[str | None]:
    """Return, on all ranks, each reason to end training that any of them has: that of the lowest rank."""
    found: list[Any] = [None] * get_world_size()
    all_gather_object(found, reasons)
    return [next((r for r in each if r is not None), None) for each in zip(*found, strict=True)]


def shares_of_pass(
    name: str, loader: Loader, order: Array | None, seed: int | None, done: int = 0
) -> Iterator[tuple[Batch, Share]]:
    """Yield this rank's share of each batch of a pass, and which share it is."""
    shares: list[Share] = []

    def parts() -> Iterator[Any]:
        if isinstance(loader, DataLoader) and order is not None:
            for batch, share in loader.shares(order, done, seed):
                shares.append(share)
                yield batch
        else:
            for inputs, targets in checked_batches(name, batches_of_pass(loader, order, done, seed), done):
                shares.append(share_of(len(targets)))
                yield rows_of((inputs, targets), shares[-1])

    for batch in checked_batches(name, parts(), done):
        yield batch, shares.pop()


def loss_of_share(
    loss: Callable[..., Tensor], targets: Tensor, share: Share
) -> tuple[Callable[..., Tensor], float]:
    """Return the loss of a share, and how much it counts: its samples, or the weights of their classes.

    Both are divided by the number of samples in the whole batch, so that weighted gradients stay in range.
    Where all targets are to be ignored there is no mean. Its place takes 0, so that the rank takes the same steps.
    """
    if not isinstance(loss, (CrossEntropyLoss, NLLLoss)) or targets.dtype.kind not in "iu":
        return loss, share.samples / share.total
    classes = targets.array[targets.array != loss.ignore_index]
    weight = float(classes.size if loss.weight is None else loss.weight.array[classes].sum(dtype=np.float64))
    return (loss if weight else _zero), weight / share.total if share.counts else 0.0


def _zero(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs * 0).sum()


def average_step(
    model: Module, weight: float, value: float, sums: Mapping[str, float], share: Share
) -> tuple[float, dict[str, float]]:
    """Average gradients of a weighted loss, and buffers; return the loss and the metrics' sums of the whole batch.

    Raises RuntimeError if the ranks have not drawn the same random numbers.
    """
    average_gradients(model.parameters(), weight, is_weighted=True)
    broadcast_tensors(model.buffers())
    return _of_whole_batch(weight, value, sums, share)


def _of_whole_batch(
    weight: float, value: float, sums: Mapping[str, float], share: Share
) -> tuple[float, dict[str, float]]:
    """Return the mean loss of a batch, and its sums of metrics, given those of this rank's share."""
    counted = [float(number) if share.counts else 0.0 for number in sums.values()]
    loss_sum = value * weight if weight else 0.0
    figures = gather_arrays(np.array([random_checksum(), weight, loss_sum, *counted]))
    if (figures[:, 0] != figures[0, 0]).any():
        raise RuntimeError(
            "fit: the ranks have drawn different random numbers; wanted numbers for a batch to have its samples as "
            "their first dimension, (N, ...), and all others to be drawn by all ranks alike"
        )
    weights, losses, *metric_totals = figures[:, 1:].sum(axis=0).tolist()
    return losses / weights if weights else nan, dict(zip(sums, metric_totals, strict=True))


def evaluate_shares(
    model: Module, loss: Callable[..., Tensor], metrics: Mapping[str, Metric], data: Iterable[Any]
) -> Score:
    """Return the mean loss and the metrics over all samples; all ranks compute a part of them."""
    totals = Totals()
    with no_grad(), in_evaluation_mode(model):
        for (inputs, targets), share in shares_of_pass("evaluate", data, order_of_pass(data), seed_of_pass(data)):
            outputs = model(inputs)
            its_loss, weight = loss_of_share(loss, targets, share)
            value = mean_loss("evaluate", its_loss, outputs, targets).item()
            sums = metric_sums(metrics, outputs, targets)
            totals.add(*_of_whole_batch(weight, value, sums, share), share.total)
    if not totals.samples:
        raise ValueError(f"evaluate: the {type(data).__name__} gave no batch; wanted at least one")
    return totals.score()
