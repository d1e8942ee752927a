"""Training loops and what watches them."""

from tinygrad_cnn.training.callbacks import (
    Callback,
    Checkpoints,
    CSVLogger,
    JSONLinesLogger,
    TensorBoardLogger,
)
from tinygrad_cnn.training.early_stopping import EarlyStopping
from tinygrad_cnn.training.finder import LearningRateFinder
from tinygrad_cnn.training.history import Epoch, History, Score
from tinygrad_cnn.training.trainer import Trainer

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoints",
    "EarlyStopping",
    "Epoch",
    "History",
    "JSONLinesLogger",
    "LearningRateFinder",
    "Score",
    "TensorBoardLogger",
    "Trainer",
]
