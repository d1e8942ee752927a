"""Kernels compiled by Numba, for float32. Importing any of them imports Numba; `kernels.dispatch` chooses."""

from tinygrad_cnn.kernels.compiled.cache import delete_damaged

delete_damaged()
