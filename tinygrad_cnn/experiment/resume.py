"""Resuming a run: its newest whole checkpoint, and the changes of configuration that are made on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinygrad_cnn.experiment.config import (
    BY_FLAG,
    FIXED,
    Config,
    changed_settings,
    flag_with_value,
    read_ini,
    read_run,
)
from tinygrad_cnn.experiment.folder import RunFolder
from tinygrad_cnn.storage.safetensors import load_checkpoint
from tinygrad_cnn.training.checkpoints import Checkpoints
from tinygrad_cnn.training.trainer import Trainer


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint, and the newer ones that are damaged."""

    path: Path
    state: dict[str, Any]
    damaged: list[Path]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The configuration that the checkpoint was made with."""
        return self.state["settings"]


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint that is whole, or None if there is none at all.

    Raises ValueError if there are checkpoints, but none is whole.
    """
    damaged: list[Path] = []
    for path in Checkpoints.saved(folder):
        try:
            state = load_checkpoint(path)
            if not isinstance(state.get("settings"), Mapping):
                raise ValueError(f"{path}: there are no settings of a run in it")
        except ValueError as error:
            print(f"passing over a checkpoint: {error}")
            damaged.append(path)
            continue
        return Checkpoint(path, state, damaged)
    if damaged:
        raise ValueError(f"{folder}: no checkpoint is whole; to start from the beginning, remove them")
    return None


def check_data(checkpoint: Checkpoint, checksum: int) -> None:
    """Raise ValueError if the digits are others than those that the checkpoint was made with."""
    if checkpoint.state.get("data") != checksum:
        raise ValueError(f"{checkpoint.path} was made with other digits; wanted the same files in data_dir")


def config_to_resume(checkpoint: Checkpoint, folder: Path, wanted: Config) -> Config:
    """Return the configuration with which a run is resumed from a checkpoint: the wanted one, if that may be.

    config.ini must say what the checkpoint was made with, and what is wanted may differ from it only in BY_FLAG and
    FREE settings. Otherwise this raises ValueError. Where a process was killed after it had saved a checkpoint with
    changed settings, and before it wrote them to config.ini, the change is completed.
    """
    made_with, written = checkpoint.settings, read_run(folder)
    replaced = checkpoint.state.get("replaced_settings")
    if replaced is not None and not changed_settings(replaced, written, FIXED | BY_FLAG):
        same = BY_FLAG - set(changed_settings(replaced, wanted, BY_FLAG))
        wanted = replace(wanted, **{name: made_with[name] for name in same})
    else:
        _check_unedited(checkpoint, written)
    fixed = changed_settings(made_with, wanted, FIXED)
    if fixed:
        raise ValueError(f"{checkpoint.path}: a run cannot be resumed with another {', '.join(fixed)}")
    done = len(checkpoint.state["history"])
    if wanted.epochs < done:
        raise ValueError(
            f"{checkpoint.path}: epochs is {wanted.epochs}, but {done} are done; wanted at least {done}"
        )
    return wanted


def _check_unedited(checkpoint: Checkpoint, written: Config) -> None:
    made_with = checkpoint.settings
    edited = [
        f"{name} is {getattr(written, name)} there, and {made_with.get(name)} in the checkpoint"
        for name in changed_settings(made_with, written, FIXED | BY_FLAG)
    ]
    if edited:
        by_flag = changed_settings(made_with, written, BY_FLAG)
        flags = [flag_with_value(name, getattr(written, name)) for name in by_flag]
        hint = f"; to change it on purpose, give {' '.join(flags)}" if flags else ""
        raise ValueError(
            f"{checkpoint.path} is not of the run that config.ini describes: {', '.join(edited)}. Set config.ini "
            f"back{hint}"
        )


def resume(
    checkpoint: Checkpoint | None, trainer: Trainer, folder: RunFolder | None, config: Config, steps: int
) -> None:
    """Bring a trainer into the state of a checkpoint; write config.ini if it changes, unless there is no folder.

    ``steps`` is the number of steps in an epoch. Settings that flags change take effect with the schedule that the
    new configuration has at this step. Raises ValueError if the state does not fit the trainer.
    """
    if checkpoint is None:
        print("no checkpoint yet: starting from the beginning")
        if folder:
            folder.write("config.ini", config.to_ini())
        return
    changes = changed_settings(checkpoint.settings, config, BY_FLAG)
    state = _rescheduled(checkpoint.state, trainer, steps) if changes else checkpoint.state
    try:
        trainer.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"{checkpoint.path} is not of the run that config.ini describes: {error}") from error
    if not folder:
        return
    for path in checkpoint.damaged:
        path.unlink()
    batches = f" and {trainer.running.batches} batches" if trainer.running else ""
    print(f"going on after epoch {len(trainer.history)}{batches}")
    if changes:
        before = checkpoint.settings
        print("changed: " + ", ".join(f"{n} from {before[n]} to {getattr(config, n)}" for n in changes))
        _save_changed(checkpoint, trainer, folder)
    if Config(**read_ini(folder.path / "config.ini")) != config:
        folder.write("config.ini", config.to_ini())


def _rescheduled(state: Mapping[str, Any], trainer: Trainer, steps: int) -> dict[str, Any]:
    """Return a state with the options and the schedule of the trainer, advanced to the step of the state.

    A run that had ended early goes on.
    """
    done = len(state["history"]) * steps + (state["running"]["batches"] if state["running"] else 0)
    trainer.optimizer.has_stepped = True
    if trainer.scheduler is not None:
        for _ in range(done):
            trainer.scheduler.step()
    groups = trainer.optimizer.state_dict()["param_groups"]
    schedule = None if trainer.scheduler is None else trainer.scheduler.state_dict()
    optimizer = {**state["optimizer"], "param_groups": groups}
    return {**state, "optimizer": optimizer, "scheduler": schedule, "ended_early": None}


def _save_changed(checkpoint: Checkpoint, trainer: Trainer, folder: RunFolder) -> None:
    """Save the changed state in place of the checkpoint, with the settings that config.ini still has beside it."""
    folder.check()
    saver = next(callback for callback in trainer.callbacks if isinstance(callback, Checkpoints))
    saver.save(trainer, replaced_settings=dict(checkpoint.settings))
