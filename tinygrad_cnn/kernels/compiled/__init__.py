"""Kernels compiled by Numba, for float32; `kernels.dispatch` chooses.

Files of loops (`..._loops.py`) import Numba, and are imported by the process that compiles them only (`build.py`).
Elsewhere their machine code is loaded (`machine_code.py`).
"""
