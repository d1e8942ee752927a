"""Embeddings: tables of vectors, one for each index."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_cnn import creation
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn import init
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor


class _Table(Module):
    """A weight (num_embeddings, embedding_dim) and how its rows are looked up."""

    _shown_options: ClassVar[dict[str, Any]]  # what the representation shows if it is not this

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, weight: Any, **options: Any
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_embeddings = whole(name, "num_embeddings", num_embeddings, 1)
        self.embedding_dim = whole(name, "embedding_dim", embedding_dim, 1)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"{name}: padding_idx {padding_idx} is not one of {num_embeddings} rows")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        for option, value in options.items():
            setattr(self, option, value)
        if isinstance(weight, Tensor):
            if weight.shape != (num_embeddings, embedding_dim):
                raise ValueError(
                    f"{name}: the weight has shape {weight.shape}; wanted {(num_embeddings, embedding_dim)}"
                )
            self.weight = Parameter(weight)
        else:
            self.weight = Parameter(creation.empty(num_embeddings, embedding_dim, **weight))
            self.reset_parameters()

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, **options: Any) -> Any:
        """Return a layer with the rows of a tensor (V, D), which are trained unless ``freeze``.

        >>> import tinygrad_cnn as tg
        >>> tg.nn.Embedding.from_pretrained(tg.eye(3))(tg.tensor(1)).tolist()
        [0.0, 1.0, 0.0]
        """
        if embeddings.ndim != 2:
            raise ValueError(f"{cls.__name__}: the embeddings have shape {embeddings.shape}; wanted (V, D)")
        layer = cls(*embeddings.shape, _weight=embeddings, **options)
        layer.weight.requires_grad = not freeze
        return layer

    def reset_parameters(self) -> None:
        """Initialise the table again."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0

    def extra_repr(self) -> str:
        """Return the sizes and options, as PyTorch writes them."""
        shown = [str(self.num_embeddings), str(self.embedding_dim)]
        shown += [
            f"{option}={getattr(self, option)!r}"
            for option, default in self._shown_options.items()
            if getattr(self, option) != default
        ]
        return ", ".join(shown)


class Embedding(_Table):
    """A table of vectors, one for each index: (...) of integers to (..., embedding_dim), as `embedding`.

    Weight (num_embeddings, embedding_dim) starts normal. The row ``padding_idx`` starts as zeros and gets no
    gradient, so training does not change it.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Embedding(10, 3, padding_idx=0)(tg.tensor([[0, 9]]))[0, 0].tolist()
    [0.0, 0.0, 0.0]
    """

    _shown_options: ClassVar[dict[str, Any]] = {
        "padding_idx": None,
        "max_norm": None,
        "norm_type": 2.0,
        "scale_grad_by_freq": False,
        "sparse": False,
    }

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            {"device": device, "dtype": dtype} if _weight is None else _weight,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
        )
        self.weight.requires_grad = not _freeze

    def forward(self, input: Tensor) -> Tensor:
        """Return the row of each index."""
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq
        )


class EmbeddingBag(_Table):
    """Sums, means or largest entries of the vectors of bags of indices, as `embedding_bag`.

    Weight (num_embeddings, embedding_dim) starts normal. The input is (B, N), or (N,) with offsets (B,).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.EmbeddingBag(10, 3)(tg.tensor([1, 2, 4, 5, 4]), tg.tensor([0, 3])).shape
    (2, 3)
    """

    _shown_options: ClassVar[dict[str, Any]] = {
        "max_norm": None,
        "norm_type": 2.0,
        "scale_grad_by_freq": False,
        "mode": None,
        "padding_idx": None,
    }

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            {"device": device, "dtype": dtype} if _weight is None else _weight,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            include_last_offset=include_last_offset,
        )

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """Return one vector for each bag."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )
