"""Multi-head attention."""

from __future__ import annotations

from math import sqrt
from typing import Any

from tinygrad_cnn import creation, ops
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn import init
from tinygrad_cnn.nn.linear import Linear
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.ops.padding import pad
from tinygrad_cnn.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` under the name that PyTorch's attention has for it."""


class MultiheadAttention(Module):
    """Attention by several heads: each attends with its own projections of queries, keys and values.

    Query (L, N, embed_dim), key (S, N, kdim) and value (S, N, vdim), batch first if ``batch_first``, or without N.
    The result is a pair: the output, of the query's shape, and the weights (N, L, S), averaged over the heads
    unless ``average_attn_weights`` is False, or None without ``need_weights``. In ``key_padding_mask`` (N, S) and
    ``attn_mask`` (L, S) or (N * num_heads, L, S), true means that a key is ignored, and numbers are added to the
    scores. (Vaswani et al., "Attention is all you need", 2017, section 3.2.2.)

    >>> import tinygrad_cnn as tg
    >>> attention = tg.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = tg.ones(3, 5, 8)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter
    k_proj_weight: Parameter
    v_proj_weight: Parameter
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.embed_dim = whole("MultiheadAttention", "embed_dim", embed_dim, 1)
        self.num_heads = whole("MultiheadAttention", "num_heads", num_heads, 1)
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: num_heads {num_heads} does not divide embed_dim {embed_dim}")
        self.head_dim = embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn

        def parameter(*shape: int) -> Parameter:
            return Parameter(creation.empty(*shape, device=device, dtype=dtype))

        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = parameter(3 * embed_dim, embed_dim)
        else:
            for name, columns in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
                setattr(self, f"{name}_proj_weight", parameter(embed_dim, columns))
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device=device, dtype=dtype)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, parameter(1, 1, embed_dim) if add_bias_kv else None)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name, parameter in self.named_parameters(recurse=False):
            if name.endswith("_weight"):
                init.xavier_uniform_(parameter)
            elif name == "in_proj_bias":
                init.zeros_(parameter)
            else:
                init.xavier_normal_(parameter)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output for each query, and the weights of the keys."""
        if is_causal and attn_mask is None:
            raise ValueError("MultiheadAttention: is_causal says what attn_mask is; give attn_mask too")
        alone = query.ndim == 2
        self._check(query, key, value)
        batch = 1 if alone else 0 if self.batch_first else 1
        q, k, v = (ops.unsqueeze(x, 1) if alone else x for x in self._projected(query, key, value))
        if self.bias_k is not None and self.bias_v is not None:  # one more key, which is learned
            count = k.shape[batch]
            k, v = (
                ops.cat([x, ops.expand(more, (count, 1, -1) if batch == 0 else (1, count, -1))], 1 - batch)
                for x, more in ((k, self.bias_k), (v, self.bias_v))
            )
        q, k, v = (self._heads(x, batch) for x in (q, k, v))
        if self.add_zero_attn:
            k, v = (pad(x, (0, 0, 0, 1)) for x in (k, v))
        mask = self._mask(key_padding_mask, attn_mask, q, k, key.shape[-2 if alone or self.batch_first else 0])
        if need_weights:
            scores = (q * sqrt(1 / self.head_dim)) @ k.mT
            weights = ops.softmax(scores if mask is None else scores + mask, -1)
            weights = F.dropout(weights, self.dropout, self.training)
            found = weights @ v
        else:
            found = F.scaled_dot_product_attention(q, k, v, mask, self.dropout if self.training else 0.0)
        together = ops.permute(found, (0, 2, 1, 3) if batch == 0 else (2, 0, 1, 3))
        output = self.out_proj(ops.flatten(together, 2))
        output = ops.squeeze(output, 1) if alone else output
        if not need_weights:
            return output, None
        weights = ops.mean(weights, 1) if average_attn_weights else weights
        return output, ops.squeeze(weights, 0) if alone else weights

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        shapes = [tensor.shape for tensor in (query, key, value)]
        widths = [self.embed_dim, self.kdim, self.vdim]
        fit = [shape[-1:] for shape in shapes] == [(n,) for n in widths] and shapes[1][:-1] == shapes[2][:-1]
        fit = fit and len({len(shape) for shape in shapes}) == 1 and query.ndim in (2, 3)
        batch = 0 if self.batch_first else 1
        if not fit or (query.ndim == 3 and shapes[0][batch] != shapes[1][batch]):
            order = "(N, length, width)" if self.batch_first else "(length, N, width)"
            raise ValueError(
                f"MultiheadAttention: query, key and value have shapes {shapes}; wanted {order} or (length, width) "
                f"of widths {widths}"
            )

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        biases = [None] * 3 if self.in_proj_bias is None else ops.chunk(self.in_proj_bias, 3)
        if self.in_proj_weight is None:
            weights = [getattr(self, f"{name}_proj_weight") for name in "qkv"]
        elif query is key is value:  # one product for all three
            return list(ops.chunk(ops.linear(query, self.in_proj_weight, self.in_proj_bias), 3, -1))
        else:
            weights = list(ops.chunk(self.in_proj_weight, 3))
        return [ops.linear(*each) for each in zip((query, key, value), weights, biases, strict=True)]

    def _heads(self, x: Tensor, batch: int) -> Tensor:
        """Return (N, heads, length, head_dim)."""
        several = ops.unflatten(x, 2, (self.num_heads, self.head_dim))
        return ops.permute(several, (0, 2, 1, 3) if batch == 0 else (1, 2, 0, 3))

    def _mask(self, padding: Any, mask: Any, q: Tensor, k: Tensor, keys: int) -> Tensor | None:
        """Return what both masks add to the scores (N, heads, L, S): 0 for keys that were added."""
        (n, heads, length, _), found = q.shape, None
        wanted: dict[str, list[tuple[int, ...]]] = {
            "key_padding_mask": [(n, keys)],
            "attn_mask": [(length, keys), (n * heads, length, keys)],
        }
        if n == 1:
            wanted["key_padding_mask"].append((keys,))
        for (name, shapes), given in zip(wanted.items(), (padding, mask), strict=True):
            if given is None:
                continue
            if given.shape not in shapes:
                raise ValueError(f"MultiheadAttention: {name} has shape {given.shape}; wanted one of {shapes}")
            added = _as_numbers(given, q)
            if name == "key_padding_mask":
                added = ops.reshape(added, (n, 1, 1, keys))
            elif given.ndim == 3:
                added = ops.reshape(added, (n, heads, length, keys))
            found = added if found is None else found + added
        more = k.shape[2] - keys
        return pad(found, (0, more)) if found is not None and more else found


def _as_numbers(mask: Any, like: Tensor) -> Any:
    """Return a mask as numbers to add: -inf where a mask of booleans is true."""
    if mask.dtype.kind == "b":
        return ops.where(mask, -float("inf"), creation.zeros((), dtype=like.dtype))
    if mask.dtype.kind != "f":
        raise TypeError(f"MultiheadAttention: a mask has numbers of type {mask.dtype}; wanted booleans or floats")
    return mask
