"""The operations that are methods of Tensor too: t.exp() is exp(t)."""

from __future__ import annotations

from tinygrad_cnn import ops
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
    expand = ops.expand
    flatten = ops.flatten
    permute = ops.permute
    reshape = ops.reshape
    squeeze = ops.squeeze
    transpose = ops.transpose
    unsqueeze = ops.unsqueeze
    view = ops.reshape

    # taking parts

    # reductions
    amax = ops.amax
    amin = ops.amin
    argmax = ops.argmax
    mean = ops.mean
    std = ops.std
    sum = ops.sum
    var = ops.var

    # matrices
    addbmm = ops.addbmm
    addmm = ops.addmm
    addmv = ops.addmv
    baddbmm = ops.baddbmm
    bmm = ops.bmm
    cross = ops.cross
    det = ops.det
    dot = ops.dot
    inner = ops.inner
    inverse = ops.inverse
    kron = ops.kron
    matmul = ops.matmul
    matrix_power = ops.matrix_power
    mm = ops.mm
    mv = ops.mv
    outer = ops.outer
    slogdet = ops.slogdet
    trace = ops.trace
    vdot = ops.vdot

    # softmax
    log_softmax = ops.log_softmax
    softmax = ops.softmax
