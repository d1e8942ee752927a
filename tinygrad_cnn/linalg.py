"""Linear algebra, under the names of ``torch.linalg``."""

from tinygrad_cnn.ops.inversion import cholesky, det, inv, matrix_power, multi_dot, slogdet, solve

__all__ = [
    "cholesky",
    "det",
    "inv",
    "matrix_power",
    "multi_dot",
    "slogdet",
    "solve",
]
