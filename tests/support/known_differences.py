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


KNOWN: list[Known] = []

# Not looked at yet: to be mended, or to be given a line in docs/pytorch.md.
PENDING = {
    "samples": """
        cdist diag median nn.functional.pad.replicate_negative nn.functional.interpolate.nearest-exact
        nn.functional.interpolate.bicubic nn.functional.interpolate.trilinear
        nn.functional.interpolate.area nn.functional.avg_pool2d to topk nn.functional.batch_norm ravel
        gather index_select sort bool byte char double float half int long short new_zeros new_ones
        new_empty new_full normal.number_mean bernoulli searchsorted zero_ norm.nuc nn.functional.dropout2d
        nn.functional.embedding repeat_interleave nn.functional.pairwise_distance
        nn.functional.pixel_shuffle linalg.matrix_power linalg.norm linalg.norm.subgradients_at_zero
        linalg.slogdet
    """,
    "errors": """
        atan2 copysign eq fmod remainder flipud ge gt le logaddexp lt max.binary maximum min.binary minimum
        logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor isclose
        nn.functional.max_pool1d ne narrow __radd__ __rmul__ __rand__ __ror__ __rxor__ rsub hypot xlogy
    """,
    "types": """
        arange addbmm baddbmm cdist nn.functional.avg_pool1d nn.functional.local_response_norm
        nn.functional.pad.replicate_negative nn.functional.interpolate.nearest
        nn.functional.interpolate.nearest-exact nn.functional.interpolate.bilinear
        nn.functional.interpolate.bicubic nn.functional.interpolate.trilinear
        nn.functional.interpolate.area nn.functional.soft_margin_loss nn.functional.margin_ranking_loss
        nn.functional.avg_pool2d nn.functional.max_pool2d nn.functional.triplet_margin_loss to topk
        nn.functional.batch_norm nn.functional.gelu __rpow__ gather index_add sort scatter bool byte char
        double float half int long short new_zeros new_ones new_empty new_full normal.number_mean bincount
        searchsorted zero_ tensordot erf erfc norm.nuc nn.functional.dropout2d nn.functional.embedding all
        any argsort repeat_interleave nn.functional.pairwise_distance linalg.norm
        linalg.norm.subgradients_at_zero
    """,
    "reference": """
        cdist clone contiguous diag median nn.functional.pad.replicate_negative
        nn.functional.interpolate.nearest-exact nn.functional.interpolate.bilinear
        nn.functional.interpolate.bicubic nn.functional.interpolate.trilinear
        nn.functional.interpolate.area nn.functional.avg_pool2d to topk nn.functional.batch_norm ravel
        gather index_select sort scatter bool byte char double float half int long short new_zeros new_ones
        new_empty new_full normal.number_mean searchsorted zero_ norm.nuc nn.functional.dropout2d
        nn.functional.embedding repeat_interleave nn.functional.pairwise_distance
        nn.functional.pixel_shuffle linalg.norm linalg.norm.subgradients_at_zero
    """,
}
KNOWN += [Known(kind, names, ".", "") for kind, names in PENDING.items()]


def want_only_known(kind: str, name: str, failures: list[str]) -> None:
    """Fail if a failure is not known, or if an entry of the list is no longer needed."""
    entries = [e for e in KNOWN if kind in e.kinds.split() and name in e.names.split()]
    unknown = [text for text in failures if not any(re.search(e.pattern, text, re.DOTALL) for e in entries)]
    assert not unknown, f"{len(unknown)} failures, the first are\n" + "\n".join(text[:600] for text in unknown[:4])
    idle = [e for e in entries if not any(re.search(e.pattern, text, re.DOTALL) for text in failures)]
    assert not idle, f"{name} has no such failure of {kind} any more; correct the list and the page: {idle}"


def check_named(kinds: Collection[str], names: Collection[str]) -> None:
    """Fail if an entry of these kinds names what is not run, or a line that is not in the page."""
    for entry in KNOWN:
        if set(entry.kinds.split()) & set(kinds):
            assert set(entry.names.split()) <= set(names), entry
            assert entry.page in PAGE, entry
