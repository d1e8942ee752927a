"""Kernels: functions of arrays, without tensors and without a tape.

`reference.py` says in plain NumPy what the kernels compute: read it first. The other files compute the same,
faster; `dispatch.py` is the table from which one implementation of each kernel is chosen.
"""
