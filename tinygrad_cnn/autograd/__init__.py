"""PyTorch's ``torch.autograd``: the backward pass, grad modes, gradient checks, and custom functions."""

from tinygrad_cnn.autograd import functional
from tinygrad_cnn.autograd.function import Function
from tinygrad_cnn.autograd.gradcheck import gradcheck, gradgradcheck
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.anomaly import detect_anomaly, set_detect_anomaly
from tinygrad_cnn.tape.backward import backward, grad, queue_callback
from tinygrad_cnn.tape.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from tinygrad_cnn.tape.record import Node, Operation, Variable, operation

__all__ = [
    "Function",
    "Node",
    "Operation",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "operation",
    "queue_callback",
    "set_detect_anomaly",
    "set_grad_enabled",
]

explain_missing_names("torch.autograd", __name__)
