"""Transformers (Vaswani et al., "Attention is all you need", 2017)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from math import inf
from typing import Any

from tinygrad_cnn import creation
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn import init
from tinygrad_cnn.nn.attention import MultiheadAttention
from tinygrad_cnn.nn.container import ModuleList
from tinygrad_cnn.nn.dropout import Dropout
from tinygrad_cnn.nn.linear import Linear
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.normalization import LayerNorm
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.tensor import Tensor

Mask = Tensor | None
Activation = str | Callable[[Tensor], Tensor]


class _Layer(Module):
    """What layers of encoders and decoders share: self-attention, and two linear layers for each position."""

    def _set(
        self,
        attentions: tuple[str, ...],
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float,
        activation: Activation,
        layer_norm_eps: float,
        batch_first: bool,
        norm_first: bool,
        bias: bool,
        made: dict[str, Any],
    ) -> None:
        for name in attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **made))
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        for i in range(len(attentions) + 1):
            setattr(self, f"norm{i + 1}", LayerNorm(d_model, layer_norm_eps, bias=bias, **made))
        for i in range(len(attentions) + 1):
            setattr(self, f"dropout{i + 1}", Dropout(dropout))
        known = {"relu": F.relu, "gelu": F.gelu}
        if isinstance(activation, str) and activation not in known:
            raise ValueError(
                f"{type(self).__name__}: activation is {activation!r}; wanted relu, gelu or a function"
            )
        self.activation: Any = known[activation] if isinstance(activation, str) else activation

    def _in_turn(self, x: Tensor, *blocks: Callable[[Tensor], Tensor]) -> Tensor:
        """Add the result of each block to its input, and normalise before each block, or after it."""
        for i, block in enumerate(blocks, start=1):
            norm, dropout = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
            x = x + dropout(block(norm(x))) if self.norm_first else norm(x + dropout(block(x)))
        return x

    def _feed_forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return result


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two linear layers for each position, each with a residual connection and a norm.

    Source (S, N, d_model), or (N, S, d_model) if ``batch_first``, or without N; the result has the same shape.
    ``norm_first`` normalises the input of each block in place of its result. Masks are those of
    `MultiheadAttention`.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)(tg.ones(3, 5, 8)).shape
    (3, 5, 8)
    """

    self_attn: MultiheadAttention

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made = {"device": device, "dtype": dtype}
        sizes = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps
        self._set(("self_attn",), *sizes, batch_first, norm_first, bias, made)

    def forward(
        self, src: Tensor, src_mask: Mask = None, src_key_padding_mask: Mask = None, is_causal: bool = False
    ) -> Tensor:
        """Return the encoded source."""
        masks = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask, "is_causal": is_causal}
        attend = lambda x: self.self_attn(x, x, x, need_weights=False, **masks)[0]  # noqa: E731
        return self._in_turn(src, attend, self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's result (the memory), then two linear layers for each position.

    Target (T, N, d_model) and memory (S, N, d_model), batch first if ``batch_first``; the result has the target's
    shape. Options are those of `TransformerEncoderLayer`.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.TransformerDecoderLayer(8, 2, 16)(tg.ones(4, 3, 8), tg.ones(5, 3, 8)).shape
    (4, 3, 8)
    """

    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made = {"device": device, "dtype": dtype}
        sizes = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps
        self._set(("self_attn", "multihead_attn"), *sizes, batch_first, norm_first, bias, made)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the decoded target."""
        own = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask, "is_causal": tgt_is_causal}
        other = {
            "attn_mask": memory_mask,
            "key_padding_mask": memory_key_padding_mask,
            "is_causal": memory_is_causal,
        }
        attend = lambda x: self.self_attn(x, x, x, need_weights=False, **own)[0]  # noqa: E731
        look = lambda x: self.multihead_attn(x, memory, memory, need_weights=False, **other)[0]  # noqa: E731
        return self._in_turn(tgt, attend, look, self._feed_forward)


class _Stack(Module):
    """Copies of a layer, one after another, and a norm."""

    norm: Module | None

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        self.num_layers = whole(type(self).__name__, "num_layers", num_layers, 1)
        self.layers = ModuleList(deepcopy(layer) for _ in range(num_layers))
        self.norm = norm

    def _through(self, x: Tensor, *others: Any, **masks: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *others, **masks)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """``num_layers`` copies of a `TransformerEncoderLayer`, one after another, then a norm if there is one.

    The copies start with the same weights, as in PyTorch. ``enable_nested_tensor`` and ``mask_check`` are accepted
    for PyTorch's sake: padding is computed like everything else.

    >>> import tinygrad_cnn as tg
    >>> layer = tg.nn.TransformerEncoderLayer(8, 2, 16)
    >>> tg.nn.TransformerEncoder(layer, num_layers=2)(tg.ones(5, 3, 8)).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)

    def forward(
        self, src: Tensor, mask: Mask = None, src_key_padding_mask: Mask = None, is_causal: bool | None = None
    ) -> Tensor:
        """Return the encoded source."""
        hint = bool(is_causal) and mask is not None
        return self._through(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=hint)


class TransformerDecoder(_Stack):
    """``num_layers`` copies of a `TransformerDecoderLayer`, one after another, then a norm if there is one."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the decoded target."""
        return self._through(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=bool(tgt_is_causal) and tgt_mask is not None,
            memory_is_causal=memory_is_causal,
        )


class Transformer(Module):
    """An encoder of the source, and a decoder of the target that attends to the encoder's result.

    Source (S, N, d_model) and target (T, N, d_model), batch first if ``batch_first``; the result has the target's
    shape. Weights of matrices start as `xavier_uniform_` draws them.

    >>> import tinygrad_cnn as tg
    >>> model = tg.nn.Transformer(8, 2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16)
    >>> model(tg.ones(5, 3, 8), tg.ones(4, 3, 8), tgt_mask=model.generate_square_subsequent_mask(4)).shape
    (4, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made = {"device": device, "dtype": dtype}
        sizes = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, **made)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*sizes, **made), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*sizes, **made), num_decoder_layers, norm()
        )
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Mask = None,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the decoded target."""
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        result: Tensor = self.decoder(tgt, memory, *masks, tgt_is_causal, memory_is_causal)
        return result

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Return a mask (sz, sz) under which each position attends to those up to itself: -inf above the diagonal.

        >>> import tinygrad_cnn as tg
        >>> tg.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return creation.full((sz, sz), -inf, device=device, dtype=dtype).triu(1)
