"""The training loop, its history, and the callbacks that follow it."""

from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.training.averaging import WeightAveraging
from tinygrad_cnn.training.callbacks import Callback
from tinygrad_cnn.training.checkpoints import Checkpoints
from tinygrad_cnn.training.early_stopping import EarlyStopping
from tinygrad_cnn.training.finder import LearningRateFinder
from tinygrad_cnn.training.history import Epoch, History, Score
from tinygrad_cnn.training.live_curve import LiveCurve
from tinygrad_cnn.training.loggers import CSVLogger, GradientNorms, JSONLinesLogger, TensorBoardLogger
from tinygrad_cnn.training.metric import accuracy
from tinygrad_cnn.training.recorders import HistogramRecorder, StepRecorder
from tinygrad_cnn.training.trainer import Trainer

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoints",
    "EarlyStopping",
    "Epoch",
    "GradientNorms",
    "HistogramRecorder",
    "History",
    "JSONLinesLogger",
    "LearningRateFinder",
    "LiveCurve",
    "Score",
    "StepRecorder",
    "TensorBoardLogger",
    "Trainer",
    "WeightAveraging",
    "accuracy",
]

explain_calls(globals())
