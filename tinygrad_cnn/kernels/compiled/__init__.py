"""Kernels compiled by Numba, for float32. Importing any of them imports Numba; `kernels.dispatch` chooses."""

import numba  # first: if it cannot be imported, its error says why

from tinygrad_cnn.kernels.compiled.cache import use_key
from tinygrad_cnn.kernels.compiled.checksums import delete_damaged

use_key()
delete_damaged()
