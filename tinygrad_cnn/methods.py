"""The operations that are methods of Tensor too: t.exp() is exp(t)."""

from __future__ import annotations

from tinygrad_cnn import ops
from tinygrad_cnn.ops import rearrange
from tinygrad_cnn.tape import Variable


class Methods(Variable):
    """Operations bound as methods, their first argument the tensor."""

    __slots__ = ()

    # arithmetic and functions of one number
    abs = ops.abs
    add = ops.add
    clamp = ops.clamp
    cos = ops.cos
    div = ops.div
    eq = ops.eq
    exp = ops.exp
    ge = ops.ge
    gt = ops.gt
    isfinite = ops.isfinite
    isnan = ops.isnan
    le = ops.le
    log = ops.log
    logical_and = ops.logical_and
    logical_not = ops.logical_not
    logical_or = ops.logical_or
    lt = ops.lt
    maximum = ops.maximum
    minimum = ops.minimum
    mul = ops.mul
    ne = ops.ne
    neg = ops.neg
    pow = ops.pow
    relu = ops.relu
    sigmoid = ops.sigmoid
    sign = ops.sign
    sin = ops.sin
    sqrt = ops.sqrt
    square = ops.square
    sub = ops.sub
    tanh = ops.tanh

    # broadcasting and shape
    broadcast_to = ops.broadcast_to
    chunk = ops.chunk
    diag = ops.diag
    diag_embed = ops.diag_embed
    diagonal = ops.diagonal
    expand = ops.expand
    expand_as = ops.expand_as
    flatten = ops.flatten
    flip = ops.flip
    fliplr = ops.fliplr
    flipud = ops.flipud
    moveaxis = ops.moveaxis
    movedim = ops.movedim
    permute = ops.permute
    ravel = ops.ravel
    repeat = rearrange.repeat
    repeat_interleave = ops.repeat_interleave
    reshape = ops.reshape
    reshape_as = ops.reshape_as
    roll = ops.roll
    rot90 = ops.rot90
    split = ops.split
    squeeze = ops.squeeze
    swapaxes = ops.swapaxes
    swapdims = ops.swapdims
    t = ops.t
    tensor_split = ops.tensor_split
    tile = ops.tile
    transpose = ops.transpose
    tril = ops.tril
    triu = ops.triu
    unbind = ops.unbind
    unflatten = ops.unflatten
    unfold = rearrange.unfold
    unsqueeze = ops.unsqueeze
    view = ops.reshape
    view_as = ops.reshape_as

    # taking parts, order
    argsort = ops.argsort
    bincount = ops.bincount
    gather = ops.gather
    index_add = ops.index_add
    index_put = ops.index_put
    index_select = ops.index_select
    masked_fill = ops.masked_fill
    masked_scatter = ops.masked_scatter
    masked_select = ops.masked_select
    narrow = ops.narrow
    nonzero = ops.nonzero
    scatter = ops.scatter
    scatter_add = ops.scatter_add
    select = ops.select
    select_scatter = ops.select_scatter
    sort = ops.sort
    take = ops.take
    take_along_dim = ops.take_along_dim
    topk = ops.topk
    unique = ops.unique

    # reductions and scans
    all = ops.all
    amax = ops.amax
    amin = ops.amin
    aminmax = ops.aminmax
    any = ops.any
    argmax = ops.argmax
    argmin = ops.argmin
    count_nonzero = ops.count_nonzero
    cumprod = ops.cumprod
    cumsum = ops.cumsum
    logcumsumexp = ops.logcumsumexp
    logsumexp = ops.logsumexp
    max = ops.max
    mean = ops.mean
    median = ops.median
    min = ops.min
    nanmean = ops.nanmean
    nansum = ops.nansum
    norm = ops.norm
    prod = ops.prod
    std = ops.std
    sum = ops.sum
    var = ops.var

    # matrix products
    matmul = ops.matmul

    # softmax
    log_softmax = ops.log_softmax
    softmax = ops.softmax
