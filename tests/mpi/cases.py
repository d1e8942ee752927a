"""What several ranks must compute as one process does: each case trains something, and returns its weights.

A case is called in every rank, or in a process without mpiexec, and `tests/mpi/job.py` compares.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.data import DataLoader, Dataset, Subset, TensorDataset
from tinygrad_cnn.data.transforms import Compose, ElasticTransform, RandomAffine, RandomHorizontalFlip
from tinygrad_cnn.distributed.average import check_equal
from tinygrad_cnn.distributed.share import share_of
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.nn.parallel import DistributedDataParallel
from tinygrad_cnn.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from tinygrad_cnn.training import Callback, EarlyStopping, Trainer

Arrays = dict[str, np.ndarray]
CASES: dict[str, Callable[[], Arrays]] = {}
UNLIKE_ONE_PROCESS = {"batch_norm_of_a_rank"}
"""Cases in which a rank uses statistics of its own share: their ranks are equal, and not equal to one process."""


def case(function: Callable[[], Arrays]) -> Callable[[], Arrays]:
    CASES[function.__name__] = function
    return function


class Alike(Callback):
    """Looks after every step whether all ranks have the same weights, bit for bit."""

    def on_step_end(self, trainer: Any) -> None:
        if tg.distributed.is_initialized():
            check_equal("the weights", (t.array for t in trainer.model.state_dict().values()))


def weights(model: tg.nn.Module) -> Arrays:
    return {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}


def figures(trainer: Trainer) -> Arrays:
    rows = [[v for k, v in e.row().items() if k != "seconds" and v is not None] for e in trainer.history.epochs]
    return {"history": np.array(rows)}


def digits(count: int, seed: int = 5) -> tuple[tg.Tensor, tg.Tensor]:
    """Pictures of which each class has its own mean, in float64."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 10, count)
    pictures = rng.normal(0, 0.5, (count, 1, 28, 28)) + rng.normal(0, 1, (10, 1, 28, 28))[classes]
    return tg.tensor(pictures), tg.tensor(classes)


def points(count: int) -> TensorDataset:
    rng = np.random.default_rng(8)
    inputs = rng.normal(0, 1, (count, 6))
    classes = (inputs[:, 0] > inputs[:, 1]) + (inputs[:, 2] > 0).astype(int)
    return TensorDataset(tg.tensor(inputs), tg.tensor(classes))


def perceptron(*between: tg.nn.Module) -> tg.nn.Module:
    return tg.nn.Sequential(tg.nn.Linear(6, 16), tg.nn.Tanh(), *between, tg.nn.Linear(16, 3)).double()


def trained(
    model: tg.nn.Module, data: DataLoader, loss: Any = None, epochs: int = 3, lr: float = 0.1, **options: Any
) -> Arrays:
    optimizer = tg.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-3)
    trainer = Trainer(model, loss or tg.nn.CrossEntropyLoss(), optimizer, callbacks=[Alike()], **options)
    trainer.fit(data, data, epochs=epochs)
    return weights(model) | figures(trainer)


@case
def two_hundred_steps_of_lenet() -> Arrays:
    """A last batch that is smaller, momentum, weight decay, clipping, a schedule for every batch, validation."""
    tg.manual_seed(1)
    model, data = LeNet().double(), TensorDataset(*digits(105))
    optimizer = tg.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4, nesterov=True)
    schedule = OneCycleLR(optimizer, 0.02, total_steps=200)
    trainer = Trainer(model, tg.nn.CrossEntropyLoss(), optimizer, schedule, [Alike()], clip_gradient=1.0)
    trainer.fit(DataLoader(data, 11, shuffle=True), DataLoader(data, 50), epochs=20)
    return weights(model) | figures(trainer)


@case
def batches_smaller_than_the_number_of_ranks() -> Arrays:
    tg.manual_seed(2)
    return trained(perceptron(), DataLoader(points(16), 3, shuffle=True))  # the last has one sample


@case
def class_weights_and_ignored_targets() -> Arrays:
    tg.manual_seed(3)
    inputs, classes = points(60).tensors
    classes[tg.arange(60) % 5 < 3] = -7  # some shares have no other
    loss = tg.nn.CrossEntropyLoss(tg.tensor([0.2, 1.0, 3.0]).double(), ignore_index=-7, label_smoothing=0.1)
    return trained(perceptron(), DataLoader(TensorDataset(inputs, classes), 7), loss, metric=None)


@case
def dropout() -> Arrays:
    tg.manual_seed(4)
    noisy = perceptron(tg.nn.Dropout(0.4), tg.nn.AlphaDropout(0.2))
    return trained(noisy, DataLoader(points(50), 8, shuffle=True))


class Pictures(Dataset[Any]):
    """Pictures that a transform distorts, a batch at a time or one by one."""

    def __init__(self, transform: Any) -> None:
        (self.pictures, self.classes), self.transform = digits(40), transform

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: Any) -> Any:
        return self.transform(self.pictures[index]), self.classes[index]


class PicturesInBatches(Pictures):
    def batch_at(self, indices: Any) -> Any:
        return self.transform(self.pictures[indices]), self.classes[indices]


def linear() -> tg.nn.Module:
    return tg.nn.Sequential(tg.nn.Flatten(), tg.nn.Linear(784, 10)).double()


@case
def augmentation_of_batches() -> Arrays:
    tg.manual_seed(5)
    affine = Compose([RandomAffine(12, translate=(0.1, 0.1), scale=(0.9, 1.1)), RandomHorizontalFlip()])
    data = Subset(PicturesInBatches(affine), np.arange(3, 37))
    return trained(linear(), DataLoader(data, 9, shuffle=True), lr=0.01)


@case
def augmentation_of_blocks() -> Arrays:
    tg.manual_seed(6)
    return trained(linear(), DataLoader(PicturesInBatches(ElasticTransform(8.0, 3.0)), 9, shuffle=True), lr=0.01)


@case
def augmentation_of_samples() -> Arrays:
    tg.manual_seed(7)
    return trained(linear(), DataLoader(Pictures(RandomHorizontalFlip()), 9, shuffle=True), lr=0.01)


@case
def batches_from_a_list() -> Arrays:
    tg.manual_seed(8)
    inputs, classes = points(40).tensors
    return trained(perceptron(), [(inputs[i : i + 7], classes[i : i + 7]) for i in range(0, 40, 7)])  # type: ignore


@case
def early_stopping_and_plateaus() -> Arrays:
    tg.manual_seed(9)
    model, data = perceptron(), DataLoader(points(30), 7, shuffle=True)
    optimizer = tg.optim.Adam(model.parameters(), lr=0.05)
    trainer = Trainer(
        model,
        tg.nn.CrossEntropyLoss(),
        optimizer,
        ReduceLROnPlateau(optimizer, patience=0, threshold=0.1),
        [Alike(), EarlyStopping(2, 0.02)],
    )
    trainer.fit(data, DataLoader(points(20), 6), epochs=40)
    assert trainer.history.ended_early
    return weights(model) | figures(trainer)


class Tied(tg.nn.Module):
    """A weight that is used twice, one that is not used, and one that is used for the first rows of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = tg.nn.Linear(6, 6), tg.nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.unused, self.sometimes, self.last = tg.nn.Linear(6, 6), tg.nn.Linear(6, 3), tg.nn.Linear(6, 3)

    def forward(self, input: tg.Tensor, few: int) -> tg.Tensor:
        result = self.last(self.second(self.first(input).tanh()))
        return tg.cat([result[:few] + self.sometimes(input[:few]), result[few:]]) if few else result


def wrapped(model: tg.nn.Module) -> tg.nn.Module:
    return DistributedDataParallel(model) if tg.distributed.is_initialized() else model


@case
def a_loop_of_ones_own() -> Arrays:
    """Tied and unused parameters, a branch on one rank, `no_sync`, two backward passes, a `grad` on one rank."""
    tg.manual_seed(10)
    inputs, classes = points(26).tensors
    model = Tied().double()
    ours = wrapped(model)
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    loss = tg.nn.CrossEntropyLoss()
    for step in range(8):
        share = share_of(len(inputs)).rows
        x, y = inputs[share], classes[share]
        few = 5 if step > 3 and share.start == 0 else 0
        optimizer.zero_grad()
        alone = step % 2 and isinstance(ours, DistributedDataParallel)
        with ours.no_sync() if alone else nullcontext():  # type: ignore[union-attr, operator]
            loss(ours(x, few), y).backward()
        if share.start == 0:
            tg.autograd.grad(loss(ours(x, few), y), list(model.last.parameters()))
        (2 * loss(ours(x, few), y)).backward()
        optimizer.step()
    assert model.unused.weight.grad is None
    return weights(model)


def normalized(kind: Callable[..., tg.nn.Module]) -> tg.nn.Module:
    convolution, linear = tg.nn.Conv2d(1, 3, 7, stride=3), tg.nn.Linear(3 * 8 * 8, 10)
    return tg.nn.Sequential(convolution, kind(3), tg.nn.Tanh(), tg.nn.Flatten(), linear).double()


@case
def batch_norm_of_a_rank() -> Arrays:
    tg.manual_seed(12)
    data = DataLoader(TensorDataset(*digits(30)), 10, shuffle=True)
    return trained(normalized(tg.nn.BatchNorm2d), data, lr=0.01)


@case
def batch_norm_of_all_ranks() -> Arrays:
    """Some batches have fewer samples than there are ranks, and some samples' targets are to be ignored."""
    tg.manual_seed(13)
    inputs, classes = digits(38)
    classes[(tg.arange(38) + 5) % 9 < 4] = -7
    loss = tg.nn.CrossEntropyLoss(tg.linspace(0.5, 2, 10).double(), ignore_index=-7)
    data = DataLoader(TensorDataset(inputs, classes), 12)  # the last has two samples
    return trained(normalized(tg.nn.SyncBatchNorm), data, loss, lr=0.01, metric=None)


@case
def batch_norm_of_all_ranks_in_a_loop_of_ones_own() -> Arrays:
    tg.manual_seed(14)
    inputs, classes = digits(26)
    model = tg.nn.SyncBatchNorm.convert_sync_batchnorm(normalized(tg.nn.BatchNorm2d))
    ours = wrapped(model)
    optimizer = tg.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)
    for _ in range(5):
        share = share_of(len(inputs)).rows
        optimizer.zero_grad()
        tg.nn.functional.cross_entropy(ours(inputs[share]), classes[share]).backward()
        optimizer.step()
    return weights(model)
