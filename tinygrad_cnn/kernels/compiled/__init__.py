"""Kernels compiled by Numba, for float32. Importing any of them imports Numba; `kernels.dispatch` chooses."""
