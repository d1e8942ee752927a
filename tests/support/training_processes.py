"""Whole training runs on a few digits, and the results that must not depend on interruptions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tinygrad_cnn.data import SyntheticDigits, write_idx

ROOT = Path(__file__).parents[2]

SETTINGS: dict[str, Any] = {
    "dataset": "mnist",
    "train_ratio": 0.75,
    "val_ratio": 0.25,
    "augment": "affine",
    "epochs": 4,
    "batch_size": 16,
    "threads": 1,
    "pictures": False,
    "checkpoint_seconds": 0.0,  # a checkpoint after every step
}


def few_digits(folder: Path) -> Path:
    """Write a few digits to a folder, in MNIST's files."""
    for part, size in (("train", 128), ("t10k", 32)):
        digits = SyntheticDigits(part == "train", size)
        write_idx(folder / f"{part}-images-idx3-ubyte", digits.images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", digits.labels.astype("u1"))
    return folder


def process(data: Path, folder: Path) -> subprocess.Popen[str]:
    """Start a run in a process of its own, or resume it."""
    if (folder / "config.ini").exists():
        options = ["--resume", str(folder)]
    else:
        options = [f"--output={folder}", f"--data-dir={data}"]
        for name, value in SETTINGS.items():
            flag = name.replace("_", "-")
            options.append(f"--no-{flag}" if value is False else f"--{flag}={value}")
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
    program = [sys.executable, "-c", "from tinygrad_cnn.experiment.run import main; main()", *options]
    return subprocess.Popen(
        program,
        cwd=ROOT,
        env={**os.environ, **threads},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outcome(folder: Path) -> dict[str, Any]:
    """Return the results of a run, without the seconds that it took."""
    epochs = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    metrics = json.loads((folder / "metrics.json").read_text())
    for row in (*epochs, metrics):
        for name in [name for name in row if name.startswith("seconds")]:
            del row[name]
    table = [line.rpartition(",")[0] for line in (folder / "history.csv").read_text().splitlines()]
    weights = (folder / "model.safetensors").read_bytes()
    return {"weights": weights, "epochs": epochs, "metrics": metrics, "table": table}
