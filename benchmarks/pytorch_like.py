"""The workloads in PyTorch and in this package: one source for both, since both have the same interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from itertools import count, cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import growth, models
from benchmarks.expressions import function_of
from benchmarks.workloads import STEPS, Workload, batches, initial_weights, read_digits

EPOCHS = 4


class Job(NamedTuple):
    """A prepared workload: one run of it, the numbers that frameworks must agree on, and a reset to its start."""

    run: Callable[[], Any]
    check: Callable[[], list[float]]
    reset: Callable[[], None] = lambda: None
    parts: int = 1


class PyTorchLike:
    """Prepares workloads in PyTorch, eager or compiled, or in this package."""

    def __init__(self, module: str, folder: Path, compiled: bool = False) -> None:
        self.library: Any = import_module(module)
        self.data: Any = import_module("torch.utils.data" if module == "torch" else f"{module}.data")
        self.folder = folder
        self.compile = self.library.compile if compiled else lambda function: function
        self.kinds: tuple[str, ...] = ("step", "program", "inference", "small")
        if not compiled:
            self.kinds += ("epoch", "indexed", "accuracy", "memory", "forward", "both", "growth")
        if module == "tinygrad_cnn":
            self.kinds += ("tape",)

    def offers(self, workload: Workload) -> bool:
        """Return whether the workload can be done."""
        return workload.kind in self.kinds

    def prepare(self, workload: Workload) -> Job:
        """Return the workload, ready to run."""
        job: Job = getattr(self, f"_{workload.kind}")(workload)
        return job

    # --- the pieces of training ---

    def _model(self, name: str, seed: int = 0) -> tuple[Any, Callable[[], None]]:
        model = models.build(self.library, name)
        state = {name: value.clone() for name, value in model.state_dict().items()}
        names, parameters = zip(*model.named_parameters(), strict=True)
        weights = initial_weights([tuple(p.shape) for p in parameters], seed)
        state.update(zip(names, map(self.library.from_numpy, weights), strict=True))
        model.load_state_dict(state)
        return model, lambda: model.load_state_dict(state) and None

    def _trainer(self, model: Any, **options: Any) -> tuple[Callable[[Any, Any], Any], Any]:
        """Return a function that trains on a batch and returns the loss, and its optimizer."""
        criterion = self.library.nn.CrossEntropyLoss()
        optimizer = self.library.optim.SGD(model.parameters(), **{"lr": 0.01, **options})
        forward = self.compile(model)
        loss_of = getattr(model, "loss", lambda x, y: criterion(forward(x), y))

        def train(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            return loss

        return train, optimizer

    def _dataset(self, part: str) -> tuple[Any, Any]:
        images, labels = read_digits(self.folder, part)
        return self.library.from_numpy(images), self.library.from_numpy(labels)

    def _without_gradients(self) -> Any:
        return getattr(self.library, "inference_mode", self.library.no_grad)()

    # --- the kinds of work ---

    def _step(self, workload: Workload) -> Job:
        model, reset = self._model(workload.model)
        train, _ = self._trainer(model)
        if workload.kind == "program" and self.library.__name__ == "tinygrad_cnn":
            train = self.library.compile(train)
        tensors = [tuple(map(self.library.from_numpy, batch)) for batch in batches(self.folder, workload)]
        endless = cycle(tensors)
        return Job(lambda: train(*next(endless)), _losses(train, tensors, reset), reset)

    _program = _step

    def _inference(self, workload: Workload) -> Job:
        model, _ = self._model(workload.model)
        model.eval()
        forward = self.compile(model)
        tensors = [self.library.from_numpy(x) for x, _ in batches(self.folder, workload)]
        endless = cycle(tensors)

        def run() -> Any:
            with self._without_gradients():
                return forward(next(endless))

        return Job(run, lambda: [float(v) for v in run().numpy().ravel()])

    def _epoch(self, workload: Workload) -> Job:
        dataset = self.data.TensorDataset(*self._dataset("train"))
        return self._over(workload, lambda shuffle: self.data.DataLoader(dataset, workload.batch, shuffle=shuffle))

    def _indexed(self, workload: Workload) -> Job:
        x, y = self._dataset("train")
        rng = np.random.default_rng(0)

        def indexed(shuffle: bool) -> Iterable[tuple[Any, Any]]:
            order = rng.permutation(len(x)) if shuffle else np.arange(len(x))
            wanted = self.library.from_numpy(order)
            for i in range(0, len(order), workload.batch):
                rows = wanted[i : i + workload.batch]
                yield x[rows], y[rows]

        return self._over(workload, indexed)

    def _over(self, workload: Workload, loader: Callable[[bool], Iterable[tuple[Any, Any]]]) -> Job:
        model, reset = self._model(workload.model)
        train, _ = self._trainer(model)

        def run() -> None:
            for x, y in loader(True):
                train(x, y)

        return Job(run, _losses(train, loader(False), reset), reset)

    def _accuracy(self, workload: Workload) -> Job:
        """Train by the default recipe of examples/lenet_mnist.py, with a new seed for each run, until 99 %."""
        dataset, (test_x, test_y) = self.data.TensorDataset(*self._dataset("train")), self._dataset("test")
        loader = self.data.DataLoader(dataset, workload.batch, shuffle=True)
        seeds = count()

        def accuracy_of(model: Any) -> float:
            with self._without_gradients():
                parts = [slice(i, i + 1000) for i in range(0, len(test_y), 1000)]
                return sum(int((model(test_x[p]).argmax(1) == test_y[p]).sum()) for p in parts) / len(test_y)

        def run() -> str:
            seed = next(seeds)
            self.library.manual_seed(seed)
            model, _ = self._model("lenet", seed)
            train, optimizer = self._trainer(model, lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
            schedule = self.library.optim.lr_scheduler.OneCycleLR(
                optimizer, 0.1, epochs=EPOCHS, steps_per_epoch=len(loader)
            )
            epoch, accuracy = 0, 0.0
            while epoch < EPOCHS and accuracy < 0.99:
                epoch += 1
                for x, y in loader:
                    train(x, y)
                    schedule.step()
                accuracy = accuracy_of(model)
            return f"seed {seed}: {accuracy:.2%} after {epoch} epochs"

        model, reset = self._model("lenet")
        train, _ = self._trainer(model, momentum=0.9, nesterov=True, weight_decay=5e-4)
        return Job(run, _losses(train, self.data.DataLoader(dataset, workload.batch), reset))

    def _memory(self, workload: Workload) -> Job:
        return self._epoch(workload)

    def _small(self, workload: Workload) -> Job:
        rng = np.random.default_rng(0)
        arrays = [rng.uniform(-0.5, 0.5, (10, 10)).astype(np.float32) for _ in range(2)]
        x, w = (self.library.from_numpy(a).requires_grad_() for a in arrays)
        function = self.compile(models.small)

        def run() -> Any:
            x.grad = w.grad = None
            out = function(x, w)
            out.backward()
            return out

        def check() -> list[float]:
            return [float(run().detach()), *(float(v) for v in x.grad.numpy().ravel())]

        return Job(run, check, parts=models.SMALL_OPERATIONS)

    def _growth(self, workload: Workload) -> Job:
        if workload.model == "batch":
            return self._step(replace(workload, model="lenet"))
        return Job(getattr(growth, workload.model)(self.library, workload.batch), list)

    def _tape(self, workload: Workload) -> Job:
        return Job(growth.tape(), list, parts=12)

    def _forward(self, workload: Workload) -> Job:
        function, _ = function_of(self.library, workload.model, workload.batch)
        return Job(function, lambda: [] if "dropout" in workload.model else _some(function()))

    def _both(self, workload: Workload) -> Job:
        function, leaves = function_of(self.library, workload.model, workload.batch)
        out = function()
        if not out.requires_grad:
            raise TypeError("it has no gradient")
        gradient = np.random.default_rng(0).uniform(0.5, 1, tuple(out.shape)).astype(str(out.dtype).split(".")[-1])
        seed = self.library.from_numpy(gradient)

        def run() -> None:
            for leaf in leaves:
                leaf.grad = None
            function().backward(seed)

        def check() -> list[float]:
            run()
            if "dropout" in workload.model:  # whose numbers are random
                return []
            return [v for leaf in leaves if leaf.grad is not None for v in _some(leaf.grad)]

        return Job(run, check)


def _some(tensor: Any) -> list[float]:
    """Return some of a tensor's numbers."""
    numbers = np.ravel(tensor.detach().numpy())
    return [float(v) for v in numbers[:: max(1, len(numbers) // 20)]]


def _losses(
    train: Callable[[Any, Any], Any], loader: Iterable[Any], reset: Callable[[], None]
) -> Callable[[], list[float]]:
    """Return a function that returns the losses of the first steps, and then resets the workload."""

    def check() -> list[float]:
        losses = [float(train(x, y).detach()) for (x, y), _ in zip(loader, range(STEPS), strict=False)]
        reset()
        return losses

    return check
