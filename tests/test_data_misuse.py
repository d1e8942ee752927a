"""What can be wrong with what is handed to data sets, loaders, collate and transforms: each is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import (
    DataLoader,
    Subset,
    SyntheticDigits,
    TensorDataset,
    default_collate,
    digit_from_drawing,
    random_split,
)
from tinygrad_cnn.data.transforms import (
    Compose,
    ElasticTransform,
    Lambda,
    Normalize,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    Resize,
    ToTensor,
    affine,
)

Wrong: Any = object()  # a value of a type that nothing wants
THREE: Any = [1, 2, 3]
IMAGES = tg.zeros(2, 1, 8, 8)
digits: Any = SyntheticDigits(size=20)
of_digits: Callable[..., Any] = SyntheticDigits


def of_batches(function: Any) -> Any:
    """A transform that says of itself that it takes batches."""
    function.takes_batches = True
    return function


def batches(**options: Any) -> list[Any]:
    return list(DataLoader(THREE, **options))


CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    # data sets
    "no dataset": (lambda: DataLoader(Wrong), "DataLoader: object is no dataset"),
    "None": (lambda: DataLoader(None), "DataLoader: NoneType is no dataset"),  # type: ignore[arg-type]
    "a generator": (lambda: DataLoader(i for i in THREE), "DataLoader: generator is no dataset"),  # type: ignore
    "nothing": (lambda: DataLoader([]), "DataLoader: the dataset is empty"),
    "a subset of none": (lambda: Subset(Wrong, [0]), "Subset: object is no dataset"),
    "a split of none": (lambda: random_split(Wrong, [1]), "random_split: object is no dataset"),
    "lengths as a number": (lambda: random_split(THREE, Wrong), "random_split: lengths are <object"),
    "lengths of words": (lambda: random_split(THREE, ["a", "b"]), r"random_split: lengths are \["),  # type: ignore
    "arrays in place of tensors": (lambda: TensorDataset(np.ones(3)), "TensorDataset: wanted tensors"),  # type: ignore
    "nested indices": (lambda: Subset(THREE, [[0], [1, 2]]), "Subset: wanted a sequence of integers"),  # type: ignore
    "masked indices": (lambda: Subset(THREE, np.ma.array([0, 1], mask=[0, 1])), "Subset: got an array with masked"),
    "huge indices": (lambda: Subset(THREE, [1 << 70]), "Subset: wanted a sequence of integers"),
    "an index of none": (lambda: Subset(THREE, [0])[1.5], "Subset: wanted a sequence of integers"),  # type: ignore
    "a row of none": (lambda: digits[1.5], "SyntheticDigits: wanted a sequence of integers"),
    "transform": (lambda: of_digits(size=2, transform=3), "SyntheticDigits: transform is 3; wanted a function"),
    "transform to nothing": (
        lambda: of_digits(size=2, transform=of_batches(lambda images: None))[0],
        "SyntheticDigits: transform has takes_batches, but made NoneType of images",
    ),
    "transform to an array": (
        lambda: of_digits(size=2, transform=of_batches(lambda images: images.numpy()))[0],
        "SyntheticDigits: transform has takes_batches, but made ndarray of images",
    ),
    "transform to one": (
        lambda: of_digits(size=2, transform=of_batches(lambda images: images[0]))[[0, 1]],
        "SyntheticDigits: wanted a sequence of integers",
    ),
    "transform of two to one": (
        lambda: of_digits(size=2, transform=of_batches(lambda images: images[:1])).batch_at([0, 1]),
        "SyntheticDigits: transform has takes_batches, but made shape",
    ),
    # loaders
    **{
        f"batch_size {value!r:.9}": (lambda value=value: batches(batch_size=value), "DataLoader: batch_size is")
        for value in (0, -1, 2.0, "2", True, [2], float("nan"), Wrong)
    },
    **{
        f"{flag} {value!r:.9}": (lambda flag=flag, value=value: batches(**{flag: value}), f"DataLoader: {flag} is")
        for flag in ("shuffle", "drop_last", "pin_memory")
        for value in ("yes", np.random.default_rng(0), [0, 1], 2)
    },
    "num_workers": (lambda: batches(num_workers=-1), "DataLoader: num_workers is -1"),
    "generator": (lambda: batches(shuffle=True, generator=7), "DataLoader: generator is 7"),
    "sampler": (lambda: batches(sampler=7), "DataLoader: sampler is 7"),
    "sampler of others": (lambda: batches(sampler=[0, 3]), "DataLoader: index 3 is out of range for 3 samples"),
    "sampler of words": (lambda: batches(sampler=["a"]), "DataLoader: wanted a sequence of integers"),
    "sampler and shuffle": (lambda: batches(sampler=[0], shuffle=True), "DataLoader: a sampler gives the order"),
    "collate_fn": (lambda: batches(collate_fn=7), "DataLoader: collate_fn is 7; wanted a function"),
    # samples
    **{
        f"samples {samples!r:.20}": (
            lambda samples=samples: default_collate(samples),
            "default_collate: |tensor: |stack: |cat: ",
        )
        for samples in (
            5,
            [],
            iter([1]),
            [None],
            "a",
            [{"a": 1}, {"b": 1}],
            ["a", 1],
            [1j],
            [1, "a"],
            [1, (1,)],
            [(1,), (1, 2)],
            [(1, "a"), ("b", 2)],
            [1 << 70],
            [np.complex64(1)],
            [np.datetime64("2020-01-01")],
            [np.longdouble(1)],
            [np.array(["a"])],
            [np.ones(2), np.ones(3)],
            [np.ones(2), tg.ones(2)],
            [tg.ones(2), tg.ones(2, 1)],
            [np.ma.array([1.0], mask=[True])],
            [Wrong],
        )
    },
    # transforms: made
    "Compose": (lambda: Compose(Pad(1)), "Compose: wanted a list of transforms, got Pad"),  # type: ignore[arg-type]
    "Compose of none": (lambda: Compose([3]), "Compose: wanted a function"),  # type: ignore[list-item]
    "Lambda": (lambda: Lambda(3), "Lambda: wanted a function"),  # type: ignore[arg-type]
    **{
        f"Normalize{pair}": (lambda pair=pair: Normalize(*pair), "Normalize: (mean|std) is")
        for pair in ((0, 0), (0, -1), (0, float("nan")), ("a", 1), (None, 1), (0, [1, "b"]), (float("inf"), 1))
    },
    **{
        f"Pad {value!r:.9}": (lambda value=value: Pad(value), "Pad: padding is")
        for value in (-1, 1.5, "a", None, (1, 2, 3), (1, -1), [1.0, 2.0], Wrong)
    },
    **{
        f"Resize {value!r:.9}": (lambda value=value: Resize(value), "Resize: size is")
        for value in (0, -1, 1.5, "a", None, (1, 2, 3), (0, 2), True, Wrong)
    },
    **{
        f"RandomCrop {value!r:.9}": (lambda value=value: RandomCrop(value), "RandomCrop: size is")
        for value in (0, -1, 1.5, "a", None, (1, 2, 3), Wrong)
    },
    "RandomCrop generator": (lambda: RandomCrop(2, generator=3), "RandomCrop: generator is 3"),  # type: ignore
    **{
        f"flip {value!r:.9}": (lambda value=value: RandomHorizontalFlip(value), "RandomHorizontalFlip: p is")
        for value in (-0.1, 1.1, float("nan"), "a", None, Wrong)
    },
    "flip generator": (lambda: RandomHorizontalFlip(generator=3), "RandomHorizontalFlip: generator is"),  # type: ignore
    **{
        f"elastic{pair}": (lambda pair=pair: ElasticTransform(*pair), "ElasticTransform: (alpha|sigma) is")
        for pair in ((-1, 1), (1, 0), (1, -1), (1, 1e9), (1, float("inf")), (float("nan"), 1), ("a", 1), (1, None))
    },
    **{
        f"RandomAffine{options}": (lambda options=options: RandomAffine(**options), f"RandomAffine: {name} is")
        for name, options in (
            ("degrees", {"degrees": (10, -10)}),
            ("degrees", {"degrees": "a"}),
            ("degrees", {"degrees": (1, 2, 3)}),
            ("translate", {"degrees": 0, "translate": 0.1}),
            ("translate", {"degrees": 0, "translate": (0.1, 2)}),
            ("scale", {"degrees": 0, "scale": (0, 1)}),
            ("scale", {"degrees": 0, "scale": (2, 1)}),
            ("shear", {"degrees": 0, "shear": 90}),
            ("generator", {"degrees": 0, "generator": 3}),
        )
    },
    # transforms: called
    "ToTensor of words": (lambda: ToTensor()("a"), "ToTensor: wanted a tensor, or an array"),  # type: ignore[arg-type]
    "ToTensor of 4 dimensions": (
        lambda: ToTensor()(np.ones((1, 2, 3, 4))),
        "ToTensor: wanted a tensor, or an array",
    ),
    "a crop too large": (lambda: RandomCrop(9)(IMAGES), "RandomCrop: cannot cut"),
    "means of others": (lambda: Normalize([0, 0], 1)(IMAGES), "Normalize: mean has 2 values"),
    "no means": (lambda: Normalize([], 1)(IMAGES), "Normalize: mean has 0 values"),
    **{
        f"affine{options}": (lambda options=options: affine(IMAGES, **options), "affine: ")
        for options in (
            {"angle": float("nan")},
            {"angle": [1, 2, 3]},
            {"angle": 1j},
            {"angle": "1"},
            {"angle": np.ma.array([1.0, 2.0], mask=[0, 1])},
            {"scale": 0},
            {"scale": 1e-300},
            {"scale": 1e-320},
            {"translate": (1e300, 0)},
        )
    },
    **{
        f"drawing {value!r:.12}": (lambda value=value: digit_from_drawing(value), "digit_from_drawing: ")
        for value in (np.ones(3), -np.ones((2, 2)), np.full((2, 2), np.nan), np.full((2, 2), 1e300), [["a"]], None)
    },
}

TRANSFORMS: list[Any] = [
    Normalize(0, 1),
    Pad(1),
    Resize(4),
    Resize((4, 4)),
    RandomCrop(2),
    RandomHorizontalFlip(),
    RandomAffine(10),
    ElasticTransform(1, 1),
    affine,
]


@pytest.mark.parametrize("wrong", CALLS)
def test_what_is_wrong_is_refused_by_name(wrong: str) -> None:
    call, message = CALLS[wrong]
    with pytest.raises((TypeError, ValueError, IndexError), match=f"^({message})"):
        call()


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: getattr(t, "__name__", type(t).__name__))
@pytest.mark.parametrize(
    "images",
    [None, 3, "a", np.zeros((2, 1, 8, 8)), [IMAGES], tg.zeros(8, 8), tg.zeros(2, 1, 1, 8, 8), tg.zeros(2, 1, 0, 8)]
    + [tg.zeros(2, 1, 8, 0), IMAGES.long(), IMAGES.half(), IMAGES.bool()],
    ids=lambda v: re.sub(r"\W+", "", f"{type(v).__name__}{getattr(v, 'shape', '')}{getattr(v, 'dtype', '')}"),
)
def test_what_is_no_batch_of_images_is_refused_by_every_transform(transform: Any, images: Any) -> None:
    name = getattr(transform, "__name__", type(transform).__name__)
    with pytest.raises((TypeError, ValueError), match=rf"^{name}: wanted (a tensor of images|images|float32)"):
        transform(images)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: getattr(t, "__name__", type(t).__name__))
@pytest.mark.parametrize("shape", [(0, 1, 8, 8), (2, 0, 8, 8), (1, 1, 4, 4), (3, 2, 5, 9)])
def test_batches_of_no_images_and_of_any_size_are_taken(transform: Any, shape: tuple[int, ...]) -> None:
    assert transform(tg.ones(shape)).shape[:2] == shape[:2]


def test_flags_may_be_numpys_and_numbers() -> None:
    for yes in (True, 1, np.True_):
        assert len(DataLoader(THREE, np.int64(2), drop_last=yes)) == 1  # type: ignore[arg-type]


def test_resizing_takes_numpys_integers_as_pythons() -> None:
    images = tg.zeros(1, 1, 8, 16)
    assert Resize(np.int64(4))(images).shape == Resize(4)(images).shape == (1, 1, 4, 8)  # type: ignore[arg-type]


@given(size=st.floats(1e-38, 3e38), shape=st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_a_drawing_of_any_strength_is_the_same_digit(size: float, shape: tuple[int, int]) -> None:
    ink = np.tri(*shape)
    np.testing.assert_allclose(digit_from_drawing(ink * size), digit_from_drawing(ink), atol=1e-5)


@given(sigma=st.floats(1e-300, 1e4), alpha=st.floats(0, 1e30))
def test_an_elastic_field_of_any_strength_gives_finite_images(sigma: float, alpha: float) -> None:
    result = ElasticTransform(alpha, sigma, np.random.default_rng(0))(tg.ones(2, 1, 5, 7)).array
    assert np.isfinite(result).all()
    assert 0 <= result.min() <= result.max() <= 1
