"""What PyTorch's own samples show to differ on purpose, or to be missing: one list, each entry with its reason.

An entry that no sample needs any more fails its test, and so does one whose line is not in `docs/pytorch.md`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "pytorch.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Known:
    """Failures of some kinds of samples whose text matches a pattern, and the line of the page that says so."""

    kinds: str
    names: str
    pattern: str
    page: str


BINARY = """
    __radd__ __rand__ __rmul__ __ror__ __rxor__ atan2 bitwise_and bitwise_or bitwise_xor copysign eq fmod ge gt
    hypot isclose le logaddexp logical_and logical_or logical_xor lt max.binary maximum min.binary minimum ne
    remainder rsub xlogy bitwise_left_shift bitwise_right_shift fmax fmin gcd lcm ldexp
    special.xlog1py
"""
CASTS = "bool byte char double float half int long short"
ARITHMETIC = """
    add mul sub div.no_rounding_mode div.trunc_rounding div.floor_rounding true_divide floor_divide
"""
CONSTANT = "linalg.lstsq linalg.lstsq.grad_oriented cdist linalg.matrix_power linalg.slogdet bernoulli fill?"
POLYGAMMAS = " ".join(f"polygamma.polygamma_n_{n}" for n in range(5)) + " special.polygamma.special_polygamma_n_0"
BYTES = " ".join(f"nn.functional.interpolate.{m}" for m in ("nearest", "nearest-exact", "bilinear", "bicubic"))
BYTES += " nn.functional.upsample_nearest nn.functional.upsample_bilinear"
SMOOTH = "nn.functional.interpolate.bilinear nn.functional.interpolate.bicubic"
UINT8 = "torch.tensor([1, 2], dtype=torch.uint8) + 300"
VOLUMES = "nn.functional.interpolate.trilinear nn.functional.interpolate.area"

KNOWN = [
    # what is missing
    Known("samples types reference", f"to {CASTS}", "argument 'memory_format'", "`memory_format=`"),
    Known("reference", "clone contiguous", "argument 'memory_format'", "`memory_format=`"),
    Known("samples types reference", VOLUMES, r"shape \(2, 3, 4, \d, \d\)", "three dimensions: `torch.nn.Conv3d`"),
    Known("reference", SMOOTH, "argument 'antialias'", "antialias=True"),
    Known("samples types reference", "norm.nuc", "'nuc' is unknown", 'torch.norm(torch.ones(2, 2), "nuc")'),
    Known("types reference", "scatter?", "argument 'reduce'", 'reduce="add"'),
    Known(
        "samples types reference",
        "nn.functional.grid_sample",
        "mode 'bicubic'|do not fit",
        'align_corners=True, mode="bicubic"',
    ),
    Known("samples", "quantile nanquantile", "gradient 1 of input 1", "`quantile` has no gradient"),
    Known("samples types reference", "zero_", "zero_ is not here", "`torch.relu_`"),
    Known("optimizers", "Muon", "instead of", "bfloat16 there"),
    # what PyTorch guesses
    Known("samples types reference", "nn.functional.dropout2d", r"wanted \(N, C, H, W\)", "F.dropout2d"),
    Known("samples types reference", "nn.functional.batch_norm", r"got shape \(0,\)", "F.batch_norm(torch.ones(0)"),
    Known("reference", ARITHMETIC, "float64 instead of a tensor", "isinstance(torch.add(1.5, 2.5)"),
    Known("reference", "__rsub__", r"__rsub__\(5", "isinstance(torch.add(1.5, 2.5)"),
    Known("errors", BINARY, "must be Tensor, not int|combination of arguments|doesn't apply", "torch.eq(2, "),
    Known("errors", "nn.functional.max_pool1d", r"float32\(0, 10\)", "F.max_pool1d(torch.ones(0, 10), 1)"),
    Known("errors", "multinomial", "cannot exceed 2", "torch.multinomial(torch.ones(2**24 + 1), 1)"),
    Known("errors", "gather multinomial aminmax cat take", "out=.*(Expected|expects|written-to)", "`out=`"),
    Known("modules", "BatchNorm1d BatchNorm2d", "more than one value", "BatchNorm1d(1)(torch.ones(0, 1, 1))"),
    Known("modules", "CrossEntropyLoss", "mean of an empty batch", "F.cross_entropy(torch.ones(0, 3)"),
    # results that do not depend on the numbers require no gradient
    Known(
        "samples",
        CONSTANT,
        "requires_grad of result [01]",
        "gradient is 0 everywhere",
    ),
    Known(
        "samples",
        "linalg.norm.subgradients_at_zero",
        r"gradient 2 of input 0 is \S* ?0",
        "second derivative of a norm",
    ),
    Known("samples", "nn.functional.ctc_loss", "gradient 1 of input 0", "The gradient of `ctc_loss`"),
    Known("modules", "CTCLoss", "gradient 1 of input 0", "The gradient of `ctc_loss`"),
    # rounding and overflow
    Known("types", "nn.functional.soft_margin_loss", "instead of.*inf", "F.soft_margin_loss"),
    # integers
    Known(
        "types", "add sub", "integer -3 out of bounds for uint8", "torch.tensor([1, 2], dtype=torch.uint8) + 300"
    ),
    Known(
        "types", "index_add", "integer -1 out of bounds for uint8", "torch.tensor([1, 2], dtype=torch.uint8) + 300"
    ),
    Known("types", "addmv", "type float32", "torch.addmv"),
    Known("types", "addbmm", "type float32", "torch.addbmm"),
    Known("types", "baddbmm", "type float32", "torch.baddbmm"),
    Known("types", "__rpow__", "negative integer powers", "torch.tensor([2]) ** torch.tensor([-1])"),
    Known("types", "all any", "type bool instead of torch.uint8", "dtype=torch.uint8).all()"),
    Known(
        "types",
        "nn.functional.max_pool2d nn.functional.avg_pool1d nn.functional.avg_pool2d "
        "nn.functional.local_response_norm",
        "wanted floating-point numbers, got",
        "F.max_pool2d(torch.ones(1, 1, 2, 2).long(), 2)",
    ),
    Known("types", BYTES, "wanted floating-point numbers, got uint8", 'mode="nearest")'),
    Known("types", "nn.functional.pairwise_distance", "wanted floating-point numbers", "F.pairwise_distance"),
    Known("types", "nn.functional.triplet_margin_loss", "wanted floating-point numbers", "F.triplet_margin_loss"),
    Known("types", "rsub? full_like?", "out of bounds for uint8", UINT8),
    Known("types", "nn.functional.scaled_dot_product_attention? histc?", "float16.*numbers", "In float16, `histc`"),
    Known("types", "matrix_exp", r"float16.*numbers.*instead of \[.*nan", "`matrix_exp` of float16"),
    Known("types", POLYGAMMAS, r"(?s)1\): numbers.*inf", "`polygamma` is infinite"),
    Known(
        "reference",
        POLYGAMMAS.partition(" ")[2].partition(" special")[0],
        r"instead of \[ *nan",
        "`polygamma` is infinite",
    ),
    # factors of matrices
    Known("samples types reference", "linalg.eigh", "numbers|gradient", "The signs of eigenvectors"),
    Known("samples", "linalg.svd", "no gradient|numbers", "The signs of eigenvectors"),
    Known("types reference", "linalg.svd", "numbers", "The signs of eigenvectors"),
    Known("samples", "linalg.eigvalsh", "gradient 2", "The signs of eigenvectors"),
    Known("samples types reference", "linalg.lstsq", "shape", "The signs of eigenvectors"),
    Known("samples types reference", "linalg.lstsq.grad_oriented", "shape", "The signs of eigenvectors"),
    Known("samples", "cholesky_solve cholesky_inverse", r"gradient 1 of input [01]", "entries that are not read"),
    # ties
    Known("types", "kthvalue mode", "numbers", "`kthvalue` gives the index of"),
    Known("types", "topk sort argsort", "numbers", "`sort` and `argsort` are always stable"),
]


def want_only_known(kind: str, name: str, failures: list[str], every_sample: bool = True) -> None:
    """Fail if a failure is not known or, in a run of every sample, if an entry of the list is no longer needed.

    Of a name that ends with a question mark, only some samples fail.
    """
    entries = [e for e in KNOWN if kind in e.kinds.split() and name in e.names.replace("?", "").split()]
    unknown = [text for text in failures if not any(re.search(e.pattern, text, re.DOTALL) for e in entries)]
    assert not unknown, f"{len(unknown)} failures, the first are\n" + "\n".join(text[:600] for text in unknown[:4])
    needed = entries if every_sample else []
    idle = [e for e in needed if not any(re.search(e.pattern, text, re.DOTALL) for text in failures)]
    assert not idle, f"{name} has no such failure of {kind} any more; correct the list and the page: {idle}"


def check_named(kinds: Collection[str], names: Collection[str]) -> None:
    """Fail if an entry of these kinds names what is not run, or a line that is not in the page."""
    for entry in KNOWN:
        if set(entry.kinds.split()) & set(kinds):
            assert set(entry.names.replace("?", "").split()) <= set(names), entry
            assert entry.page in PAGE, entry
