"""Stricter rules than users have: NumPy's floating-point trouble is an error, and so is any warning."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tinygrad_cnn.support.program import PACKAGES

PARITY = {"torch", "jax", "onnx", "onnxruntime"}  # what the extra [parity] brings

unhurried = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # a busy machine is no failure
settings.register_profile("default", max_examples=20, derandomize=True, **unhurried)
settings.register_profile("thorough", max_examples=200, **unhurried)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def floating_point_trouble_raises() -> Iterator[None]:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines which packages were missing, so that what was not compared is not taken for proven."""
    reasons = (str(report.longrepr) for report in terminalreporter.stats.get("skipped", ()))
    for line in lines_on_missing_packages(reasons):
        terminalreporter.write_line(line, red=True, bold=True)


def lines_on_missing_packages(reasons: Iterable[str]) -> list[str]:
    """Return a line for each package that tests were skipped without: how many skips, and what brings it."""
    found = (re.search(r"could not import '(\w+)|(Numba)", reason) for reason in reasons)
    missing = Counter((match[1] or match[2]).lower() for match in found if match)
    return [
        f"NOT TESTED: {count} tests, or files of tests, need {name}, which is missing: {what_brings(name)}"
        for name, count in missing.most_common()
    ]


def what_brings(package: str) -> str:
    """Return the command that installs a package: the extra of this checkout that brings it, if there is one."""
    extra = "parity" if package in PARITY else PACKAGES.get(package, "").removeprefix("tinygrad_cnn[").rstrip("]")
    return f'python -m pip install -e ".[{extra}]"' if extra else f"python -m pip install {package}"
