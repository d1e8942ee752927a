"""Kaggle's CSV files: what was written is read, what is no such file is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinygrad_cnn.data import DataLoader, KaggleDigits
from tinygrad_cnn.data.kaggle import PIXELS, submission
from tinygrad_cnn.experiment.config import Config
from tinygrad_cnn.experiment.run import run

HEADER = ",".join(["label", *PIXELS])


def put(folder: Path, images: np.ndarray, labels: np.ndarray | None) -> Path:
    """Write train.csv, or test.csv if there are no labels, as Kaggle does."""
    rows = images.reshape(len(images), 784)
    rows = rows if labels is None else np.column_stack([labels, rows])
    lines = [
        HEADER if labels is not None else ",".join(PIXELS),
        *(",".join(map(str, row)) for row in rows.tolist()),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("train.csv" if labels is not None else "test.csv")).write_text("\n".join(lines) + "\n")
    return folder


@settings(max_examples=20)
@given(st.data())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    images = data.draw(arrays(np.uint8, (data.draw(st.integers(1, 3)), 28, 28)))
    labels = data.draw(arrays(np.int64, len(images), elements=st.integers(0, 9)))
    root = tmp_path_factory.mktemp("kaggle")
    inside = put(root / data.draw(st.sampled_from(["", "digit-recognizer"])), images, labels)
    put(inside, images[::-1], None)
    train, test = KaggleDigits(root), KaggleDigits(root, train=False)
    np.testing.assert_array_equal(train.images, images)
    np.testing.assert_array_equal(train.labels, labels)
    np.testing.assert_array_equal(test.images, images[::-1])
    assert len(test.labels) == 0
    image, label = train[0]
    assert (image.shape, label) == ((1, 28, 28), labels[0])
    np.testing.assert_array_equal(test[len(test) - 1].array, image.array)
    batch = next(iter(DataLoader(test, 2)))
    np.testing.assert_array_equal(batch.array[0], test[0].array)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"begins with b''; wanted the names of 785 columns, label to pixel783"),
        ("<!doctype html>\n", r"begins with b'<!doctype.*: it is an HTML page"),
        (",".join(PIXELS) + "\n" + ",".join("0" * 784) + "\n", r"wanted the names of 785 columns"),
        (HEADER, r"the file is incomplete: it ends within a row"),
        (HEADER + "\n", r"has 0 rows of . numbers; wanted rows of 785"),
        (HEADER + "\n1,2\n", r"has 1 rows of 2 numbers; wanted rows of 785"),
        (HEADER + "\n" + ",".join(["1"] + ["0"] * 784) + "\n1,2\n", r"number of columns changed"),
        (HEADER + "\n" + ",".join(["1"] + ["256"] * 784) + "\n", r"'256'.*Wanted whole numbers from 0 to 255"),
        (HEADER + "\n" + ",".join(["1"] + ["-1"] * 784) + "\n", r"'-1'.*Wanted whole numbers from 0 to 255"),
        (HEADER + "\n" + ",".join(["1"] + ["0.5"] * 784) + "\n", r"'0.5'.*Wanted whole numbers from 0 to 255"),
        (HEADER + "\n" + ",".join(["10"] + ["0"] * 784) + "\n", r"has the label 10; wanted 0 to 9"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(ValueError, match=r"(?s)train\.csv: .*" + message):
        KaggleDigits(tmp_path)


def test_a_missing_file_is_an_error_that_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"train.csv is neither in .* nor in .*digit-recognizer.*kaggle\.com"
    ):
        KaggleDigits(tmp_path)


@given(st.lists(st.integers(0, 9), max_size=20))
def test_a_submission_numbers_the_images_from_one(labels: list[int]) -> None:
    lines = submission(labels).splitlines()
    assert lines[0] == "ImageId,Label"
    assert [tuple(map(int, line.split(","))) for line in lines[1:]] == list(enumerate(labels, 1))


def test_a_run_writes_a_submission_in_the_order_of_the_test_file(tmp_path: Path) -> None:
    """A network that has learned dark from light images says for each image of the test file which it is."""
    labels = np.arange(40) % 2
    images = np.broadcast_to(labels[:, None, None] * 255, (40, 28, 28))
    put(put(tmp_path / "data", images, labels), images[[1, 0, 0, 1, 1]], None)
    settings = {"dataset": "kaggle", "data_dir": str(tmp_path / "data"), "output": str(tmp_path / "run")}
    settings |= {
        "official_test": False,
        "train_ratio": 0.5,
        "val_ratio": 0.25,
        "pictures": False,
        "model": "salmon",
    }
    run(Config(**settings, epochs=20, batch_size=5, learning_rate=0.01, schedule="none", early_stop_patience=20))
    assert (tmp_path / "run" / "submission.csv").read_text() == submission([1, 0, 0, 1, 1])
