"""Resuming: what a checkpoint was made with is in it; a change is refused by name, or made on purpose by a flag."""

from __future__ import annotations

import os
import shutil
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tests.support.training_processes import SETTINGS, few_digits, outcome
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.experiment import resume
from tinygrad_cnn.experiment.archive import archive
from tinygrad_cnn.experiment.config import BY_FLAG, FIXED, FREE, Config, ConfigError, parse_arguments, read_ini
from tinygrad_cnn.experiment.folder import RunFolder
from tinygrad_cnn.experiment.run import main, run
from tinygrad_cnn.storage.safetensors import load_checkpoint
from tinygrad_cnn.training import Checkpoints, Trainer


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_digits(tmp_path_factory.mktemp("digits"))


def config(data: Path, folder: Path, **changes: Any) -> Config:
    return Config(**{**SETTINGS, "data_dir": str(data), "output": str(folder), "epochs": 2, **changes})


def resumed(folder: Path, *flags: str) -> dict[str, Any]:
    return run(parse_arguments(["--resume", str(folder), *flags])[0], resume=True)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    run(config(data, folder, schedule="none", checkpoint_seconds=99.0))
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of the folder of a run of two epochs that has come to its end."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(folder: Path, name: str, value: str) -> None:
    path = folder / "config.ini"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"{name} = {value}" if line.startswith(f"{name} =") else line for line in lines))


# --- config.ini was edited ---

EDITS = {
    "dataset": "kmnist", "samples": "100", "official_test": "false", "train_ratio": "0.5", "val_ratio": "0.125",
    "augment": "none", "normalize": "true", "one_hot": "true", "model": "lenet5", "initialization": "kaiming",
    "batch_size": "8", "optimizer": "adam", "seed": "1", "label_smoothing": "0.1", "average": "0.9",
    "tensorboard": "true", "compile": "false",
    "epochs": "3", "learning_rate": "0.5", "momentum": "0.5", "nesterov": "false", "weight_decay": "0.0",
    "clip_gradient": "1.0", "schedule": "cosine", "early_stop_patience": "1", "early_stop_min_delta": "0.5",
}  # fmt: skip


def test_every_setting_is_fixed_or_may_be_changed() -> None:
    assert EDITS.keys() == FIXED | BY_FLAG
    assert {f.name for f in fields(Config)} == FIXED | BY_FLAG | FREE


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_setting_is_refused_by_name_and_nothing_changes(folder: Path, name: str) -> None:
    before = str(getattr(Config(**read_ini(folder / "config.ini")), name))
    edit(folder, name, EDITS[name])
    after = str(getattr(Config(**read_ini(folder / "config.ini")), name))
    present = files(folder)
    message = (
        rf"checkpoint-00002\.safetensors is not of the run that config\.ini describes: {name} is {after} there, "
    )
    with pytest.raises(
        ValueError, match=message + f"and {before} in the checkpoint. Set config.ini back"
    ) as refused:
        resumed(folder)
    flag = f"--{name.replace('_', '-')} {after}" if name != "nesterov" else "--no-nesterov"
    assert (f"to change it on purpose, give {flag}" in str(refused.value)) == (name in BY_FLAG)
    assert files(folder) == present


@pytest.mark.parametrize("name", sorted(FIXED))
def test_what_is_fixed_can_be_changed_neither_by_a_flag_nor_by_a_call(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Config(**read_ini(folder / "config.ini"))
    edit(folder, name, EDITS[name])
    other = replace(Config(**read_ini(folder / "config.ini")), output=str(folder))
    (folder / "config.ini").write_text(whole.to_ini())
    with pytest.raises(ValueError, match=f"a run cannot be resumed with another {name}"):
        run(other, resume=True)
    flag = f"--{name.replace('_', '-')}"
    value = [] if isinstance(getattr(whole, name), bool) else [EDITS[name]]
    with pytest.raises(SystemExit):
        parse_arguments(["--resume", str(folder), flag, *value])
    assert f"leave out {flag}" in capsys.readouterr().err


def test_settings_on_which_no_result_depends_may_be_edited(folder: Path) -> None:
    before = outcome(folder)
    edit(folder, "checkpoint_seconds", "3.0")
    edit(folder, "threads", "0")
    resumed(folder)
    assert outcome(folder) == before
    moved = folder.rename(folder.with_name("moved"))
    resumed(moved)
    assert outcome(moved) == before
    assert read_ini(moved / "config.ini")["output"] == str(moved)


@pytest.mark.parametrize("text", ["", "[data]\n", "\ufeff", "half"], ids=["empty", "one section", "a BOM", "half"])
def test_a_configuration_that_lacks_settings_is_no_run_of_defaults(folder: Path, text: str) -> None:
    path = folder / "config.ini"
    path.write_text(path.read_text()[: path.stat().st_size // 2] if text == "half" else text, encoding="utf-8")
    before = files(folder)
    with pytest.raises(ConfigError, match=r"config\.ini: .*(settings are missing, .* the first|wanted|not an INI)"):
        run(replace(Config(), output=str(folder)), resume=True)
    with pytest.raises(SystemExit):
        parse_arguments(["--resume", str(folder)])
    assert files(folder) == before


def test_an_ini_file_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    path = folder / "config.ini"
    expected = read_ini(path)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert read_ini(path) == expected
    resumed(folder)


def test_other_digits_are_refused(folder: Path, tmp_path: Path) -> None:
    other = few_digits(tmp_path)
    labels = other / "train-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[-1] = (content[-1] + 1) % 10
    labels.write_bytes(content)
    with pytest.raises(ValueError, match="was made with other digits; wanted the same files in data_dir"):
        resumed(folder, "--data-dir", str(other))


# --- changes on purpose ---


def test_a_finished_run_is_given_more_epochs(
    data: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a constant rate it ends with the bits of a run that had so many epochs from the beginning."""
    run(config(data, tmp_path / "longer", schedule="none", epochs=4))
    resumed(folder, "--epochs", "4")
    assert outcome(folder) == outcome(tmp_path / "longer")
    assert read_ini(folder / "config.ini")["epochs"] == 4
    before = outcome(folder)
    capsys.readouterr()
    resumed(folder)
    assert outcome(folder) == before
    assert f"--resume {folder} --epochs N" in capsys.readouterr().out


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "step"])
def test_more_epochs_or_another_rate_have_the_schedule_made_for_them(
    data: Path, tmp_path: Path, schedule: str
) -> None:
    run(config(data, tmp_path / "short", schedule=schedule, epochs=2))
    run(config(data, tmp_path / "long", schedule=schedule, epochs=4, learning_rate=0.02))
    resumed(tmp_path / "short", "--epochs", "4", "--learning-rate", "0.02")
    short, long = ([e["learning_rate"] for e in outcome(tmp_path / n)["epochs"]] for n in ("short", "long"))
    assert short[2:] == pytest.approx(long[2:], rel=1e-12)
    assert short[:2] != pytest.approx(long[:2])


def test_a_change_within_an_epoch_takes_effect_at_its_step(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_the_plug(monkeypatch, config(data, tmp_path), epoch=2, step=3)
    seen: list[float] = []
    step = Trainer._step

    def watched(self: Trainer, *rest: Any) -> None:
        seen.append(self.optimizer.param_groups[0]["lr"])
        step(self, *rest)

    monkeypatch.setattr(Trainer, "_step", watched)
    resumed(tmp_path, "--schedule", "none", "--learning-rate", "0.015625")
    assert seen == [0.015625] * 3  # six steps an epoch, three of which were done
    assert read_ini(tmp_path / "config.ini")["schedule"] == "none"


def pull_the_plug(monkeypatch: pytest.MonkeyPatch, config: Config, epoch: int, step: int) -> None:
    """Leave a run as one leaves it that is killed before that step."""
    original = Trainer._step

    def unplugged(self: Trainer, *rest: Any) -> None:
        if len(self.history) == epoch - 1 and self.running.batches == step:
            raise KeyboardInterrupt
        original(self, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", unplugged)
        with pytest.raises(KeyboardInterrupt):
            run(config)


def test_fewer_epochs_than_are_done_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="epochs is 1, but 2 are done"):
        resumed(folder, "--epochs", "1")


def test_a_change_that_was_cut_short_is_completed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The new settings are in the checkpoint, and config.ini has the old ones: nobody has edited it."""
    before = (folder / "config.ini").read_text()

    def killed(self: RunFolder, name: str, text: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resume.RunFolder, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            resumed(folder, "--epochs", "3")
    assert (folder / "config.ini").read_text() == before
    assert resumed(folder)["epochs"] == 3
    assert read_ini(folder / "config.ini")["epochs"] == 3


def test_a_run_that_ended_early_goes_on_if_it_is_given_more_patience(data: Path, tmp_path: Path) -> None:
    settings = {"epochs": 4, "early_stop_patience": 1, "early_stop_min_delta": 100.0, "schedule": "none"}
    assert run(config(data, tmp_path / "a", **settings))["epochs"] == 2
    assert resumed(tmp_path / "a", "--early-stop-patience", "9")["epochs"] == 4
    run(config(data, tmp_path / "b", **{**settings, "early_stop_patience": 9}))
    assert outcome(tmp_path / "a")["weights"] == outcome(tmp_path / "b")["weights"]


# --- the folder ---


def test_checkpoints_beyond_epoch_99_999_are_in_order(tmp_path: Path) -> None:
    names = ["99999-000000001", "99999", "100000-000000002", "100000-1000000000", "100000", "1000000", "00007"]
    for name in [*names, "best", "00008-x"]:
        (tmp_path / f"checkpoint-{name}.safetensors").touch()
    order = [path.stem.removeprefix("checkpoint-") for path in Checkpoints.saved(tmp_path)]
    newest_first = [
        "1000000",
        "100000-1000000000",
        "100000-000000002",
        "100000",
        "99999-000000001",
        "99999",
        "00007",
    ]
    assert order == newest_first


@pytest.mark.parametrize("done", [0, 99_998, 9_999_998])
def test_the_newest_checkpoints_stay_whatever_their_numbers(tmp_path: Path, done: int) -> None:
    (tmp_path / "checkpoint-best.safetensors").touch()  # of the user, not of the callback
    saver = Checkpoints(tmp_path)
    for epochs in range(done, done + 4):
        saver.save(SimpleNamespace(history=range(epochs), running=None, state_dict=dict))
    saved = Checkpoints.saved(tmp_path)
    assert [int(path.stem.split("-")[1]) for path in saved] == [done + 3, done + 2]
    assert (tmp_path / "checkpoint-best.safetensors").exists()


def test_a_checkpoint_is_not_deleted_as_it_is_written_where_an_older_run_went_further(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-00050.safetensors").touch()
    (tmp_path / "checkpoint-00049.safetensors").touch()
    model = nn.Linear(1, 2)
    run = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()), callbacks=[Checkpoints(tmp_path)])
    run.fit(DataLoader(TensorDataset(tg.ones(2, 1), tg.tensor([0, 1]))), epochs=3)
    names = [path.stem.removeprefix("checkpoint-") for path in Checkpoints.saved(tmp_path)]
    assert names == ["00050", "00049", "00003", "00002"]


def test_archiving_that_is_cut_short_anywhere_never_splits_a_run(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is whole in the folder or in the archive; to archive again leaves one archive with all of it."""
    whole = files(finished)
    kills = 0
    for moment in range(1000):
        folder = Path(shutil.copytree(finished, tmp_path / str(moment)))
        left = [moment]

        def counted(function: Any, left: list[int] = left) -> Any:
            def call(*args: Any, **options: Any) -> Any:
                if not left[0]:
                    raise KeyboardInterrupt
                left[0] -= 1
                return function(*args, **options)

            return call

        ended = False
        with monkeypatch.context() as patch:
            for owner, name in ((os, "link"), (Path, "unlink"), (Path, "rename"), (Path, "mkdir")):
                patch.setattr(owner, name, counted(getattr(owner, name)))
            try:
                archive(folder)
                ended = True
            except KeyboardInterrupt:
                kills += 1
        places = [place for place in (folder, folder / "earlier-1") if place.is_dir()]
        held = [{p.name: p.read_bytes() for p in place.iterdir() if p.is_file()} for place in places]
        assert whole in held, moment
        if not ended and whole not in held[:1]:  # nothing that could be resumed is in the folder
            assert not (folder / "config.ini").exists()
        archive(folder)
        kept = sorted(folder.glob("earlier-*"))
        assert all(files(place) == whole for place in kept), moment
        assert [p for p in folder.iterdir() if p.is_file()] == []
        if ended:
            break
    assert kills > 2 * len(whole)


def test_a_run_archived_twice_is_no_leftover_of_the_first(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    archive(folder)
    shutil.copytree(finished, folder, dirs_exist_ok=True)  # the same run again, to the last byte
    archive(folder)
    assert files(folder / "earlier-1") == files(folder / "earlier-2") == files(finished)


def test_where_there_are_no_hard_links_files_are_copied(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*args: Any) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(os, "link", none)
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    archive(folder)
    assert files(folder / "earlier-1") == files(finished)


@pytest.mark.skipif(os.name != "posix", reason="a folder that is locked cannot be moved there")
@pytest.mark.parametrize("anew", [True, False], ids=["made anew", "moved only"])
@pytest.mark.parametrize("when", ["training", "evaluation"])
def test_a_folder_that_is_moved_under_a_run_is_not_written_to(
    data: Path, tmp_path: Path, anew: bool, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, moved = tmp_path / "run", tmp_path / "moved"

    def move(*rest: Any) -> None:
        if folder.exists() and not moved.exists():
            folder.rename(moved)
            if anew:
                folder.mkdir()
                (folder / "history.csv").write_text("of another run")

    if when == "training":
        original = Trainer._step
        monkeypatch.setattr(
            Trainer,
            "_step",
            lambda self, *rest: (original(self, *rest), move() if len(self.history) == 1 else None),
        )
    else:
        from tinygrad_cnn.experiment import run as room

        evaluate = room.evaluate_run
        monkeypatch.setattr(room, "evaluate_run", lambda *rest: (move(), evaluate(*rest))[1])
    with pytest.raises(OSError, match=f"{folder}: the folder was moved or deleted while this run was at work"):
        run(config(data, folder))
    if anew:
        assert files(folder) == {"history.csv": b"of another run"}
    else:
        assert not folder.exists()
    monkeypatch.undo()
    resumed(moved)
    run(config(data, tmp_path / "undisturbed"))
    assert outcome(moved) == outcome(tmp_path / "undisturbed")


def test_main_says_what_is_wrong_with_a_resumed_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(folder, "seed", "3")
    with pytest.raises(SystemExit, match=r"error: .*seed is 3 there, and 0 in the checkpoint"):
        main(["--resume", str(folder)])


def test_a_checkpoint_without_settings_is_passed_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tinygrad_cnn.storage.safetensors import save_checkpoint

    newest = Checkpoints.saved(folder)[0]
    state = load_checkpoint(newest)
    del state["settings"]
    save_checkpoint(state, newest)
    resumed(folder)
    assert "passing over a checkpoint" in capsys.readouterr().out
    assert np.isfinite(load_checkpoint(newest)["settings"]["learning_rate"])
