"""Synthetic digits: MNIST's format and look, the same for the same seed, and something to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import MNIST, DataLoader, SyntheticDigits, datasets, read_idx, synthetic, write_idx
from tinygrad_cnn.data.transforms import Compose, ToTensor
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.training import Trainer


@given(train=st.booleans(), size=st.integers(1, 60), seed=st.integers(0, 2**40))
def test_same_seed_same_digits(train: bool, size: int, seed: int) -> None:
    one, other = (SyntheticDigits(train, size, seed) for _ in range(2))
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.labels, other.labels)
    assert (one.images.dtype, one.images.shape) == (np.uint8, (size, 28, 28))
    assert (one.labels.dtype, one.labels.shape) == (np.int64, (size,))
    assert np.ptp(np.bincount(one.labels, minlength=10)) <= 1


def test_training_test_and_other_seeds_are_different_draws() -> None:
    sets = [SyntheticDigits(size=500), SyntheticDigits(train=False, size=500), SyntheticDigits(size=500, seed=1)]
    images = np.concatenate([s.images for s in sets])
    assert len(np.unique(images, axis=0)) == 1500


def test_sizes_if_left_out() -> None:
    assert len(SyntheticDigits(train=False)) == 2_000
    assert repr(SyntheticDigits(size=12, seed=3)) == "SyntheticDigits(train=True, size=12, seed=3)"


def test_synthetic_digits_have_the_statistics_of_mnist() -> None:
    """MNIST: mean 0.131, deviation 0.308, 19 % of the pixels not black; the border is black."""
    images = SyntheticDigits(size=1000).images
    assert images.mean() / 255 == pytest.approx(0.131, abs=0.03)
    assert images.std() / 255 == pytest.approx(0.308, abs=0.05)
    assert (images > 0).mean() == pytest.approx(0.19, abs=0.04)
    border = np.ones((28, 28), bool)
    border[2:-2, 2:-2] = False
    assert images[:, border].mean() < 0.5
    assert (images.max((1, 2)) > 150).all()


@pytest.mark.parametrize("digit", synthetic.STYLES)
@pytest.mark.parametrize("style", range(3))
def test_curves_go_through_their_control_points_and_meet_where_strokes_do(digit: int, style: int) -> None:
    controls, begin, end = synthetic._curves(digit, style)
    ends = np.concatenate([begin, end]) @ controls
    assert (abs(ends[:, None] - controls).max(2).min(0) < 1e-5).all()
    joined = abs((begin @ controls)[1:] - (end @ controls)[:-1]).max(1) < 1e-5
    gaps = len(synthetic.STYLES[digit][style]) - 1
    assert (~joined).sum() <= gaps


@given(seed=st.integers(0, 100))
def test_distance_is_that_to_the_nearest_piece(seed: int) -> None:
    begin, end = np.random.default_rng(seed).uniform(-12, 12, (2, 2, 3, 2)).astype(np.float32)
    steps = np.linspace(0, 1, 400)[:, None, None, None]
    samples = begin + steps * (end - begin)  # of each piece, densely
    pixels = np.stack(np.meshgrid(np.arange(28) - 13.5, np.arange(28) - 13.5), -1).reshape(-1, 2)
    picked = pixels[::97]
    wanted = np.linalg.norm(samples[..., None, :] - picked, axis=-1).min((0, 2))
    np.testing.assert_allclose(synthetic._distances(begin, end)[:, ::97], wanted, atol=0.05)


def test_synthetic_digits_are_read_back_from_files_of_mnist(tmp_path: Path) -> None:
    digits = SyntheticDigits(size=50)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", digits.images)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", digits.labels.astype(np.uint8))
    back = MNIST(tmp_path)
    np.testing.assert_array_equal(back.images, digits.images)
    np.testing.assert_array_equal(back.labels, digits.labels)
    assert read_idx(tmp_path / "train-images-idx3-ubyte.gz").flags.writeable


def test_batches_are_those_of_mnist() -> None:
    digits = datasets.SyntheticDigits(
        size=30, transform=Compose([ToTensor(), lambda image: 1 - image]), one_hot=True
    )
    images, labels = digits.batch_at([3, 4])
    assert (images.shape, labels.shape) == ((2, 1, 28, 28), (2, 10))
    np.testing.assert_allclose(images.array[0, 0], 1 - digits.images[3] / np.float32(255), rtol=1e-6)
    assert labels.array.argmax(1).tolist() == digits.labels[3:5].tolist()
    assert SyntheticDigits.classes == MNIST.classes
    with pytest.raises(IndexError, match="SyntheticDigits: index 30 is out of range"):
        digits[30]


def test_the_networks_generators_are_left_alone() -> None:
    tg.manual_seed(0)
    before = tg.default_generator().bit_generator.state
    SyntheticDigits(size=10)
    assert tg.default_generator().bit_generator.state == before


def test_lenet_learns_them() -> None:
    tg.manual_seed(0)
    train = DataLoader(SyntheticDigits(size=4000), 32, shuffle=True)
    model = LeNet()
    optimizer = tg.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = tg.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, epochs=2, steps_per_epoch=len(train))
    trainer = Trainer(model, tg.nn.CrossEntropyLoss(), optimizer, schedule)
    trainer.fit(train, epochs=2)
    assert trainer.evaluate(DataLoader(SyntheticDigits(train=False, size=1000), 500)).accuracy > 0.95


@pytest.mark.parametrize("size", [0, -1, 1.5, "10"])
def test_sizes_that_are_none_are_refused(size: object) -> None:
    with pytest.raises(ValueError, match=f"SyntheticDigits: size is {size!r}; wanted an integer of at least 1"):
        SyntheticDigits(size=size)  # type: ignore[arg-type]


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="SyntheticDigits: seed is -1; wanted an integer of at least 0"):
        SyntheticDigits(seed=-1)
