"""Optimizers and learning-rate schedules, under PyTorch's names."""

from tinygrad_cnn.optim import lr_scheduler
from tinygrad_cnn.optim.adadelta import Adadelta
from tinygrad_cnn.optim.adagrad import Adagrad
from tinygrad_cnn.optim.adam import Adam, AdamW
from tinygrad_cnn.optim.muon import Muon
from tinygrad_cnn.optim.nadam import NAdam
from tinygrad_cnn.optim.optimizer import Optimizer
from tinygrad_cnn.optim.rmsprop import RMSprop
from tinygrad_cnn.optim.sgd import SGD
from tinygrad_cnn.support.missing_names import explain_missing_names

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Muon", "NAdam", "Optimizer", "RMSprop", "lr_scheduler"]

explain_missing_names("torch.optim", __name__)
