"""The experiments of the works that the report builds on, as presets, and what the authors state of theirs.

What differs from the originals: Porpiglia trained on all 60,000 images, and kept the epoch that was best on the
test digits. Duan drew each of the 150,000 images anew; here they are three passes over 50,000. Salmon trained on
41,000 of Kaggle's 42,000 images, and tested on the other 1,000. The recipe of LeNet-5, also on Fashion-MNIST
(Kayed), is one of our own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

PLAIN: dict[str, Any] = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "schedule": "none"}
"""Gradient descent, and nothing else."""

REFERENCES: dict[str, dict[str, Any]] = {
    "porpiglia": {
        **PLAIN,
        "model": "porpiglia",
        "augment": "slight",
        "optimizer": "adam",
        "epochs": 20,
        "batch_size": 128,
        "learning_rate": 0.01,
        "early_stop_patience": 20,
        "output": "runs/porpiglia",
    },
    "duan": {
        **PLAIN,
        "model": "duan",
        "train_ratio": 5 / 6,
        "val_ratio": 1 / 6,
        "epochs": 3,
        "batch_size": 1,
        "learning_rate": 0.008,
        "output": "runs/duan",
    },
    "salmon": {
        **PLAIN,
        "model": "salmon",
        "samples": 42_000,
        "official_test": False,
        "train_ratio": 40 / 42,
        "val_ratio": 1 / 42,
        "epochs": 500,
        "batch_size": 40_000,
        "learning_rate": 0.1,
        "early_stop_patience": 500,
        "output": "runs/salmon",
    },
    "lenet5": {
        "model": "lenet5",
        "normalize": True,
        "epochs": 10,
        "learning_rate": 0.05,
        "weight_decay": 1e-3,
        "output": "runs/lenet5",
    },
    "kayed": {
        "dataset": "fashion-mnist",
        "model": "lenet5",
        "normalize": True,
        "epochs": 10,
        "learning_rate": 0.05,
        "weight_decay": 1e-3,
        "output": "runs/kayed",
    },
}


class Stated(NamedTuple):
    """What the authors of a work say of their own experiment; an empty text where they say nothing."""

    work: str
    test_accuracy: str = ""
    train_accuracy: str = ""
    halves: str = ""  # the accuracy on the first and on the last 5,000 test digits
    seconds: str = ""  # the time of the training in all


STATED: dict[str, Stated] = {
    "report": Stated("the report", "not given (validation 85.00 %)", "89.33 %", seconds="2,228.61 s"),
    "lenet5": Stated("Y. LeCun et al., *Gradient-based learning* (1998), LeNet-5 without distortions", "99.05 %"),
    "porpiglia": Stated(
        "G. Porpiglia, *CNN-from-scratch* (2020)", "98.50 %", "98.55 %", "97.88 %, 99.12 %", "roughly 2 hours"
    ),
    "duan": Stated("Y. Duan, *MNIST-with-CNN-from-Scratch* (2021)", "around 94 %"),
    "salmon": Stated("W. Salmon, *Simple MNIST NN from scratch* (2021)", "about 85 %"),
    "kayed": Stated(
        "M. Kayed, A. Anter & H. Mohamed, *Classification of Garments from Fashion MNIST Dataset Using CNN LeNet-5 "
        "Architecture* (2020)"
    ),
}
