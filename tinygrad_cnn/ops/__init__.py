"""The recorded operations, each with its forward function and its derivatives, in one file for each family."""

from types import ModuleType
from typing import TYPE_CHECKING

from tinygrad_cnn.ops.activation import *
from tinygrad_cnn.ops.broadcast import *
from tinygrad_cnn.ops.choices import *
from tinygrad_cnn.ops.comparison import *
from tinygrad_cnn.ops.compose import *
from tinygrad_cnn.ops.conv import *
from tinygrad_cnn.ops.distance import *
from tinygrad_cnn.ops.einsum import *
from tinygrad_cnn.ops.elementwise import *
from tinygrad_cnn.ops.factor import *
from tinygrad_cnn.ops.gamma import *
from tinygrad_cnn.ops.index import *
from tinygrad_cnn.ops.linalg import *
from tinygrad_cnn.ops.loss import *
from tinygrad_cnn.ops.masked import *
from tinygrad_cnn.ops.matrix import *
from tinygrad_cnn.ops.numbers import *
from tinygrad_cnn.ops.order import *
from tinygrad_cnn.ops.pool import *
from tinygrad_cnn.ops.quantiles import *
from tinygrad_cnn.ops.rearrange import *
from tinygrad_cnn.ops.reduce import *
from tinygrad_cnn.ops.replace import *
from tinygrad_cnn.ops.rounding import *
from tinygrad_cnn.ops.sample import *
from tinygrad_cnn.ops.scan import *
from tinygrad_cnn.ops.shape import *
from tinygrad_cnn.ops.softmax import *
from tinygrad_cnn.ops.sort import *
from tinygrad_cnn.ops.split_join import *
from tinygrad_cnn.ops.trigonometry import *

if not TYPE_CHECKING:  # so that `import *` imports operations, not their modules
    __all__ = [name for name, value in vars().items() if callable(value) and not isinstance(value, ModuleType)]
    __all__.remove("ModuleType")
