"""The functions that layers apply, under PyTorch's names: ``import tinygrad_cnn.nn.functional as F``.

Functions that the package also has at its top level (``tg.relu``) are imported here; all others are defined here.
"""

from tinygrad_cnn.nn.functional import (
    activation,
    ctc,
    lookup,
    loss,
    margin_loss,
    noise,
    normalization,
    pooling,
    products,
    sampling,
    vision,
)
from tinygrad_cnn.nn.functional.activation import *
from tinygrad_cnn.nn.functional.ctc import *
from tinygrad_cnn.nn.functional.lookup import *
from tinygrad_cnn.nn.functional.loss import *
from tinygrad_cnn.nn.functional.margin_loss import *
from tinygrad_cnn.nn.functional.noise import *
from tinygrad_cnn.nn.functional.normalization import *
from tinygrad_cnn.nn.functional.pooling import *
from tinygrad_cnn.nn.functional.products import *
from tinygrad_cnn.nn.functional.sampling import *
from tinygrad_cnn.nn.functional.vision import *
from tinygrad_cnn.ops import (
    avg_pool1d,
    avg_pool2d,
    categorical_cross_entropy,
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    cosine_similarity,
    linear,
    max_pool1d,
    max_pool2d,
    one_hot,
    pairwise_distance,
    pdist,
)
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "categorical_cross_entropy",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cosine_similarity",
    "linear",
    "max_pool1d",
    "max_pool2d",
    "one_hot",
    "pairwise_distance",
    "pdist",
]
explain_calls(globals())  # the other files have done so themselves
for _part in (
    activation,
    ctc,
    lookup,
    loss,
    margin_loss,
    noise,
    normalization,
    pooling,
    products,
    sampling,
    vision,
):
    __all__ += _part.__all__

explain_missing_names("torch.nn.functional", __name__)
