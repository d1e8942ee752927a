"""Fashion-MNIST, KMNIST and EMNIST's digits: MNIST's format, each in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinygrad_cnn.data import KMNIST, MNIST, EMNISTDigits, FashionMNIST, datasets, mnist, write_idx
from tinygrad_cnn.data.download import MAX_BYTES

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
LABELS = np.arange(12, dtype=np.uint8) % 10

KINDS = [FashionMNIST, KMNIST]
PLACES = [(kind, subfolder) for kind in (*KINDS, EMNISTDigits) for subfolder in kind.subfolders]


def put(root: Path, kind: type[MNIST], subfolder: str, train: bool = True) -> Path:
    folder, part = root / subfolder, kind.parts[0 if train else 1]
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder / f"{part}-images-idx3-ubyte.gz", IMAGES)
    write_idx(folder / f"{part}-labels-idx1-ubyte.gz", LABELS)
    return root


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(("kind", "subfolder"), PLACES)
def test_files_are_found_where_they_are_unpacked(
    tmp_path: Path, kind: type[MNIST], subfolder: str, train: bool
) -> None:
    data = kind(put(tmp_path, kind, subfolder, train), train)
    assert (len(data), len(data.classes)) == (12, 10)
    assert repr(data) == f"{kind.__name__}({str(tmp_path)!r}, train={train}: 12 images)"
    np.testing.assert_array_equal(data.labels, LABELS)
    np.testing.assert_array_equal(data.images, IMAGES.swapaxes(1, 2) if kind is EMNISTDigits else IMAGES)
    image, label = data[3]
    assert (image.shape, label) == ((1, 28, 28), 3)
    np.testing.assert_array_equal(image.array[0], data.images[3] / np.float32(255))


@pytest.mark.parametrize("kind", [*KINDS, EMNISTDigits])
def test_files_of_one_variant_are_not_taken_for_another(tmp_path: Path, kind: type[MNIST]) -> None:
    for other in (MNIST, *KINDS, EMNISTDigits):
        if other is not kind:
            for subfolder in other.subfolders:
                put(tmp_path, other, subfolder)
    with pytest.raises(FileNotFoundError, match=f"{kind.__name__}: {kind.parts[0]}-images-idx3-ubyte"):
        kind(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_download_puts_what_is_missing_into_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[MNIST]
) -> None:
    fetched = []

    def fetch(name: str, sha256: str, mirrors: object, folder: Path) -> Path:
        fetched.append((name, sha256, mirrors, folder))
        put(tmp_path, kind, kind.subfolders[0])
        return folder / name

    monkeypatch.setattr(mnist, "fetch", fetch)
    assert len(kind(tmp_path, download=True)) == 12
    name = "train-images-idx3-ubyte.gz"
    assert fetched == [(name, kind.sha256[name], kind.mirrors, tmp_path / kind.__name__)]


@pytest.mark.parametrize("kind", KINDS)
def test_downloads_are_held_to_checksums_of_their_own(kind: type[MNIST]) -> None:
    assert kind.sha256.keys() == MNIST.sha256.keys()
    assert all(len(bytes.fromhex(sha256)) == 32 for sha256 in kind.sha256.values())
    assert len({sha256 for k in (MNIST, *KINDS) for sha256 in k.sha256.values()}) == 12
    assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in kind.mirrors)
    assert MAX_BYTES > 26_421_880  # the images of Fashion-MNIST, the largest of them


@pytest.mark.parametrize("kind", KINDS)
def test_missing_file_is_named_with_the_ways_to_get_it(tmp_path: Path, kind: type[MNIST]) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        kind(tmp_path)
    for said in (str(tmp_path / kind.__name__), "download=True", *kind.mirrors, "TINYGRAD_CNN_DATA"):
        assert said in str(caught.value)


@pytest.mark.parametrize("download", [True, False])
def test_emnist_says_how_to_unpack_its_archive(tmp_path: Path, download: bool) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        EMNISTDigits(tmp_path, train=False, download=download)
    for said in ("emnist-digits-test-images-idx3-ubyte", "gzip.zip", "SHA-256", str(tmp_path / "EMNIST")):
        assert said in str(caught.value)
    assert "Pass download=True" not in str(caught.value)


def test_images_that_are_not_28_by_28_are_refused(tmp_path: Path) -> None:
    put(tmp_path, KMNIST, "KMNIST")
    write_idx(tmp_path / "KMNIST" / "train-images-idx3-ubyte.gz", IMAGES[:, :27])
    with pytest.raises(ValueError, match=r"wanted uint8 \(N, 28, 28\)"):
        KMNIST(tmp_path)


def test_datasets_are_there_by_name() -> None:
    digits = {"MNIST", "FashionMNIST", "KMNIST", "EMNISTDigits", "SyntheticDigits"}
    assert set(datasets.__all__) == digits | {"CIFAR10", "CIFAR100", "DatasetFolder", "FakeData", "ImageFolder"}
    assert FashionMNIST.classes[9] == "Ankle boot"
    assert KMNIST.classes[9] == "wo"
    assert EMNISTDigits.classes == MNIST.classes
