"""Write docs/training.md: the report's experiment beside ours, and what the full data set gives.

Every figure comes from runs that this program makes, over five seeds: about half an hour on two cores, most of it
for the recipe with distorted digits. ``python docs/make_training.py PART ...`` makes only these parts of the page
again: report, family, epochs, pictures, time, settings, tried, distorted, recipes.
"""

from __future__ import annotations

import contextlib
import io
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import make_pictures
import numpy as np

from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.experiment.config import AUGMENTATIONS, PRESETS, Config
from tinygrad_cnn.experiment.networks import NETWORKS
from tinygrad_cnn.experiment.references import STATED, Stated
from tinygrad_cnn.experiment.run import load_data, make_trainer, run, training_batches
from tinygrad_cnn.random import manual_seed
from tinygrad_cnn.training import Callback, Epoch, Trainer

PAGE = Path(__file__).with_name("training.md")
SEEDS = range(5)
REPORT = {
    "epochs": "35",
    "final_train_loss": "0.2071",
    "loss_improvement": "2.0955",
    "train_accuracy": "89.33 %",
    "val_loss": "0.6425",
    "val_accuracy": "85.00 %",
    "best_val_accuracy": "87.00 %",
    "test_accuracy": "not given",
    "seconds_per_epoch": "63.67 s",
    "seconds_total": "2,228.61 s",
}
NAMES = {
    "epochs": "epochs until early stopping",
    "final_train_loss": "final training loss",
    "loss_improvement": "loss improvement",
    "train_accuracy": "training accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "best_val_accuracy": "best validation accuracy",
    "test_accuracy": "test accuracy",
    "seconds_per_epoch": "time per epoch",
    "seconds_total": "time in all",
}


def runs(**settings: Any) -> list[dict[str, Any]]:
    """Return the metrics of a run for each seed."""
    found = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            changes = {"seed": seed, "output": folder, "pictures": False}
            found.append(run(Config(**{"dataset": "mnist", **settings, **changes})))
        print(".", end="", file=sys.stderr, flush=True)
    return found


def shown(name: str, values: list[float]) -> str:
    """Return the mean, and the range, in the figure's own unit."""
    if name.startswith("seconds"):
        return f"{np.mean(values):.2f} s" if name.endswith("epoch") else f"{np.mean(values):.1f} s"
    if name.endswith("accuracy"):
        return f"{np.mean(values):.2%} ({min(values):.2%} to {max(values):.2%})".replace("%", " %")
    return (
        f"{np.mean(values):.0f} ({min(values)} to {max(values)})" if name == "epochs" else f"{np.mean(values):.4f}"
    )


def against_the_report() -> list[str]:
    """Return the table of the report's experiment beside ours."""
    found = runs(**PRESETS["report"])
    rows = [f"| {NAMES[n]} | {theirs} | {shown(n, [m[n] for m in found])} |" for n, theirs in REPORT.items()]
    return ["| | the report | here, mean of five seeds |", "|---|---|---|", *rows]


def family() -> list[str]:
    """Return the table of the experiments that the references describe; one whose data is missing is not run."""
    lines = ["| `--preset` | network, parameters | the authors | here, mean of five seeds |", "|---|---|---|---|"]
    for name, stated in STATED.items():
        for data in ({}, {"dataset": "kaggle"}) if name == "salmon" else ({},):
            model = NETWORKS[PRESETS[name].get("model", "lenet")]()
            size = f"{type(model).__name__}, {sum(p.numel() for p in model.parameters()):,}"
            command = f"`{name}`, {stated.work}" if not data else f"`{name} {flags(data)[1:]}"
            lines.append(f"| {command} | {size} | {theirs(stated)} | {ours({**PRESETS[name], **data})} |")
    return lines


def theirs(stated: Stated) -> str:
    """Return what the authors of a work state, as a cell."""
    names = {"test_accuracy": "test", "train_accuracy": "training", "halves": "first and last 5,000 test digits"}
    said = [f"{label} {value}" for n, label in names.items() if (value := getattr(stated, n))]
    return ", ".join([*said, *([stated.seconds] if stated.seconds else [])]) or "see the paper"


def ours(settings: dict[str, Any]) -> str:
    """Return what comes here, as a cell, or that a data set is missing."""
    try:
        found = runs(**settings)
    except (FileNotFoundError, ConnectionError):
        return "not run: the data could not be had"
    mean = {n: shown(n, [m[n] for m in found]) for n in ("test_accuracy", "train_accuracy")}
    first, last = np.mean([m["test_accuracy_halves"] for m in found], 0)
    halves = f", first and last 5,000 test digits {first:.2%}, {last:.2%}".replace("%", " %")
    official = settings.get("official_test", True) and settings.get("dataset", "mnist") == "mnist"
    seconds = [shown(n, [m[n] for m in found]) for n in ("seconds_per_epoch", "seconds_total")]
    time = f"{found[0]['epochs']} epochs of {seconds[0]}, {seconds[1]} in all"
    accuracy = f"test {mean['test_accuracy']}, training {mean['train_accuracy']}"
    return f"{accuracy}{halves if official else ''}, {time}"


def by_epochs() -> list[str]:
    """Return the table of what each number of epochs of the default recipe gives."""
    lines = ["| epochs | test accuracy, five seeds | training time |", "|---|---|---|"]
    for epochs in (1, 2, 3, 5, 10):
        found = runs(epochs=epochs)
        accuracy = shown("test_accuracy", [m["test_accuracy"] for m in found])
        lines.append(f"| {epochs} | {accuracy} | {shown('seconds_total', [m['seconds_total'] for m in found])} |")
    return lines


def time_to() -> list[str]:
    """Return the table of how soon each schedule reaches each test accuracy, measured every 50 batches."""
    lines = ["| epochs | 97 % | 98 % | 99 % |", "|---|---|---|---|"]
    for epochs in (1, 2, 3):
        courses = [course(Config(dataset="mnist", seed=seed, epochs=epochs)) for seed in SEEDS]
        cells = []
        for goal in (0.97, 0.98, 0.99):
            first = [next((s for s, accuracy in c if accuracy >= goal), None) for c in courses]
            there = [s for s in first if s is not None]
            few = "" if len(there) == len(courses) else f", {len(there)} of {len(courses)} seeds"
            cells.append(f"{np.mean(there):.1f} s{few}" if there else "never")
        lines.append(f"| {epochs} | {' | '.join(cells)} |")
    return lines


def course(config: Config) -> list[tuple[float, float]]:
    """Return the seconds of training, without evaluation, and the test accuracy then, over a run."""
    looks = Looks()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        manual_seed(config.seed)
        parts = load_data(config)
        looks.test = DataLoader(parts.plain[2], 1000)
        batches = training_batches(config, parts)
        trainer = make_trainer(config, Path(folder), len(batches))
        trainer.callbacks = (looks,)
        trainer.fit(batches, None, config.epochs)
    print(".", end="", file=sys.stderr, flush=True)
    return looks.seen


class Looks(Callback):
    """Measures the test accuracy every 50 steps and at the end of each epoch, with the clock stopped."""

    test: DataLoader

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []

    def on_fit_start(self, trainer: Trainer) -> None:
        """Start the clock."""
        self.start, self.steps = time.perf_counter(), 0

    def on_step_end(self, trainer: Trainer) -> None:
        """Measure every 50 steps."""
        self.steps += 1
        if self.steps % 50 == 0:
            self.look(trainer)

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Measure."""
        self.look(trainer)

    def look(self, trainer: Trainer) -> None:
        """Note the time and the accuracy."""
        now = time.perf_counter()
        self.seen.append((now - self.start, trainer.evaluate(self.test).accuracy))
        self.start += time.perf_counter() - now


def settings() -> list[str]:
    """Return the table of what other settings than the defaults give, after two epochs."""
    tried: list[dict[str, Any]] = [
        {},
        {"learning_rate": 0.05},
        {"learning_rate": 0.2},
        {"batch_size": 32, "learning_rate": 0.05},
        {"batch_size": 128, "learning_rate": 0.2},
        {"nesterov": False},
        {"weight_decay": 0.0},
        {"schedule": "cosine", "learning_rate": 0.02},
        {"schedule": "none", "learning_rate": 0.01},
        {"normalize": True},
        {"initialization": "kaiming"},
    ]
    lines = ["| settings | test accuracy, five seeds |", "|---|---|"]
    for changes in tried:
        accuracy = shown("test_accuracy", [m["test_accuracy"] for m in runs(epochs=2, **changes)])
        lines.append(f"| {flags(changes) or 'the defaults'} | {accuracy} |")
    return lines


def tried() -> list[str]:
    """Return the table of what settings beside those of the best recipe give, on a validation part."""
    part = {"samples": 31_000, "official_test": False, "train_ratio": 20 / 31, "val_ratio": 10 / 31}
    base = {**PRESETS["best"], **part, "epochs": 3}
    changed: list[dict[str, Any]] = [
        {},
        {"augment": "none"},
        {"augment": "elastic"},
        {"augment": "cutout"},
        {"label_smoothing": 0.05},
        {"average": 0.99},
        {"batch_size": 128, "learning_rate": 0.1},
    ]
    lines = ["| settings | validation accuracy, five seeds |", "|---|---|"]
    for changes in changed:
        accuracy = shown("val_accuracy", [m["val_accuracy"] for m in runs(**{**base, **changes})])
        lines.append(f"| {flags(changes) or 'those of the recipe'} | {accuracy} |")
    return lines


def distorted() -> list[str]:
    """Return the table of the time of an epoch with each distortion, the best of five that took turns."""
    best: dict[str, float] = {}
    for seed in SEEDS:
        for augment in AUGMENTATIONS:
            best[augment] = min(
                best.get(augment, np.inf), epoch_of(Config(dataset="mnist", augment=augment, seed=seed))
            )
    lines = ["| `--augment` | seconds | beside none |", "|---|---|---|"]
    return [*lines, *(f"| {n} | {s:.2f} | {s / best['none']:.2f} |" for n, s in best.items())]


def epoch_of(config: Config) -> float:
    """Return the seconds of one epoch of training."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        manual_seed(config.seed)
        batches = training_batches(config, load_data(config))
        trainer = make_trainer(config, Path(folder), len(batches))
        trainer.callbacks = ()
        return trainer.fit(batches).epochs[0].seconds


def flags(changes: dict[str, Any]) -> str:
    """Return settings as they are given on the command line."""
    names = {name: name.replace("_", "-") for name in changes}
    given = [
        f"--{'' if value else 'no-'}{names[n]}" if isinstance(value, bool) else f"--{names[n]} {value}"
        for n, value in changes.items()
    ]
    return f"`{' '.join(given)}`" if given else ""


def recipes() -> list[str]:
    """Return the table of the other recipes."""
    lines = ["| command | test accuracy, five seeds | training time |", "|---|---|---|"]
    best, small = PRESETS["best"], PRESETS["small"]
    lenet5 = {"model": "lenet5", "normalize": True, "epochs": 10, "learning_rate": 0.05, "weight_decay": 1e-3}
    for command, changes in ((flags(lenet5), lenet5), ("`--preset best`", best), ("`--preset small`", small)):
        found = runs(**changes)
        accuracy = shown("test_accuracy", [m["test_accuracy"] for m in found])
        lines.append(f"| {command} | {accuracy} | {shown('seconds_total', [m['seconds_total'] for m in found])} |")
    return lines


def pictures() -> list[str]:
    make_pictures.draw_run()
    shown = {name: f"pictures/{name}.png" for name in make_pictures.OF_A_RUN}
    return ["\n\n".join(f"{CAPTIONS[name]}\n\n[![{name}]({path})]({path})" for name, path in shown.items())]


CAPTIONS = {
    "losses": "The loss in each epoch. The training loss of the first epoch is higher, because it is a mean over "
    "the whole epoch, in which the network was still learning.",
    "accuracies": "The accuracy in each epoch.",
    "confusion": "The confusion matrix of the 10,000 test digits: rows are the true digits, columns the "
    "predictions.",
    "mistakes": "The wrong predictions that the network was most certain of.",
    "filters": "The filters of the first layer: light for positive weights, dark for negative ones.",
    "feature-maps": "The feature maps of each layer for a seven.",
}
HEAD = (
    "# Training LeNet\n\nThis page is written by `python docs/make_training.py`, which makes all runs on it with "
    f"five seeds each, on {platform.machine()} with Python {platform.python_version()} and NumPy {np.__version__}."
)
PARTS: dict[str, tuple[str, str, Callable[[], list[str]]]] = {
    "report": (
        "The report's experiment",
        "The report is one of a deep-learning course: a convolutional network for MNIST with layers and "
        "derivatives written by hand in Python. Its experiment: 1,000 images of the training file, divided "
        "800/100/100; plain SGD, learning rate 0.01, batches of 16, at most 50 epochs, early stopping on "
        "the validation loss (`python examples/lenet_mnist.py --preset report`). "
        "The report's machine was an i5-11300H. It does not say how the weights were initialised; here it is as "
        "He et al. (2015) propose. With PyTorch's default (`--initialization pytorch`), the loss may hardly change "
        "in the first epochs at this learning rate, and early stopping then ends the run before it learns "
        "anything. With a hundred test images, accuracies differ in steps of one percentage point.",
        against_the_report,
    ),
    "family": (
        "The report's references",
        "The report's experiment, LeNet-5 of 1998, and the works that the report builds on, each with its own "
        "network and settings (`python examples/lenet_mnist.py --preset NAME`). What differs from the originals: "
        "Porpiglia trained on all 60,000 images, and kept the epoch that was best on the test digits; Duan drew "
        "each of 150,000 images anew, here they are three passes over 50,000, and let the gradient of ReLU pass "
        "in proportion to its input; Salmon trained on 41,000 of Kaggle's 42,000 images, here on 40,000 of as "
        "many, tests on 1,000, and one epoch is one step; the recipes of LeNet-5 are our own. The time of the "
        "authors is that of their machines. Distorted images, which Porpiglia's network is trained on, are "
        "harder than those of which the training accuracy is given.",
        family,
    ),
    "epochs": (
        "The full training file",
        "55,200 images to train, 4,800 to validate, tested on the official 10,000: batches of 64, Nesterov "
        "momentum 0.9, weight decay 5e-4, a one-cycle schedule that peaks at 0.1 "
        "(`python examples/lenet_mnist.py --epochs N`).",
        by_epochs,
    ),
    "pictures": (
        "The pictures of a run",
        "Every run draws these and more into its folder, and shows them on one page, `report.html`. These are of "
        "`python examples/lenet_mnist.py` (seed 0); `python docs/make_training.py pictures` draws them again.",
        pictures,
    ),
    "time": (
        "Time to 97, 98 and 99 %",
        "How long the same training takes until it first reaches each test accuracy, mean of five seeds. The "
        "accuracy is measured every 50 batches, with the clock stopped. A schedule of fewer epochs gets there "
        "sooner, but may end before it does.",
        time_to,
    ),
    "settings": (
        "Settings tried",
        "Each after two epochs, with all other settings at their defaults. If seeds differ by more than settings "
        "do, the table decides nothing.",
        settings,
    ),
    "tried": (
        "Settings tried for distorted digits",
        "Each after three epochs with the settings of `--preset best` beside those named, trained on 20,000 images "
        "of the training file and validated on 10,000 others of it; the test digits are not used. If seeds differ "
        "by more than settings do, the table decides nothing.",
        tried,
    ),
    "distorted": (
        "Distorting images",
        "The time of one epoch of the full training file, the best of five that took turns. A thread distorts the "
        "images of the next batches while the model trains, so it uses what a core has left.",
        distorted,
    ),
    "recipes": (
        "Other recipes",
        "`best` distorts the training images by up to 12 degrees of rotation, 2 pixels of shift, 12 % of zoom and "
        "11.5 degrees of shear, with weight decay 1e-4 and a learning rate that peaks at 0.05, over 60 epochs. "
        "`lenet5` is the network of 1998, `small` one of 8,554 parameters, with batch normalisation and the same "
        "distortions.",
        recipes,
    ),
}


def page(wanted: Collection[str]) -> str:
    """Return the page: the wanted parts made again, the others as they are on it."""
    old = dict(part.split("\n", 1) for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:])
    parts = [HEAD]
    for name, (heading, text, table) in PARTS.items():
        if name in wanted:
            parts.append(f"## {heading}\n\n{text}\n\n" + "\n".join(table()))
        elif heading in old:
            parts.append(f"## {heading}\n{old[heading]}".rstrip())
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - PARTS.keys():
        sys.exit(f"there is no part {', '.join(unknown)}; wanted some of {', '.join(PARTS)}")
    PAGE.write_text(page(sys.argv[1:] or PARTS.keys()), encoding="utf-8")
    print(f"\n{PAGE}")
