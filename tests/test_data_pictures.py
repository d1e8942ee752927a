"""Transforms of pictures, images and batches; data sets of pictures; grids: by Pillow, by NumPy, by hand."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

import tinygrad_cnn as tg
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.data.datasets import CIFAR10, CIFAR100, FakeData, ImageFolder
from tinygrad_cnn.data.grids import make_grid, save_image
from tinygrad_cnn.data.transforms import functional as F
from tinygrad_cnn.data.transforms import v2
from tinygrad_cnn.data.transforms.geometry import InterpolationMode


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(height: int = 9, width: int = 13, mode: str = "RGB", seed: int = 0) -> Any:
    shape = (height, width) if mode == "L" else (height, width, 3)
    return Image.fromarray(rng(seed).integers(0, 256, shape, np.uint8), mode=None)


def pixels(image: Any) -> np.ndarray:
    return np.asarray(image, np.float64)


# name -> a transform, given a generator
TRANSFORMS: dict[str, Any] = {
    "resize": lambda g: v2.Resize((7, 5)),
    "nearest": lambda g: v2.Resize(20, InterpolationMode.NEAREST),
    "bicubic": lambda g: v2.Resize((18, 5), "bicubic"),
    "center crop": lambda g: v2.CenterCrop(6),
    "larger center": lambda g: v2.CenterCrop(20),
    "crop": lambda g: v2.RandomCrop(5, padding=2, padding_mode="reflect", generator=g),
    "crop of small": lambda g: v2.RandomCrop(15, pad_if_needed=True, fill=7, generator=g),
    "resized crop": lambda g: v2.RandomResizedCrop(8, generator=g),
    "flip": lambda g: v2.RandomHorizontalFlip(generator=g),
    "vertical flip": lambda g: v2.RandomVerticalFlip(generator=g),
    "rotation": lambda g: v2.RandomRotation(40, fill=9, generator=g),
    "affine": lambda g: v2.RandomAffine(20, (0.1, 0.1), fill=3, generator=g),
    "color": lambda g: v2.ColorJitter(0.4, 0.4, 0.4, 0.2, generator=g),
    "gray": lambda g: v2.Grayscale(3),
    "sometimes gray": lambda g: v2.RandomGrayscale(0.5, generator=g),
    "erasing": lambda g: v2.RandomErasing(1.0, value=(1, 2, 3), generator=g),
    "edge": lambda g: v2.Pad((1, 2, 3, 4), padding_mode="edge"),
}
each = pytest.mark.parametrize("name", TRANSFORMS)


@each
def test_a_picture_an_image_and_a_batch_are_transformed_alike(name: str) -> None:
    image = v2.ToImage()(picture())
    results = [TRANSFORMS[name](rng(3))(given) for given in (picture(), image, image[None])]
    assert isinstance(results[0], Image.Image)
    assert (results[1].ndim, results[2].ndim) == (3, 4)
    assert {r.dtype for r in results[1:]} == {tg.uint8}
    for found in (v2.ToImage()(results[0]), results[2][0]):
        np.testing.assert_array_equal(found.numpy(), results[1].numpy())
    floats = TRANSFORMS[name](rng(3))(image.float())
    if name != "color":  # floats are from 0 to 1 there
        np.testing.assert_allclose(floats.numpy().clip(0, 255), results[1].numpy(), atol=0.5001)
    assert image.numpy().tolist() == v2.ToImage()(picture()).tolist()
    assert TRANSFORMS[name](rng(3))(image[None][:0]).shape == (0, *results[2].shape[1:])


@pytest.mark.parametrize(("mode", "pillows"), [("bilinear", 2), ("bicubic", 3), ("nearest", 0)])
@given(size=st.tuples(st.integers(1, 20), st.integers(1, 20)), seed=st.integers(0, 9))
def test_resizing_is_pillows(mode: str, pillows: int, size: tuple[int, int], seed: int) -> None:
    given = picture(seed=seed)
    wanted = pixels(given.resize(size[::-1], pillows))
    found = pixels(v2.Resize(size, mode)(given))
    assert found.shape == wanted.shape
    difference = np.abs(found - wanted)
    assert difference.max() <= {"nearest": 0, "bilinear": 2, "bicubic": 60}[mode]
    assert difference.mean() < 1
    assert np.array_equal(found, pixels(v2.Resize(size, pillows)(given)))


@pytest.mark.parametrize("angle", [0, 30, -90, 123.4, 180])
def test_turning_is_pillows(angle: float) -> None:
    given = picture(20, 20, "L")
    found, wanted = pixels(F.rotate(given, angle)), pixels(given.rotate(angle))
    assert (found != wanted).mean() < 0.05  # where the nearest pixel is a matter of rounding
    smooth = F.rotate(given, angle, InterpolationMode.BILINEAR, fill=100)
    assert pixels(smooth)[0, 0] == (100 if angle in (30, 123.4) else pixels(smooth)[0, 0])


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.7])
@pytest.mark.parametrize("name", ["Brightness", "Contrast", "Color"])
def test_colours_are_pillows(name: str, factor: float) -> None:
    change = {"Brightness": F.adjust_brightness, "Contrast": F.adjust_contrast, "Color": F.adjust_saturation}[name]
    given = picture()
    wanted = pixels(getattr(ImageEnhance, name)(given).enhance(factor))
    assert np.abs(pixels(change(given, factor)) - wanted).max() <= 2
    assert np.abs(pixels(F.to_grayscale(given)) - pixels(given.convert("L"))).max() <= 1


def test_hue_goes_round_the_circle() -> None:
    red = tg.tensor([1.0, 0.0, 0.0])[:, None, None]
    for shift, wanted in (
        (0.0, (1, 0, 0)),
        (1 / 3, (0, 1, 0)),
        (-1 / 3, (0, 0, 1)),
        (0.5, (0, 1, 1)),
        (1 / 6, (1, 1, 0)),
    ):
        np.testing.assert_allclose(F.adjust_hue(red, shift).numpy()[:, 0, 0], wanted, atol=1e-6)
    image = tg.rand(3, 4, 4)
    there = F.adjust_hue(F.adjust_hue(image, 0.3), -0.3)
    np.testing.assert_allclose(there.numpy(), image.numpy(), atol=1e-5)


def test_parts_and_reflections() -> None:
    image = tg.arange(12).float().view(1, 3, 4)
    assert F.hflip(image).tolist() == [[[3, 2, 1, 0], [7, 6, 5, 4], [11, 10, 9, 8]]]
    assert F.vflip(image).tolist() == [[[8, 9, 10, 11], [4, 5, 6, 7], [0, 1, 2, 3]]]
    assert F.crop(image, 1, 2, 2, 2).tolist() == [[[6, 7], [10, 11]]]
    assert F.crop(image, -1, 3, 3, 3).tolist() == [[[0, 0, 0], [3, 0, 0], [7, 0, 0]]]
    assert F.center_crop(image, (1, 2)).tolist() == [[[5, 6]]]
    assert F.resized_crop(image, 0, 0, 2, 2, 1).tolist() == [[[2.5]]]
    assert F.erase(image, 0, 1, 2, 2, 9.0).tolist() == [[[0, 9, 9, 3], [4, 9, 9, 7], [8, 9, 10, 11]]]
    assert F.invert(tg.tensor([[[0, 255]]], dtype=tg.uint8)).tolist() == [[[255, 0]]]
    assert F.get_image_size(image) == F.get_image_size(F.to_pil_image(image / 12)) == [4, 3]
    assert v2.Resize(4, max_size=5)(tg.zeros(1, 4, 20)).shape == (1, 1, 5)


def test_parts_of_random_area_and_proportion_fill_their_ranges() -> None:
    from tinygrad_cnn.data.transforms.geometry import RandomResizedCrop

    transform = RandomResizedCrop(8, (0.2, 0.5), (0.5, 2.0))
    parts = np.array([transform._part(rng(i), 100, 100) for i in range(2000)])
    top, left, height, width = parts.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height).max() == (left + width).max() == 100
    area, ratio = height * width / 10_000, width / height
    assert (area.min(), area.max()) == pytest.approx((0.2, 0.5), abs=0.01)
    assert (ratio.min(), ratio.max()) == pytest.approx((0.5, 2.0), abs=0.05)
    assert (ratio > 1).mean() == pytest.approx(0.5, abs=0.05)


def test_erased_rectangles_are_as_large_and_as_frequent_as_wanted() -> None:
    images = v2.RandomErasing(0.25, (0.1, 0.2), value=-1, generator=rng())(tg.zeros(2000, 1, 20, 20)).numpy()
    share = (images == -1).mean((1, 2, 3))
    assert (share > 0).mean() == pytest.approx(0.25, abs=0.03)
    assert 0.08 < share[share > 0].min() < share.max() < 0.22
    noise = v2.RandomErasing(1.0, value="random", generator=rng())(tg.zeros(50, 3, 20, 20)).numpy()
    assert noise[noise != 0].std() == pytest.approx(1, abs=0.05)


def test_transforms_by_chance() -> None:
    add, double = (lambda x: x + 1), (lambda x: x * 2)
    assert {v2.RandomApply([add, double], 0.5, rng(i))(3) for i in range(20)} == {3, 8}
    assert {v2.RandomChoice([add, double], generator=rng(i))(3) for i in range(20)} == {4, 6}
    assert {v2.RandomOrder([add, double], rng(i))(3) for i in range(20)} == {7, 8}
    assert v2.RandomChoice([add, double], p=[0, 1])(3) == 6


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pictures_become_tensors_and_pictures_again(mode: str) -> None:
    given = picture(mode=mode)
    unit, plain = v2.ToTensor()(given), v2.PILToTensor()(given)
    assert unit.dtype == tg.float32
    assert plain.dtype == tg.uint8
    np.testing.assert_array_equal(unit.numpy(), plain.numpy() / np.float32(255))
    for tensor in (unit, plain):
        assert np.array_equal(v2.ToPILImage()(tensor), given)
    scaled = v2.Compose([v2.ToImage(), v2.ToDtype(tg.float32, scale=True)])(given)
    np.testing.assert_allclose(scaled.numpy(), unit.numpy(), rtol=1e-6)
    assert v2.ToDtype(tg.float32)(plain).tolist() == plain.tolist()
    assert v2.ConvertImageDtype(tg.uint8)(scaled).tolist() == plain.tolist()
    assert v2.ToPILImage()(tg.zeros(1, 2, 3)).mode == "L"


def test_a_data_set_of_the_v2_names_is_read_in_batches() -> None:
    chain = v2.Compose(
        [v2.ToImage(), v2.Resize(14), v2.ToDtype(tg.float32, scale=True), v2.Normalize([0.5], [0.5])]
    )
    assert chain.takes_batches
    at_once = tg.data.SyntheticDigits(size=6, transform=chain)
    alone = tg.data.SyntheticDigits(size=6, transform=lambda image: chain(image))
    for a, b in zip(next(iter(DataLoader(at_once, 6))), next(iter(DataLoader(alone, 6))), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


# --- data sets ---


def write_cifar(folder: Path, kind: Any, packed: bool) -> dict[str, np.ndarray]:
    """Write files as CIFAR's, by protocol 2 as the official ones, with few images."""
    key, names = kind.key, {kind.meta[0]: {kind.meta[1]: ["cat", "dog", "ship"]}}
    found = {}
    for part, files in (("train", kind.parts[0]), ("test", kind.parts[1])):
        for i, name in enumerate(files):
            data = rng(i).integers(0, 256, (4, 3072), np.uint8)
            names[name] = {"data": data, key: [0, 2, 1, 2], "batch_label": name}
            found.setdefault(part, []).append(data)
    contents = {name: pickle.dumps(value, protocol=2) for name, value in names.items()}
    if packed:
        with tarfile.open(folder / kind.archive, "w:gz") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(f"{kind.folder}/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    else:
        (folder / kind.folder).mkdir()
        for name, content in contents.items():
            (folder / kind.folder / name).write_bytes(content)
    return {part: np.concatenate(arrays) for part, arrays in found.items()}


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
@pytest.mark.parametrize("packed", [False, True])
def test_cifar(kind: Any, packed: bool, tmp_path: Path) -> None:
    wanted = write_cifar(tmp_path, kind, packed)
    for train in (True, False):
        pictures = kind(tmp_path, train=train, transform=v2.ToTensor())
        raw = wanted["train" if train else "test"].reshape(-1, 3, 32, 32)
        np.testing.assert_array_equal(pictures.data, raw.transpose(0, 2, 3, 1))
        assert pictures.targets == [0, 2, 1, 2] * (len(raw) // 4)
        image, label = pictures[1]
        np.testing.assert_array_equal(image.numpy(), raw[1] / np.float32(255))
        assert (label, type(label)) == (2, int)
        images, labels = next(iter(DataLoader(pictures, 4)))
        np.testing.assert_array_equal(images.numpy(), raw[:4] / np.float32(255))
        assert labels.tolist() == [0, 2, 1, 2]
    assert pictures.class_to_idx == {"cat": 0, "dog": 1, "ship": 2}
    assert kind(tmp_path, train=False, transform=lambda picture: picture.size)[0][0] == (32, 32)
    pictures.targets[1] = 0
    assert pictures[1][1] == 0
    pictures.data, pictures.targets = pictures.data[:2], pictures.targets[:2]
    assert len(pictures) == 2


def test_cifar_runs_nothing_that_its_files_hold(tmp_path: Path) -> None:
    write_cifar(tmp_path, CIFAR10, False)

    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / CIFAR10.folder / "test_batch").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=r"test_batch is no file of CIFAR: .* is no data"):
        CIFAR10(tmp_path, train=False)
    assert not (tmp_path / "sprung").exists()
    (tmp_path / CIFAR10.folder / "test_batch").write_bytes(b"no pickle")
    with pytest.raises(ValueError, match="test_batch is no file of CIFAR"):
        CIFAR10(tmp_path, train=False)


def test_cifar_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"CIFAR10: neither .* nor .*cifar-10-python.tar.gz is there"):
        CIFAR10(tmp_path)


def test_pictures_in_folders(tmp_path: Path) -> None:
    for folder, name in (("dogs", "b.png"), ("dogs", "a.PNG"), ("cats", "c.bmp"), ("cats", "note.txt")):
        (tmp_path / folder).mkdir(exist_ok=True)
        picture(mode="L").save(tmp_path / folder / name, format="PNG")
    pictures = ImageFolder(tmp_path, transform=v2.ToTensor(), target_transform=str)
    assert pictures.classes == ["cats", "dogs"]
    assert pictures.class_to_idx == {"cats": 0, "dogs": 1}
    assert [(Path(path).name, target) for path, target in pictures.imgs] == [
        ("c.bmp", 0),
        ("a.PNG", 1),
        ("b.png", 1),
    ]
    image, label = pictures[2]
    assert (image.shape, label) == ((3, 9, 13), "1")
    assert pictures.targets == [0, 1, 1]
    (tmp_path / "fish").mkdir()
    with pytest.raises(FileNotFoundError, match=r"ImageFolder: .*fish has no file with the ending \.jpg"):
        ImageFolder(tmp_path)
    assert len(ImageFolder(tmp_path, allow_empty=True)) == 3
    with pytest.raises(FileNotFoundError, match=r"has no folders; wanted one for each class"):
        ImageFolder(tmp_path / "dogs")


def test_pictures_of_noise() -> None:
    fake = FakeData(5, (3, 8, 6), 4, transform=v2.ToTensor())
    images, labels = next(iter(DataLoader(fake, 5)))
    assert (images.shape, images.dtype, labels.dtype) == ((5, 3, 8, 6), tg.float32, tg.int64)
    assert set(labels.tolist()) <= set(range(4))
    assert np.array_equal(fake[2][0].numpy(), images[2].numpy())
    assert FakeData(5, (1, 8, 6))[-1][0].size == (6, 8)
    with pytest.raises(IndexError):
        fake[5]


def test_mnist_has_its_old_names() -> None:
    for name in ("train_data", "train_labels", "test_data", "test_labels"):
        assert isinstance(getattr(tg.data.MNIST, name), property)


# --- grids ---


def test_a_grid_by_hand() -> None:
    images = tg.arange(1, 4).float().view(3, 1, 1, 1)
    grid = make_grid(images, nrow=2, padding=1, pad_value=9)
    assert grid.shape == (3, 5, 5)
    assert grid[0].tolist() == [[9] * 5, [9, 1, 9, 2, 9], [9] * 5, [9, 3, 9, 9, 9], [9] * 5]
    assert make_grid([tg.ones(3, 2, 2)] * 3, padding=0).shape == (3, 2, 6)
    assert make_grid(tg.ones(4, 5)).shape == (3, 4, 5)
    unit = make_grid(tg.tensor([[[[2.0, 4.0]]], [[[0.0, 1.0]]]]), padding=0, normalize=True)
    assert unit[0].tolist() == [[0.5, 1, 0, 0.25]]
    each = make_grid(tg.tensor([[[[2.0, 4.0]]], [[[0.0, 1.0]]]]), padding=0, normalize=True, scale_each=True)
    assert each[0].tolist() == [[0, 1, 0, 1]]
    clipped = make_grid(tg.tensor([[[[-1.0, 0.5]]]]), normalize=True, value_range=(0, 1))
    assert clipped[0].tolist() == [[0, 0.5]]
    with pytest.raises(TypeError, match="make_grid: wanted a tensor or a list"):
        make_grid([1])


@pytest.mark.parametrize("ending", ["png", "bmp"])
def test_saved_images_are_read_by_pillow(ending: str, tmp_path: Path) -> None:
    images = tg.rand(5, 3, 4, 6)
    save_image(images, tmp_path / f"grid.{ending}", nrow=3)
    wanted = np.floor(make_grid(images, nrow=3).numpy().transpose(1, 2, 0) * 255 + 0.5)
    assert np.array_equal(np.asarray(Image.open(tmp_path / f"grid.{ending}")), wanted)
    buffer = io.BytesIO()
    save_image(images[0], buffer, format="png")
    assert Image.open(buffer).size == (6, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: v2.Resize(5, "lanczos"), "Resize: interpolation is 'lanczos'; wanted one of nearest, bilinear"),
        (lambda: v2.Resize(5, "bicubic", antialias=False), "Resize: bicubic without antialias"),
        (lambda: v2.RandomRotation(3, expand=True), "RandomRotation: images are turned about their middle"),
        (lambda: v2.RandomAffine(3, center=(0, 0)), "RandomAffine: images are turned about their middle"),
        (lambda: v2.Pad(1, padding_mode="wrap"), "Pad: padding_mode is 'wrap'"),
        (lambda: v2.Pad(1, (1, 2))(tg.zeros(3, 4, 4)), "Pad: fill has 2 numbers for 3 channels"),
        (lambda: v2.Grayscale(2), "Grayscale: num_output_channels is 2"),
        (lambda: v2.Grayscale()(tg.zeros(2, 4, 4)), "Grayscale: wanted images of 1 or 3 channels, got 2"),
        (lambda: v2.ColorJitter(hue=0.6), "ColorJitter: hue is 0.6"),
        (lambda: v2.ColorJitter(brightness=-1), "ColorJitter: brightness is -1"),
        (lambda: v2.RandomErasing(2), "RandomErasing: p is 2"),
        (lambda: v2.RandomApply([]), "RandomApply: wanted a list of transforms"),
        (lambda: v2.RandomChoice([abs], p=[1, 2]), "RandomChoice: p is"),
        (lambda: v2.RandomResizedCrop(3, scale=(0, 1)), "RandomResizedCrop: scale is"),
        (lambda: v2.ToPILImage()(tg.zeros(1, 3, 4, 4)), "ToPILImage: wanted one image"),
        (lambda: v2.PILToTensor()(np.zeros(3)), "PILToTensor: wanted a picture of Pillow, got ndarray"),
        (lambda: v2.Normalize(0.5, 0.5)(picture()), "Normalize: wanted float32 or float64, got bytes"),
        (lambda: F.adjust_contrast(tg.zeros(3, 2, 2), -1), "adjust_contrast: the factor is -1"),
        (lambda: F.adjust_hue(tg.zeros(3, 2, 2), 1), "adjust_hue: hue_factor is 1"),
        (lambda: FakeData(0), "FakeData: size is 0"),
    ],
)
def test_what_is_wrong_is_named(make: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make()
