"""Activation functions."""

from tinygrad_cnn.ops import log_softmax, relu, sigmoid, softmax, tanh

__all__ = [
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
