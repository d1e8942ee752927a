"""The report of a run: figures, tables and pictures in one HTML file that needs no other files."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from tinygrad_cnn.storage.atomic_files import atomic_write

# The browser must fetch nothing and run nothing, whatever text the page contains.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_CSS = """
:root { color-scheme: light dark; --ink: #222; --quiet: #5c5c5c; --paper: #fff; --card: #f4f5f7; --line: #d5d8dc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --quiet: #a9a9a9; --paper: #16181b; --card: #202327; --line: #3a3f45; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 80rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
.banner { background: #b45309; color: #fff; padding: .9rem 1.1rem; border-radius: .5rem; font-weight: 700;
  font-size: 1.1rem; }
.warning { border-left: .4rem solid #d55e00; background: var(--card); padding: .6rem 1rem; }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; padding: 0; }
.headline div { background: var(--card); border-radius: .5rem; padding: .7rem .9rem; }
.headline dt { color: var(--quiet); font-size: .85rem; }
.headline dd { margin: 0; font-size: 1.4rem; font-weight: 650; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .25rem .8rem .25rem 0; white-space: nowrap; border-bottom: 1px solid var(--line);
  text-align: right; }
td:nth-child(2):last-child { white-space: normal; }
th:nth-child(2):last-child, td:nth-child(2):last-child { text-align: left; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--quiet); font-weight: 600; }
@media (max-width: 30rem) { table { font-size: .85rem; } }
pre { overflow-x: auto; background: var(--card); padding: .8rem 1rem; border-radius: .5rem; font-size: .85rem;
  overflow-wrap: normal; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 1.2rem 0; }
a { color: inherit; }
.pictures { display: grid; gap: 1rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr));
  align-items: start; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; background: #fff; padding: .4rem;
  border: 1px solid var(--line); border-radius: .5rem; }
figcaption { color: var(--quiet); font-size: .9rem; margin-top: .3rem; text-align: center; }
"""

_CONTENTS = (
    '<nav aria-label="Contents"><a href="#pictures">Pictures</a> <a href="#statistics">Final statistics</a> '
    '<a href="#epochs">Epochs</a> <a href="#model">Model</a> <a href="#repeat">To repeat this run</a> '
    '<a href="#configuration">Configuration</a></nav>'
)

_HEADLINES = {
    "test_accuracy": "test accuracy",
    "best_val_accuracy": "best validation accuracy",
    "test_loss": "test loss",
    "epochs": "epochs",
    "seconds_per_epoch": "seconds per epoch",
    "seconds_total": "seconds in total",
}

_IN_FULL = {"train": "training", "val": "validation", "f1": "F1"}
_SHARES = ("accuracy", "precision", "recall", "f1")


def write_report(
    path: str | os.PathLike[str],
    title: str,
    *,
    metrics: Mapping[str, object],
    config: str,
    summary: str,
    history: Sequence[Mapping[str, object]],
    pictures: Iterable[tuple[str, str | os.PathLike[str]]],
    warnings: Iterable[str] = (),
    classes: Sequence[str] = (),
    provenance: Mapping[str, str] | None = None,
) -> None:
    """Write one HTML file about a run, with its pictures (caption, path of a PNG) inside it.

    ``history`` are the rows of a table, one for each epoch, with the same keys. With the names of the ``classes``,
    ``metrics["per_class"]``, a list of as many figures by name, is a table too. A data set whose name
    (``metrics["dataset"]``) begins with "synthetic" is announced above all else. Raises ValueError if a picture is
    not a PNG, OSError if a file cannot be read or written; a report that was there is then as it was.
    """
    body = f"""{_banner(metrics)}
{"".join(f'<p class="warning">{escape(warning)}</p>' for warning in warnings)}
{_headline(metrics)}
{_CONTENTS}
<h2 id="pictures">Pictures</h2>
{pictures_html(pictures)}
<h2 id="statistics">Final statistics</h2>
{table(("", ""), [(words(n), text(n, v)) for n, v in metrics.items() if not isinstance(v, (list, dict))])}
{_classes(metrics, classes)}
<h2 id="epochs">Epochs</h2>
{_epochs(history)}
<h2 id="model">Model</h2>
<pre>{escape(summary)}</pre>
<h2 id="repeat">To repeat this run</h2>
{table(("", ""), (provenance or {}).items())}
<h2 id="configuration">Configuration</h2>
<pre>{escape(config)}</pre>
"""
    write_page(path, title, body)


def write_page(path: str | os.PathLike[str], title: str, body: str) -> None:
    """Write a page in the style of the report, whole or not at all. ``body`` is HTML."""
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>{_CSS}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{body}</body>
</html>
"""
    with atomic_write(Path(path)) as file:
        file.write(page.encode())


def pictures_html(pictures: Iterable[tuple[str, str | os.PathLike[str]]]) -> str:
    """Return pictures, each a caption and the path of a PNG, as HTML: side by side where there is room."""
    return f'<div class="pictures">{"".join(_figure(caption, Path(png)) for caption, png in pictures)}</div>'


def _banner(metrics: Mapping[str, object]) -> str:
    if not str(metrics.get("dataset", "")).startswith("synthetic"):
        return ""
    return (
        '<p class="banner" role="alert">SYNTHETIC DATA: these digits were drawn by the program. '
        "Nothing here is a result on MNIST.</p>"
    )


def _headline(metrics: Mapping[str, object]) -> str:
    cells = [
        f"<div><dt>{label}</dt><dd>{escape(text(name, metrics[name]))}</dd></div>"
        for name, label in _HEADLINES.items()
        if metrics.get(name) is not None
    ]
    return f'<dl class="headline">{"".join(cells)}</dl>' if cells else ""


def _figure(caption: str, path: Path) -> str:
    data = path.read_bytes()
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError(f"write_report: {path} is not a PNG file")
    words = escape(caption)
    source = f"data:image/png;base64,{b64encode(data).decode()}"
    return f'<figure><img alt="{words}" src="{source}"><figcaption>{words}</figcaption></figure>\n'


def _classes(metrics: Mapping[str, object], names: Sequence[str]) -> str:
    figures = metrics.get("per_class")
    if not names or not isinstance(figures, Mapping):
        return ""
    rows = zip(names, *([text(figure, v) for v in values] for figure, values in figures.items()), strict=True)
    return f"<h2>Classes</h2>\n{table(('class', *map(words, figures)), rows)}"


def _epochs(history: Sequence[Mapping[str, object]]) -> str:
    if not history:
        return "<p>No epoch ended.</p>"
    names = list(history[0])
    rows = [[text(name, row.get(name)) for name in names] for row in history]
    return table([words(name) for name in names], rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return texts as a table of HTML, which scrolls on its own where the page is too narrow for it."""

    def line(tag: str, cells: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"

    body = "".join(line("td", row) for row in rows)
    return f'<div class="wide"><table><thead>{line("th", head)}</thead><tbody>{body}</tbody></table></div>'


def words(name: str) -> str:
    """Return the name of a figure in words."""
    return " ".join(_IN_FULL.get(word, word) for word in name.split("_"))


def text(name: str, value: object) -> str:
    """Return a value as text: fractions as percentages, other numbers with four digits."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.2%}" if any(share in name for share in _SHARES) else f"{value:.4g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
