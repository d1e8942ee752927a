"""Transforms move the pixels of whole batches as they say: against NumPy's and SciPy's own, image by image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

import tinygrad_cnn as tg
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
    random_affine,
)
from tinygrad_cnn.kernels import resample

rng_of = np.random.default_rng


def images(n: int = 5, c: int = 1, h: int = 12, w: int = 12, dtype: Any = np.float32, seed: int = 0) -> tg.Tensor:
    return tg.from_numpy(rng_of(seed).random((n, c, h, w)).astype(dtype))


def batch_is_innermost(t: tg.Tensor) -> bool:
    return bool(t.array.transpose(2, 1, 3, 0).flags.c_contiguous)


shapes = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
TRANSFORMS: dict[str, Callable[[np.random.Generator], Callable[[tg.Tensor], tg.Tensor]]] = {
    "affine": lambda g: RandomAffine(180, (0.5, 0.5), (0.5, 2), (-40, 40, -40, 40), g),
    "elastic": lambda g: ElasticTransform(20, 2, g),
    "pad": lambda g: Pad((1, 2)),
}
each = pytest.mark.parametrize("make", TRANSFORMS.values(), ids=TRANSFORMS)
both_random = pytest.mark.parametrize(
    "make", [TRANSFORMS["affine"], TRANSFORMS["elastic"]], ids=["affine", "elastic"]
)


@each
@given(shape=shapes, dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 99))
def test_values_type_layout_and_what_was_given_are_kept(make: Any, shape: Any, dtype: Any, seed: int) -> None:
    given = images(*shape, dtype, seed)
    before = given.numpy().copy()
    result = make(rng_of(seed))(given)
    assert result.dtype == dtype
    assert result.shape[:2] == shape[:2]
    assert batch_is_innermost(result)
    assert 0 <= result.array.min() <= result.array.max() <= 1
    np.testing.assert_array_equal(given.array, before)
    assert not np.shares_memory(result.array, given.array)


@each
def test_an_empty_batch_stays_one(make: Any) -> None:
    assert make(rng_of(0))(tg.zeros(0, 1, 8, 8)).shape[:2] == (0, 1)


@given(shape=shapes, relaid=st.booleans())
def test_nothing_to_do_gives_the_same_images_exactly(shape: Any, relaid: bool) -> None:
    given = images(*shape)
    if relaid:
        given = tg.from_numpy(given.array[::-1, :, ::-1])
    for transform in (affine, RandomAffine(0), RandomAffine(0, (0, 0), (1, 1), 0), ElasticTransform(0, 3), Pad(0)):
        np.testing.assert_array_equal(transform(given).array, given.array)  # type: ignore[operator]


@given(shape=shapes, dx=st.integers(-10, 10), dy=st.integers(-10, 10))
def test_a_shift_by_whole_pixels_is_numpys_with_zeros_after(shape: Any, dx: int, dy: int) -> None:
    given = images(*shape)
    wide = np.pad(given.array, ((0, 0), (0, 0), (10, 10), (10, 10)))
    rolled = np.roll(wide, (dy, dx), (2, 3))[:, :, 10:-10, 10:-10]
    np.testing.assert_array_equal(affine(given, translate=(dx, dy)).array, rolled)


@given(size=st.integers(1, 12), turns=st.integers(-4, 4))
def test_quarter_turns_are_numpys(size: int, turns: int) -> None:
    given = images(4, 2, size, size)
    turned = affine(given, angle=-90 * turns)  # NumPy's go against the clock
    np.testing.assert_allclose(turned.array, np.rot90(given.array, turns, (2, 3)), atol=1e-5)


def matrix(angle: float, scale: float, shear_x: float, shear_y: float) -> np.ndarray:
    """In (x, y), y down, so that a turn is clockwise: the image is sheared by x first."""
    r, p, q = np.deg2rad([angle, shear_x, shear_y])
    turn = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    along_y, along_x = np.array([[1, 0], [-np.tan(q), 1]]), np.array([[1, -np.tan(p)], [0, 1]])
    return np.asarray(scale * turn @ along_y @ along_x)


def by_scipy(image: np.ndarray, forward: np.ndarray, dx: float, dy: float) -> np.ndarray:
    back = np.linalg.inv(forward)[::-1, ::-1]  # from (x, y) to rows and columns
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - back @ (middle + [dy, dx])
    moved = ndimage.affine_transform(image.astype(np.float64), back, offset, order=1, mode="grid-constant")
    return np.asarray(moved)


angles, shifts = st.floats(-360, 360), st.floats(-6, 6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-4), (np.float64, 1e-9)])
@given(
    per_image=st.lists(
        st.tuples(angles, shifts, shifts, st.floats(0.3, 3), st.floats(-60, 60), st.floats(-60, 60)), min_size=1
    ),
    channels=st.integers(1, 2),
    height=st.integers(1, 11),
    width=st.integers(1, 11),
)
def test_each_image_is_moved_as_scipy_moves_it(
    dtype: Any, tolerance: float, per_image: list[Any], channels: int, height: int, width: int
) -> None:
    given = images(len(per_image), channels, height, width, dtype)
    angle, dx, dy, scale, p, q = np.array(per_image).T
    moved = affine(given, angle, (dx, dy), scale, (p, q)).array
    for n, (a, x, y, s, shear_x, shear_y) in enumerate(per_image):
        for c in range(channels):
            wanted = by_scipy(given.array[n, c], matrix(a, s, shear_x, shear_y), x, y)
            np.testing.assert_allclose(moved[n, c], wanted, atol=tolerance)


@tg.use_kernels("numpy")
def test_the_middle_is_sampled_alike_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    given, angle = images(23, 2), np.linspace(0, 90, 23)
    whole = affine(given, angle).array
    monkeypatch.setattr(resample, "RESAMPLE_BLOCK", 12 * 12 * 4)
    np.testing.assert_array_equal(affine(given, angle).array, whole)
    monkeypatch.setattr(resample, "RESAMPLE_BLOCK", 1)
    np.testing.assert_array_equal(affine(given, angle).array, whole)


@both_random
def test_one_generator_in_one_state_gives_one_result_and_each_image_its_own(make: Any) -> None:
    same = tg.from_numpy(np.repeat(images(1).array, 6, axis=0))
    transform = make(rng_of(3))
    first, second = transform(same).array, transform(same).array
    np.testing.assert_array_equal(make(rng_of(3))(same).array, first)
    several = [*first, *second]
    assert all(abs(a - b).max() > 0.01 for i, a in enumerate(several) for b in several[:i])


@both_random
def test_without_a_generator_the_seed_decides(make: Any) -> None:
    transform = make(None)
    tg.manual_seed(5)
    first = transform(images()).array
    tg.manual_seed(5)
    np.testing.assert_array_equal(transform(images()).array, first)


def drawn(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> dict[str, Any]:
    """What a RandomAffine draws for 4,000 images of 40 x 20."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr(random_affine, "_affine", lambda images, **options: seen.update(options))
    RandomAffine(*arguments, rng_of(0))(tg.zeros(4000, 1, 20, 40))
    return seen


def assert_fills(values: np.ndarray, low: float, high: float) -> None:
    assert low <= values.min() <= low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) <= values.max() <= high


def test_parameters_fill_their_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = drawn(monkeypatch, 10, (0.1, 0.2), (0.8, 1.5), (-5, 6, 7, 8))
    assert_fills(seen["angle"], -10, 10)
    assert_fills(seen["translate"][0], -4, 4)
    assert_fills(seen["translate"][1], -4, 4)
    assert_fills(seen["scale"], 0.8, 1.5)
    assert_fills(seen["shear"][0], -5, 6)
    assert_fills(seen["shear"][1], 7, 8)
    seen = drawn(monkeypatch, (20, 30), None, None, 5)
    assert_fills(seen["angle"], 20, 30)
    assert_fills(seen["shear"][0], -5, 5)
    assert not np.any([*seen["translate"], seen["shear"][1]])
    assert (seen["scale"] == 1).all()
    assert_fills(drawn(monkeypatch, 0, None, None, (1, 2))["shear"][0], 1, 2)


@given(sigma=st.floats(0.3, 5), alpha=st.floats(0, 40), height=st.integers(1, 9), width=st.integers(1, 9))
def test_the_elastic_field_is_noise_smoothed_as_scipy_smooths_it(
    sigma: float, alpha: float, height: int, width: int
) -> None:
    n = 3
    noise = 2 * rng_of(0).random((2, height, width * n)) - 1
    smooth = ndimage.gaussian_filter(noise.reshape(2, height, width, n), (0, sigma, sigma, 0), mode="constant")
    grid = np.mgrid[:height, :width][..., None]
    given = images(n, 1, height, width, np.float64)
    moved = ElasticTransform(alpha, sigma, rng_of(0))(given).array
    for i in range(n):
        wanted = ndimage.map_coordinates(
            given.array[i, 0], (grid + alpha * smooth)[..., i], order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(moved[i, 0], wanted, atol=1e-8)


@pytest.mark.parametrize(
    ("padding", "widths"), [(2, (2, 2, 2, 2)), ((1, 3), (3, 3, 1, 1)), ((1, 2, 3, 4), (2, 4, 1, 3))]
)
def test_a_border_is_numpys(padding: Any, widths: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = widths
    around = ((0, 0), (0, 0), (top, bottom), (left, right))
    wanted = np.pad(images(2, 3).array, around, constant_values=0.5)
    np.testing.assert_array_equal(Pad(padding, fill=0.5)(images(2, 3)).array, wanted)


def test_normalizing_gives_each_channel_its_mean_and_deviation_and_keeps_the_layout() -> None:
    given = Pad(0)(images(50, 2))
    means, deviations = given.array.mean((0, 2, 3)), given.array.std((0, 2, 3))
    result = Normalize(means.tolist(), deviations.tolist())(given)
    np.testing.assert_allclose(result.array.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(result.array.std((0, 2, 3)), 1, atol=1e-5)
    assert result.dtype == np.float32
    assert batch_is_innermost(result)


def test_normalizing_is_recorded() -> None:
    given = tg.ones(1, 1, 2, 2, requires_grad=True)
    Normalize(0.5, 0.25)(given).sum().backward()
    np.testing.assert_array_equal(given.grad.numpy(), np.full((1, 1, 2, 2), 4))


def test_transforms_are_composed_from_the_first_to_the_last() -> None:
    both = Compose([Lambda(lambda x: x + 1), Lambda(lambda x: x * 2)])
    np.testing.assert_array_equal(both(tg.zeros(1, 1, 1, 1)).array, [[[[2]]]])
    assert Compose([])(given := images()) is given


@pytest.mark.parametrize("transform", [affine, RandomAffine(1), ElasticTransform(1, 1), Pad(1), Normalize(0, 1)])
def test_what_is_no_batch_of_images_is_refused(transform: Any) -> None:
    with pytest.raises(ValueError, match=r"wanted images \(C, H, W\) or \(N, C, H, W\), got shape \(28, 28\)"):
        transform(tg.zeros(28, 28))
    with pytest.raises(TypeError, match="wanted float32 or float64, got int64"):
        transform(tg.zeros(1, 1, 28, 28, dtype=tg.int64))
    with pytest.raises(TypeError, match="wanted a tensor of images, got ndarray"):
        transform(np.zeros((1, 1, 28, 28)))


@pytest.mark.parametrize("transform", [affine, RandomAffine(1), ElasticTransform(1, 1), Pad(1)])
def test_a_gradient_is_not_lost_in_silence(transform: Any) -> None:
    with pytest.raises(ValueError, match="images require a gradient, which is not recorded"):
        transform(tg.zeros(1, 1, 4, 4, requires_grad=True))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomAffine(-5), "RandomAffine: degrees is -5; wanted .low, high."),
        (lambda: RandomAffine((5, -5)), r"RandomAffine: degrees is \(5, -5\)"),
        (lambda: RandomAffine("12"), "RandomAffine: degrees is '12'; wanted 1 or 2 finite numbers"),
        (lambda: RandomAffine(float("nan")), "RandomAffine: degrees is nan"),
        (lambda: RandomAffine(0, 0.1), "RandomAffine: translate is 0.1; wanted 2 finite numbers"),
        (lambda: RandomAffine(0, (2, 2)), r"RandomAffine: translate is \(2, 2\); wanted parts"),
        (lambda: RandomAffine(0, scale=(0, 1)), r"RandomAffine: scale is \(0, 1\); wanted factors above 0"),
        (lambda: RandomAffine(0, shear=(1, 2, 3)), r"RandomAffine: shear is \(1, 2, 3\); wanted 1 or 2 or 4"),
        (lambda: RandomAffine(0, shear=90), "RandomAffine: shear is 90; wanted degrees between -90 and 90"),
        (lambda: RandomAffine(0, generator=7), "RandomAffine: generator is 7"),  # type: ignore[arg-type]
        (lambda: ElasticTransform(-1, 4), "ElasticTransform: alpha is -1, sigma 4"),
        (lambda: ElasticTransform(34, 0), "ElasticTransform: alpha is 34, sigma 0"),
        (lambda: ElasticTransform(34, 4, 7), "ElasticTransform: generator is 7"),  # type: ignore[arg-type]
        (lambda: Pad(-1), "Pad: padding is -1"),
        (lambda: Pad((2, -1)), "Pad: padding is -1"),
        (lambda: Pad(1.5), "Pad: padding is 1.5"),  # type: ignore[arg-type]
        (lambda: Pad((1, 2, 3)), r"Pad: padding is \(1, 2, 3\); wanted 1 or 2 or 4"),
        (lambda: Normalize(0, 0), "Normalize: std is 0; wanted numbers above 0"),
        (lambda: Normalize([0, "1"], 1), "Normalize: mean is .*; wanted finite numbers"),  # type: ignore[list-item]
        (lambda: Normalize([0, 1], 1)(images(2, 3)), "Normalize: mean has 2 values, the images 3 channels"),
        (lambda: Normalize([], 1)(images()), "Normalize: mean has 0 values"),
        (lambda: Compose([3]), "Compose: wanted a function of images, got int"),  # type: ignore[list-item]
        (lambda: Lambda(None), "Lambda: wanted a function of images, got NoneType"),  # type: ignore[arg-type]
        (lambda: affine(images(), scale=0), "affine: scale is 0; wanted numbers above 0"),
        (lambda: affine(images(), angle=np.zeros(4)), "affine: angle is array.*; wanted a finite number, or 5"),
        (lambda: affine(images(), translate=(0, np.inf)), "affine: translate is inf"),
    ],
)
def test_wrong_arguments_are_named(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


# --- sizes, parts, reflections ---


def test_a_resized_plane_is_a_plane_but_for_its_border() -> None:
    ramp = tg.from_numpy(np.mgrid[:12, :12].sum(0).astype(np.float64))[None, None]
    for size in (6, 18, (6, 18)):
        resized = Resize(size)(ramp).numpy()[0, 0]
        steps = [np.diff(resized, axis=axis)[3:-3, 3:-3] for axis in (0, 1)]
        for axis, step in enumerate(steps):
            np.testing.assert_allclose(step, 12 / resized.shape[axis])
    assert Resize(6)(tg.zeros(2, 1, 12, 24)).shape == (2, 1, 6, 12)
    np.testing.assert_allclose(Resize(5)(tg.ones(1, 1, 12, 12)).numpy(), 1, rtol=1e-6)


def test_a_crop_is_a_window_of_its_own_for_each_image() -> None:
    images = tg.arange(1, 1 + 40 * 2 * 6 * 7).float().view(40, 2, 6, 7)
    crops = RandomCrop((4, 5), padding=1, fill=-1, generator=np.random.default_rng(0))(images).numpy()
    padded = Pad(1, -1)(images).numpy()
    found = set()
    for crop, whole in zip(crops, padded, strict=True):
        places = [
            (r, c) for r in range(5) for c in range(5) if np.array_equal(crop, whole[:, r : r + 4, c : c + 5])
        ]
        assert len(places) == 1
        found.update(places)
    assert {r for r, _ in found} == {c for _, c in found} == set(range(5))


def test_flips_are_mirror_images_as_often_as_p() -> None:
    images = tg.rand(400, 1, 2, 3, generator=np.random.default_rng(0))
    for p in (0.0, 0.3, 1.0):
        flipped = RandomHorizontalFlip(p, np.random.default_rng(1))(images).numpy()
        turned = (flipped == images.numpy()[..., ::-1]).all((1, 2, 3))
        np.testing.assert_array_equal(flipped[~turned], images.numpy()[~turned])
        assert abs(turned.mean() - p) < 0.08


def test_to_tensor_scales_bytes_and_leaves_tensors() -> None:
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_allclose(ToTensor()(picture).numpy(), picture.transpose(2, 0, 1) / 255, rtol=1e-6)
    assert ToTensor()(np.ones((2, 3))).dtype == tg.float64
    batch = tg.rand(3, 1, 2, 2)
    assert ToTensor()(batch) is batch


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Resize(0), ValueError, "Resize: size is 0"),
        (
            lambda: RandomCrop(5)(tg.zeros(1, 1, 4, 9)),
            ValueError,
            r"RandomCrop: cannot cut \(5, 5\) out of .*\(4, 9\)",
        ),
        (lambda: RandomHorizontalFlip(1.5), ValueError, "RandomHorizontalFlip: p is 1.5"),
        (lambda: ToTensor()([1]), TypeError, "ToTensor: wanted a tensor, or an array .*, got list"),
    ],
)
def test_what_sizes_and_parts_refuse(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
