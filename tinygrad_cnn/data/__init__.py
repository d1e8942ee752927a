"""Data: datasets, the files they come from, and batches of them."""

from tinygrad_cnn.data.idx import read_idx, write_idx

__all__ = ["read_idx", "write_idx"]
