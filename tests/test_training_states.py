"""The state of a trainer: what does not fit is refused and changes nothing, and any resumable epoch is resumed."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import tinygrad_cnn as tg
from tests.support.training_cases import DATASET, Passes, generator, pairs, trainer, weights
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.optim.lr_scheduler import StepLR
from tinygrad_cnn.storage.safetensors import load_checkpoint
from tinygrad_cnn.training import Callback, Checkpoints, EarlyStopping, Trainer


def half_done(loader: Any, epochs: int = 1) -> dict[str, Any]:
    """The state of a run within its last epoch."""
    states: list[dict[str, Any]] = []

    class Save(Callback):
        def on_step_end(self, trainer: Any) -> None:
            if trainer.running.batches == 2:
                states.append(deepcopy(trainer.state_dict()))

    trainer(callbacks=[Save()]).fit(loader, epochs=epochs)
    return states[-1]


STATES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no state": (lambda state: [], "it is a list; wanted what state_dict"),
    "no model": (lambda state: state.pop("model"), "it has no 'model'"),
    "another model": (lambda state: state["model"].pop("bias"), "missing: bias"),
    "another optimizer": (
        lambda state: state.update(optimizer=optim.Adam(nn.Linear(2, 2).parameters()).state_dict()),
        "SGD.load_state_dict: the state is of another kind of optimizer",
    ),
    "no schedule": (
        lambda state: state.update(scheduler=None),
        "this trainer has a learning-rate schedule, the state",
    ),
    "fewer callbacks": (
        lambda state: state["callbacks"].pop(),
        "it is of 0 callbacks; this trainer has: EarlyStopping",
    ),
    "another callback": (lambda state: state["callbacks"].__setitem__(0, {}), "it has no 'monitor'"),
    "another figure": (
        lambda state: state["callbacks"][0].update(monitor="val_accuracy", mode="max"),
        r"the state is of val_accuracy \(max\); wanted val_loss \(min\)",
    ),
    "no figure": (lambda state: state["callbacks"][0].update(best="low"), "EarlyStopping: the state holds"),
    "no weights": (lambda state: state["callbacks"][0].update(best_weights=3), "EarlyStopping: the state holds"),
    "another metric": (lambda state: state["history"][0].pop("train_accuracy"), "an epoch has the columns"),
    "words": (lambda state: state["history"][0].update(train_loss="low"), "holds something that is no number"),
    "a reason": (lambda state: state.update(ended_early=True), "ended_early is True"),
    "an order": (lambda state: state["running"].update(order=tg.tensor([0.5])), "in place of an order"),
    "batches": (lambda state: state["running"].update(batches=-1), "in place of its numbers"),
    "randomness": (lambda state: state["random"].pop("state"), "does not fit: "),
}


def plain(state: Any) -> Any:
    """A state with lists in place of its tensors, to be compared."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    if isinstance(state, list):
        return [plain(value) for value in state]
    return state.tolist() if isinstance(state, tg.Tensor) else state


def full(seed: int) -> Trainer:
    tg.manual_seed(seed)
    model = nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), 0.1, 0.9)
    return Trainer(model, nn.CrossEntropyLoss(), optimizer, StepLR(optimizer, 5), [EarlyStopping()])


@pytest.mark.parametrize("case", STATES)
def test_states(case: str, tmp_path: Path) -> None:
    spoil, message = STATES[case]
    source = full(1)
    source.callbacks += (Checkpoints(tmp_path, seconds=0.0),)
    source.fit(DataLoader(DATASET, 4), pairs(), epochs=2)
    state = load_checkpoint(tmp_path / "checkpoint-00002.safetensors")
    state["callbacks"].pop()
    state["running"] = half_done(DataLoader(DATASET, 4))["running"]
    run = full(0)
    run.load_state_dict(state)
    run = full(0)
    spoilt = spoil(state)
    given = spoilt if case == "no state" else state
    before = plain(run.state_dict())
    with pytest.raises(
        ValueError, match=rf"Trainer\.load_state_dict: the state does not fit: .*{message}|{message}"
    ):
        run.load_state_dict(given)
    assert plain(run.state_dict()) == before


def test_a_state_with_a_schedule_is_not_loaded_without_one() -> None:
    with pytest.raises(ValueError, match="the state has a learning-rate schedule, this trainer has none"):
        trainer().load_state_dict({**trainer().state_dict(), "scheduler": {}})


SAMPLERS: dict[str, list[int]] = {
    "some": [3, 1, 2, 7, 5, 0, 4],
    "repeated": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6],
}


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_an_epoch_of_a_sampler_is_resumed(sampler: list[int]) -> None:
    def loader() -> DataLoader:
        return DataLoader(DATASET, 3, sampler=sampler)

    whole, resumed = trainer(), trainer()
    whole.fit(loader(), epochs=2)
    state = half_done(loader(), epochs=2)
    state["callbacks"] = []
    resumed.load_state_dict(state)
    resumed.fit(loader(), epochs=2)
    assert weights(resumed) == weights(whole)
    other = trainer()
    other.load_state_dict(state)
    with pytest.raises(ValueError, match=r"the epoch that is running has .* samples, the training set 12"):
        other.fit(DataLoader(DATASET, 3), epochs=2)


def test_an_epoch_of_a_list_is_resumed() -> None:
    whole, resumed = trainer(), trainer()
    whole.fit(pairs(), epochs=2)
    state = half_done(pairs(), epochs=2)
    state["callbacks"] = []
    resumed.load_state_dict(state)
    resumed.fit(pairs(), epochs=2)
    assert weights(resumed) == weights(whole)
    for loader, message in ((pairs(3), "has 3 batches, the training set 4"), (Passes(), "cannot be resumed with")):
        other = trainer()
        other.load_state_dict(state)
        with pytest.raises(ValueError, match=message):
            other.fit(loader, epochs=2)


def test_an_epoch_that_cannot_be_resumed_is_not_saved(tmp_path: Path) -> None:
    """`state_dict` refuses by name; the callback saves between epochs only."""
    with pytest.raises(ValueError, match="cannot be read again from the middle; wanted a DataLoader or a list"):
        half_done(generator())
    trainer(callbacks=[Checkpoints(tmp_path, keep=99, seconds=0.0)]).fit(Passes(), epochs=2)
    assert [path.stem for path in Checkpoints.saved(tmp_path)] == ["checkpoint-00002", "checkpoint-00001"]
