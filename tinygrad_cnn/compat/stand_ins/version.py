"""``torch.version``, and ``__version__``: the PyTorch whose names and rules this package follows."""

__version__ = "2.13.0+tinygrad_cnn"
cuda = None
hip = None
debug = False

__all__ = ["__version__", "cuda", "debug", "hip"]
