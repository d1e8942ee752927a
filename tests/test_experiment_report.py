"""The report of a run: one well-formed page that holds everything, escapes everything and asks for nothing."""

from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tinygrad_cnn.experiment.report import write_report

PNG = b"\x89PNG\r\n\x1a\n" + b"stands for a picture"
HOSTILE = "<script>alert('1')</script> & \"><img src=http://example.org/x.png>"
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """What a page holds; complains if tags do not close in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style" and data.strip():
            self.texts.append(data.strip())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def report(folder: Path, **changes: object) -> Page:
    (folder / "loss.png").write_bytes(PNG)
    given = {
        "metrics": {"test_accuracy": 0.9912, "epochs": 1234, "val_loss": None, "dataset": "mnist", "seed": 0},
        "config": "[training]\nepochs = 5\n",
        "summary": "LeNet  44,426",
        "history": [{"epoch": 1, "train_loss": 0.123456, "val_accuracy": 0.5}, {"epoch": 2, "train_loss": "0.1"}],
        "pictures": [("loss of each epoch", folder / "loss.png")],
    }
    write_report(folder / "report.html", "A run", **{**given, **changes})
    return Page(folder / "report.html")


def test_everything_is_on_the_page(tmp_path: Path) -> None:
    page = report(tmp_path, warnings=["overfitting: by far"])
    for text in (
        "A run",
        "99.12%",
        "1,234",
        "validation loss",
        "mnist",
        "overfitting: by far",
        "0.1235",
        "50.00%",
        "0.1",
    ):
        assert text in page.texts
    assert "[training]\nepochs = 5" in page.texts
    assert "LeNet  44,426" in page.texts
    assert page.texts.count("-") == 2  # val_loss, and the second epoch's val_accuracy


def test_what_is_counted_by_class_is_a_table_of_its_own(tmp_path: Path) -> None:
    figures = {"recall": [0.5, 1.0], "support": [8, 1024]}
    page = report(
        tmp_path, metrics={"per_class": figures, "confusion": [[4, 4], [0, 1024]]}, classes=["cat", "dog"]
    )
    start = page.texts.index("Classes") + 1
    assert page.texts[start:][:9] == ["class", "recall", "support", "cat", "50.00%", "8", "dog", "100.00%", "1,024"]
    assert not any("[" in text for text in page.texts[: start - 1])


def test_pictures_are_inside_with_their_captions(tmp_path: Path) -> None:
    page = report(tmp_path)
    (image,) = page.named("img")
    kind, data = image["src"].split(",")
    assert kind == "data:image/png;base64"
    assert b64decode(data) == PNG
    assert image["alt"] == "loss of each epoch"
    assert "loss of each epoch" in page.texts


def test_hostile_names_are_text(tmp_path: Path) -> None:
    harmless = [tag for tag, _ in report(tmp_path, warnings=["w"]).tags]
    (tmp_path / "loss.png").write_bytes(PNG)
    write_report(
        tmp_path / "hostile.html",
        HOSTILE,
        metrics={"test_accuracy": HOSTILE, "epochs": HOSTILE, HOSTILE: 1, "dataset": HOSTILE, "seed": 0},
        config=HOSTILE,
        summary=HOSTILE,
        history=[{"epoch": HOSTILE, HOSTILE: 1, "x": 2}, {"epoch": 2}],
        pictures=[(HOSTILE, tmp_path / "loss.png")],
        warnings=[HOSTILE],
    )
    page = Page(tmp_path / "hostile.html")
    assert [tag for tag, _ in page.tags] == harmless
    assert page.texts.count(HOSTILE) >= 9
    assert page.named("img")[0]["alt"] == HOSTILE


def test_the_page_asks_for_nothing_and_runs_nothing(tmp_path: Path) -> None:
    page = report(tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|url\(|@import", re.sub(r"base64,[^\"]*", "", text))
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert all(str(attrs["href"]).startswith("#") for _, attrs in page.tags if "href" in attrs)
    assert any("default-src 'none'" in str(meta.get("content")) for meta in page.named("meta"))


def test_synthetic_data_are_announced_before_any_figure(tmp_path: Path) -> None:
    assert not any("SYNTHETIC" in text for text in report(tmp_path).texts)
    page = report(tmp_path, metrics={"test_accuracy": 0.99, "dataset": "synthetic"})
    banner = next(i for i, text in enumerate(page.texts) if text.startswith("SYNTHETIC DATA"))
    assert banner < page.texts.index("99.00%")


def test_a_run_without_epochs_or_pictures_has_a_page_too(tmp_path: Path) -> None:
    assert "No epoch ended." in report(tmp_path, history=[], pictures=[], metrics={}).texts


def test_a_failure_leaves_the_old_report(tmp_path: Path) -> None:
    report(tmp_path)
    old = (tmp_path / "report.html").read_bytes()
    (tmp_path / "no.png").write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match=r"write_report: .*no\.png is not a PNG"):
        report(tmp_path, pictures=[("no picture", tmp_path / "no.png")])
    with pytest.raises(FileNotFoundError, match="missing"):
        report(tmp_path, pictures=[("missing", tmp_path / "missing.png")])
    assert (tmp_path / "report.html").read_bytes() == old
