"""Nothing is lost: runs that are killed, whose disk is full or whose files are damaged go on to the same bits."""

from __future__ import annotations

import errno
import io
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.training_processes import SETTINGS, few_digits, outcome, process
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.experiment.config import Config, parse_arguments
from tinygrad_cnn.experiment.run import run
from tinygrad_cnn.storage import atomic_files as files
from tinygrad_cnn.storage.safetensors import load_checkpoint
from tinygrad_cnn.training import Checkpoints, EarlyStopping, Trainer

KILLS = int(os.environ.get("TINYGRAD_CNN_KILLS", "10"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_digits(tmp_path_factory.mktemp("digits"))


def config(data: Path, folder: Path, **changes: Any) -> Config:
    return Config(**{**SETTINGS, "data_dir": str(data), "output": str(folder), "epochs": 2, **changes})


def begin_or_go_on(data: Path, folder: Path) -> None:
    begun = (folder / "config.ini").exists()
    run(parse_arguments(["--resume", str(folder)])[0] if begun else config(data, folder), begun)


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What comes of a run within this process that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    run(config(data, folder))
    return outcome(folder)


# --- processes of their own ---


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    said, _ = process(data, folder).communicate()
    assert "everything is in" in said
    return {"outcome": outcome(folder), "seconds": time.monotonic() - began}


def test_fresh_processes_give_the_same_bits(data: Path, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    process(data, tmp_path).communicate()
    assert outcome(tmp_path) == undisturbed["outcome"]


def kill(running: subprocess.Popen[str], folder: Path, seconds: float) -> None:
    """Kill a process at a random moment: of all its life, or, more often, of its work on checkpoints."""
    rng = random.Random()
    began, before = time.monotonic(), Checkpoints.saved(folder)
    if rng.random() < 0.75:
        while Checkpoints.saved(folder) == before and time.monotonic() < began + seconds:
            time.sleep(0.001)
        seconds /= 4
    try:
        running.wait(rng.uniform(0, seconds))
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)


def test_a_process_killed_at_any_moment_goes_on_to_the_same_bits(
    data: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    """Killed again and again, until it comes to its end; then the next run is, until there were enough kills."""
    kills, runs, within_epochs = 0, 0, 0
    while kills < KILLS:
        runs += 1
        folder = tmp_path / str(runs)
        ended = False
        while not ended:
            running = process(data, folder)
            if kills < KILLS:
                kill(running, folder, undisturbed["seconds"])
            said, _ = running.communicate()
            within_epochs += "batches\n" in said
            ended = running.returncode == 0
            kills += not ended
            assert ended or running.returncode == -signal.SIGKILL, said
        assert outcome(folder) == undisturbed["outcome"]
        assert not list(folder.glob(".*.part"))
    print(f"{kills} kills in {runs} runs, {within_epochs} times gone on within an epoch")


# --- within this process ---


def test_a_checkpoint_of_any_step_is_gone_on_from_to_the_same_bits(tmp_path: Path) -> None:
    """Shuffling, dropout, momentum, the schedule, early stopping and the means of the epoch, all at once."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(2, 8), nn.Linear(8, 2)

        def forward(self, input: tg.Tensor) -> tg.Tensor:
            return self.second(nn.functional.dropout(self.first(input).relu(), 0.3, self.training))

    def new(folder: Path, seed: int) -> Trainer:
        tg.manual_seed(seed)
        model = Net()
        optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.9)
        schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, epochs=3, steps_per_epoch=7)
        watchers = [EarlyStopping(2), Checkpoints(folder, keep=99, seconds=0.0)]
        return Trainer(model, nn.CrossEntropyLoss(), optimizer, schedule, watchers)

    rng = np.random.default_rng(0)
    points = rng.standard_normal((50, 2)).astype(np.float32)
    dataset = TensorDataset(tg.tensor(points), tg.tensor((points.sum(1) > 0).astype(int)))

    def finish(trainer: Trainer) -> list[Any]:
        history = trainer.fit(DataLoader(dataset, 8, shuffle=True), DataLoader(dataset, 50), epochs=3)
        return [p.tolist() for p in trainer.model.parameters()] + [
            (e.train, e.validation, e.learning_rate) for e in history.epochs
        ]

    expected = finish(new(tmp_path, 0))
    saved = Checkpoints.saved(tmp_path)
    assert len(saved) == 3 * 7 + 3
    for path in saved:
        other = new(tmp_path / "other", 1)
        other.callbacks = other.callbacks[:1]
        state = load_checkpoint(path)
        state["callbacks"] = state["callbacks"][:1]
        other.load_state_dict(state)
        assert finish(other) == expected, path.name


def test_an_epoch_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    def new() -> Trainer:
        model = nn.Linear(2, 2)
        watchers = [Checkpoints(tmp_path, seconds=0.0)]
        return Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()), callbacks=watchers)

    def loader(samples: int) -> DataLoader:
        return DataLoader(TensorDataset(tg.zeros(samples, 2), tg.zeros(samples).long()), 2)

    new().fit(loader(8))
    within = next(path for path in Checkpoints.saved(tmp_path) if path.stem.count("-") > 1)
    other = new()
    other.load_state_dict(load_checkpoint(within))
    with pytest.raises(ValueError, match="the epoch that is running has 8 samples, the training set 6"):
        other.fit(loader(6))


class FullDisk:
    """A disk that has room for so many more bytes."""

    def __init__(self, room: float) -> None:
        self.room = room
        self.written = 0

    def open(self, path: Path, mode: str) -> io.FileIO:
        disk = self

        class File(io.FileIO):
            def write(self, content: bytes) -> int:
                fits = int(min(disk.room - disk.written, len(content)))
                disk.written += super().write(content[:fits])
                if fits < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return fits

        return File(path, mode)


@pytest.fixture(scope="module")
def bytes_written(data: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    disk = FullDisk(float("inf"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "open", disk.open, raising=False)
        run(config(data, tmp_path_factory.mktemp("measured")))
    return disk.written


@settings(max_examples=8)
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_full_disk_names_the_file_and_loses_nothing(
    data: Path, whole: dict[str, Any], bytes_written: int, tmp_path_factory: pytest.TempPathFactory, part: float
) -> None:
    folder = tmp_path_factory.mktemp("full")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "open", FullDisk(part * bytes_written).open, raising=False)
        with pytest.raises(OSError, match=f"No space left on device: '{folder}"):
            run(config(data, folder))
    assert not list(folder.glob(".*.part"))
    for path in Checkpoints.saved(folder):
        load_checkpoint(path)
    begin_or_go_on(data, folder)
    assert outcome(folder) == whole


def halfway(data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a run as one leaves it that is killed in its second epoch."""
    step = Trainer._step

    def pulled_plug(self: Trainer, *rest: Any) -> None:
        if len(self.history) == 1 and self.running.batches == 3:
            raise KeyboardInterrupt
        step(self, *rest)

    monkeypatch.setattr(Trainer, "_step", pulled_plug)
    with pytest.raises(KeyboardInterrupt):
        run(config(data, folder))
    monkeypatch.undo()


UNSYNCED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "zeros at the end": lambda content: content[:-4096] + bytes(4096),
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", UNSYNCED)
def test_what_a_power_cut_took_from_the_newest_checkpoint_is_noticed(
    data: Path,
    whole: dict[str, Any],
    tmp_path: Path,
    damage: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    halfway(data, tmp_path, monkeypatch)
    newest, before = Checkpoints.saved(tmp_path)
    newest.write_bytes(UNSYNCED[damage](newest.read_bytes()))
    begin_or_go_on(data, tmp_path)
    said = capsys.readouterr().out
    assert f"passing over a checkpoint: {newest}: not a checkpoint, or damaged" in said
    assert "going on after epoch 1 and 2 batches" in said
    assert before.name == "checkpoint-00001-000000002.safetensors"
    assert outcome(tmp_path) == whole


def test_without_a_whole_checkpoint_there_is_a_clear_error(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halfway(data, tmp_path, monkeypatch)
    saved = Checkpoints.saved(tmp_path)
    for path in saved:
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=f"{tmp_path}: no checkpoint is whole; to start from the beginning"):
        begin_or_go_on(data, tmp_path)
    assert Checkpoints.saved(tmp_path) == saved


def test_a_checkpoint_of_another_run_changes_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halfway(data, tmp_path, monkeypatch)
    other = config(data, tmp_path, model="lenet5")
    (tmp_path / "config.ini").write_text(other.to_ini())
    with pytest.raises(ValueError, match=r"checkpoint-00001-000000003\.safetensors is not of the run"):
        begin_or_go_on(data, tmp_path)


@pytest.mark.parametrize("name", ["history.csv", "history.jsonl"])
@pytest.mark.parametrize("when", ["halfway", "at the end"])
def test_a_torn_history_is_mended(
    data: Path, whole: dict[str, Any], tmp_path: Path, name: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    halfway(data, tmp_path, monkeypatch)
    if when == "at the end":
        begin_or_go_on(data, tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-7])
    begin_or_go_on(data, tmp_path)
    assert outcome(tmp_path) == whole


def test_a_folder_is_one_runs_at_a_time(data: Path, tmp_path: Path) -> None:
    with files.locked(tmp_path), pytest.raises(BlockingIOError, match=f"{tmp_path}: another run is at work there"):
        run(config(data, tmp_path))
    with files.locked(tmp_path):
        pass


def test_a_new_run_in_an_old_folder_forgets_the_old_one(
    data: Path, whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it is ended before it has begun: then there is nothing to go on with."""
    halfway(data, tmp_path, monkeypatch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "open", FullDisk(10).open, raising=False)
        with pytest.raises(OSError, match=r"config\.ini"):
            run(config(data, tmp_path, seed=1))
    assert not (tmp_path / "config.ini").exists()
    assert not Checkpoints.saved(tmp_path)
    begin_or_go_on(data, tmp_path)
    assert outcome(tmp_path) == whole


def test_nothing_global_of_numpy_is_touched(data: Path, tmp_path: Path) -> None:
    def state() -> Any:
        legacy = np.random.get_state()  # noqa: NPY002
        return [repr(part) for part in (legacy, np.geterr(), np.get_printoptions())]

    before = state()
    run(config(data, tmp_path, epochs=1))
    assert state() == before
