"""The registry of modules: for each, arguments to make it with and inputs to call it with.

`test_nn_modules.py` holds every case to the promises of all modules, and the parity tests compare it with PyTorch's
module of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.strategies import generators

Rng = np.random.Generator
Inputs = Callable[[Rng, dict[str, Any]], tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class Part:
    """A module that is an argument of another."""

    name: str
    arguments: dict[str, Any]

    def make(self, library: Any) -> Any:
        """Make the module of a library."""
        return getattr(library.nn, self.name)(**self.arguments)


@dataclass(frozen=True)
class Sample:
    """How a module is made (arrays become tensors) and called: float64 arrays, integers and constants."""

    arguments: dict[str, Any]
    inputs: tuple[np.ndarray, ...]
    constant: int  # so many of the inputs, the last ones, are not differentiated

    def make(self, library: Any, name: str) -> Any:
        """Make the module of a library, in float64."""
        return getattr(library.nn, name)(**made(library, self.arguments)).double()

    def given(self, library: Any) -> list[Any]:
        """Return the inputs as a library's tensors, those to differentiate as leaves."""
        live = len(self.inputs) - self.constant
        return [library.tensor(x, requires_grad=i < live) for i, x in enumerate(self.inputs)]


def made(library: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with a library's tensors for arrays, and its modules for parts."""
    make = {np.ndarray: library.tensor, Part: lambda part: part.make(library)}
    return {key: make.get(type(value), lambda value: value)(value) for key, value in arguments.items()}


@dataclass(frozen=True)
class ModuleCase:
    """A module, calls of it, and whether it draws random numbers in training."""

    name: str
    samples: st.SearchStrategy[Sample]
    random: bool

    def make(self, sample: Sample) -> Any:
        """Make our module, in float64."""
        return sample.make(tg, self.name)

    def __repr__(self) -> str:
        return self.name


CASES: list[ModuleCase] = []


def case(
    names: str, inputs: Inputs, *, constant: int = 0, random: bool = False, **arguments: st.SearchStrategy[Any]
) -> None:
    """Add modules that take the same arguments and inputs; a strategy that draws `LEFT_OUT` leaves its default."""

    @st.composite
    def draw_sample(draw: Any) -> Sample:
        drawn = {key: value for key, s in arguments.items() if (value := draw(s)) is not LEFT_OUT}
        rng = draw(generators())
        drawn = {key: value(rng) if callable(value) else value for key, value in drawn.items()}
        return Sample(drawn, inputs(rng, drawn), constant)

    CASES.extend(ModuleCase(name, draw_sample(), random) for name in names.split())


LEFT_OUT = object()
bools = st.booleans()
small = st.integers(1, 3)
reduction = st.sampled_from(["mean", "sum", "none"])


def option(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([LEFT_OUT, *values])


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(LEFT_OUT) | strategy


def normal(*shape: int) -> Inputs:
    return lambda rng, a: (rng.standard_normal(shape),)


def drawn(*options: Inputs) -> Inputs:
    return lambda rng, a: options[rng.integers(len(options))](rng, a)


def several(count: int, *shapes: tuple[int, ...]) -> Inputs:
    """As many arrays, of one of the shapes."""

    def draw(rng: Rng, a: dict[str, Any]) -> tuple[np.ndarray, ...]:
        shape = shapes[rng.integers(len(shapes))]
        return tuple(rng.standard_normal(shape) for _ in range(count))

    return draw


# --- linear ---

case("Identity", normal(2, 3))
case(
    "Linear",
    lambda rng, a: (rng.standard_normal((*(2,) * rng.integers(3), a["in_features"])),),
    in_features=small,
    out_features=small,
    bias=bools,
)
case(
    "Bilinear",
    lambda rng, a: (rng.standard_normal((2, a["in1_features"])), rng.standard_normal((2, a["in2_features"]))),
    in1_features=small,
    in2_features=small,
    out_features=small,
    bias=bools,
)
case(
    "Embedding",
    lambda rng, a: (rng.integers(0, a["num_embeddings"], (2, 3)),),
    constant=1,
    num_embeddings=st.integers(3, 5),
    embedding_dim=small,
    padding_idx=option(None, 0, -1, 2),
)
case(
    "EmbeddingBag",
    lambda rng, a: (rng.integers(0, a["num_embeddings"], (2, 3)),),
    constant=1,
    num_embeddings=st.integers(3, 5),
    embedding_dim=small,
    padding_idx=option(None, 0, -1),
    mode=option("sum", "max"),
)

# --- convolution and pooling ---

SPATIAL = {1: [(2, 4, 9), (4, 9)], 2: [(2, 4, 9, 8), (4, 9, 8)]}


def images(rng: Rng, a: dict[str, Any], dims: int) -> tuple[np.ndarray, ...]:
    return (rng.standard_normal(SPATIAL[dims][rng.integers(2)]),)


def sizes(dims: int, least: int, most: int) -> st.SearchStrategy[Any]:
    one = st.integers(least, most)
    return one | st.tuples(*(one,) * dims)


for dims in (1, 2):
    one_dims = lambda rng, a, dims=dims: images(rng, a, dims)  # noqa: E731
    conv = {
        "in_channels": st.just(4),
        "out_channels": st.sampled_from([2, 4]),
        "kernel_size": sizes(dims, 1, 3),
        "dilation": maybe(sizes(dims, 1, 2)),
        "groups": option(2),
        "bias": bools,
    }
    case(
        f"Conv{dims}d",
        one_dims,
        **conv,
        stride=maybe(sizes(dims, 1, 2)),
        padding=maybe(sizes(dims, 0, 2)),
        padding_mode=option("zeros", "reflect", "replicate", "circular"),
    )
    case(
        f"Conv{dims}d",
        one_dims,
        **conv,
        padding=st.sampled_from(["same", "valid"]),
        padding_mode=option("zeros", "reflect", "replicate", "circular"),
    )
    case(
        f"ConvTranspose{dims}d",
        one_dims,
        **conv,
        stride=st.integers(2, 3),
        padding=maybe(sizes(dims, 0, 1)),
        output_padding=option(0, 1),
    )
    case(
        f"MaxPool{dims}d",
        one_dims,
        kernel_size=sizes(dims, 2, 3),
        stride=option(None, 1, 2, 3),
        padding=option(0, 1),
        dilation=option(1, 2),
        ceil_mode=bools,
        return_indices=bools,
    )
    case(
        f"AvgPool{dims}d",
        one_dims,
        kernel_size=sizes(dims, 2, 3),
        stride=option(None, 1, 2, 3),
        padding=option(0, 1),
        ceil_mode=bools,
        count_include_pad=bools,
        **({"divisor_override": option(None, 5)} if dims == 2 else {}),
    )
output_size = st.sampled_from([1, 3, (2, 5), (None, 3)])
case("AdaptiveAvgPool2d", lambda rng, a: images(rng, a, 2), output_size=output_size)
case("AdaptiveMaxPool2d", lambda rng, a: images(rng, a, 2), output_size=output_size, return_indices=bools)

lengths = lambda rng, a: images(rng, a, 1)  # noqa: E731
case("AdaptiveAvgPool1d", lengths, output_size=st.integers(1, 4))
case("AdaptiveMaxPool1d", lengths, output_size=st.integers(1, 4), return_indices=bools)
for dims in (1, 2):
    case(
        f"LPPool{dims}d",
        lambda rng, a, dims=dims: tuple(np.abs(x) for x in images(rng, a, dims)),
        norm_type=st.sampled_from([2, 3.0]),
        kernel_size=st.integers(2, 3),
        stride=option(None, 2),
        ceil_mode=bools,
    )


def pooled(rng: Rng, a: dict[str, Any], dims: int) -> tuple[np.ndarray, ...]:
    """Values, and different places for the values of each channel."""
    x = rng.standard_normal((2, 3, *(2,) * dims))
    places = np.stack([rng.permutation(4**dims)[: 2**dims] for _ in range(6)])
    return x, places.reshape(x.shape)


for dims in (1, 2):
    case(f"MaxUnpool{dims}d", lambda rng, a, dims=dims: pooled(rng, a, dims), constant=1, kernel_size=st.just(2))

# --- shape ---

case("Flatten", normal(2, 3, 2, 2), start_dim=option(0, 1, -2), end_dim=option(2, -1))
case("Unflatten", normal(2, 6), dim=st.sampled_from([1, -1]), unflattened_size=st.sampled_from([(2, 3), (3, -1)]))
for dims, shape in ((1, (2, 3, 4)), (2, (2, 3, 4, 4)), (3, (1, 2, 3, 4, 3))):
    widths = st.sampled_from([1, (1, 0, 2, 2, 0, 1)[: 2 * dims], (2, 1, 1, 0, 1, 1)[: 2 * dims]])
    for kind in ("Zero", "Reflection", "Replication", "Circular"):
        case(f"{kind}Pad{dims}d", normal(*shape), padding=widths)
    case(f"ConstantPad{dims}d", normal(*shape), padding=widths, value=st.sampled_from([0, -1.5]))
case("ZeroPad2d", normal(2, 3, 4, 4), padding=st.just((-1, 0, 0, 1)))
case("PixelUnshuffle", normal(2, 2, 4, 6), downscale_factor=st.sampled_from([1, 2]))
case("ChannelShuffle", drawn(normal(2, 6, 3), normal(1, 6, 2, 2)), groups=st.sampled_from([1, 2, 3]))
case("Unfold", normal(2, 3, 4, 5), kernel_size=sizes(2, 1, 2), padding=maybe(sizes(2, 0, 1)), stride=option(2))
case("Fold", normal(2, 8, 9), output_size=st.just((4, 4)), kernel_size=st.just(2))
case("UpsamplingNearest2d UpsamplingBilinear2d", normal(2, 3, 4, 5), size=st.sampled_from([7, (3, 8)]))
case("UpsamplingNearest2d UpsamplingBilinear2d", normal(2, 3, 4, 5), scale_factor=st.sampled_from([2, 1.5]))
case("PixelShuffle", normal(2, 8, 3, 2), upscale_factor=st.sampled_from([1, 2]))
upsampling = {"recompute_scale_factor": option(None, False)}
case("Upsample", normal(2, 3, 4, 5), size=st.sampled_from([7, (3, 8)]), mode=option("nearest"))
case("Upsample", normal(2, 3, 4, 5), scale_factor=st.sampled_from([2, 1.5]), **upsampling)
case(
    "Upsample",
    normal(2, 3, 4, 5),
    scale_factor=st.sampled_from([2, 1.5]),
    mode=st.just("bilinear"),
    align_corners=bools,
    **upsampling,
)

# --- recurrent ---


def sequences(rng: Rng, a: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """Three steps of two sequences, or of one without a batch."""
    return (rng.standard_normal((3, 2, 2) if rng.integers(2) else (3, 2)),)


layers = {
    "input_size": st.just(2),
    "hidden_size": st.just(3),
    "num_layers": option(2),
    "bias": bools,
    "batch_first": bools,
    "bidirectional": bools,
}
case("RNN", sequences, **layers, nonlinearity=option("relu"))
case("LSTM", sequences, **layers, proj_size=option(2))
case("GRU", sequences, **layers)
case("LSTM GRU", sequences, **{**layers, "num_layers": st.just(2)}, dropout=st.just(0.3), random=True)


def one_step(states: int) -> Inputs:
    """The input, and sometimes the state."""

    def draw(rng: Rng, a: dict[str, Any]) -> tuple[np.ndarray, ...]:
        batch = (2,) if rng.integers(2) else ()
        given = (rng.standard_normal((*batch, 2)), rng.standard_normal((*batch, 3)))
        return given[: 1 + states * rng.integers(2)]

    return draw


cells = {"input_size": st.just(2), "hidden_size": st.just(3), "bias": bools}
case("RNNCell", one_step(1), **cells, nonlinearity=option("relu"))
case("LSTMCell", one_step(0), **cells)
case("GRUCell", one_step(1), **cells)

# --- attention ---


def attended(rng: Rng, a: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """Queries, keys and values of a batch of two, or of one sequence."""
    widths = (4, a.get("kdim") or 4, a.get("vdim") or 4)
    batch = (2,) if rng.integers(2) else ()
    lengths = [(*batch, n) if a.get("batch_first") else (n, *batch) for n in (3, 5, 5)]
    return tuple(rng.standard_normal((*length, width)) for length, width in zip(lengths, widths, strict=True))


case(
    "MultiheadAttention",
    attended,
    embed_dim=st.just(4),
    num_heads=st.sampled_from([1, 2]),
    bias=bools,
    add_bias_kv=bools,
    add_zero_attn=bools,
    kdim=option(3),
    vdim=option(5),
    batch_first=bools,
)
heads = {"d_model": st.just(4), "nhead": st.just(2), "dim_feedforward": st.just(3)}
options = {"activation": option("relu", "gelu"), "batch_first": bools, "norm_first": bools, "bias": bools}
case("TransformerEncoderLayer", normal(2, 3, 4), **heads, **options, dropout=st.just(0.0))
case("TransformerDecoderLayer", several(2, (2, 3, 4)), **heads, **options, dropout=st.just(0.0))
case("TransformerEncoderLayer", normal(2, 3, 4), **heads, dropout=st.just(0.4), random=True)
depths = {"num_encoder_layers": st.just(1), "num_decoder_layers": st.sampled_from([1, 2])}
case("Transformer", several(2, (2, 3, 4)), **heads, **options, **depths, dropout=st.just(0.0))
plain = {"d_model": 4, "nhead": 2, "dim_feedforward": 3, "dropout": 0.0}
norm = option(None, Part("LayerNorm", {"normalized_shape": 4}))
count = {"num_layers": st.integers(1, 2), "norm": norm}
case("TransformerEncoder", normal(2, 3, 4), encoder_layer=st.just(Part("TransformerEncoderLayer", plain)), **count)
case(
    "TransformerDecoder",
    several(2, (2, 3, 4)),
    decoder_layer=st.just(Part("TransformerDecoderLayer", plain)),
    **count,
)

# --- dropout ---

p = option(0.0, 0.3)
case("Dropout AlphaDropout", normal(4, 5), random=True, p=p)
case("Dropout1d", normal(2, 3, 4), random=True, p=p)
case("Dropout2d", normal(2, 3, 4, 4), random=True, p=p)

# --- normalisation ---


def channels(*shapes: tuple[int, ...]) -> Inputs:
    return drawn(*(normal(*shape) for shape in shapes))


affine = {"eps": option(1e-3), "affine": bools, "bias": bools}
tracked = {**affine, "track_running_stats": bools, "num_features": st.just(3)}
case("BatchNorm1d", channels((4, 3), (4, 3, 2)), **tracked, momentum=option(None, 0.0, 0.3, 1.0))
case("BatchNorm2d", channels((2, 3, 2, 2)), **tracked, momentum=option(None, 0.0, 0.3, 1.0))
case("SyncBatchNorm", channels((4, 3), (2, 3, 2, 2)), **tracked, momentum=option(None, 0.0, 0.3, 1.0))
case("InstanceNorm1d", channels((2, 3, 4), (3, 4)), **tracked, momentum=option(0.3))
case("InstanceNorm2d", channels((2, 3, 2, 3), (3, 2, 3)), **tracked, momentum=option(0.3))
case("GroupNorm", channels((2, 6), (2, 6, 3), (2, 6, 2, 2)), **affine, num_groups=small, num_channels=st.just(6))
shape = st.sampled_from([4, (4,), [3, 4]])
elementwise = {"normalized_shape": shape, "eps": option(1e-3), "elementwise_affine": bools}
case("LayerNorm", normal(2, 3, 4), **elementwise, bias=bools)
case("RMSNorm", normal(2, 3, 4), **elementwise)
case(
    "LocalResponseNorm",
    channels((2, 5, 3), (2, 5, 2, 2)),
    size=st.integers(1, 4),
    alpha=option(0.5),
    beta=option(0.5),
    k=option(2.0),
)

# --- activations ---

matrix = normal(3, 4)
case("Tanh Sigmoid LogSigmoid Softsign Tanhshrink", matrix)
case("ReLU ReLU6 SELU SiLU Mish", matrix, inplace=option(False))
case("Hardsigmoid Hardswish", lambda rng, a: (4 * rng.standard_normal((3, 4)),))
case("LeakyReLU", matrix, negative_slope=option(0.3))
case("PReLU", matrix, num_parameters=st.sampled_from([1, 4]), init=option(0.1))
case("Hardtanh", matrix, min_val=option(-0.5), max_val=option(0.5))
case("Threshold", matrix, threshold=st.sampled_from([0.1, -1.0]), value=st.sampled_from([0.0, 20.0]))
case("Hardshrink Softshrink", matrix, lambd=option(0.2))
case("ELU CELU", matrix, alpha=option(0.5))
case("GELU", matrix, approximate=option("none", "tanh"))
case("Softplus", matrix, beta=option(2.0), threshold=option(1.0))
case("Softmax LogSoftmax Softmin", matrix, dim=st.sampled_from([0, 1, -1]))
case("Softmax LogSoftmax Softmin", drawn(normal(3, 4), normal(4), normal(2, 3, 4)), dim=option(None))
case("Softmax2d", drawn(normal(2, 3, 2, 2), normal(3, 2, 2)))
case("RReLU", matrix, random=True, lower=option(0.2), upper=option(0.25))
case("GLU", matrix, dim=option(1, -1))

# --- losses ---


def with_target(target: Callable[[Rng, tuple[int, ...]], np.ndarray], *shapes: tuple[int, ...]) -> Inputs:
    def draw(rng: Rng, a: dict[str, Any]) -> tuple[np.ndarray, ...]:
        shape = shapes[rng.integers(len(shapes))]
        return rng.standard_normal(shape), target(rng, shape)

    return draw


def probabilities(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.05, 0.95, shape)


def signs(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice([-1.0, 1.0], shape)


def classes(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 5, (shape[0], *shape[2:]))


def distribution(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def positive(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.3, 2, shape)


weight = st.sampled_from([LEFT_OUT, None, lambda rng: rng.uniform(0.5, 2, 5)])
several_classes = with_target(classes, (6, 5), (2, 5, 3), (2, 5, 2, 2))
labelled = {"weight": weight, "ignore_index": option(1), "reduction": reduction}
case("CrossEntropyLoss", several_classes, constant=1, **labelled, label_smoothing=option(0.1))
case("CrossEntropyLoss", with_target(distribution, (6, 5)), weight=weight, reduction=reduction)
case("NLLLoss", several_classes, constant=1, **labelled)
case(
    "BCELoss",
    lambda rng, a: (probabilities(rng, (3, 5)), probabilities(rng, (3, 5))),
    weight=weight,
    reduction=reduction,
)
case(
    "BCEWithLogitsLoss",
    with_target(probabilities, (3, 5)),
    weight=weight,
    reduction=reduction,
    pos_weight=weight,
)
case("MSELoss L1Loss", several(2, (3, 4), ()), reduction=reduction)
case("SmoothL1Loss", several(2, (3, 4)), reduction=reduction, beta=option(0.5))
case("HuberLoss", several(2, (3, 4)), reduction=reduction, delta=option(0.5))
case("KLDivLoss", with_target(distribution, (3, 4)), reduction=reduction | st.just("batchmean"))
case("KLDivLoss", several(2, (3, 4)), reduction=reduction, log_target=st.just(True))
case(
    "PoissonNLLLoss",
    lambda rng, a: (positive(rng, (3, 4)), 2 * positive(rng, (3, 4))),
    constant=1,
    log_input=bools,
    full=bools,
    eps=option(1e-3),
    reduction=reduction,
)
case(
    "GaussianNLLLoss",
    lambda rng, a: (*several(2, (3, 4))(rng, a), positive(rng, (3, 4))),
    full=bools,
    eps=option(1e-3),
    reduction=reduction,
)
case("SoftMarginLoss", with_target(signs, (3, 4)), constant=1, reduction=reduction)
case("HingeEmbeddingLoss", with_target(signs, (3, 4)), constant=1, margin=option(0.5), reduction=reduction)
case(
    "MarginRankingLoss",
    lambda rng, a: (*several(2, (4,))(rng, a), signs(rng, (4,))),
    constant=1,
    margin=option(0.5),
    reduction=reduction,
)
case(
    "CosineEmbeddingLoss",
    lambda rng, a: (*several(2, (4, 3))(rng, a), signs(rng, (4,))),
    constant=1,
    margin=option(0.2),
    reduction=reduction,
)
case(
    "TripletMarginLoss",
    several(3, (4, 3)),
    margin=option(0.5),
    p=option(3.0),
    swap=bools,
    reduction=reduction,
)
case("TripletMarginWithDistanceLoss", several(3, (4, 3)), margin=option(0.5), swap=bools, reduction=reduction)
case(
    "MultiMarginLoss",
    with_target(classes, (6, 5)),
    constant=1,
    p=option(2),
    margin=option(0.5),
    weight=weight,
    reduction=reduction,
)
case(
    "MultiLabelMarginLoss",
    with_target(
        lambda rng, shape: np.stack([[*rng.permutation(5)[:2], -1, 0, 1] for _ in range(shape[0])]), (4, 5)
    ),
    constant=1,
    reduction=reduction,
)
binary = with_target(lambda rng, shape: rng.integers(0, 2, shape).astype(float), (4, 5))
case("MultiLabelSoftMarginLoss", binary, constant=1, weight=weight, reduction=reduction)
case("CosineSimilarity", several(2, (4, 3)), dim=option(0, -1))
case("PairwiseDistance", several(2, (4, 3)), p=option(1.0, 3.0), keepdim=bools)
