"""Export of models and functions to ONNX, and ONNX Runtime to run the files."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
runtime.set_default_logger_severity(4)
OPTIONS = runtime.SessionOptions()
OPTIONS.intra_op_num_threads = OPTIONS.inter_op_num_threads = 1


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: tg.Tensor) -> Any:
        return self.function(*inputs)


def exported(model: Any, example: Any, **options: Any) -> bytes:
    """Return the file that a model or a function is exported to."""
    file = BytesIO()
    tg.onnx.export(model if isinstance(model, nn.Module) else Of(model), example, file, **options)
    return file.getvalue()


def run(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    session = runtime.InferenceSession(model, OPTIONS)
    return session.run(None, {wanted.name: x for wanted, x in zip(session.get_inputs(), inputs, strict=True)})


def same(ours: Any, theirs: list[np.ndarray], tolerance: float = 1e-5) -> None:
    for a, b in zip(ours if isinstance(ours, (tuple, list)) else [ours], theirs, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a.detach().numpy(), b, rtol=tolerance, atol=tolerance)
