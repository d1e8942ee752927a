"""Compares this package with PyTorch and JAX, on the same machine, in one run: ``python -m benchmarks --help``."""
