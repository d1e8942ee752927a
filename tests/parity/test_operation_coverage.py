"""Everything that the calculus promises is where PyTorch has it, and has a case that is held against PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.cases import CASES
from tinygrad_cnn import linalg

torch = pytest.importorskip("torch")

PROMISED = """
add sub rsub mul div true_divide floor_divide remainder fmod pow float_power neg positive abs reciprocal square
sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sign floor ceil round trunc frac clamp maximum minimum lerp
addcmul addcdiv logaddexp hypot xlogy copysign nan_to_num sin cos tan asin acos atan atan2 sinh cosh tanh asinh
acosh atanh sigmoid logit erf sinc eq ne lt le gt ge equal isclose allclose isfinite isinf isnan logical_and
logical_or logical_not logical_xor where sum mean prod nansum nanmean amax amin aminmax max min std var std_mean
var_mean logsumexp norm linalg.vector_norm linalg.norm median argmax argmin all any count_nonzero cumsum cumprod
logcumsumexp reshape view view_as reshape_as flatten unflatten ravel transpose permute movedim swapaxes t
squeeze unsqueeze expand expand_as broadcast_to broadcast_tensors cat stack hstack vstack dstack column_stack
split tensor_split chunk unbind flip fliplr flipud roll rot90 repeat tile repeat_interleave narrow select unfold
tril triu diag diagonal diag_embed meshgrid atleast_1d atleast_2d gather scatter scatter_add index_select
index_add index_put masked_fill masked_select masked_scatter select_scatter take take_along_dim sort argsort
topk nonzero searchsorted bincount unique matmul mm bmm mv dot inner outer vdot addmm addmv baddbmm addbmm
einsum tensordot kron trace cross cdist linalg.inv linalg.det linalg.slogdet linalg.solve linalg.cholesky
linalg.multi_dot linalg.matrix_power relu leaky_relu elu selu celu gelu silu mish softplus softsign hardtanh
hardsigmoid hardswish relu6 logsigmoid tanhshrink hardshrink softshrink threshold glu prelu softmax log_softmax
softmin conv1d conv2d conv_transpose1d conv_transpose2d max_pool1d max_pool2d avg_pool1d avg_pool2d
adaptive_avg_pool2d adaptive_max_pool2d unfold pad interpolate pixel_shuffle batch_norm layer_norm group_norm
instance_norm rms_norm normalize local_response_norm cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss
huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div cosine_similarity pairwise_distance
hinge_embedding_loss margin_ranking_loss cosine_embedding_loss triplet_margin_loss soft_margin_loss
poisson_nll_loss gaussian_nll_loss linear bilinear embedding one_hot dropout dropout1d dropout2d alpha_dropout
scaled_dot_product_attention zeros ones full eye arange linspace logspace zeros_like ones_like full_like
empty_like rand_like randn_like new_zeros new_ones new_full new_tensor tril_indices triu_indices rand randn
randint randperm bernoulli multinomial normal clone contiguous detach to type
""".split()

# Creation, randomness and conversion have test files of their own.
ELSEWHERE = set(
    """
    alpha_dropout arange bernoulli detach dropout dropout1d dropout2d empty_like eye full full_like linspace
    logspace multinomial new_full new_ones new_tensor new_zeros normal one_hot ones ones_like rand rand_like randint
    randn
    randn_like randperm to tril_indices triu_indices type zeros zeros_like
    """.split()
)
HELD = set(PROMISED) - ELSEWHERE

# PyTorch has these at top level too, but does not document them there, and partly with other arguments.
UNDOCUMENTED = set(
    """
    adaptive_avg_pool1d adaptive_max_pool1d alpha_dropout batch_norm bilinear binary_cross_entropy_with_logits
    cosine_embedding_loss detach dropout embedding group_norm hinge_embedding_loss instance_norm kl_div layer_norm
    margin_ranking_loss pixel_shuffle poisson_nll_loss rms_norm triplet_margin_loss
    """.split()
)
PLACES = [(tg, torch), (tg.Tensor, torch.Tensor), (F, torch.nn.functional)]

CALLED = {c.torch.rpartition(".")[2] if isinstance(c.torch, str) else c.name for c in CASES if c.torch is not None}
# PyTorch means its linalg and special by these, or deprecates them elsewhere.
IN_A_ROOM = {"cholesky", "cond", "lstsq", "polygamma", "qr", "solve", "svd"}
WITH_A_CASE = {name for name in CALLED - IN_A_ROOM if any(callable(getattr(p, name, None)) for _, p in PLACES)}


@pytest.mark.parametrize("name", sorted({*PROMISED, *WITH_A_CASE}))
def test_it_is_where_pytorch_has_it(name: str) -> None:
    if name.startswith("linalg."):
        assert hasattr(linalg, name.removeprefix("linalg."))
        return
    wanted = [ours for ours, theirs in PLACES if callable(getattr(theirs, name, None))]
    missing = [
        place.__name__
        for place in wanted
        if not callable(getattr(place, name, None)) and not (place is tg and name in UNDOCUMENTED)
    ]
    assert wanted
    assert not missing, (
        f"PyTorch has {name} there too: {missing}. A function is exported by __all__ of its file, a method by a "
        "line in tinygrad_cnn/methods/operations.py"
    )


@pytest.mark.parametrize("name", sorted(HELD))
def test_it_has_a_case_that_is_held_against_pytorch(name: str) -> None:
    """A case that calls PyTorch's function of that name; where it calls a lambda, the case itself has the name."""
    assert name.removeprefix("linalg.") in CALLED


def test_the_readme_says_how_many() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"{len(HELD)} operations" in readme
