"""Optimizers and learning-rate schedules, under PyTorch's names."""

from tinygrad_cnn.optim import lr_scheduler, swa_utils
from tinygrad_cnn.optim.adadelta import Adadelta
from tinygrad_cnn.optim.adafactor import Adafactor
from tinygrad_cnn.optim.adagrad import Adagrad
from tinygrad_cnn.optim.adam import Adam, AdamW
from tinygrad_cnn.optim.adamax import Adamax
from tinygrad_cnn.optim.asgd import ASGD
from tinygrad_cnn.optim.lbfgs import LBFGS
from tinygrad_cnn.optim.muon import Muon
from tinygrad_cnn.optim.nadam import NAdam
from tinygrad_cnn.optim.optimizer import Optimizer
from tinygrad_cnn.optim.radam import RAdam
from tinygrad_cnn.optim.rmsprop import RMSprop
from tinygrad_cnn.optim.rprop import Rprop
from tinygrad_cnn.optim.sgd import SGD
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
explain_calls(globals())
explain_missing_names("torch.optim", __name__)
