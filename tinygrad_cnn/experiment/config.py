"""The configuration of a training run: an INI file, flags that override it, and defaults for the rest."""

from __future__ import annotations

import argparse
import configparser
import io
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tinygrad_cnn.experiment.networks import NETWORKS
from tinygrad_cnn.experiment.references import REFERENCES
from tinygrad_cnn.support.did_you_mean import did_you_mean

DATASETS = ("auto", "mnist", "fashion-mnist", "kmnist", "emnist-digits", "kaggle", "synthetic")
SCHEDULES = ("none", "one-cycle", "cosine", "step")
AUGMENTATIONS = ("none", "slight", "affine", "elastic", "cutout")
OPTIMIZERS = ("sgd", "adam")


BY_FLAG = frozenset(
    "epochs learning_rate momentum nesterov weight_decay clip_gradient schedule early_stop_patience "
    "early_stop_min_delta".split()
)
"""Settings that flags may change when a run is resumed, together with the schedule that depends on them."""

FREE = frozenset("data_dir threads output checkpoint_seconds pictures".split())
"""Settings that may be changed between a run and its resumption: no result depends on them."""


class ConfigError(ValueError):
    """A configuration that names something unknown, or a value out of range."""


def _option(
    section: str,
    default: Any,
    help: str,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    short: str = "",
) -> Any:
    metadata = {"section": section, "help": help, "least": least, "most": most, "choices": choices, "short": short}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """Every setting of a run: its section in the file, its default, and what it may be. Each has a flag too."""

    dataset: str = _option("data", "auto", "auto is MNIST, or synthetic where it cannot be had", choices=DATASETS)
    data_dir: str = _option("data", "", "folder of the data files; empty: $TINYGRAD_CNN_DATA, or your cache")
    samples: int = _option("data", 0, "images of the training file to use, 0 for all", least=0)
    official_test: bool = _option("data", True, "test on the official test file, not on a part of the samples")
    train_ratio: float = _option("data", 0.92, "part of the samples to train on", least=0, most=1)
    val_ratio: float = _option("data", 0.08, "part to validate on; what is left is tested on", least=0, most=1)
    augment: str = _option("data", "none", "distort the training images", choices=AUGMENTATIONS)
    normalize: bool = _option("data", False, "bring pixels to mean 0 and standard deviation 1")
    one_hot: bool = _option("data", False, "labels as rows of ten numbers")

    model: str = _option("model", "lenet", "the network", choices=tuple(NETWORKS))
    initialization: str = _option("model", "pytorch", "how weights begin", choices=("pytorch", "kaiming"))

    epochs: int = _option("training", 5, "passes over the training images, at most", least=1)
    batch_size: int = _option("training", 64, "images in a step", least=1)
    optimizer: str = _option("training", "sgd", "how weights follow the gradients", choices=OPTIMIZERS)
    learning_rate: float = _option("training", 0.1, "the rate, or the peak of its schedule", least=0, short="lr")
    momentum: float = _option("training", 0.9, "of the gradients, of sgd", least=0, most=1)
    nesterov: bool = _option("training", True, "look ahead by the momentum")
    weight_decay: float = _option("training", 5e-4, "how strongly weights are drawn to 0", least=0, short="wd")
    clip_gradient: float = _option("training", 0.0, "largest norm that a gradient keeps, 0 for any", least=0)
    label_smoothing: float = _option("training", 0.0, "part of a label given to all classes", least=0, most=1)
    average: float = _option("training", 0.0, "decay of the averaged weights to keep, 0 for none", least=0, most=1)
    schedule: str = _option("training", "one-cycle", "how the rate changes", choices=SCHEDULES)
    early_stop_patience: int = _option("training", 5, "epochs without improvement before stopping", least=1)
    early_stop_min_delta: float = _option("training", 0.001, "what counts as improvement", least=0)
    seed: int = _option("training", 0, "of everything that is random", least=0)
    compile: bool = _option("training", True, "compute gradients by a program, which is faster")
    threads: int = _option("training", 0, "processor threads, 0 for what the library takes", least=0)

    output: str = _option("output", "runs/lenet_mnist", "folder of the run")
    checkpoint_seconds: float = _option("output", 10.0, "save within an epoch when this has passed", least=0)
    tensorboard: bool = _option("output", False, "write the epochs for TensorBoard, into the run's folder")
    pictures: bool = _option("output", True, "draw pictures and write report.html")

    def __post_init__(self) -> None:
        for f in fields(self):
            _check_range(f.name, getattr(self, f.name), f.metadata)
        if self.train_ratio + self.val_ratio > 1 + 1e-9:
            raise ConfigError(
                f"train_ratio {self.train_ratio:g} and val_ratio {self.val_ratio:g} are more than 1 together"
            )
        if self.dataset == "kaggle" and self.official_test:
            raise ConfigError(
                "dataset is 'kaggle', whose test file has no labels; wanted official_test no, and ratios that "
                "leave a part of the training file to test on"
            )

    def to_ini(self) -> str:
        """Return the configuration as the text of an INI file."""
        parser = configparser.ConfigParser(interpolation=None)
        for f in fields(self):
            section = f.metadata["section"]
            if not parser.has_section(section):
                parser.add_section(section)
            value = getattr(self, f.name)
            parser.set(section, f.name, str(value).lower() if isinstance(value, bool) else str(value))
        text = io.StringIO()
        parser.write(text)
        return text.getvalue()


FIXED = frozenset(f.name for f in fields(Config)) - BY_FLAG - FREE
"""Settings that stay as they are when a run is resumed: data and model depend on them."""

PRESETS: dict[str, dict[str, Any]] = {
    "report": {
        "initialization": "kaiming",
        "samples": 1000,
        "official_test": False,
        "train_ratio": 0.8,
        "val_ratio": 0.1,
        "epochs": 50,
        "batch_size": 16,
        "learning_rate": 0.01,
        "momentum": 0.0,
        "nesterov": False,
        "weight_decay": 0.0,
        "schedule": "none",
        "early_stop_patience": 5,
        "early_stop_min_delta": 0.001,
        "output": "runs/report",
    },
    "best": {
        "augment": "affine",
        "epochs": 60,
        "learning_rate": 0.05,
        "weight_decay": 1e-4,
        "early_stop_patience": 60,
        "output": "runs/best",
    },
    "small": {
        "model": "small",
        "augment": "affine",
        "epochs": 30,
        "learning_rate": 0.1,
        "weight_decay": 1e-4,
        "early_stop_patience": 30,
        "output": "runs/small",
    },
    **REFERENCES,
}


def _check_range(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    choices, least, most = metadata["choices"], metadata["least"], metadata["most"]
    if choices and value not in choices:
        raise ConfigError(f"{name} is {value!r}; wanted one of {', '.join(choices)}{did_you_mean(value, choices)}")
    if isinstance(value, str) and not _fits_a_line(value):
        raise ConfigError(f"{name} is {value!r}; an INI file cannot hold that: wanted no # or ; after a space")
    low, high = -math.inf if least is None else least, math.inf if most is None else most
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not low <= value <= high:
        wanted = f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
        raise ConfigError(f"{name} is {value}; wanted {wanted}")


def _fits_a_line(text: str) -> bool:
    return text.isprintable() and text == text.strip() and not re.search(r"(^|\s)[#;]", text)


def _parsed(name: str, text: str, kind: type) -> Any:
    """Return the value that a text stands for."""
    try:
        if kind is bool:
            return configparser.ConfigParser.BOOLEAN_STATES[text.lower()]
        value = kind(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
    except (ValueError, KeyError):
        wanted = {bool: "yes or no", int: "a whole number", float: "a number"}[kind]
        raise ConfigError(f"{name} is {text!r}; wanted {wanted}") from None
    return value


def _kind(name: str) -> type:
    default = next(f.default for f in fields(Config) if f.name == name)
    assert default is not MISSING
    return type(default)


_NO_DEFAULT_SECTION = "\n"
"""A name that no section of a file can have, so that [DEFAULT] is refused like any unknown section."""


def read_ini(path: str | Path) -> dict[str, Any]:
    """Return the settings that an INI file gives. Raises ConfigError, naming the file, for what it cannot mean."""
    sections: dict[str, list[str]] = {}
    for f in fields(Config):
        sections.setdefault(f.metadata["section"], []).append(f.name)
    parser = configparser.ConfigParser(
        interpolation=None, inline_comment_prefixes=("#", ";"), default_section=_NO_DEFAULT_SECTION
    )
    given: dict[str, Any] = {}
    try:
        parser.read_string(Path(path).read_text(encoding="utf-8-sig"), str(path))
        for section in parser.sections():
            if section not in sections:
                known = ", ".join(f"[{s}]" for s in sections)
                hint = did_you_mean(section, sections)
                raise ConfigError(f"there is no section [{section}]; wanted one of {known}{hint}")
            for name, text in parser.items(section):
                if name not in sections[section]:
                    raise ConfigError(f"there is no {name!r} in [{section}]{_place_of(name, section, sections)}")
                given[name] = _parsed(name, text, _kind(name))
        Config(**given)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not an INI file: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return given


def read_run(folder: Path) -> Config:
    """Return the configuration of the run in a folder. Raises ConfigError if there is none, or not all of it.

    The file of a run holds every setting, so an empty or truncated one is no run with default settings.
    """
    path = folder / "config.ini"
    if not path.is_file():
        archived = ", ".join(sorted(str(archive.parent) for archive in folder.glob("earlier-*/config.ini")))
        hint = f"; earlier runs are in {archived}" if archived else ""
        raise ConfigError(f"{folder} holds no run: there is no config.ini in it{hint}")
    given = read_ini(path)
    missing = [f.name for f in fields(Config) if f.name not in given]
    if missing:
        raise ConfigError(
            f"{path}: {len(missing)} settings are missing, {missing[0]} the first; the file of a run holds all of "
            "them. Restore it as it was"
        )
    return replace(Config(**given), output=str(folder))


def changed_settings(before: Mapping[str, Any], after: Config, names: Collection[str]) -> list[str]:
    """Return those of the settings, in their order, that differ between a configuration as a dict and another."""
    return [f.name for f in fields(Config) if f.name in names and before.get(f.name) != getattr(after, f.name)]


def flag_of(name: str) -> str:
    """Return the flag of a setting."""
    return f"--{name.replace('_', '-')}"


def flag_with_value(name: str, value: Any) -> str:
    """Return what is written on the command line to give a setting a value."""
    if isinstance(value, bool):
        return flag_of(name) if value else flag_of(f"no_{name}")
    return f"{flag_of(name)} {value}"


def _place_of(name: str, section: str, sections: Mapping[str, list[str]]) -> str:
    """Return where else a setting of that name is, or which of the section was meant."""
    for f in fields(Config):
        if f.metadata["short"] == name:
            return f"; did you mean {f.name!r}?"
    other = next((s for s, names in sections.items() if name in names), None)
    return f"; it is in [{other}]" if other else did_you_mean(name, sections[section])


def parse_arguments(argv: list[str] | None = None, description: str | None = None) -> tuple[Config, Path | None]:
    """Return the configuration that the command line asks for, and the run to resume, if any.

    Flags come before the file, the file before the preset, the preset before the defaults. A run that is resumed
    has its own configuration; only those of BY_FLAG and FREE may change it.
    """
    parser = argparse.ArgumentParser(
        description=description, usage="%(prog)s [options]", argument_default=argparse.SUPPRESS, allow_abbrev=False
    )
    parser.add_argument("--config", metavar="FILE", help="an INI file with any of the settings below")
    presets = "{" + ",".join(PRESETS) + "}"
    parser.add_argument("--preset", metavar=presets, help="settings for a purpose")
    parser.add_argument("--resume", metavar="DIR", help="resume the run in a folder, with its settings")
    groups: dict[str, Any] = {}
    for f in fields(Config):
        section, default = f.metadata["section"], f.default
        group = groups.setdefault(
            section, parser.add_argument_group(f"[{section}]") if section not in groups else 0
        )
        shown = f"{default:.4g}" if isinstance(default, float) else str(default)
        if isinstance(default, bool):
            shown = "yes" if default else "no"
        help = f"{f.metadata['help']} ({shown})" if shown else f.metadata["help"]
        flags = [flag_of(f.metadata["short"])] if f.metadata["short"] else []
        flags.append(flag_of(f.name))
        if isinstance(default, bool):
            group.add_argument(*flags, action=argparse.BooleanOptionalAction, help=help)
        else:
            choices = f.metadata["choices"]
            metavar = "{" + ",".join(choices) + "}" if choices else {int: "N", float: "X"}.get(type(default), "DIR")
            group.add_argument(*flags, dest=f.name, metavar=metavar, help=help.replace("%", "%%"))
    found, unknown = parser.parse_known_args(argv)
    if unknown:
        hint = did_you_mean(unknown[0].partition("=")[0], parser._option_string_actions)
        parser.error(f"there is no option {unknown[0]}{hint}")
    given = vars(found)
    try:
        return _resolved(given)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except ConfigError as error:
        parser.error(str(error))


def _resolved(given: dict[str, Any]) -> tuple[Config, Path | None]:
    file, preset, resume = (given.pop(name, None) for name in ("config", "preset", "resume"))
    if preset is not None and preset not in PRESETS:
        known = ", ".join(PRESETS)
        raise ConfigError(f"there is no preset {preset!r}; wanted one of {known}{did_you_mean(preset, PRESETS)}")
    flags = {n: _parsed(n, v, _kind(n)) if isinstance(v, str) else v for n, v in given.items()}
    if resume is not None:
        return _resumed(Path(resume), flags, file or preset), Path(resume)
    return Config(**{**PRESETS.get(preset or "", {}), **(read_ini(file) if file else {}), **flags}), None


def _resumed(folder: Path, flags: Mapping[str, Any], other: str | None) -> Config:
    """Return the configuration of the run in a folder, with the flags that a run may be resumed with."""
    kept = FIXED | {"output"}
    refused = ", ".join(flag_of(name) for name in flags if name in kept)
    if other or refused:
        raise ConfigError(
            f"--resume takes what its checkpoint was made with from the run's own folder; leave out "
            f"{refused or '--config or --preset'}"
        )
    return replace(read_run(folder), **flags)
