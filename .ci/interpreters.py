"""Print a path for each Python that pyproject.toml supports, or fail with the names of those that are missing.

It looks for python3.X on PATH and in the versions that pyenv has installed. A file of that name counts only if it
starts and is that version: a version manager's shim may do neither.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def supported() -> list[str]:
    """The versions that the classifiers name, such as 3.11."""
    classifiers = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["classifiers"]
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in classifiers]
    return [match[1] for match in found if match]


def folders() -> list[Path]:
    """Where interpreters lie: the folders of PATH, then those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [*map(Path, os.get_exec_path()), *sorted(pyenv.glob("versions/*/bin"), reverse=True)]


def starts(python: Path, version: str) -> bool:
    """Whether a file is an interpreter of that version."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", question], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def find(version: str) -> Path | None:
    """The first interpreter of a version that starts."""
    candidates = (folder / f"python{version}" for folder in folders())
    return next((path for path in candidates if path.exists() and starts(path, version)), None)


def main() -> None:
    found = {version: find(version) for version in supported()}
    missing = [version for version, path in found.items() if path is None]
    if missing:
        sys.exit(f"no working interpreter of Python {', '.join(missing)} on PATH or in pyenv; install it")
    print(*found.values(), sep="\n")


if __name__ == "__main__":
    main()
