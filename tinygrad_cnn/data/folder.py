"""Images in folders, one for each class."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinygrad_cnn.data.dataset import Dataset
from tinygrad_cnn.data.pil import pillow

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class DatasetFolder(Dataset[tuple[Any, int]]):
    """Files in folders, one for each class: a sample is (what ``loader`` made, class).

    ``classes`` are the names of the folders in order, ``class_to_idx`` their numbers, and ``samples`` pairs of a
    path and a class. Files count that have one of the ``extensions``, or of which ``is_valid_file(path)`` is
    true. Raises FileNotFoundError for a folder without classes, or a class without files unless ``allow_empty``.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: Sequence[str] | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        name = type(self).__name__
        if (extensions is None) == (is_valid_file is None):
            raise ValueError(f"{name}: wanted extensions or is_valid_file, one of them")
        self.root = str(root)
        self.loader, self.transform, self.target_transform = loader, transform, target_transform
        self.extensions = None if extensions is None else tuple(e.lower() for e in extensions)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        counts = is_valid_file or (lambda path: path.lower().endswith(self.extensions or ()))
        self.samples: list[tuple[str, int]] = []
        for folder in self.classes:
            paths = [str(path) for path in sorted(Path(self.root, folder).rglob("*")) if path.is_file()]
            found = [(path, self.class_to_idx[folder]) for path in paths if counts(path)]
            if not found and not allow_empty:
                wanted = f" with the ending {', '.join(self.extensions)}" if self.extensions else ""
                raise FileNotFoundError(f"{name}: {Path(self.root, folder)} has no file{wanted}")
            self.samples += found
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """Return the names of the classes in order, and the number of each."""
        folders = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        if not folders:
            raise FileNotFoundError(f"{type(self).__name__}: {directory} has no folders; wanted one for each class")
        return folders, {folder: number for number, folder in enumerate(folders)}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any, /) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample = self.loader(path)
        return (
            sample if self.transform is None else self.transform(sample),
            target if self.target_transform is None else self.target_transform(target),
        )


class ImageFolder(DatasetFolder):
    """Pictures in folders below ``root``, one folder for each class: a sample is (picture, class).

    ``loader`` opens a file as a picture of Pillow, in RGB. See `DatasetFolder`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        loader: Callable[[str], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader or default_loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples


def default_loader(path: str) -> Any:
    """Return the picture in a file, in RGB. Raises ImportError without Pillow."""
    with open(path, "rb") as file:
        return pillow().open(file).convert("RGB")
