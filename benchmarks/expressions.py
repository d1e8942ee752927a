"""The calculus as expressions that run in PyTorch and in this package, and the values of their variables.

``x`` and ``y`` are square matrices of numbers in [-2, 2], ``p`` and ``q`` of numbers in [0.2, 0.9], ``a`` is
near the identity; ``m`` is a mask, ``i`` a permutation of the rows, ``k`` a matrix of row numbers, ``v`` a row,
``s`` the side. ``image`` is (N, C, H, W), ``kernel`` (C, C, 3, 3) and ``c`` (C, C); ``classes`` are labels for
the rows, and ``sign`` is 1 or -1. There are three sizes: 100, 10,000 and 1,000,000 numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

SIDES = (10, 100, 1000)
IMAGES = {10: (1, 4, 5, 5), 100: (10, 10, 10, 10), 1000: (64, 16, 32, 32)}

ELEMENTWISE = """
x + y; x + 1; x - y; x * y; x * 2; x / q; x + v; x * v; -x; t.lerp(x, y, 0.3); t.addcmul(x, y, q)
t.addcdiv(x, y, q); abs(x); x.square(); x ** 2; x ** 3; p ** 2.5; p ** q; p.float_power(2); t.reciprocal(q)
p.sqrt(); p.rsqrt(); x.exp(); t.exp2(x); t.expm1(x); p.log(); p.log2(); p.log10(); p.log1p(); x.sign(); x.floor()
x.ceil(); x.round(); x.trunc(); x.frac(); x.detach() // q.detach(); t.remainder(x, q); t.fmod(x, q); x.clamp(-1, 1)
x.clamp(min=0); t.maximum(x, y); t.minimum(x, y); t.logaddexp(x, y); t.hypot(x, y); t.xlogy(x, q); t.copysign(x, y)
t.nan_to_num(x); t.where(m, x, y); x.sin(); x.cos(); x.tan(); p.asin(); p.acos(); x.atan(); t.atan2(x, q); x.sinh()
x.cosh(); x.tanh(); x.asinh(); (p + 1).acosh(); p.atanh(); x.sigmoid(); p.logit(); x.erf(); x.sinc(); x == y; x < y
x != 0; t.isclose(x, y); x.isfinite(); x.isnan(); t.logical_and(m, m); t.logical_not(m); t.logical_xor(m, m)
"""
REDUCTIONS = """
x.sum(); x.sum(0); x.sum(1); x.mean(); x.mean(0); x.mean(1); p.prod(0); t.nansum(x); t.nanmean(x, 1); x.amax()
x.amax(0); x.amax(1); x.amin(1); x.max(); x.max(0)[0]; x.max(1)[0]; x.min(1)[0]; t.aminmax(x, dim=1)[0]; x.std()
x.std(1); x.var(0); x.var(1); t.var_mean(x, 1)[0]; x.logsumexp(1); x.norm(); x.norm(dim=1); x.norm(1)
t.linalg.vector_norm(x, 3); x.median(1)[0]; x.median(); x.argmax(1); x.argmin(); m.all(); m.any(1)
t.count_nonzero(x); x.cumsum(0); x.cumsum(1); p.cumprod(1); x.logcumsumexp(1)
"""
SHAPES = """
x.reshape(-1); x.t().reshape(-1); x.t().contiguous(); x.clone(); x[None].expand(3, s, s); x[:, None].squeeze(1)
x.flatten(); t.cat([x, y]); t.cat([x, y], 1); t.stack([x, y]); t.stack([x, y], -1); x.split(s // 2)[0]
x.chunk(2, 1)[1]; x.unbind()[0]; x.flip(0); x.fliplr(); t.roll(x, 3, 1); t.rot90(x); x.repeat(2, 1)
t.tile(x, (1, 2)); t.repeat_interleave(x, 2, 0); t.repeat_interleave(x, 2, 1); x.narrow(0, 1, s // 2)
x.select(1, 0); x.unfold(1, 3, 2); x.tril(); x.triu(); x.diag(); v.diag(); x.diagonal(); t.diag_embed(v)
t.atleast_2d(v); t.meshgrid(v, v, indexing="ij")[0]
"""
INDICES = """
x[i]; x[:, i]; x[1:-1, ::2]; x[m]; x[i, i]; x.gather(0, k); x.gather(1, k); x.scatter(0, k, y)
x.scatter_add(0, k, y); x.scatter_add(1, k, y); x.index_select(0, i); x.index_select(1, i); x.index_add(0, i, y)
x.index_put((i,), y); x.index_put((i,), y, accumulate=True); x.masked_fill(m, 0.5); x.masked_select(m)
x.masked_scatter(m, y); x.select_scatter(v, 0, 1); x.take(k); t.take_along_dim(x, k, 1); x.sort(1)[0]; x.sort(0)[0]
x.argsort(1); x.topk(3, 1)[0]; x.nonzero(); t.searchsorted(v.sort()[0].detach(), x); t.bincount(i); t.unique(k)
t.unique(x.detach()); F.embedding(i, x); F.embedding(k[:8], x); F.one_hot(i)
"""
LINEAR = """
x @ y; x @ y.t(); x.t() @ y; t.mv(x, v); t.dot(v, v); t.inner(x, y); t.outer(v, v); t.addmm(x, x, y)
t.addmv(v, x, v); t.bmm(image[0], image[0]); t.einsum("ij,jk->ik", x, y); t.einsum("ij,ij->i", x, y)
t.einsum("nchw,oc->nohw", image, c); t.tensordot(x, y, 1); t.kron(v[:10], x[:10]); t.trace(x)
t.cross(x[:, :3], y[:, :3], 1); t.cdist(x[:64], y[:64]); t.linalg.inv(a); t.linalg.det(a / 3)
t.linalg.slogdet(a)[1]; t.linalg.solve(a, x); t.linalg.cholesky(a @ a.t()); t.linalg.multi_dot([x, y, x])
t.linalg.matrix_power(p, 3); F.linear(x, y, v)
F.bilinear(x[:, :4], y[:, :4], kernel[:, :4, 0].repeat(1, 1, 2)[:, :, :4])
"""
ACTIVATIONS = """
F.relu(x); F.leaky_relu(x); F.elu(x); F.selu(x); F.celu(x); F.gelu(x); F.gelu(x, approximate="tanh"); F.silu(x)
F.mish(x); F.softplus(x); F.softsign(x); F.hardtanh(x); F.hardsigmoid(x); F.hardswish(x); F.relu6(x)
F.logsigmoid(x); F.tanhshrink(x); F.hardshrink(x); F.softshrink(x); F.threshold(x, 0.1, 2); F.glu(x); F.prelu(x, v)
F.softmax(x, 1); F.softmax(x, 0); F.log_softmax(x, 1); F.log_softmax(x, 0); F.softmin(x, 1)
"""
LAYERS = """
F.conv1d(image[:, :, 0], kernel[:, :, 0]); F.conv2d(image, kernel); F.conv2d(image, kernel, padding=1)
F.conv2d(image, kernel, stride=2); F.conv2d(image, kernel[:, :1], groups=C); F.conv_transpose2d(image, kernel)
F.conv_transpose1d(image[:, :, 0], kernel[:, :, 0]); F.max_pool1d(image[:, :, 0], 2); F.max_pool2d(image, 2)
F.max_pool2d(image, 3, 1, 1); F.avg_pool1d(image[:, :, 0], 2); F.avg_pool2d(image, 2); F.avg_pool2d(image, 3, 1, 1)
F.adaptive_avg_pool2d(image, 2); F.adaptive_max_pool2d(image, 2); F.unfold(image, 3); F.pad(image, (1, 1, 1, 1))
F.pad(image, (1, 1, 1, 1), mode="reflect"); F.interpolate(image, scale_factor=2)
F.interpolate(image, scale_factor=2, mode="bilinear"); F.pixel_shuffle(t.cat([image] * 4, 1), 2)
F.batch_norm(image, None, None, c[0], c[1], training=True); F.layer_norm(x, (s,), v, v); F.group_norm(image, 2)
F.instance_norm(image); F.rms_norm(x, (s,), v); F.normalize(x); F.local_response_norm(image, 2)
F.scaled_dot_product_attention(image, image, image); F.dropout(x, 0.5); F.dropout2d(image, 0.5)
F.alpha_dropout(x, 0.5)
"""
LOSSES = """
F.cross_entropy(x, classes); F.cross_entropy(x, p); F.nll_loss(x, classes); F.mse_loss(x, y); F.l1_loss(x, y)
F.smooth_l1_loss(x, y); F.huber_loss(x, y); F.binary_cross_entropy(p, q); F.binary_cross_entropy_with_logits(x, q)
F.kl_div(x, q, reduction="batchmean"); F.cosine_similarity(x, y); F.pairwise_distance(x, y)
F.hinge_embedding_loss(x, sign); F.margin_ranking_loss(x, y, sign); F.cosine_embedding_loss(x, y, sign[0])
F.triplet_margin_loss(x, y, p); F.soft_margin_loss(x, sign); F.poisson_nll_loss(x, q); F.gaussian_nll_loss(x, y, q)
"""
EXPRESSIONS = [
    line.strip()
    for family in (ELEMENTWISE, REDUCTIONS, SHAPES, INDICES, LINEAR, ACTIVATIONS, LAYERS, LOSSES)
    for line in family.replace("\n", ";").split(";")
    if line.strip()
]


@cache
def variable(name: str, side: int) -> Any:
    """Return the array of a variable, None for other names; float32 arrays are differentiated with respect to."""
    rng = np.random.default_rng(ord(name[0]))
    square, images = (side, side), IMAGES[side]
    channels = images[1]
    makers: dict[str, Callable[[], Any]] = {
        **dict.fromkeys("xy", lambda: rng.uniform(-2, 2, square)),
        **dict.fromkeys("pq", lambda: rng.uniform(0.2, 0.9, square)),
        "a": lambda: np.eye(side) + rng.uniform(-0.5, 0.5, square) / side,
        "v": lambda: rng.uniform(0.2, 1, side),
        "c": lambda: rng.uniform(0.2, 1, (channels, channels)),
        "image": lambda: rng.uniform(-2, 2, images),
        "kernel": lambda: rng.uniform(-1, 1, (channels, channels, 3, 3)),
        "m": lambda: rng.random(square) < 0.5,
        "i": lambda: rng.permutation(side),
        "k": lambda: rng.integers(0, side, square),
        "classes": lambda: rng.integers(0, side, side),
        "sign": lambda: rng.choice([-1, 1], square),
    }
    if name not in makers:
        return None
    array = makers[name]()
    return array.astype(np.float32) if array.dtype == np.float64 else array


def function_of(library: Any, expression: str, side: int) -> tuple[Callable[[], Any], list[Any]]:
    """Return an expression as a function without arguments, in a library, and the leaves that it uses."""
    names: dict[str, Any] = {"t": library, "F": library.nn.functional, "s": side, "C": IMAGES[side][1]}
    code = compile(f"lambda: {expression}", expression, "eval")
    used = code.co_consts[0].co_names
    leaves = []
    for name in used:
        if (array := variable(name, side)) is not None:
            names[name] = library.from_numpy(array)
            if array.dtype == np.float32:
                leaves.append(names[name].requires_grad_())
    return eval(code, names), leaves
