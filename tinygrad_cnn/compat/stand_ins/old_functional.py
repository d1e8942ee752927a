"""Functions of ``torch.nn.functional`` that overwrite their input, as ``relu_``."""

from __future__ import annotations

from functools import partial

from tinygrad_cnn.nn import functional as F

celu_ = partial(F.celu, inplace=True)
elu_ = partial(F.elu, inplace=True)
hardtanh_ = partial(F.hardtanh, inplace=True)
leaky_relu_ = partial(F.leaky_relu, inplace=True)
relu_ = partial(F.relu, inplace=True)
rrelu_ = partial(F.rrelu, inplace=True)
selu_ = partial(F.selu, inplace=True)
threshold_ = partial(F.threshold, inplace=True)
