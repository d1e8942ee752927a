"""`Trainer` computes gradients with a program: the same results, and bits that no interruption changes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.training import Callback, Trainer

Batches = list[tuple[tg.Tensor, tg.Tensor]]

MODELS: dict[str, Callable[[], nn.Module]] = {
    "lenet": tg.models.LeNet,
    "dropout and batch norm": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(784, 30), nn.BatchNorm1d(30), nn.ReLU(), nn.Dropout(0.5), nn.Linear(30, 10)
    ),
}


def batches(ignored: tuple[int, ...] = ()) -> Batches:
    """Return batches, of which some have a target that the loss ignores; the last one is smaller."""
    rng = np.random.default_rng(0)
    made = []
    for i, size in enumerate((16, 16, 16, 16, 6)):
        targets = rng.integers(0, 10, size)
        targets[1] = -100 if i in ignored else targets[1]
        made.append((tg.tensor(rng.random((size, 1, 28, 28), dtype=np.float32)), tg.tensor(targets)))
    return made


def trainer(model: str, callbacks: Any = (), **options: Any) -> Trainer:
    tg.manual_seed(0)
    made = MODELS[model]()
    optimizer = optim.SGD(made.parameters(), lr=0.05, momentum=0.9)
    return Trainer(made, nn.CrossEntropyLoss(), optimizer, callbacks=callbacks, clip_gradient=1.0, **options)


def weights(run: Trainer) -> bytes:
    return b"".join(value.array.tobytes() for value in run.model.state_dict().values())


class States(Callback):
    """Keeps the trainer's state after each step."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    def on_step_end(self, trainer: Trainer) -> None:
        self.states.append(copy.deepcopy(trainer.state_dict()))


@pytest.mark.parametrize("ignored", [(), (0, 3), (2, 4)])
@pytest.mark.parametrize("model", MODELS)
def test_a_run_has_the_same_bits_wherever_it_was_interrupted(model: str, ignored: tuple[int, ...]) -> None:
    states, given = States(), batches(ignored)
    whole = trainer(model, [states])
    history = whole.fit(given, epochs=2)
    assert "linear(" in whole.explain()
    for state in states.states[:-1]:
        resumed = trainer(model, [States()])
        resumed.load_state_dict(state)
        found = resumed.fit(given, epochs=2)
        assert weights(resumed) == weights(whole)
        assert found.epochs[-1].train == history.epochs[-1].train


@pytest.mark.parametrize("ignored", [(), (1,)])
@pytest.mark.parametrize("model", MODELS)
def test_results_are_those_without_a_program(model: str, ignored: tuple[int, ...]) -> None:
    runs = []
    tg.set_compiled_kernels(False)
    try:
        for compile in (True, False):
            runs.append(trainer(model, compile=compile))
            runs[-1].fit(batches(ignored), epochs=2)
    finally:
        tg.set_compiled_kernels(True)
    assert weights(runs[0]) == weights(runs[1])
    assert [e.train for e in runs[0].history.epochs] == [e.train for e in runs[1].history.epochs]
    assert "cross_entropy" in runs[0].explain()
    assert runs[1].explain() == "steps run as they are: compile=False"


@pytest.mark.parametrize("before", [None, tg.ones(2)])
def test_gradients_that_were_there_are_those_of_a_run_without_a_program(before: tg.Tensor | None) -> None:
    """A parameter that the optimizer does not have keeps its gradient from step to step."""
    found = []
    for compile in (True, False):
        tg.manual_seed(0)
        model = nn.Linear(3, 2)
        run = Trainer(model, nn.MSELoss(), optim.SGD([model.weight], lr=0.1), metric=None, compile=compile)
        model.bias.grad = copy.deepcopy(before)
        run.fit([(tg.ones(4, 3), tg.zeros(4, 2))], epochs=3)
        found.append(model.bias.grad.tolist())
    assert found[0] == found[1]


def test_what_is_no_program_runs_once_a_step_and_as_it_is() -> None:
    calls: list[int] = []

    def counted(outputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
        calls.append(len(targets))
        return nn.functional.cross_entropy(outputs, targets)

    tg.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    run = Trainer(model, counted, optim.SGD(model.parameters(), lr=0.1))
    run.fit(batches(), epochs=2)
    assert calls == [16, 16, 16, 16, 6] * 2
    assert "changes a variable" in run.explain()
    again = Trainer(model, counted, optim.SGD(model.parameters(), lr=0.1))
    again.load_state_dict(run.state_dict())
    assert "the first one of the run could not be a program" in again.explain()


def test_parts_that_are_replaced_are_used() -> None:
    run = trainer("lenet")
    run.fit(batches(), epochs=1)
    run.loss = lambda outputs, targets: outputs.square().mean()
    loss = run.fit(batches(), epochs=2).epochs[-1].train.loss
    assert "square" in run.explain()
    assert loss != run.history.epochs[0].train.loss


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))])
def test_a_copy_of_a_trainer_goes_on_as_the_trainer_does(copied: Callable[[Trainer], Trainer]) -> None:
    run = trainer("lenet")
    run.fit(batches(), epochs=1)
    other = copied(run)
    for each in (run, other):
        each.fit(batches(), epochs=2)
    assert weights(other) == weights(run)


def test_a_state_of_another_form_is_refused() -> None:
    run = trainer("lenet")
    with pytest.raises(ValueError, match="program is 3"):
        run.load_state_dict({**run.state_dict(), "program": 3})
