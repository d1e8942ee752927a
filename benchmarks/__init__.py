"""This package beside PyTorch and JAX, on the same machine, in one run: ``python -m benchmarks --help``."""
