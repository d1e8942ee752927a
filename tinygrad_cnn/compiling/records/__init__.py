"""Calls of a program as records of compiled kernels, which run one after the other without Python between them."""
