"""Data sets by name: a folder that is named must be there, and nothing takes the place of what was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinygrad_cnn.data.sources import FILES, open_dataset


@pytest.mark.parametrize("name", ["auto", *FILES])
@pytest.mark.parametrize("way", ["--data-dir", "TINYGRAD_CNN_DATA"])
@pytest.mark.parametrize("there", ["nowhere", "a file"])
def test_a_folder_that_is_named_and_not_there_is_an_error(
    tmp_path: Path, name: str, way: str, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_bytes(b"")
    folder = str(tmp_path / there)
    monkeypatch.setenv("TINYGRAD_CNN_DATA", folder if way == "TINYGRAD_CNN_DATA" else "")
    with pytest.raises(FileNotFoundError, match=f"^{way}: there is no folder {folder}; wanted the folder"):
        open_dataset(name, folder if way == "--data-dir" else "")
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_digits_that_are_drawn_need_no_folder(tmp_path: Path) -> None:
    assert open_dataset("synthetic", str(tmp_path / "nowhere")).synthetic
