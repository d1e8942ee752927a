"""Write mistakes.md: what this library and PyTorch say to each of the typical mistakes in mistakes.toml.

    python docs/make_mistakes.py

PyTorch's messages are recorded in mistakes_of_pytorch.json where PyTorch is installed, and read from there where it
is not. Nothing on the page is typed in.
"""

from __future__ import annotations

import importlib
import json
import linecache
import re
import tomllib
import warnings
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
PAGE = FOLDER / "mistakes.md"
RECORDED = FOLDER / "mistakes_of_pytorch.json"

PRELUDE = """
torch.manual_seed(0)
x = torch.ones(4, 8)
labels = torch.tensor([0, 1, 2, 0])
images = torch.ones(2, 1, 28, 28)
model = nn.Linear(8, 3)
optimizer = optim.SGD(model.parameters(), lr=0.1)
""".strip()

INTRODUCTION = f"""# Typical mistakes, and what the messages say

Made by `python docs/make_mistakes.py`, which runs every mistake in both libraries. Each piece of code comes after

```py
{PRELUDE}
```

with `torch`, `nn`, `F`, `optim`, `StepLR` and `TensorDataset` of the library. One rule rates both:

- 0: no error and no warning;
- 1: there is a message;
- 2: the message has the words that name the cause, or those that name the mend;
- 3: it has both.

The words are listed in `docs/mistakes.toml`, with the code.
"""


class Mistake(NamedTuple):
    """A piece of code with a mistake, and the words of a message that names its cause and its mend."""

    title: str
    code: str
    cause: str
    mend: str

    def rating(self, message: str) -> int:
        """Return 0 to 3 for a message, by the rule on the page."""
        return bool(message) + sum(bool(re.search(words, message, re.DOTALL)) for words in (self.cause, self.mend))


def mistakes() -> list[Mistake]:
    """Return the mistakes in mistakes.toml."""
    with (FOLDER / "mistakes.toml").open("rb") as file:
        return [
            Mistake(m["title"], m["code"].strip(), m["cause"], m["mend"]) for m in tomllib.load(file)["mistake"]
        ]


def namespace(library: str) -> dict[str, Any]:
    """Return the names that the code of a mistake may use, from a library."""
    torch = importlib.import_module(library)
    data = importlib.import_module(f"{library}.utils.data")
    return {
        "torch": torch,
        "nn": torch.nn,
        "F": importlib.import_module(f"{library}.nn.functional"),
        "optim": torch.optim,
        "StepLR": torch.optim.lr_scheduler.StepLR,
        "TensorDataset": data.TensorDataset,
        "np": importlib.import_module("numpy"),
        "__name__": "mistake",
    }


def message(mistake: Mistake, library: str) -> str:
    """Return what a library says to a mistake: its warnings and its error, or "" if it says nothing."""
    names = namespace(library)
    exec(PRELUDE, names)
    file = f"<{mistake.title} in {library}>"
    linecache.cache[file] = len(mistake.code), None, mistake.code.splitlines(keepends=True), file
    said: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            exec(compile(mistake.code, file, "exec"), names)
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    return "\n".join([*dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in warned), *said])


def of_pytorch(all_of_them: list[Mistake]) -> dict[str, str]:
    """Return PyTorch's messages by title: recorded now where it is installed, else those of the last record."""
    try:
        version = importlib.import_module("torch").__version__
    except ImportError:
        return dict(json.loads(RECORDED.read_text(encoding="utf-8")))
    said = {"version": version} | {m.title: message(m, "torch") for m in all_of_them}
    RECORDED.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return said


def page(all_of_them: list[Mistake], theirs: dict[str, str]) -> str:
    """Return the page: the average ratings, and each mistake with both messages."""
    parts, ratings = [], []
    for mistake in all_of_them:
        ours = message(mistake, "tinygrad_cnn"), theirs[mistake.title]
        rated = tuple(mistake.rating(said) for said in ours)
        ratings.append(rated)
        quoted = (f"{said.strip() or '(nothing)'}" for said in ours)
        names = ("tinygrad_cnn", "PyTorch")
        blocks = [f"{n}, rated {r}:\n\n```text\n{q}\n```" for n, r, q in zip(names, rated, quoted, strict=True)]
        parts.append("\n\n".join([f"## {mistake.title}", f"```py\n{mistake.code}\n```", *blocks]))
    ours_mean, theirs_mean = (sum(column) / len(ratings) for column in zip(*ratings, strict=True))
    summary = (
        f"Of {len(ratings)} mistakes, the average rating is **{ours_mean:.2f}** here and **{theirs_mean:.2f}** "
        f"with PyTorch {theirs['version']}."
    )
    return "\n\n".join([INTRODUCTION.strip(), summary, *parts]) + "\n"


def main() -> None:
    """Write the page, and PyTorch's messages where it is installed."""
    every = mistakes()
    PAGE.write_text(page(every, of_pytorch(every)), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
