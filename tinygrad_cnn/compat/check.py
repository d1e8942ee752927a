"""``python -m tinygrad_cnn --check script.py``: list what a script would miss, without running it."""

from __future__ import annotations

import shutil
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from textwrap import wrap

from tinygrad_cnn.compat import import_hook
from tinygrad_cnn.compat.uses import Finding, findings
from tinygrad_cnn.support.missing_reasons import PAGE


def check(target: str, as_module: bool) -> int:
    """Print the names of PyTorch that a script, or a module, and the files beside it use and that are not here.

    Return the exit status: 1 if something is missing, 2 if the file cannot be read.
    """
    import_hook.install()
    try:
        path = _file_of_module(target) if as_module else Path(target)
        files = _with_neighbours(path)
    except (OSError, SyntaxError, ValueError) as error:
        print(f"{target}: {error}", file=sys.stderr)
        return 2
    reports = {file: found for file, source in files.items() if (found := findings(source, str(file)))}
    for file, found in reports.items():
        print(_report(file, found), end="\n\n")
    missing = len({f.name for found in reports.values() for f in found if f.missing})
    if missing:
        print(f"{_count(missing, 'name')} missing. {PAGE} says what is, and why.")
    else:
        print(f"{path}: every name of torch and torchvision that is used is here.")
    return 1 if missing else 0


def _file_of_module(name: str) -> Path:
    places: list[str] | None = None
    for part in name.split("."):
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            raise ValueError(f"there is no module {name!r}")
        places = list(spec.submodule_search_locations or ())
    return Path(places[0]) / "__main__.py" if places else Path(str(spec.origin if spec else ""))


def _with_neighbours(path: Path) -> dict[Path, str]:
    """Return the sources of a script and of the files beside it that it imports, and so on."""
    from tinygrad_cnn.compat.uses import imported_modules

    files: dict[Path, str] = {}
    ahead = [path]
    while ahead:
        file = ahead.pop(0)
        if file in files:
            continue
        files[file] = file.read_text(encoding="utf-8")
        for name in imported_modules(files[file], str(file)):
            beside = path.parent.joinpath(*name.split("."))
            ahead += [f for f in (beside.with_suffix(".py"), beside / "__init__.py") if f.is_file()]
    return files


def _report(file: Path, found: list[Finding]) -> str:
    """Return the findings in one file as text, each name once with all its lines."""
    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    parts = [str(file)]
    for title, missing in (("missing", True), ("different", False)):
        group = [f for f in found if f.missing == missing]
        parts += [f"\n  {title}"] if group else []
        for name in dict.fromkeys(f.name for f in group):
            lines = sorted({f.line for f in group if f.name == name})
            where = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
            parts += wrap(f"{name}  ({where})", width, initial_indent=" " * 4, subsequent_indent=" " * 8)
            message = next(f.message for f in group if f.name == name)
            parts += wrap(message, width, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return "\n".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{' is' if number == 1 else 's are'}"
