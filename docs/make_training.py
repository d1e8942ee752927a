"""Write docs/training.md: the report's experiment beside ours, and what the full data set gives.

Every figure comes from runs that this program makes, over five seeds: about a quarter of an hour on two cores, most
of it for the augmented recipe (``--skip-best`` leaves that one as it is on the page).
"""

from __future__ import annotations

import contextlib
import io
import platform
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.training.config import PRESETS, Config
from tinygrad_cnn.training.run import run

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
            changes = {"dataset": "mnist", "seed": seed, "output": folder, "pictures": False}
            found.append(run(Config(**{**settings, **changes})))
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
    found = runs(**{k: v for k, v in PRESETS["report"].items() if k != "output"})
    rows = [f"| {NAMES[n]} | {theirs} | {shown(n, [m[n] for m in found])} |" for n, theirs in REPORT.items()]
    return ["| | the report | here, mean of five seeds |", "|---|---|---|", *rows]


def by_epochs() -> list[str]:
    """Return the table of what each number of epochs of the default recipe gives."""
    lines = ["| epochs | test accuracy, five seeds | training time |", "|---|---|---|"]
    for epochs in (1, 2, 3, 5, 10):
        found = runs(epochs=epochs)
        accuracy = shown("test_accuracy", [m["test_accuracy"] for m in found])
        lines.append(f"| {epochs} | {accuracy} | {shown('seconds_total', [m['seconds_total'] for m in found])} |")
    return lines


def others() -> list[str]:
    """Return the table of the other recipes."""
    lines = ["| command | test accuracy, five seeds | training time |", "|---|---|---|"]
    best = {k: v for k, v in PRESETS["best"].items() if k != "output"}
    lenet5 = {"model": "lenet5", "normalize": True, "epochs": 10, "learning_rate": 0.05, "weight_decay": 1e-3}
    flags = "--model lenet5 --normalize --epochs 10 --learning-rate 0.05 --weight-decay 0.001"
    wanted = [(flags, lenet5), ("--preset best", best)]
    for flags, settings in wanted[: 1 if "--skip-best" in sys.argv else 2]:
        found = runs(**settings)
        accuracy = shown("test_accuracy", [m["test_accuracy"] for m in found])
        lines.append(f"| `{flags}` | {accuracy} | {shown('seconds_total', [m['seconds_total'] for m in found])} |")
    if "--skip-best" in sys.argv:
        lines += re.findall(r"^\| `--preset best`.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return lines


def page() -> str:
    """Return the page."""
    parts = [
        "# Training LeNet",
        "Written by `python docs/make_training.py`, which makes every run on this page: five seeds each, on "
        f"{platform.machine()} with Python {platform.python_version()} and NumPy {np.__version__}.",
        "## The report's experiment",
        "1,000 images of the training file, divided 800/100/100; plain SGD, learning rate 0.01, batches of 16, at "
        "most 50 epochs, early stopping on the validation loss (`python examples/lenet_mnist.py --preset report`). "
        "The report ran on an i5-11300H, and does not say how its weights began: here as He et al. (2015) propose. "
        "From PyTorch's default (`--initialization pytorch`), the loss may hardly move for the first epochs at "
        "this learning rate, and early stopping then ends a run before it has begun. A hundred test images "
        "resolve a percentage point, no more.",
        "\n".join(against_the_report()),
        "## The full training file",
        "55,200 images to train, 4,800 to validate, tested on the official 10,000: batches of 64, Nesterov "
        "momentum 0.9, weight decay 5e-4, a one-cycle schedule that peaks at 0.1 "
        "(`python examples/lenet_mnist.py --epochs N`).",
        "\n".join(by_epochs()),
        "## Other recipes",
        "`best` distorts the training images: up to 12 degrees, 2 pixels, 12 % zoom and 11.5 degrees of shear, "
        "with weight decay 1e-4 and a peak of 0.05 over 60 epochs. `lenet5` is the network of 1998.",
        "\n".join(others()),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"\n{PAGE}")
