"""Models as ONNX files, for other runtimes (https://onnx.ai)."""

from tinygrad_cnn.onnx.export import export

__all__ = ["export"]
