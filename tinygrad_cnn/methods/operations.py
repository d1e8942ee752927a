"""Operations as methods of Tensor: ``Tensor.exp`` is `exp`, and so on."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn import ops
from tinygrad_cnn.ops import rearrange
from tinygrad_cnn.ops.spellings import spell_methods
from tinygrad_cnn.tape.record import Variable


@spell_methods
class Methods(Variable):
    """Operations bound as methods; their first argument is the tensor."""

    __slots__ = ()

    # arithmetic and elementwise functions
    abs = ops.abs
    absolute = ops.absolute
    acos = ops.acos
    acosh = ops.acosh
    add = ops.add
    addcdiv = ops.addcdiv
    addcmul = ops.addcmul
    allclose = ops.allclose
    arccos = ops.arccos
    arccosh = ops.arccosh
    arcsin = ops.arcsin
    arcsinh = ops.arcsinh
    arctan = ops.arctan
    arctan2 = ops.arctan2
    arctanh = ops.arctanh
    asin = ops.asin
    asinh = ops.asinh
    atan = ops.atan
    atan2 = ops.atan2
    atanh = ops.atanh
    bitwise_and = ops.bitwise_and
    bitwise_left_shift = ops.bitwise_left_shift
    bitwise_not = ops.bitwise_not
    bitwise_or = ops.bitwise_or
    bitwise_right_shift = ops.bitwise_right_shift
    bitwise_xor = ops.bitwise_xor
    ceil = ops.ceil
    clamp = ops.clamp
    clamp_max = ops.clamp_max
    clamp_min = ops.clamp_min
    clip = ops.clip
    copysign = ops.copysign
    cos = ops.cos
    cosh = ops.cosh
    deg2rad = ops.deg2rad
    digamma = ops.digamma
    div = ops.div
    divide = ops.divide
    eq = ops.eq
    equal = ops.equal
    erf = ops.erf
    erfc = ops.erfc
    erfinv = ops.erfinv
    exp = ops.exp
    exp2 = ops.exp2
    expm1 = ops.expm1
    fix = ops.fix
    float_power = ops.float_power
    floor = ops.floor
    floor_divide = ops.floor_divide
    fmax = ops.fmax
    fmin = ops.fmin
    fmod = ops.fmod
    frac = ops.frac
    gcd = ops.gcd
    ge = ops.ge
    greater = ops.greater
    greater_equal = ops.greater_equal
    gt = ops.gt
    hardshrink = ops.hardshrink
    heaviside = ops.heaviside
    hypot = ops.hypot
    isclose = ops.isclose
    isfinite = ops.isfinite
    isinf = ops.isinf
    isnan = ops.isnan
    isneginf = ops.isneginf
    isposinf = ops.isposinf
    isreal = ops.isreal
    lcm = ops.lcm
    ldexp = ops.ldexp
    le = ops.le
    lerp = ops.lerp
    less = ops.less
    less_equal = ops.less_equal
    lgamma = ops.lgamma
    log = ops.log
    log10 = ops.log10
    log1p = ops.log1p
    log2 = ops.log2
    logaddexp = ops.logaddexp
    logaddexp2 = ops.logaddexp2
    logical_and = ops.logical_and
    logical_not = ops.logical_not
    logical_or = ops.logical_or
    logical_xor = ops.logical_xor
    logit = ops.logit
    lt = ops.lt
    maximum = ops.maximum
    minimum = ops.minimum
    mul = ops.mul
    multiply = ops.multiply
    mvlgamma = ops.mvlgamma
    nan_to_num = ops.nan_to_num
    ne = ops.ne
    neg = ops.neg
    negative = ops.negative
    not_equal = ops.not_equal
    positive = ops.positive
    pow = ops.pow
    prelu = ops.prelu
    rad2deg = ops.rad2deg
    reciprocal = ops.reciprocal
    relu = ops.relu
    remainder = ops.remainder
    round = ops.round
    rsqrt = ops.rsqrt
    sgn = ops.sgn
    sigmoid = ops.sigmoid
    sign = ops.sign
    signbit = ops.signbit
    sin = ops.sin
    sinc = ops.sinc
    sinh = ops.sinh
    sqrt = ops.sqrt
    square = ops.square
    sub = ops.sub
    subtract = ops.subtract
    tan = ops.tan
    tanh = ops.tanh
    true_divide = ops.true_divide
    trunc = ops.trunc
    xlogy = ops.xlogy

    def where(self, condition: Any, other: Any) -> Any:
        """Return self where the condition is true, else other."""
        return ops.where(condition, self, other)

    def polygamma(self: Any, n: int) -> Any:
        """Return the n-th derivative of `digamma`, at each number."""
        return ops.polygamma(n, self)

    # broadcasting and shape
    broadcast_to = ops.broadcast_to
    chunk = ops.chunk
    diag = ops.diag
    diag_embed = ops.diag_embed
    diagflat = ops.diagflat
    diagonal = ops.diagonal
    diff = ops.diff
    dsplit = ops.dsplit
    expand = ops.expand
    expand_as = ops.expand_as
    flatten = ops.flatten
    flip = ops.flip
    fliplr = ops.fliplr
    flipud = ops.flipud
    hsplit = ops.hsplit
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
    vsplit = ops.vsplit

    # indexing and sorting
    argsort = ops.argsort
    argwhere = ops.argwhere
    bincount = ops.bincount
    diagonal_scatter = ops.diagonal_scatter
    gather = ops.gather
    index_add = ops.index_add
    index_copy = ops.index_copy
    index_fill = ops.index_fill
    index_put = ops.index_put
    index_reduce = ops.index_reduce
    index_select = ops.index_select
    kthvalue = ops.kthvalue
    masked_fill = ops.masked_fill
    masked_scatter = ops.masked_scatter
    masked_select = ops.masked_select
    mode = ops.mode
    msort = ops.msort
    narrow = ops.narrow
    nonzero = ops.nonzero
    put = ops.put
    scatter = ops.scatter
    scatter_add = ops.scatter_add
    scatter_reduce = ops.scatter_reduce
    select = ops.select
    select_scatter = ops.select_scatter
    slice_scatter = ops.slice_scatter
    sort = ops.sort
    take = ops.take
    take_along_dim = ops.take_along_dim
    topk = ops.topk
    unique = ops.unique
    unique_consecutive = ops.unique_consecutive

    # reductions and scans
    all = ops.all
    amax = ops.amax
    amin = ops.amin
    aminmax = ops.aminmax
    any = ops.any
    argmax = ops.argmax
    argmin = ops.argmin
    corrcoef = ops.corrcoef
    count_nonzero = ops.count_nonzero
    cov = ops.cov
    cummax = ops.cummax
    cummin = ops.cummin
    cumprod = ops.cumprod
    cumsum = ops.cumsum
    dist = ops.dist
    histc = ops.histc
    logcumsumexp = ops.logcumsumexp
    logsumexp = ops.logsumexp
    max = ops.max
    mean = ops.mean
    median = ops.median
    min = ops.min
    nanmean = ops.nanmean
    nanmedian = ops.nanmedian
    nanquantile = ops.nanquantile
    nansum = ops.nansum
    norm = ops.norm
    prod = ops.prod
    quantile = ops.quantile
    renorm = ops.renorm
    std = ops.std
    sum = ops.sum
    var = ops.var

    # matrices
    addbmm = ops.addbmm
    addmm = ops.addmm
    addmv = ops.addmv
    addr = ops.addr
    adjoint = ops.adjoint
    baddbmm = ops.baddbmm
    bmm = ops.bmm
    cholesky_inverse = ops.cholesky_inverse
    cholesky_solve = ops.cholesky_solve
    cross = ops.cross
    det = ops.det
    dot = ops.dot
    ger = ops.ger
    inner = ops.inner
    inverse = ops.inverse
    kron = ops.kron
    logdet = ops.logdet
    matmul = ops.matmul
    matrix_exp = ops.matrix_exp
    matrix_power = ops.matrix_power
    mm = ops.mm
    mv = ops.mv
    outer = ops.outer
    pinverse = ops.pinverse
    slogdet = ops.slogdet
    trace = ops.trace
    vdot = ops.vdot

    # softmax
    log_softmax = ops.log_softmax
    softmax = ops.softmax

    # random samples
    bernoulli = ops.bernoulli
    multinomial = ops.multinomial
