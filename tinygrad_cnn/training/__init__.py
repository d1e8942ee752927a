"""Training loops and what watches them."""

from tinygrad_cnn.training.early_stopping import EarlyStopping
from tinygrad_cnn.training.history import Epoch, History, Score
from tinygrad_cnn.training.trainer import Callback, Trainer

__all__ = ["Callback", "EarlyStopping", "Epoch", "History", "Score", "Trainer"]
