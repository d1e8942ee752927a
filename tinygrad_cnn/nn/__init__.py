"""Neural networks: modules that hold parameters, layers, losses and initialisation, under PyTorch's names."""

from tinygrad_cnn.nn import functional, init
from tinygrad_cnn.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from tinygrad_cnn.nn.container import Sequential
from tinygrad_cnn.nn.conv import Conv2d
from tinygrad_cnn.nn.linear import Linear
from tinygrad_cnn.nn.loss import CrossEntropyLoss, NLLLoss
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.nn.pooling import AvgPool2d, MaxPool2d
from tinygrad_cnn.nn.shape import Flatten

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Flatten",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "Module",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "functional",
    "init",
]
