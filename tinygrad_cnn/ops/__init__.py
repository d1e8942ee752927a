"""The calculus: every recorded operation, its forward and its derivatives side by side, a file for each family."""

from tinygrad_cnn.ops.broadcast import *
from tinygrad_cnn.ops.contraction import *
from tinygrad_cnn.ops.conv import *
from tinygrad_cnn.ops.distance import *
from tinygrad_cnn.ops.elementwise import *
from tinygrad_cnn.ops.index import *
from tinygrad_cnn.ops.inversion import *
from tinygrad_cnn.ops.matrix import *
from tinygrad_cnn.ops.pool import *
from tinygrad_cnn.ops.reduce import *
from tinygrad_cnn.ops.shape import *
from tinygrad_cnn.ops.softmax import *
