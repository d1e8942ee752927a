"""The configuration: what is given where, what wins, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.experiment.config import PRESETS, Config, ConfigError, parse_arguments, read_ini
from tinygrad_cnn.experiment.references import REFERENCES, STATED

ROOT = Path(__file__).parents[1]


def ini(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_come_before_the_file_the_file_before_the_preset_the_preset_before_the_defaults(
    tmp_path: Path,
) -> None:
    file = ini(tmp_path / "a.ini", "[training]\nbatch_size = 32\nlearning_rate = 0.5\n")
    config, resume = parse_arguments(["--preset", "report", "--config", str(file), "--learning-rate", "0.25"])
    assert (config.learning_rate, config.batch_size, config.epochs, config.dataset) == (0.25, 32, 50, "auto")
    assert resume is None


def test_every_setting_has_a_flag() -> None:
    default, _ = parse_arguments([])
    assert default == Config()
    other = {bool: lambda v: not v, int: lambda v: v + 1, float: lambda v: v / 2, str: lambda v: "x"}
    for field in fields(Config):
        choices = field.metadata["choices"]
        value = choices[-1] if choices else other[type(field.default)](field.default)
        flag = f"--{field.name.replace('_', '-')}"
        given = (
            [flag, str(value)] if not isinstance(value, bool) else [flag if value else flag.replace("--", "--no-")]
        )
        assert parse_arguments(given)[0] == replace(default, **{field.name: value})


def test_short_names_are_understood_on_the_command_line_and_explained_in_a_file(tmp_path: Path) -> None:
    config, _ = parse_arguments(["--lr", "0.25", "--wd", "0.5"])
    assert (config.learning_rate, config.weight_decay) == (0.25, 0.5)
    with pytest.raises(ConfigError, match=r"there is no 'lr' in \[training\]; did you mean 'learning_rate'\?"):
        read_ini(ini(tmp_path / "a.ini", "[training]\nlr = 0.25\n"))


@given(st.integers(1, 10**6), st.floats(0, 1e6), st.booleans(), st.sampled_from(["mnist", "synthetic"]))
def test_a_saved_configuration_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, epochs: int, rate: float, nesterov: bool, dataset: str
) -> None:
    config = Config(epochs=epochs, learning_rate=rate, nesterov=nesterov, dataset=dataset)
    file = ini(tmp_path_factory.mktemp("ini") / "config.ini", config.to_ini())
    assert Config(**read_ini(file)) == config


def test_the_reports_file_is_shipped_and_says_what_the_report_says() -> None:
    given = read_ini(ROOT / "examples" / "report.ini")
    assert given == {
        "epochs": 50,
        "batch_size": 16,
        "learning_rate": 0.2,
        "early_stop_patience": 5,
        "early_stop_min_delta": 0.001,
    }


def test_the_reports_experiment_is_a_preset() -> None:
    config = Config(**PRESETS["report"])
    assert config.initialization == "kaiming"
    assert (config.samples, config.train_ratio, config.val_ratio, config.official_test) == (1000, 0.8, 0.1, False)
    assert (config.batch_size, config.learning_rate, config.epochs) == (16, 0.01, 50)
    assert (config.momentum, config.weight_decay, config.schedule) == (0, 0, "none")
    assert (config.early_stop_patience, config.early_stop_min_delta) == (5, 0.001)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_run_with_a_folder_of_its_own(name: str) -> None:
    assert parse_arguments(["--preset", name])[0] == Config(**PRESETS[name])
    assert PRESETS[name]["output"] == f"runs/{name}"


def test_the_references_have_the_settings_of_their_authors() -> None:
    names = ("porpiglia", "duan", "salmon", "kayed")
    porpiglia, duan, salmon, kayed = (Config(**PRESETS[name]) for name in names)
    assert (porpiglia.optimizer, porpiglia.learning_rate, porpiglia.epochs) == ("adam", 0.01, 20)
    assert duan.batch_size == 1
    assert duan.epochs * round(60_000 * duan.train_ratio) == 150_000
    assert duan.learning_rate == 0.008
    assert (salmon.epochs, salmon.learning_rate, salmon.samples) == (500, 0.1, 42_000)
    assert salmon.batch_size == round(salmon.samples * salmon.train_ratio)
    assert (kayed.dataset, kayed.model) == ("fashion-mnist", "lenet5")
    assert REFERENCES.keys() | {"report"} == STATED.keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[trainig]\nepochs = 3\n",
            r"there is no section \[trainig\]; wanted one of .*; did you mean 'training'\?",
        ),
        ("[training]\nepoch = 3\n", r"there is no 'epoch' in \[training\]; did you mean 'epochs'\?"),
        ("[data]\nepochs = 3\n", r"there is no 'epochs' in \[data\]; it is in \[training\]"),
        ("[DEFAULT]\nepochs = 3\n", r"there is no section \[DEFAULT\]"),
        ("[training]\nepochs = many\n", r"epochs is 'many'; wanted a whole number"),
        ("[training]\nepochs = 0\n", r"epochs is 0; wanted at least 1"),
        ("[training]\nmomentum = 1.5\n", r"momentum is 1.5; wanted 0 to 1"),
        ("[training]\nlearning_rate = nan\n", r"learning_rate is 'nan'; wanted a number"),
        ("[training]\nnesterov = perhaps\n", r"nesterov is 'perhaps'; wanted yes or no"),
        ("[data]\ndataset = minst\n", r"dataset is 'minst'; wanted one of auto, mnist, .*; did you mean 'mnist'\?"),
        (
            "[data]\ntrain_ratio = 0.9\nval_ratio = 0.2\n",
            r"train_ratio 0.9 and val_ratio 0.2 are more than 1 together",
        ),
        ("epochs = 3\n", r"not an INI file"),
        ("[training]\nepochs = 3\nepochs = 4\n", r"not an INI file: .*already exists"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"wrong\.ini: {message}"):
        read_ini(ini(tmp_path / "wrong.ini", text))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--epoch", "3"], "there is no option --epoch; did you mean '--epochs'?"),
        (["--epochs", "0"], "epochs is 0; wanted at least 1"),
        (["--learning-rate", "fast"], "learning_rate is 'fast'; wanted a number"),
        (["--config", "nowhere.ini"], "nowhere.ini: No such file or directory"),
        (
            ["--resume", "runs/x", "--epochs", "3", "--output", "runs/y"],
            "--resume takes what its checkpoint was made with from the run's own folder; leave out --output",
        ),
        (
            ["--preset", "reprot"],
            f"there is no preset 'reprot'; wanted one of {', '.join(PRESETS)}; did you mean 'report'?",
        ),
        (["--dataset", "kaggle"], "dataset is 'kaggle', whose test file has no labels; wanted official_test no"),
        (["--resume", "nowhere"], "nowhere holds no run: there is no config.ini in it"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(
    capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(argv)
    assert message in capsys.readouterr().err


def test_a_resumed_run_brings_its_configuration(tmp_path: Path) -> None:
    ini(tmp_path / "config.ini", Config(epochs=7, output="elsewhere").to_ini())
    config, folder = parse_arguments(["--resume", str(tmp_path)])
    assert (config.epochs, config.output, folder) == (7, str(tmp_path), tmp_path)
