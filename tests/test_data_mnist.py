"""MNIST: the four files, wherever they are, as images in [0, 1] that lie in memory as the convolution likes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import MNIST, DataLoader, Subset, datasets, mnist, write_idx
from tinygrad_cnn.data.download import MNIST_MIRRORS, MNIST_SHA256
from tinygrad_cnn.data.transforms import Compose, Normalize, Pad, Resize, ToTensor

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 10, 12, np.uint8)


def put(folder: Path, images: np.ndarray = IMAGES, labels: np.ndarray = LABELS, ending: str = "") -> Path:
    """Write the same digits as training and test set."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte{ending}", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte{ending}", labels)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put(tmp_path_factory.mktemp("digits"))


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("place", ["", "MNIST/raw"])
def test_files_are_found_raw_or_packed_in_either_place(
    tmp_path: Path, train: bool, ending: str, place: str
) -> None:
    put(tmp_path / place, ending=ending)
    digits = MNIST(tmp_path, train)
    assert len(digits) == 12
    assert (digits.images.dtype, digits.labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(digits.images, IMAGES)
    np.testing.assert_array_equal(digits.labels, LABELS)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_names_of_7_zip_and_kaggle_are_found(tmp_path: Path, ending: str, nested: bool, dotted: bool) -> None:
    for path in list(put(tmp_path, ending=ending).iterdir()):
        name = path.name.replace("-idx", ".idx") if dotted else path.name
        path.rename(tmp_path / "file")
        if nested:
            name = name.removesuffix(".gz")  # as they are unpacked
            (tmp_path / name).mkdir()
        (tmp_path / "file").rename(tmp_path / name / name if nested else tmp_path / name)
    for train in (True, False):
        np.testing.assert_array_equal(MNIST(tmp_path, train).images, IMAGES)


def test_folder_named_like_a_file_is_not_taken_for_it(tmp_path: Path) -> None:
    (put(tmp_path, ending=".gz") / "train-images-idx3-ubyte").mkdir()
    assert len(MNIST(tmp_path)) == 12


def test_training_and_test_digits_are_not_mistaken_for_one_another(tmp_path: Path) -> None:
    put(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", IMAGES[:5])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", LABELS[:5])
    assert (len(MNIST(tmp_path)), len(MNIST(tmp_path, train=False))) == (12, 5)


@given(indices=st.lists(st.integers(-12, 11), max_size=20))
def test_batch_is_the_bytes_over_255_with_the_batch_innermost(root: Path, indices: list[int]) -> None:
    images, labels = MNIST(root).batch_at(indices)
    wanted = IMAGES[np.array(indices, int)][:, None] / np.float32(255)
    np.testing.assert_array_equal(images.array, wanted, strict=True)
    np.testing.assert_array_equal(labels.array, LABELS[np.array(indices, int)].astype(np.int64), strict=True)
    assert images.array.transpose(2, 1, 3, 0).flags.c_contiguous


@given(indices=st.lists(st.integers(-12, 11), min_size=1, max_size=5), one_hot=st.booleans())
def test_whole_batch_equals_sample_by_sample(root: Path, indices: list[int], one_hot: bool) -> None:
    digits = MNIST(root, one_hot=one_hot, transform=Compose([ToTensor(), lambda image: image * 2 - 1]))
    images, labels = digits.batch_at(indices)
    samples = [digits[i] for i in indices]
    np.testing.assert_array_equal(images.array, tg.stack([image for image, _ in samples]).array, strict=True)
    for (_, label), row in zip(samples, labels, strict=True):
        np.testing.assert_array_equal(np.asarray(label), row.array)


def test_sample_is_an_image_and_a_number(root: Path) -> None:
    image, label = MNIST(root)[3]
    assert (image.shape, image.dtype) == ((1, 28, 28), tg.float32)
    assert type(label) is int
    assert label == LABELS[3]


def test_one_hot_labels_are_one_at_the_digit(root: Path) -> None:
    digits = MNIST(root, one_hot=True)
    _, labels = digits.batch_at(range(12))
    assert (labels.shape, labels.dtype) == ((12, 10), tg.float32)
    np.testing.assert_array_equal(labels.array.argmax(1), LABELS)
    assert (labels.array.sum(1) == 1).all()
    _, label = digits[0]
    assert isinstance(label, tg.Tensor)
    assert (label.shape, label.dtype) == ((10,), tg.float32)


def test_a_transform_that_takes_batches_is_given_batches(root: Path) -> None:
    shapes = []

    def transform(images: tg.Tensor) -> tg.Tensor:
        shapes.append(images.shape)
        return images + 1

    transform.takes_batches = True  # type: ignore[attr-defined]

    digits = MNIST(root, transform=transform)
    images, _ = digits.batch_at([1, 2])
    assert shapes == [(2, 1, 28, 28)]
    assert images.array.min() >= 1
    image, _ = digits[0]
    assert shapes[1:] == [(1, 1, 28, 28)]
    assert image.shape == (1, 28, 28)


def test_writing_to_a_batch_leaves_the_digits_alone(root: Path) -> None:
    digits = MNIST(root)
    for tensor in digits.batch_at(range(12)):
        tensor.fill_(7)
    np.testing.assert_array_equal(digits.images, IMAGES)
    np.testing.assert_array_equal(digits.labels, LABELS)


def test_batches_held_do_not_change(root: Path) -> None:
    held = list(DataLoader(datasets.MNIST(root), batch_size=1))
    for i, (image, _) in enumerate(held):
        np.testing.assert_array_equal(image.array[0, 0], IMAGES[i] / np.float32(255))


def test_it_says_what_it_is(root: Path) -> None:
    assert repr(MNIST(root, train=False)) == f"MNIST({str(root)!r}, train=False: 12 images)"
    assert len(MNIST.classes) == 10


def test_indices_out_of_range_are_refused(root: Path) -> None:
    with pytest.raises(IndexError, match="MNIST: index 12 is out of range for 12 samples"):
        MNIST(root)[12]
    with pytest.raises(TypeError, match="MNIST: wanted a sequence of integers"):
        MNIST(root)[1:3]  # type: ignore[index]


# --- where the files are ---


def test_missing_file_is_named_with_the_ways_to_get_it(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        MNIST(tmp_path, train=False)
    for said in (
        "t10k-labels-idx1-ubyte.gz",
        f"{tmp_path} ",
        str(tmp_path / "MNIST" / "raw"),
        "download=True",
        "--data-dir",
        "TINYGRAD_CNN_DATA",
        *(mirror + "t10k-labels-idx1-ubyte.gz" for mirror in MNIST_MIRRORS),
    ):
        assert said in str(caught.value)
    assert len(MNIST(tmp_path, train=True)) == 12


def test_environment_names_the_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_CNN_DATA", str(root))
    assert MNIST().root == root


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/tinygrad_cnn"),
        ("linux", {"HOME": "/me", "TINYGRAD_CNN_DATA": ""}, "/me/.cache/tinygrad_cnn"),
        ("win32", {"LOCALAPPDATA": "/local", "XDG_CACHE_HOME": "/caches"}, "/local/tinygrad_cnn"),
        ("win32", {"HOME": "/me"}, "/me/AppData/Local/tinygrad_cnn"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths are written as on POSIX")
def test_without_a_folder_it_is_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], folder: str
) -> None:
    for name in ("TINYGRAD_CNN_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert mnist.default_root() == Path(folder)


def test_download_fetches_only_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    fetched = []

    def fetch(name: str, sha256: str, mirrors: object, folder: Path) -> Path:
        fetched.append((name, sha256, folder))
        write_idx(folder / name, LABELS)
        return folder / name

    monkeypatch.setattr(mnist, "fetch", fetch)
    assert len(MNIST(tmp_path, download=True)) == len(MNIST(tmp_path, download=True)) == 12
    name = "train-labels-idx1-ubyte.gz"
    assert fetched == [(name, MNIST_SHA256[name], tmp_path)]


# --- what is in them ---


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            IMAGES[:, :27],
            LABELS,
            r"images-idx3-ubyte: has uint8 of shape \(12, 27, 28\); wanted uint8 \(N, 28, 28\)",
        ),
        (IMAGES.astype(np.int32), LABELS, "images-idx3-ubyte: has int32"),
        (LABELS, LABELS, r"images-idx3-ubyte: has uint8 of shape \(12,\)"),
        (IMAGES, IMAGES, r"labels-idx1-ubyte: has uint8 of shape \(12, 28, 28\); wanted uint8 \(N,\)"),
        (IMAGES, LABELS.astype(np.float32), "labels-idx1-ubyte: has float32"),
        (IMAGES, LABELS[:11], "has 12 images, .* 11 labels"),
        (IMAGES, LABELS + np.uint8(3), "labels-idx1-ubyte: has the label 12; wanted 0 to 9"),
        (IMAGES, LABELS + np.uint8(1), "labels-idx1-ubyte: has the label 10; wanted 0 to 9"),
    ],
)
def test_files_that_are_not_digits_are_refused(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MNIST(put(tmp_path, images, labels))


needs_digits = pytest.mark.skipif(
    not os.environ.get("TINYGRAD_CNN_DATA"),
    reason="TINYGRAD_CNN_DATA does not name a folder with the files of MNIST",
)


@needs_digits
@pytest.mark.parametrize(
    ("train", "counts"),
    [
        (True, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        (False, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_real_digits_are_as_many_as_published(train: bool, counts: list[int]) -> None:
    digits = MNIST(train=train)
    assert digits.images.shape == (sum(counts), 28, 28)
    assert np.bincount(digits.labels).tolist() == counts


@needs_digits
def test_real_training_pixels_have_the_known_mean_and_deviation() -> None:
    images = MNIST().images
    assert images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert images[:10000].std() / 255 == pytest.approx(0.3081, abs=1e-3)
    assert MNIST(train=False).labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@needs_digits
def test_real_files_have_the_checksums_that_downloads_are_held_to() -> None:
    packed = [p for p in map(mnist.default_root().joinpath, MNIST_SHA256) if p.exists()]
    if not packed:
        pytest.skip("the files of MNIST here are not the packed ones")
    assert {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in packed}.items() <= MNIST_SHA256.items()


def test_labels_may_be_transformed_one_by_one(root: Path) -> None:
    digits = MNIST(root, target_transform=lambda label: tg.zeros(10).scatter_(0, tg.tensor(label), 1))
    plain = MNIST(root, one_hot=True)
    assert digits[3][1].tolist() == plain[3][1].tolist()
    assert digits.batch_at([3, 1])[1].tolist() == plain.batch_at([3, 1])[1].tolist()


def test_any_other_transform_is_given_one_picture_as_in_torchvision(root: Path) -> None:
    seen = []
    digits = MNIST(root, transform=lambda picture: seen.append(picture) or np.asarray(picture))
    assert digits[3][0].tolist() == IMAGES[3].tolist()
    assert (seen[0].mode, seen[0].size) == ("L", (28, 28))
    flat = MNIST(root, transform=Compose([ToTensor(), lambda image: image.flatten()]))
    assert flat[0][0].shape == (784,)
    images, labels = next(iter(DataLoader(flat, batch_size=5)))
    np.testing.assert_array_equal(images.array, IMAGES[:5].reshape(5, -1) / np.float32(255), strict=True)
    assert labels.tolist() == LABELS[:5].tolist()


def test_a_subclass_with_samples_of_its_own_gives_batches_of_them(root: Path) -> None:
    class Numbered(MNIST):
        def __getitem__(self, index: int) -> Any:
            return (*super().__getitem__(index), index)

    images, labels, numbers = next(iter(DataLoader(Subset(Numbered(root), [7, 5]), batch_size=2)))
    assert numbers.tolist() == [7, 5]
    assert labels.tolist() == LABELS[[7, 5]].tolist()
    np.testing.assert_array_equal(images.array, MNIST(root).batch_at([7, 5])[0].array)


def test_data_and_targets_may_be_replaced(root: Path) -> None:
    digits = MNIST(root, transform=ToTensor())
    odd = digits.targets % 2 == 1
    digits.data, digits.targets = digits.data[odd], digits.targets[odd] // 2
    assert len(digits) == odd.sum()
    np.testing.assert_array_equal(digits[1][0].array[0], IMAGES[LABELS % 2 == 1][1] / np.float32(255))
    assert next(iter(DataLoader(digits, 99)))[1].tolist() == (LABELS[LABELS % 2 == 1] // 2).tolist()
    digits.data = digits.data.float()
    with pytest.raises(TypeError, match=r"MNIST: data is float32 .*; wanted bytes"):
        digits[0]


@pytest.mark.parametrize("before", [[Pad(2, fill=255)], [Resize(9)], []])
def test_what_stands_before_totensor_computes_with_bytes_as_on_a_picture(root: Path, before: Any) -> None:
    """At once for a batch, and one by one: the same bits."""
    at_once = MNIST(root, transform=Compose([*before, ToTensor(), Normalize(0.5, 0.25)]))
    one_by_one = MNIST(root, transform=Compose([*before, ToTensor(), Normalize(0.5, 0.25), lambda image: image]))
    assert at_once.transform.takes_batches > one_by_one.transform.takes_batches
    for a, b in zip(*(next(iter(DataLoader(digits, 12))) for digits in (at_once, one_by_one)), strict=True):
        np.testing.assert_array_equal(a.array, b.array, strict=True)


def test_bytes_and_labels_are_tensors_too(root: Path) -> None:
    digits = MNIST(root)
    assert digits.data.dtype == tg.uint8
    assert digits.data.tolist() == IMAGES.tolist()
    assert digits.targets.tolist() == LABELS.tolist()
